package node

import (
	"errors"
	"fmt"
	"io"

	"github.com/hashicorp/raft"
)

// intake is what comes from other nodes, on its way to Raft. Two messages must
// not come there.
//
// Entries for which there is no room on the disk. Raft would answer that it does
// not hold them, which to the leader means that the logs differ: it goes back
// entry by entry, past the beginning of this log, and sends a snapshot in the end.
// A message that fails changes nothing at the leader; it is sent again.
//
// A snapshot of what was applied long ago. Raft would take it and go back to it,
// and readers with it, and panic over entries that it has truncated since.
type intake struct {
	from  <-chan raft.RPC
	to    chan raft.RPC
	space *space
	done  <-chan struct{}
}

// run ends with done.
func (i *intake) run(applied func() uint64) {
	for {
		var m raft.RPC
		select {
		case m = <-i.from:
		case <-i.done:
			return
		}
		if resp, err := i.refuse(m, applied); err != nil {
			m.Respond(resp, err)
			continue
		}
		select {
		case i.to <- m:
		case <-i.done:
			m.Respond(nil, raft.ErrTransportShutdown)
			return
		}
	}
}

// errPassed: the snapshot holds nothing that is not applied here.
var errPassed = errors.New("node: the snapshot is older than what was applied")

func (i *intake) refuse(m raft.RPC, applied func() uint64) (resp any, err error) {
	switch c := m.Command.(type) {
	case *raft.AppendEntriesRequest:
		if len(c.Entries) > 0 {
			return &raft.AppendEntriesResponse{}, i.space.take(entryRoom(c.Entries), logKeeps)
		}
	case *raft.InstallSnapshotRequest:
		if at := applied(); c.LastLogIndex < at {
			io.Copy(io.Discard, m.Reader) // what follows on the connection must not be taken for a message
			return &raft.InstallSnapshotResponse{}, fmt.Errorf("%w: it is of entry %d, this node has come to %d", errPassed, c.LastLogIndex, at)
		}
	}
	return nil, nil
}
