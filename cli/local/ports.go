package local

import (
	"fmt"
	"net"
	"strconv"

	"stoker/cli/setup"
)

const loopback = "127.0.0.1"

// clusterOffset is how far a node's cluster port is above its public port when ports are chosen in order.
const clusterOffset = 1000

// Anywhere describes n nodes on free ports of the loopback address.
func Anywhere(n int) ([]setup.Node, error) {
	nodes := make([]setup.Node, n)
	var held []net.Listener // all at once, or the kernel might give the same port twice
	defer func() {
		for _, l := range held {
			l.Close()
		}
	}()
	for i := range nodes {
		nodes[i] = setup.Node{ID: nodeID(i), Host: loopback, Listen: loopback}
		for _, port := range []*int{&nodes[i].HTTP, &nodes[i].Cluster} {
			l, err := net.Listen("tcp", net.JoinHostPort(loopback, "0"))
			if err != nil {
				return nil, fmt.Errorf("free ports: %w", err)
			}
			held = append(held, l)
			*port = l.Addr().(*net.TCPAddr).Port
		}
	}
	return nodes, nil
}

// InOrder describes n nodes whose public ports begin at addr (host:port) and go up by one; cluster ports are 1000 above.
// All must be free now.
func InOrder(n int, addr string) ([]setup.Node, error) {
	host, text, err := net.SplitHostPort(addr)
	if err != nil {
		return nil, fmt.Errorf("--http %q: write host:port", addr)
	}
	first, err := strconv.Atoi(text)
	if err != nil || first < 1 || first+n+clusterOffset > 65535 {
		return nil, fmt.Errorf("--http %q: the port must be 1 to %d", addr, 65535-n-clusterOffset)
	}
	nodes := make([]setup.Node, n)
	for i := range nodes {
		nodes[i] = setup.Node{ID: nodeID(i), Host: host, Listen: host, HTTP: first + i, Cluster: first + i + clusterOffset}
		if ip := net.ParseIP(host); host == "" || ip != nil && ip.IsUnspecified() {
			nodes[i].Host = loopback // bound everywhere; the nodes find each other here
		}
		for _, port := range []int{nodes[i].HTTP, nodes[i].Cluster} {
			l, err := net.Listen("tcp", net.JoinHostPort(host, strconv.Itoa(port)))
			if err != nil {
				return nil, fmt.Errorf("port %d is not free: choose another with --http: %w", port, err)
			}
			l.Close()
		}
	}
	return nodes, nil
}

func nodeID(i int) string { return "n" + strconv.Itoa(i+1) }
