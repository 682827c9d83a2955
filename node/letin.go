package node

import (
	"context"
	"io"
	"net/http"
	"slices"
	"time"

	"github.com/fxamacker/cbor/v2"

	"stoker/fsm"
	"stoker/pki"
)

// pathJoin is all that is served to who has no certificate yet.
const pathJoin = "/join"

const maxJoin = 64 << 10 // bytes of a request to join, or of its answer

// joinRequest is what a node says that wants to come in.
type joinRequest struct {
	Token  string        `cbor:"1,keyasint"`
	Secret []byte        `cbor:"2,keyasint"`
	CSR    []byte        `cbor:"3,keyasint"` // PKCS #10, DER
	Member fsm.SetMember `cbor:"4,keyasint"`
}

// joinAnswer is what it gets: who it is, whom to believe, what opens the sealed
// secrets, and where the others are.
type joinAnswer struct {
	Refusal  *fsm.Refusal `cbor:"1,keyasint,omitempty"`
	Cert     []byte       `cbor:"2,keyasint,omitempty"` // PEM
	CA       []byte       `cbor:"3,keyasint,omitempty"` // PEM
	SealKeys [][]byte     `cbor:"4,keyasint,omitempty"` // newest first
	Members  []Member     `cbor:"5,keyasint,omitempty"` // the new one included
}

// newJoinServer serves the lane of those without a certificate: one small
// request a connection, and little patience.
func (n *Node) newJoinServer() *http.Server {
	mux := http.NewServeMux()
	mux.HandleFunc("POST "+pathJoin, n.serveJoin)
	return &http.Server{
		Handler: mux, ReadTimeout: 5 * time.Second, WriteTimeout: n.cfg.Timing.Patience + 5*time.Second, MaxHeaderBytes: 4 << 10,
		ErrorLog: n.server.ErrorLog,
	}
}

func (n *Node) serveJoin(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Connection", "close")
	var q joinRequest
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxJoin))
	if err == nil {
		err = cbor.Unmarshal(body, &q)
	}
	if err != nil {
		http.Error(w, "read the request: "+err.Error(), http.StatusBadRequest)
		return
	}
	ctx, cancel := context.WithTimeout(r.Context(), n.cfg.Timing.Patience)
	defer cancel()
	a, err := n.letIn(ctx, q)
	if refusal, refused := asRefusal(err); refused {
		a, err = joinAnswer{Refusal: refusal}, nil
	}
	if err == nil {
		body, err = cbor.Marshal(a)
	}
	if err != nil {
		n.log.Warn("a node was not let in", "member", q.Member.ID, "err", err)
		http.Error(w, err.Error(), http.StatusServiceUnavailable)
		return
	}
	w.Write(body)
}

// letIn signs the new node's certificate and then has the machine take the
// token, so that a failure to sign does not spend it.
func (n *Node) letIn(ctx context.Context, q joinRequest) (joinAnswer, error) {
	hash := pki.JoinToken{Secret: q.Secret}.Hash()
	v, err := n.Read(ctx, Linearizable)
	if err != nil {
		return joinAnswer{}, err
	}
	known := slices.ContainsFunc(v.Members(), func(m fsm.Member) bool { return m.ID == q.Member.ID })
	refusal := v.MayJoin(q.Token, hash, q.Member.ID)
	v.Close()
	if refusal != nil {
		return joinAnswer{}, refusal
	}
	if _, seated := seatsOf(n.raft)[q.Member.ID]; seated && !known {
		return joinAnswer{}, fsm.Refuse(fsm.MemberExists, "there is a member %s: choose another id", q.Member.ID)
	}
	cert, err := n.signNode(q.CSR, q.Member.ID)
	if err != nil {
		return joinAnswer{}, err
	}
	if _, err := Apply(ctx, n, fsm.UseJoinToken{Token: q.Token, Hash: hash, Member: q.Member}, By("join token "+q.Token)); err != nil {
		return joinAnswer{}, err
	}
	n.log.Info("a node joins", "member", q.Member.ID, "cluster", q.Member.Addr, "token", q.Token)
	a := joinAnswer{Cert: cert, CA: n.cfg.TLS.trustedPEM(), SealKeys: append([][]byte{n.cfg.SealKey}, n.cfg.OldSealKeys...)}
	for _, s := range n.roster.all() {
		if s.ID != q.Member.ID {
			a.Members = append(a.Members, s.Member)
		}
	}
	a.Members = append(a.Members, Member{ID: q.Member.ID, Addr: q.Member.Addr, HTTP: q.Member.HTTP})
	return a, nil
}

// JoinPlace is what a join token needs beside its secret: the fingerprints of the
// CAs that members are believed by, and where members listen.
func (n *Node) JoinPlace() (cas, endpoints []string) {
	for _, c := range n.cfg.TLS.trusted() {
		cas = append(cas, pki.Fingerprint(c))
	}
	for _, s := range n.roster.all() {
		if s.Addr != "" {
			endpoints = append(endpoints, s.Addr)
		}
	}
	return cas, endpoints
}
