package node

import (
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/hashicorp/raft"
)

// answers is a pipeline of which each answer waits until it is read, as Raft's own does.
type answers struct{ out chan raft.AppendFuture }

func (a *answers) AppendEntries(*raft.AppendEntriesRequest, *raft.AppendEntriesResponse) (raft.AppendFuture, error) {
	return nil, nil
}
func (a *answers) Consumer() <-chan raft.AppendFuture { return a.out }
func (a *answers) Close() error                       { return nil }

// declined is the answer of a follower without room.
type declined struct{ req *raft.AppendEntriesRequest }

func (declined) Error() error                            { return errors.New("no room") }
func (declined) Start() time.Time                        { return time.Time{} }
func (r declined) Request() *raft.AppendEntriesRequest   { return r.req }
func (r declined) Response() *raft.AppendEntriesResponse { return &raft.AppendEntriesResponse{} }

// Raft reads no answer behind a refusal, and may be about to send: what is answered is read all the same, and can be read later.
func TestPipeline_ReadsOnWhereRaftDoesNot(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		inner := &answers{make(chan raft.AppendFuture)}
		p := newPipeline(inner, newAcks(func() {}), "n2")
		defer p.Close()
		for i := range 10 {
			select {
			case inner.out <- declined{&raft.AppendEntriesRequest{Term: uint64(i)}}:
			case <-time.After(time.Minute):
				t.Fatalf("answer %d is read by nobody: the sender behind it waits for ever", i)
			}
		}
		for i := range 10 {
			if f := <-p.Consumer(); f.Request().Term != uint64(i) {
				t.Errorf("answer %d comes as number %d", f.Request().Term, i)
			}
		}
	})
}
