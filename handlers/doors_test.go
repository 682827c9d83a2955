package handlers

import (
	"errors"
	"testing"

	"stoker/fsm"
)

// TestBegun_EarlyIsNotWrong: a node of a cluster that has no first entry yet refuses nobody's token as a stranger's.
func TestBegun_EarlyIsNotWrong(t *testing.T) {
	m, err := fsm.Open(t.TempDir(), fsm.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer m.Close()
	_, err = begun(m.View())
	var r *fsm.Refusal
	if !errors.As(err, &r) || r.Code != fsm.Unavailable {
		t.Errorf("got %v", err)
	}
	h := newHouse(t)
	v, err := begun(h.node.View())
	if err != nil {
		t.Fatal(err)
	}
	v.Close()
}
