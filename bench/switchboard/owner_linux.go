package switchboard

import (
	"encoding/binary"
	"errors"
	"fmt"
	"net"
	"os"

	"golang.org/x/sys/unix"
)

// Missing says why connections cannot be told apart here; "" if they can.
func Missing() string {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err == nil {
		defer ln.Close()
		_, err = socketOf(&net.TCPAddr{IP: net.IPv4(127, 0, 0, 1), Port: 1}, ln.Addr().(*net.TCPAddr))
	}
	if err != nil && !errors.Is(err, errGone) {
		return fmt.Sprintf("NOT RUN: the kernel does not tell which socket is whose (sock_diag): %v", err)
	}
	return ""
}

var (
	errGone    = errors.New("no such connection")
	errNobodys = errors.New("none of them has dialled it")
)

// ownerOf finds which of some processes has dialled a connection on loopback: the kernel knows its socket's inode, and a
// process's descriptors name theirs.
func ownerOf(conn net.Conn, pids []int) (int, error) {
	inode, err := socketOf(conn.RemoteAddr().(*net.TCPAddr), conn.LocalAddr().(*net.TCPAddr))
	if err != nil {
		return 0, err
	}
	socket := fmt.Sprintf("socket:[%d]", inode)
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
	return 0, errNobodys
}

// Where things stand in a request and an answer of sock_diag(7): the header of netlink, then inet_diag_req_v2 or inet_diag_msg.
const (
	header    = 16
	request   = header + 56
	answer    = header + 72
	byFamily  = 20 // SOCK_DIAG_BY_FAMILY
	anyCookie = 0xffffffff
)

// socketOf asks the kernel for one socket by its two ends. /proc/net/tcp would tell too, in a line among thousands when
// thousands are connected: a node that waits for us to find out who dials holds an election meanwhile.
func socketOf(from, to *net.TCPAddr) (inode uint32, err error) {
	fd, err := unix.Socket(unix.AF_NETLINK, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, unix.NETLINK_INET_DIAG)
	if err != nil {
		return 0, err
	}
	defer unix.Close(fd)
	ask, host := make([]byte, request), binary.NativeEndian
	host.PutUint32(ask, request)
	host.PutUint16(ask[4:], byFamily)
	host.PutUint16(ask[6:], unix.NLM_F_REQUEST)
	body := ask[header:]
	body[0], body[1] = unix.AF_INET, unix.IPPROTO_TCP
	host.PutUint32(body[4:], 1<<32-1) // whatever its state
	binary.BigEndian.PutUint16(body[8:], uint16(from.Port))
	binary.BigEndian.PutUint16(body[10:], uint16(to.Port))
	copy(body[12:], from.IP.To4())
	copy(body[28:], to.IP.To4())
	host.PutUint32(body[48:], anyCookie)
	host.PutUint32(body[52:], anyCookie)
	if err := unix.Sendto(fd, ask, 0, &unix.SockaddrNetlink{Family: unix.AF_NETLINK}); err != nil {
		return 0, err
	}
	got := make([]byte, 4096)
	n, _, err := unix.Recvfrom(fd, got, 0)
	switch {
	case err != nil:
		return 0, err
	case n >= answer && host.Uint16(got[4:]) == byFamily:
		if inode = host.Uint32(got[header+68:]); inode != 0 { // 0: its process has closed it
			return inode, nil
		}
	case n >= header+4 && host.Uint16(got[4:]) == unix.NLMSG_ERROR:
		if code := unix.Errno(-int32(host.Uint32(got[header:]))); code != unix.ENOENT {
			return 0, code
		}
	}
	return 0, errGone
}
