package setup

import (
	"fmt"
	"net"
	"regexp"
	"strconv"
	"strings"

	"stoker/cli/config"
)

// Ports of a node that names none.
const (
	DefaultHTTP    = 8080
	DefaultCluster = 9080
)

// hostName is loose about what a name server takes, and strict about what a TOML string and a URL take as it is.
var hostName = regexp.MustCompile(`^[A-Za-z0-9]([A-Za-z0-9._-]*[A-Za-z0-9])?$`)

// Node is one member to be: its id and where others reach it.
type Node struct {
	ID      string
	Host    string // name or IP address, without brackets
	HTTP    int    // public port
	Cluster int    // cluster port

	// Listen is the address that both ports are bound to; empty: all of the machine's.
	Listen string
	// Data is its data folder; empty: data, beside its stoker.toml.
	Data string
	// LogStore is where Raft's log is; empty: wal.
	LogStore string
}

// ParseNode reads ID=HOST[:HTTPPORT[:CLUSTERPORT]]; an IPv6 host stands in brackets.
func ParseNode(text string) (Node, error) {
	id, rest, ok := strings.Cut(text, "=")
	if !ok || rest == "" {
		return Node{}, fmt.Errorf("node %q: write ID=HOST[:HTTPPORT[:CLUSTERPORT]], as in n1=10.0.0.1:8080:9080", text)
	}
	if err := config.CheckID(id); err != nil {
		return Node{}, err
	}
	n := Node{ID: id, HTTP: DefaultHTTP, Cluster: DefaultCluster}
	var ports string
	if inner, after, found := strings.Cut(strings.TrimPrefix(rest, "["), "]"); found && rest[0] == '[' {
		n.Host, ports = inner, after
		if net.ParseIP(inner) == nil || ports != "" && ports[0] != ':' {
			return Node{}, fmt.Errorf("node %q: %q is no IPv6 address in brackets", text, rest)
		}
	} else if at := strings.IndexByte(rest, ':'); at >= 0 {
		n.Host, ports = rest[:at], rest[at:]
	} else {
		n.Host = rest
	}
	if net.ParseIP(n.Host) == nil && !hostName.MatchString(n.Host) {
		return Node{}, fmt.Errorf("node %q: %q is no host name or address", text, n.Host)
	}
	part := strings.Split(strings.TrimPrefix(ports, ":"), ":")
	if len(part) > 2 {
		return Node{}, fmt.Errorf("node %q: at most two ports; an IPv6 address goes in brackets", text)
	}
	for i, to := range []*int{&n.HTTP, &n.Cluster}[:len(part)] {
		if ports == "" {
			break
		}
		port, err := strconv.Atoi(part[i])
		if err != nil || port < 1 || port > 65535 {
			return Node{}, fmt.Errorf("node %q: port %q must be 1 to 65535", text, part[i])
		}
		*to = port
	}
	return n, nil
}

// Endpoint is the public port's URL.
func (n Node) Endpoint() string { return "http://" + n.at(n.HTTP) }

func (n Node) at(port int) string { return net.JoinHostPort(n.Host, strconv.Itoa(port)) }

// listen is the address to bind a port to.
func (n Node) listen(port int) string {
	host := n.Listen
	if host == "" {
		host = "0.0.0.0"
		if strings.Contains(n.Host, ":") { // an IPv6 address: :: takes both families
			host = "::"
		}
	}
	return net.JoinHostPort(host, strconv.Itoa(port))
}
