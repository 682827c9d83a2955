package switchboard

import (
	"bufio"
	"errors"
	"fmt"
	"net"
	"os"
	"strings"
)

// Missing says why connections cannot be told apart here; "" if they can.
func Missing() string { return "" }

// ownerOf finds which of some processes has dialled a connection on loopback: its socket's inode stands in /proc/net/tcp, and
// a process's descriptors name theirs.
func ownerOf(conn net.Conn, pids []int) (int, error) {
	socket, err := socketOf(conn.RemoteAddr().(*net.TCPAddr).Port, conn.LocalAddr().(*net.TCPAddr).Port)
	if err != nil {
		return 0, err
	}
	for _, pid := range pids {
		if pid == 0 {
			continue
		}
		dir := fmt.Sprintf("/proc/%d/fd", pid)
		entries, err := os.ReadDir(dir)
		if err != nil {
			continue // it has just ended
		}
		for _, e := range entries {
			if to, err := os.Readlink(dir + "/" + e.Name()); err == nil && to == socket {
				return pid, nil
			}
		}
	}
	return 0, errors.New("none of them has dialled it")
}

func socketOf(from, to int) (string, error) {
	f, err := os.Open("/proc/net/tcp")
	if err != nil {
		return "", err
	}
	defer f.Close()
	for lines := bufio.NewScanner(f); lines.Scan(); {
		part := strings.Fields(lines.Text())
		if len(part) > 9 && strings.HasSuffix(part[1], fmt.Sprintf(":%04X", from)) && strings.HasSuffix(part[2], fmt.Sprintf(":%04X", to)) {
			return "socket:[" + part[9] + "]", nil
		}
	}
	return "", errors.New("no such connection")
}
