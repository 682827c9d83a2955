package setup

import (
	"encoding/hex"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"stoker/cli/config"
)

// Join is a node that is to come into a running cluster.
type Join struct {
	Token     string
	Endpoints []string // cluster ports of members; none: those in the token
	Config    string   // path of the stoker.toml to be; certificates and keys go beside it
	Node      Node     // Host may be empty: the address from which it reaches the others
}

// Joined is what the cluster gave it.
type Joined struct {
	ID            string
	CA, Cert, Key []byte   // PEM
	SealKeys      [][]byte // newest first
	Members       []config.Member
}

// Folder is its data folder.
func (j Join) Folder() string {
	if j.Node.Data != "" {
		return j.Node.Data
	}
	return j.beside("data")
}

func (j Join) beside(name string) string { return filepath.Join(filepath.Dir(j.Config), name) }

// Free refuses to join over files that are there: a node joins once.
func (j Join) Free() error {
	for _, path := range []string{j.Config, j.beside("ca.crt"), j.beside("node.crt"), j.beside("node.key"), j.beside("seal.key")} {
		if _, err := os.Lstat(path); err == nil {
			return fmt.Errorf("%s exists: a node joins once, and is started with `stoker serve --config %s` from then on; for another node choose another --config", path, j.Config)
		}
	}
	return nil
}

// Write makes the files, the configuration last.
func (j Join) Write(got Joined) error {
	var all []Node
	for _, m := range got.Members {
		n, err := memberNode(m)
		if err != nil {
			return err
		}
		if m.ID == got.ID {
			n.Listen, n.Data = j.Node.Listen, j.Node.Data
			j.Node = n
		}
		all = append(all, n)
	}
	keys := "# newest first\n"
	for _, key := range got.SealKeys {
		keys += hex.EncodeToString(key) + "\n"
	}
	for _, f := range []file{
		{j.beside("ca.crt"), false, got.CA},
		{j.beside("node.crt"), false, got.Cert},
		{j.beside("node.key"), true, got.Key},
		{j.beside("seal.key"), true, []byte(keys)},
		{j.Config, true, nodeFile(all, j.Node, operatorTokens{}, nil)},
	} {
		if err := f.write(); err != nil {
			return fmt.Errorf("join: %w", err)
		}
	}
	return nil
}

// memberNode reads a member's addresses. What is in them goes into a TOML file.
func memberNode(m config.Member) (Node, error) {
	host, cluster, err := split(m.Cluster)
	if err != nil {
		return Node{}, fmt.Errorf("member %s: %w", m.ID, err)
	}
	_, public, err := split(m.HTTP)
	if err != nil {
		return Node{}, fmt.Errorf("member %s: %w", m.ID, err)
	}
	return Node{ID: m.ID, Host: host, HTTP: public, Cluster: cluster}, config.CheckID(m.ID)
}

func split(addr string) (host string, port int, err error) {
	host, text, err := net.SplitHostPort(addr)
	if err == nil {
		port, err = strconv.Atoi(text)
	}
	if err == nil && net.ParseIP(host) == nil && !hostName.MatchString(host) {
		err = fmt.Errorf("%q is no host name or address", host)
	}
	return host, port, err
}

// ListenOn reads the listen addresses of a node that joins, host:port each; an
// empty one is the default. A host that says which machine it is, is what others dial.
func (n *Node) ListenOn(public, cluster string) error {
	hosts := map[string]bool{}
	for _, a := range []struct {
		text string
		port *int
		def  int
	}{{public, &n.HTTP, DefaultHTTP}, {cluster, &n.Cluster, DefaultCluster}} {
		*a.port = a.def
		if a.text == "" {
			continue
		}
		host, port, err := net.SplitHostPort(a.text)
		if err == nil {
			*a.port, err = strconv.Atoi(port)
		}
		if err != nil || *a.port < 1 || *a.port > 65535 {
			return fmt.Errorf("%q: write host:port, as in 0.0.0.0:%d", a.text, a.def)
		}
		hosts[host] = true
	}
	if len(hosts) > 1 {
		return fmt.Errorf("--http and --cluster name two hosts, %s and %s: join with one, and edit the file that is written", strings.TrimSpace(public), strings.TrimSpace(cluster))
	}
	for host := range hosts {
		n.Listen = host
		if ip := net.ParseIP(host); n.Host == "" && host != "" && (ip == nil || !ip.IsUnspecified()) {
			n.Host = host
		}
	}
	return nil
}
