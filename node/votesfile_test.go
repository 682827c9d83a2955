package node

import (
	"os"
	"path/filepath"
	"testing"
)

// A start that the power cut short while it made raft.db leaves pages that nobody can open. They are under another name, and the next
// start makes the file; what is there already is not made again.
func TestOpenVotes_AfterHalfABeginning(t *testing.T) {
	dir := t.TempDir()
	whole := filepath.Join(t.TempDir(), "whole")
	b, err := openBolt(whole)
	if err != nil {
		t.Fatal(err)
	}
	if err := b.Close(); err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(whole)
	if err != nil {
		t.Fatal(err)
	}
	page := os.Getpagesize()
	clear(text[2*page : 4*page]) // what the first two pages point to
	half := filepath.Join(dir, votesPending+"1")
	if err := os.WriteFile(half, text, 0o600); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"", "vote"} {
		b, err := openVotes(dir)
		if err != nil {
			t.Fatal(err)
		}
		if got, _ := b.Get([]byte("key")); string(got) != want {
			t.Errorf("it holds %q, not %q", got, want)
		}
		if err := b.Set([]byte("key"), []byte("vote")); err != nil {
			t.Fatal(err)
		}
		if err := b.Close(); err != nil {
			t.Fatal(err)
		}
	}
	if left, err := filepath.Glob(filepath.Join(dir, votesPending+"*")); err != nil || len(left) > 0 {
		t.Errorf("left over: %v %v", left, err)
	}
}
