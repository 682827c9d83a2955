package handlers

import (
	"crypto/sha256"
	"errors"
	"strings"
	"time"

	"stoker/fsm"
)

// who may call a route.
type who int

const (
	anyone       who = iota
	user             // a bearer token of ours
	worker           // a worker token, in any of its three headers
	adminRead        // an operator's token, of scope read or more
	adminOperate     // of scope operate or more
	admin            // of scope admin
	scraper          // of scope read or more, unless Config.MetricsOpen
)

// scopeOf is what an operator's token must have.
var scopeOf = map[who]fsm.Scope{adminRead: fsm.ScopeRead, adminOperate: fsm.ScopeOperate, admin: fsm.ScopeAdmin, scraper: fsm.ScopeRead}

// authenticate finds out who calls and refuses whom the route is not for.
func (c *call) authenticate(w who) error {
	switch w {
	case anyone:
		return nil
	case user:
		return c.authenticateUser()
	case worker:
		return c.authenticateWorker()
	case scraper:
		if c.s.cfg.MetricsOpen {
			return nil
		}
	}
	token, err := c.operatorToken()
	if err != nil {
		return err
	}
	_, err = c.operator(token, scopeOf[w])
	return err
}

func (c *call) authenticateUser() error {
	token := c.bearer()
	if token == "" {
		return fsm.Refuse(authRequired, "send Authorization: Bearer with a token from POST /auth/anon")
	}
	if err := c.mayGuess(); err != nil && !c.s.jwt.known.has(token) {
		return err
	}
	claims, err := c.s.jwt.verify(c, token)
	switch {
	case errors.Is(err, errExpired):
		return fsm.Refuse(authExpiredToken, "the token has expired; sign in again")
	case errors.Is(err, errForged):
		c.guessed()
		return fsm.Refuse(fsm.AuthInvalidToken, "the token is not one of ours")
	case err != nil:
		return err
	}
	c.user, c.by, c.scope = claims.user, "user "+claims.user, claims.user
	c.holder = c.by
	if claims.kid == "" {
		_, err = c.view() // whom the old stack has signed in must be here, too
	}
	return err
}

// authenticateWorker takes the token in the three forms that workers in the
// field use. Any of them suffices.
func (c *call) authenticateWorker() error {
	wrong := false
	for _, token := range []string{c.bearer(), c.header("X-Callback-Secret"), c.header("X-GPU-Callback-Secret")} {
		if token == "" {
			continue
		}
		holder, err := c.s.doors.worker(c, token)
		if err != nil {
			return err
		}
		if holder != "" {
			c.by, c.holder, c.shown = "worker", holder, sha256.Sum256([]byte(token))
			return nil
		}
		wrong = true
	}
	if wrong {
		c.guessed()
	}
	return fsm.Refuse(callbackUnauthorized, "send a worker token as Authorization: Bearer, X-Callback-Secret or X-GPU-Callback-Secret")
}

// operator lets an operator's token in, if its scope suffices.
func (c *call) operator(token string, need fsm.Scope) (fsm.Token, error) {
	t, ok, err := c.s.doors.operator(c, token)
	switch {
	case err != nil:
		return t, err
	case !ok:
		c.guessed()
		return t, fsm.Refuse(fsm.AuthInvalidToken, "this is no operator's token")
	case t.Expired(time.Now()):
		return t, fsm.Refuse(authExpiredToken, "the token %q has expired", t.Name)
	case !t.Allows(need):
		// Into this node's log and not into the cluster's: who may not act may not fill it either.
		c.s.log.Warn("an operator was refused", keyRequest, c.id, keyRoute, c.route, "token", t.Name, "scope", string(t.Scope), "needs", string(need))
		return t, fsm.Refuse(fsm.Forbidden, "this needs a token of scope %s; %q has scope %s", need, t.Name, t.Scope)
	}
	c.by, c.scope = t.Holder(), idemScope(t)
	c.holder = c.by
	return t, nil
}

// idemScope is whose an operator's Idempotency-Keys are. Before tokens had names
// there was one, and answers to it were kept as "admin": a request that is sent
// again to a node of another version, in the middle of an upgrade, finds its answer.
func idemScope(t fsm.Token) string {
	if t.Holder() == (fsm.Token{Kind: fsm.AdminToken}).Holder() {
		return string(fsm.AdminToken)
	}
	return t.Holder()
}

func (c *call) bearer() string {
	scheme, token, _ := strings.Cut(c.header("Authorization"), " ")
	if !strings.EqualFold(scheme, "Bearer") {
		return ""
	}
	return strings.TrimSpace(token)
}
