package node

import (
	"errors"
	"fmt"
	"io"
	"sync"

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
//
// A snapshot that Raft takes brings a configuration that is in no entry which this
// node applies. Nobody else would say that the members are others now, and where a
// new one listens that may lead.
type intake struct {
	from   <-chan raft.RPC
	to     chan raft.RPC
	space  *space
	seated func(conf raft.Configuration, index uint64)
	done   <-chan struct{}
	wg     *sync.WaitGroup
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
		if c, ok := m.Command.(*raft.InstallSnapshotRequest); ok {
			m = i.follow(m, c)
		}
		select {
		case i.to <- m:
		case <-i.done:
			m.Respond(nil, raft.ErrTransportShutdown)
			return
		}
	}
}

// follow has the configuration in a snapshot told once Raft has taken it.
func (i *intake) follow(m raft.RPC, c *raft.InstallSnapshotRequest) raft.RPC {
	answered := make(chan raft.RPCResponse, 1)
	i.wg.Go(func() {
		select {
		case a := <-answered:
			if r, ok := a.Response.(*raft.InstallSnapshotResponse); ok && r.Success {
				i.seated(raft.DecodeConfiguration(c.Configuration), c.ConfigurationIndex)
			}
			m.Respond(a.Response, a.Error)
		case <-i.done:
			m.Respond(nil, raft.ErrTransportShutdown)
		}
	})
	return raft.RPC{Command: c, Reader: m.Reader, RespChan: answered}
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
