package handlers

import (
	"context"
	"errors"
	"fmt"
	"strings"
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

// Where a disk is full a write and a read are told different things: nobody has
// room for the one, another node may have the other.
func TestRefusalOf_AFullDisk(t *testing.T) {
	r, _ := refusalOf(fmt.Errorf("apply: %w", node.ErrStorageFull))
	if statusOf[r.Code] != 507 || r.RetryAfter < 10 {
		t.Errorf("a write: %+v", r)
	}
	r, _ = refusalOf(fmt.Errorf("%w: %w", node.ErrUnavailable, node.ErrBehind))
	if statusOf[r.Code] != 503 || !strings.Contains(r.Message, "another node") {
		t.Errorf("a read: %+v", r)
	}
}
