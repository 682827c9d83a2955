package handlers

import (
	"context"
	"fmt"
	"strconv"
	"strings"

	"github.com/valyala/fasthttp"

	"stoker/fsm"
	"stoker/node"
)

// The headers of the contract.
const (
	headerRequestID = "X-Request-Id"
	headerIndex     = "X-Stoker-Index"
	headerKey       = "Idempotency-Key"
	headerReplayed  = "Idempotency-Replayed"
	headerCursor    = "X-Next-Cursor"
	headerCell      = "X-Stoker-Cell"
	headerKnown     = "X-Stoker-Known"
)

// call is one request on its way. Its context ends with the request's deadline.
type call struct {
	context.Context
	s    *Server
	http *fasthttp.RequestCtx

	id     string   // of the request
	route  string   // as in the table
	user   string   // set for app endpoints
	by     string   // who asks, for ledger and history
	shown  [32]byte // SHA-256 of a worker's token
	holder string   // whose token it is, as fsm.Changes.Revoked names it
	scope  string   // what an Idempotency-Key is unique in; "" ignores the header
	body   []byte   // of a JSON route, its own copy
	waits  bool     // for the log, among those whose number is bounded

	traced func(status int) // ends the call's part of its trace

	token    string // of the state that the answer reflects
	detail   string // of what was done that is no command, for the audit log
	proposed bool   // a command was sent, which speaks for itself in the audit log
	replayed bool   // the answer came out of an Idempotency-Key record
	views    []*fsm.View
}

// saneID is what we keep of a client's X-Request-Id: it goes into logs.
var saneID = saneOf(1, 128, upper+lower+digits+"._:/+=-")

func (s *Server) newCall(http *fasthttp.RequestCtx) *call {
	s.count.inFlight.Inc()
	return &call{s: s, http: http, Context: s.work, id: requestID(http)}
}

// requestID is what the client calls its request, or a new name.
func requestID(http *fasthttp.RequestCtx) string {
	if id := http.Request.Header.Peek(headerRequestID); saneID.Match(id) {
		return string(id)
	}
	return newRequestID()
}

// header copies a header's value out of fasthttp's buffer; so do param and query.
func (c *call) header(name string) string { return string(c.http.Request.Header.Peek(name)) }

func (c *call) query(name string) string { return string(c.http.QueryArgs().Peek(name)) }

func (c *call) method() string { return string(c.http.Method()) }

func (c *call) path() string { return string(c.http.URI().PathOriginal()) }

func (c *call) param(name string) string {
	v, _ := c.http.UserValue(name).(string)
	return strings.Clone(v)
}

// close gives back what the call holds.
func (c *call) close() {
	for _, v := range c.views {
		v.Close()
	}
}

// apply sends a command to the machine, with the client's Idempotency-Key if
// there is one, and notes the state that its answer reflects.
func apply[A any](c *call, cmd fsm.Command[A]) (A, error) {
	var none A
	opts := []node.Option{node.By(c.by), node.RequestID(c.id)}
	idem, err := c.idem()
	if err != nil {
		return none, err
	}
	if idem != nil {
		opts = append(opts, node.Idem(*idem))
	}
	if c.waits {
		leave, err := c.s.crowd.enter()
		if err != nil {
			return none, err
		}
		defer leave()
	}
	c.proposed = true
	r, err := node.Apply(c, c.s.node, cmd, opts...)
	c.replayed = r.Replayed
	if r.Index > 0 {
		c.reflects(r.Index)
	}
	return r.Answer, err
}

// reflects notes the entry that the answer is of. The epoch is this node's: it
// changes only when a cluster is restored, and then nothing is in flight.
func (c *call) reflects(index uint64) {
	v := c.s.node.View()
	defer v.Close()
	c.token = tokenText(v.Epoch(), index)
}

// visibleKey is what an Idempotency-Key may be made of.
var visibleKey = saneOf(1, 255, visible)

// idem reads the client's Idempotency-Key; nil when there is none or the
// endpoint has no use for one.
func (c *call) idem() (*fsm.Idem, error) {
	raw := c.http.Request.Header.Peek(headerKey)
	if raw == nil || c.scope == "" {
		return nil, nil
	}
	if !visibleKey.Match(raw) {
		return nil, invalid(headerKey, "must be 1 to 255 visible ASCII characters")
	}
	return &fsm.Idem{
		Scope: c.scope + " " + c.method() + " " + c.path(),
		Key:   string(raw),
		Hash:  c.bodyHash(),
	}, nil
}

// view opens the state that the client asked for: linearizable unless it says
// otherwise. It is closed when the call ends. A user of the app must be in it.
func (c *call) view() (*fsm.View, error) {
	how, err := c.consistency()
	if err != nil {
		return nil, err
	}
	v, err := c.s.node.Read(c, how)
	if err != nil {
		return nil, err
	}
	c.views = append(c.views, v)
	c.token = tokenText(v.Epoch(), v.Index())
	if c.user != "" {
		if _, err := c.account(v); err != nil {
			return nil, err
		}
	}
	return v, nil
}

// local opens this node's own state, for settings and what belongs to the node.
func (c *call) local() *fsm.View {
	v := c.s.node.View()
	c.views = append(c.views, v)
	if c.token == "" {
		c.token = tokenText(v.Epoch(), v.Index())
	}
	return v
}

// account gives the caller's row, or refuses one that may not act.
func (c *call) account(v *fsm.View) (fsm.User, error) {
	u, ok := v.User(c.user)
	switch {
	case !ok:
		return u, fsm.Refuse(fsm.AuthInvalidToken, "no such user; sign in again")
	case u.Revoked && (u.Away == "" || u.Away == fsm.Leaving):
		return u, fsm.Refuse(fsm.Forbidden, "this user has been revoked")
	}
	return u, v.Absent(u)
}

// consistency reads ?consistency= and X-Stoker-Index.
func (c *call) consistency() (node.Consistency, error) {
	switch how := c.query("consistency"); how {
	case "stale":
		return node.Stale, nil
	case "", "linearizable":
	default:
		return node.Linearizable, invalid("consistency", "must be stale or linearizable")
	}
	token := c.header(headerIndex)
	if token == "" {
		return node.Linearizable, nil
	}
	epoch, index, err := parseToken(token)
	if err != nil {
		return node.Linearizable, err
	}
	return node.AtLeast(index, epoch), nil
}

// tokenText is the X-Stoker-Index of a state. Clients must not look inside.
func tokenText(epoch, index uint64) string { return fmt.Sprintf("%x-%x", epoch, index) }

func parseToken(token string) (epoch, index uint64, err error) {
	e, i, ok := strings.Cut(token, "-")
	if ok {
		if epoch, err = strconv.ParseUint(e, 16, 64); err == nil {
			index, err = strconv.ParseUint(i, 16, 64)
		}
	}
	if !ok || err != nil {
		return 0, 0, invalid(headerIndex, "is not a token of this cluster; send one back as it was received")
	}
	return epoch, index, nil
}
