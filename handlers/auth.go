package handlers

import (
	"errors"
	"strings"

	"stoker/fsm"
)

// who may call a route.
type who int

const (
	anyone  who = iota
	user        // a bearer token of ours
	worker      // the worker token, in any of its three headers
	admin       // the admin token
	scraper     // the same, unless Config.MetricsOpen
)

// authenticate finds out who calls and refuses whom the route is not for.
func (c *call) authenticate(w who) error {
	switch w {
	case user:
		return c.authenticateUser()
	case worker:
		return c.authenticateWorker()
	case admin:
		return c.authenticateAdmin()
	case scraper:
		if !c.s.cfg.MetricsOpen {
			return c.authenticateAdmin()
		}
	}
	return nil
}

func (c *call) authenticateUser() error {
	token := c.bearer()
	if token == "" {
		return fsm.Refuse(authRequired, "send Authorization: Bearer with a token from POST /auth/anon")
	}
	claims, err := c.s.jwt.verify(c, token)
	switch {
	case errors.Is(err, errExpired):
		return fsm.Refuse(authExpiredToken, "the token has expired; sign in again")
	case errors.Is(err, errForged):
		return fsm.Refuse(fsm.AuthInvalidToken, "the token is not one of ours")
	case err != nil:
		return err
	}
	c.user, c.by, c.scope = claims.user, "user "+claims.user, claims.user
	return nil
}

// authenticateWorker takes the token in the three forms that workers in the
// field use. Any of them suffices.
func (c *call) authenticateWorker() error {
	for _, token := range []string{c.bearer(), c.header("X-Callback-Secret"), c.header("X-GPU-Callback-Secret")} {
		if token == "" {
			continue
		}
		ok, err := c.s.opens(c, token, fsm.WorkerToken)
		if err != nil {
			return err
		}
		if ok {
			c.by = "worker"
			return nil
		}
	}
	return fsm.Refuse(callbackUnauthorized, "send the worker token as Authorization: Bearer, X-Callback-Secret or X-GPU-Callback-Secret")
}

func (c *call) authenticateAdmin() error {
	token := c.bearer()
	if token == "" {
		return fsm.Refuse(authRequired, "send Authorization: Bearer with the admin token")
	}
	ok, err := c.s.opens(c, token, fsm.AdminToken)
	switch {
	case err != nil:
		return err
	case !ok:
		return fsm.Refuse(fsm.AuthInvalidToken, "this is not the admin token")
	}
	c.by, c.scope = "admin", "admin"
	return nil
}

func (c *call) bearer() string {
	scheme, token, _ := strings.Cut(c.header("Authorization"), " ")
	if !strings.EqualFold(scheme, "Bearer") {
		return ""
	}
	return strings.TrimSpace(token)
}
