package cli

import (
	"errors"
	"fmt"
	"strings"

	"stoker/client"
)

// Codes of refusals that say too little to somebody at a prompt. The wire contract lists all.
const (
	codeNotFound    = "NOT_FOUND"
	codeForbidden   = "FORBIDDEN"
	codeNoMethod    = "METHOD_NOT_ALLOWED"
	codeNoPreset    = "INVALID_PRESET"
	codeTransition  = "JOB_INVALID_TRANSITION"
	codeNoToken     = "AUTH_REQUIRED"
	codeWrongToken  = "AUTH_INVALID_TOKEN"
	codeOldToken    = "AUTH_EXPIRED_TOKEN"
	unknownPath     = "nothing under this path" // part of the message to a path that a node does not have
	anOlderCluster  = "this cluster is older than this binary: upgrade its nodes first"
	anotherOperator = "name an operator.toml with a good token with --operator; `stoker access` makes and lists them"
	widerScope      = "name an operator.toml with such a token with --operator, or put it into STOKER_ADMIN_TOKEN"
)

// hints say by code what to do about a refusal.
type hints map[string]string

// advise makes of a refusal one line that says what to do: what the cluster said, its code and request for whoever looks into the
// log, and the hint. An error that no hint knows stays as it is.
func advise(err error, what hints) error {
	var e *client.Error
	if !errors.As(err, &e) {
		return err
	}
	hint := what[e.Code]
	switch {
	case e.Code == codeNoMethod, e.Code == codeNotFound && strings.Contains(e.Message, unknownPath):
		hint = anOlderCluster
	case e.Code == codeNoToken, e.Code == codeWrongToken, e.Code == codeOldToken:
		hint = anotherOperator
	case e.Code == codeForbidden:
		hint = widerScope
	}
	if hint == "" {
		return err
	}
	return fmt.Errorf("%s (%s, request %s); %s", e.Message, e.Code, e.RequestID, hint)
}
