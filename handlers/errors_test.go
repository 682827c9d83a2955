package handlers

import (
	"context"
	"errors"
	"fmt"
	"testing"

	"stoker/fsm"
	"stoker/node"
)

func TestRefusalOf_WhatANodeSays(t *testing.T) {
	for _, c := range []struct {
		err      error
		code     fsm.Code
		foreseen bool
	}{
		{fsm.Refuse(fsm.JobNotFound, "x"), fsm.JobNotFound, true},
		{fmt.Errorf("apply: %w", fsm.Refuse(fsm.QueueFull, "x")), fsm.QueueFull, true},
		{fsm.Refuse(fsm.OriginUnknown, "x"), fsm.Unavailable, true},
		{fsm.Refuse(fsm.SequencePassed, "x"), fsm.Unavailable, true},
		{fmt.Errorf("%w: x", node.ErrUnavailable), fsm.Unavailable, true},
		{fmt.Errorf("%w: x", node.ErrOutcomeUnknown), outcomeUnknown, true},
		{context.DeadlineExceeded, fsm.Unavailable, true},
		{errors.New("disk on fire"), internalError, false},
	} {
		if r, foreseen := refusalOf(c.err); r.Code != c.code || foreseen != c.foreseen {
			t.Errorf("%v: %s, foreseen %v", c.err, r.Code, foreseen)
		}
	}
}
