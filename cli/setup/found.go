package setup

import (
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"stoker/cli/config"
	"stoker/pki"
)

// Plan is a cluster to be.
type Plan struct {
	Nodes []Node
	Out   string // folder; made if it is missing
	Force bool   // overwrite what an earlier run wrote there

	// SealKeys is the text of a seal key file that the new cluster goes on with; none: a new key.
	SealKeys []byte
	// Data folders may be there already: whoever asked sees to them.
	Data bool
}

// Cluster is what Found made.
type Cluster struct {
	Nodes    []Node
	Out      string
	Operator string // path of operator.toml
}

// Config is the path of a node's stoker.toml.
func (c Cluster) Config(id string) string { return filepath.Join(c.Out, id, "stoker.toml") }

// Found makes all keys and writes all files, or says why not before it has written any.
func Found(p Plan) (Cluster, error) {
	if err := p.check(); err != nil {
		return Cluster{}, err
	}
	files, err := p.files(time.Now())
	if err != nil {
		return Cluster{}, err
	}
	if err := p.free(files); err != nil {
		return Cluster{}, err
	}
	for _, f := range files {
		if err := f.write(); err != nil {
			return Cluster{}, fmt.Errorf("init: %w", err)
		}
	}
	return Cluster{Nodes: p.Nodes, Out: p.Out, Operator: filepath.Join(p.Out, "operator.toml")}, nil
}

// check refuses plans that could not work.
func (p Plan) check() error {
	if len(p.Nodes) == 0 {
		return errors.New("no nodes: give at least one --node ID=HOST")
	}
	ids, addrs := map[string]bool{}, map[string]string{}
	for _, n := range p.Nodes {
		if err := config.CheckID(n.ID); err != nil {
			return err
		}
		if ids[n.ID] {
			return fmt.Errorf("node %s is named twice", n.ID)
		}
		ids[n.ID] = true
		for _, port := range []int{n.HTTP, n.Cluster} {
			if other, taken := addrs[n.at(port)]; taken {
				return fmt.Errorf("node %s: %s is taken by node %s: nodes on one machine need ports of their own, as in %s=%s:8081:9081",
					n.ID, n.at(port), other, n.ID, n.Host)
			}
			addrs[n.at(port)] = n.ID
		}
	}
	return nil
}

// file is one to be written.
type file struct {
	path   string
	secret bool
	text   []byte
}

// files makes the whole content, keys included, in memory.
func (p Plan) files(now time.Time) ([]file, error) {
	ca, err := pki.NewAuthority(now)
	if err != nil {
		return nil, err
	}
	caPEM := pki.EncodeCerts(ca.Cert)
	sealKey := make([]byte, 32)
	rand.Read(sealKey)
	if p.SealKeys == nil {
		p.SealKeys = []byte(hex.EncodeToString(sealKey) + "\n")
	} else if old, err := config.ParseSealKeys(p.SealKeys); err != nil {
		return nil, fmt.Errorf("seal key: %w", err)
	} else {
		sealKey = old[0]
	}
	sealed, err := seal(ca, sealKey)
	if err != nil {
		return nil, fmt.Errorf("cluster CA: %w", err)
	}
	tokens := operatorTokens{admin: "adm_" + strings.ToLower(rand.Text()), worker: "wrk_" + strings.ToLower(rand.Text())}
	var files []file
	for _, n := range p.Nodes {
		cert, key, err := pair(ca, n, now)
		if err != nil {
			return nil, fmt.Errorf("certificate of node %s: %w", n.ID, err)
		}
		dir := filepath.Join(p.Out, n.ID)
		files = append(files,
			file{filepath.Join(dir, "ca.crt"), false, caPEM},
			file{filepath.Join(dir, "node.crt"), false, cert},
			file{filepath.Join(dir, "node.key"), true, key},
			file{filepath.Join(dir, "seal.key"), true, p.SealKeys},
			file{filepath.Join(dir, "stoker.toml"), true, nodeFile(p.Nodes, n, tokens, sealed)})
	}
	return append(files, file{filepath.Join(p.Out, "operator.toml"), true, operatorFile(p.Nodes, tokens, caPEM)}), nil
}

// free refuses to write over keys that may be in use.
func (p Plan) free(files []file) error {
	for _, n := range p.Nodes {
		data := filepath.Join(p.Out, n.ID, "data")
		if _, err := os.Lstat(data); err == nil && !p.Data {
			return fmt.Errorf("%s holds a node's data, and new keys could never open it: choose another --out, or move the folder away", data)
		}
	}
	if p.Force {
		return nil
	}
	for _, f := range files {
		if _, err := os.Lstat(f.path); err == nil {
			return fmt.Errorf("%s exists: choose another --out, or --force to replace all keys and tokens of this cluster", f.path)
		}
	}
	return nil
}

// write replaces the file as a whole; what was there before lends it neither content nor permissions.
func (f file) write() error {
	if err := os.MkdirAll(filepath.Dir(f.path), 0o700); err != nil {
		return err
	}
	mode := os.FileMode(0o644)
	if f.secret {
		mode = 0o600
	}
	next := f.path + ".new"
	if err := os.Remove(next); err != nil && !errors.Is(err, os.ErrNotExist) {
		return err
	}
	if err := os.WriteFile(next, f.text, mode); err != nil {
		return err
	}
	return os.Rename(next, f.path)
}

// hash is how a node knows a token.
func hash(token string) string {
	sum := sha256.Sum256([]byte(token))
	return "sha256:" + hex.EncodeToString(sum[:])
}
