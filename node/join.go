package node

import (
	"bufio"
	"bytes"
	"context"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"time"

	"github.com/fxamacker/cbor/v2"

	"stoker/fsm"
	"stoker/pki"
	"stoker/store"
)

// JoinRequest says how a node comes into a running cluster.
type JoinRequest struct {
	Token     string   // as `stoker token create` printed it
	Endpoints []string // cluster ports of members; none: those in the token
	ID        string   // of the new node; "": the one that the token is for
	Host      string   // by which others reach this machine; "": the address that it reaches them from
	HTTP      int      // public port
	Cluster   int      // cluster port
	Dir       string   // data folder to be
	Version   string   // of this binary

	Dial func(ctx context.Context, addr string) (net.Conn, error) // nil is TCP
}

func (q JoinRequest) dial(ctx context.Context, addr string) (net.Conn, error) {
	ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	if q.Dial != nil {
		return q.Dial(ctx, addr)
	}
	return (&net.Dialer{}).DialContext(ctx, "tcp", addr)
}

// Joined is what a node needs to be a member, all but its data folder in PEM or plain.
type Joined struct {
	ID            string
	CA, Cert, Key []byte
	SealKeys      [][]byte // newest first
	Members       []Member // the new one included
}

// Join asks the cluster for a place. The cluster proves first that it is the one
// that the token is from; the secret goes out after that. When it returns without
// an error this node is a member without a vote, and its folder is begun: Start it
// with Config.Joined. With an error nothing is left behind.
func Join(ctx context.Context, q JoinRequest) (Joined, error) {
	t, err := pki.ParseJoinToken(q.Token)
	if err != nil {
		return Joined{}, err
	}
	if q.ID == "" {
		q.ID = t.For
	}
	if q.ID == "" {
		return Joined{}, errors.New("the token is for any node, so say which this is: --id n4")
	}
	if len(q.Endpoints) == 0 {
		q.Endpoints = t.Endpoints
	}
	dir := filepath.Join(q.Dir, raftDir)
	if held, err := os.ReadDir(q.Dir); err == nil && len(held) > 0 {
		return Joined{}, fmt.Errorf("the data folder %s is not empty: a node joins once; start it with `stoker serve --config …`, or choose another folder", q.Dir)
	}
	key, err := pki.NewKey()
	if err != nil {
		return Joined{}, err
	}
	csr, err := pki.Request(key, q.ID)
	if err != nil {
		return Joined{}, err
	}
	born := birth{Incarnation: rand.Text(), Saw: map[string]string{}, Joined: true}
	a, err := askToJoin(ctx, t, q, joinRequest{Token: t.ID, Secret: t.Secret, CSR: csr, Member: fsm.SetMember{
		ID: q.ID, Version: q.Version, Level: fsm.Level, Incarnation: born.Incarnation,
	}})
	if err != nil {
		return Joined{}, err
	}
	keyPEM, err := pki.EncodeKey(key)
	if err != nil {
		return Joined{}, err
	}
	if err := store.MakeDir(dir); err != nil {
		return Joined{}, err
	}
	n := &nursery{path: filepath.Join(dir, birthFile), birth: born}
	if err := n.write(); err != nil {
		return Joined{}, err
	}
	return Joined{ID: q.ID, CA: a.CA, Cert: a.Cert, Key: keyPEM, SealKeys: a.SealKeys, Members: a.Members}, nil
}

// joinEvery is how soon the endpoints are asked again when none could answer.
const joinEvery = 500 * time.Millisecond

// askToJoin goes from member to member until one answers or ctx ends. A refusal
// is an answer, and so is a stranger at every endpoint.
func askToJoin(ctx context.Context, t pki.JoinToken, q JoinRequest, m joinRequest) (joinAnswer, error) {
	if len(q.Endpoints) == 0 {
		return joinAnswer{}, errors.New("no member to ask: --join HOST:PORT names the cluster port of one")
	}
	for {
		var failed []error
		strangers := 0
		for _, at := range q.Endpoints {
			a, err := askAt(ctx, t, at, q, m)
			if err == nil && a.Refusal != nil {
				return a, a.Refusal
			}
			if err == nil {
				return a, nil
			}
			if errors.Is(err, errStranger) {
				strangers++
			}
			failed = append(failed, fmt.Errorf("%s: %w", at, err))
		}
		if strangers == len(q.Endpoints) {
			return joinAnswer{}, errors.Join(failed...)
		}
		select {
		case <-time.After(joinEvery):
		case <-ctx.Done():
			return joinAnswer{}, fmt.Errorf("no member let this node in in time: %w", errors.Join(failed...))
		}
	}
}

// errStranger: the server is not of the cluster that made the token.
var errStranger = errors.New("not of the cluster that the token is from: its certificate does not lead to the CA that the token names")

// askAt asks one member, over a connection that has proved to be one.
func askAt(ctx context.Context, t pki.JoinToken, at string, q JoinRequest, m joinRequest) (a joinAnswer, err error) {
	raw, err := q.dial(ctx, at)
	if err != nil {
		return a, err
	}
	defer raw.Close()
	stop := context.AfterFunc(ctx, func() { raw.Close() })
	defer stop()
	conn := tls.Client(raw, pinnedTLS(t))
	if err := conn.HandshakeContext(ctx); err != nil {
		return a, err
	}
	host := q.Host
	if host == "" {
		if host, _, err = net.SplitHostPort(raw.LocalAddr().String()); err != nil {
			return a, err
		}
	}
	m.Member.HTTP = net.JoinHostPort(host, strconv.Itoa(q.HTTP))
	m.Member.Addr = net.JoinHostPort(host, strconv.Itoa(q.Cluster))
	body, err := cbor.Marshal(m)
	if err != nil {
		return a, err
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, "https://stoker"+pathJoin, bytes.NewReader(body))
	if err != nil {
		return a, err
	}
	if err := req.Write(conn); err != nil {
		return a, err
	}
	resp, err := http.ReadResponse(bufio.NewReader(conn), req)
	if err != nil {
		return a, err
	}
	defer resp.Body.Close()
	if body, err = io.ReadAll(io.LimitReader(resp.Body, maxJoin)); err != nil {
		return a, err
	}
	if resp.StatusCode != http.StatusOK {
		return a, fmt.Errorf("it answered %d: %s", resp.StatusCode, bytes.TrimSpace(body))
	}
	return a, cbor.Unmarshal(body, &a)
}

// pinnedTLS believes a server whose certificate leads to a CA that the token names by
// its fingerprint, and that has the node role. The server sends that CA along.
func pinnedTLS(t pki.JoinToken) *tls.Config {
	return &tls.Config{
		MinVersion: tls.VersionTLS13, NextProtos: []string{protoJoin}, InsecureSkipVerify: true,
		VerifyConnection: func(cs tls.ConnectionState) error {
			roots := x509.NewCertPool()
			for _, c := range cs.PeerCertificates[1:] {
				if slices.Contains(t.CAs, pki.Fingerprint(c)) {
					roots.AddCert(c)
				}
			}
			leaf := cs.PeerCertificates[0]
			if _, err := leaf.Verify(x509.VerifyOptions{Roots: roots, KeyUsages: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth}}); err != nil {
				return errStranger
			}
			if _, err := pki.NodeID(leaf); err != nil || cs.NegotiatedProtocol != protoJoin {
				return errStranger
			}
			return nil
		},
	}
}
