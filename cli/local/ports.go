package local

import (
	"fmt"
	"math/rand/v2"
	"net"
	"strconv"
	"sync/atomic"

	"stoker/cli/setup"
)

const loopback = "127.0.0.1"

// clusterOffset is how far a node's cluster port is above its public port when ports are chosen in order.
const clusterOffset = 1000

// The ports that nodes are given, one after the other from one at random on. They are below those that kernels give to whoever asks
// for any (32768 and more on Linux, 49152 elsewhere): a connection that somebody opened could have such a port before its node
// listens, or while the node is down.
const (
	firstPort = 10_000
	portCount = 32_768 - firstPort
)

var portsGiven atomic.Uint32

func init() { portsGiven.Store(rand.Uint32N(portCount)) }

// Anywhere describes n nodes on free ports of the loopback address. No two calls in a process give the same one, until all were given.
func Anywhere(n int) ([]setup.Node, error) {
	nodes := make([]setup.Node, n)
	for i := range nodes {
		nodes[i] = setup.Node{ID: nodeID(i), Host: loopback, Listen: loopback}
		for _, port := range []*int{&nodes[i].HTTP, &nodes[i].Cluster} {
			var err error
			if *port, err = freePort(); err != nil {
				return nil, err
			}
		}
	}
	return nodes, nil
}

// freePort is the next port on which nobody listens.
func freePort() (port int, err error) {
	for range portCount {
		port = firstPort + int(portsGiven.Add(1)%portCount)
		if err = free(loopback, port); err == nil {
			return port, nil
		}
	}
	return 0, fmt.Errorf("no port is free on %s from %d on: %w", loopback, firstPort, err)
}

// free says why nobody could listen on a port now.
func free(host string, port int) error {
	l, err := net.Listen("tcp", net.JoinHostPort(host, strconv.Itoa(port)))
	if err != nil {
		return err
	}
	return l.Close()
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
			if err := free(host, port); err != nil {
				return nil, fmt.Errorf("port %d is not free: choose another with --http: %w", port, err)
			}
		}
	}
	return nodes, nil
}

func nodeID(i int) string { return "n" + strconv.Itoa(i+1) }
