package bench

import (
	"bytes"
	"context"
	"crypto/sha256"
	"embed"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"time"

	"stoker/bench/drive"
	"stoker/cli/local"
)

// peerSources are programs that are a peer's server and its client, each a module of its own. go.mod and go.sum have other
// names here, so that they are part of this one.
//
//go:embed _peers/etcd/main.go _peers/etcd/mod.txt _peers/etcd/sum.txt _peers/nats/main.go _peers/nats/mod.txt _peers/nats/sum.txt
var peerSources embed.FS

// peerKind is a way to drive a peer.
type peerKind struct {
	program string   // folder in _peers
	serve   []string // further arguments of its servers
	load    []string // and of its clients
	fills   bool     // its clients first make the work that they then do, so that what they cost cannot be told from that
}

// peerKinds are what may be named with --against.
var peerKinds = map[string]peerKind{
	"etcd":         {"etcd", nil, []string{"--kind", "txn"}, false},
	"etcd-put":     {"etcd", nil, []string{"--kind", "put"}, false},
	"nats":         {"nats", []string{"--kind", "always"}, nil, true},
	"nats-default": {"nats", []string{"--kind", "default"}, nil, true},
}

// peerProgram builds a peer's program, once: it is kept in the user's cache folder, under the sum of its source.
func peerProgram(ctx context.Context, name string) (string, error) {
	files := map[string][]byte{}
	sum := sha256.New()
	for _, from := range []struct {
		tree fs.FS
		dir  string
		to   string
	}{{peerSources, "_peers/" + name, ""}, {drive.Source, ".", "drive"}} {
		entries, err := fs.ReadDir(from.tree, from.dir)
		if err != nil {
			return "", err
		}
		for _, e := range entries {
			text, err := fs.ReadFile(from.tree, filepath.ToSlash(filepath.Join(from.dir, e.Name())))
			if err != nil {
				return "", err
			}
			to := strings.NewReplacer("mod.txt", "go.mod", "sum.txt", "go.sum").Replace(e.Name())
			files[filepath.Join(from.to, to)] = text
			fmt.Fprintf(sum, "%s %d\n%s", to, len(text), text)
		}
	}
	cache, err := os.UserCacheDir()
	if err != nil {
		return "", err
	}
	dir := filepath.Join(cache, "stoker-bench", fmt.Sprintf("%s-%x", name, sum.Sum(nil)[:6]))
	program := filepath.Join(dir, "peer")
	if runtime.GOOS == "windows" {
		program += ".exe"
	}
	if _, err := os.Stat(program); err == nil {
		return program, nil
	}
	for path, text := range files {
		path = filepath.Join(dir, path)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			return "", err
		}
		if err := os.WriteFile(path, text, 0o644); err != nil {
			return "", err
		}
	}
	fmt.Fprintf(os.Stderr, "building %s, once; it is kept in %s\n", name, dir)
	build := exec.CommandContext(ctx, "go", "build", "-o", program, ".")
	build.Dir = dir
	build.Env = append(build.Environ(), "GOFLAGS=-mod=mod", "GOWORK=off")
	if text, err := build.CombinedOutput(); err != nil {
		return "", fmt.Errorf("go build of %s: %w: %s; it takes Go and the network, or leave it out of --against", name, err, text)
	}
	return program, nil
}

// peer is servers of another system, and the clients that come with them.
type peer struct {
	rig     *rig
	called  string
	kind    peerKind
	program string
	hosts   []string
	servers []*local.Process
}

func (r *rig) startPeer(ctx context.Context, name string) (_ system, err error) {
	p := &peer{rig: r, called: name, kind: peerKinds[name]}
	if p.program, err = peerProgram(ctx, p.kind.program); err != nil {
		return nil, err
	}
	free, err := local.Anywhere(r.Nodes)
	if err != nil {
		return nil, err
	}
	at := func(port int) string { return net.JoinHostPort("127.0.0.1", strconv.Itoa(port)) }
	var members []string
	for _, n := range free {
		p.hosts = append(p.hosts, at(n.HTTP))
		members = append(members, n.ID+"="+at(n.Cluster))
	}
	for _, n := range free {
		server, err := local.Launch(local.Command{
			Name: name + " " + n.ID, Path: p.program, Log: r.file(name + "-" + n.ID + ".log"),
			Args: append([]string{
				"serve", "--name", n.ID, "--dir", r.file(filepath.Join(name, n.ID)), "--client", at(n.HTTP), "--peer", at(n.Cluster),
				"--cluster", strings.Join(members, ","),
			}, p.kind.serve...),
		})
		if err != nil {
			p.stop()
			return nil, err
		}
		p.servers = append(p.servers, server)
	}
	if err := p.ready(ctx); err != nil {
		p.stop()
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	return p, nil
}

// ready waits until all servers take connections. Their clients wait for the rest.
func (p *peer) ready(ctx context.Context) error {
	ctx, cancel := context.WithTimeoutCause(ctx, time.Minute, errors.New("it did not start in a minute"))
	defer cancel()
	for i, host := range p.hosts {
		if err := listens(ctx, host, p.servers[i]); err != nil {
			return err
		}
	}
	return nil
}

// listens waits until a process takes connections.
func listens(ctx context.Context, host string, p *local.Process) error {
	for {
		if conn, err := net.Dial("tcp", host); err == nil {
			return conn.Close()
		}
		if err := p.Failure(); err != nil {
			return err
		}
		if err := pause(ctx, 50*time.Millisecond); err != nil {
			return err
		}
	}
}

func (p *peer) name() string { return p.called }

func (p *peer) stop() {
	for _, s := range p.servers {
		s.Kill()
	}
}

func (p *peer) drive(ctx context.Context, clients int, s *Speed) (SpeedRun, error) {
	none := func(context.Context) (float64, error) { return 0, nil }
	var took time.Duration // CPU of the clients' process
	row, err := p.rig.watch(ctx, pidsOf(p.servers...), none, func() (row drive.Row, err error) {
		var out, wrong bytes.Buffer
		cmd := exec.CommandContext(ctx, p.program, append([]string{
			"load", "--nodes", strings.Join(p.hosts, ","), "--clients", strconv.Itoa(clients), "--warm", s.Warm.String(), "--for", s.For.String(),
			"--rate", strconv.FormatFloat(s.Rate, 'g', -1, 64), "--items", strconv.Itoa(max(s.stocked, 1)),
		}, p.kind.load...)...)
		cmd.Stdout, cmd.Stderr = &out, &wrong
		if err := cmd.Run(); err != nil {
			return row, fmt.Errorf("%w: %s", err, wrong.String())
		}
		took = cmd.ProcessState.UserTime() + cmd.ProcessState.SystemTime()
		return row, json.Unmarshal(out.Bytes(), &row)
	})
	switch {
	case err != nil:
		return row, err
	case p.kind.fills:
		row.Bytes, row.CPU, row.ClientCPU = 0, 0, 0
	default:
		row.ClientCPU = float64(took.Microseconds()) / float64(row.All)
	}
	return row, nil
}
