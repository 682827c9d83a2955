package node

import (
	"io"
	"testing"
	"time"

	"github.com/hashicorp/raft"
)

// A heartbeat goes where all messages go. On Raft's fast path, beside its main loop, it could raise the term while that loop leads
// on in the old one, and logs could diverge (hashicorp/raft issue 695).
func TestTransport_HeartbeatsTakeNoShortCut(t *testing.T) {
	here, err := raft.NewTCPTransport("127.0.0.1:0", nil, 1, time.Second, io.Discard)
	if err != nil {
		t.Fatal(err)
	}
	defer here.Close()
	there, err := raft.NewTCPTransport("127.0.0.1:0", nil, 1, time.Second, io.Discard)
	if err != nil {
		t.Fatal(err)
	}
	defer there.Close()
	(&transport{NetworkTransport: here}).SetHeartbeatHandler(func(m raft.RPC) {
		t.Error("a heartbeat came beside the others")
		m.Respond(&raft.AppendEntriesResponse{}, nil)
	})
	go func() {
		m := <-here.Consumer()
		m.Respond(&raft.AppendEntriesResponse{Term: 7, Success: true}, nil)
	}()
	beat := raft.AppendEntriesRequest{RPCHeader: raft.RPCHeader{ProtocolVersion: raft.ProtocolVersionMax, Addr: []byte(there.LocalAddr())}, Term: 7, Leader: []byte(there.LocalAddr())}
	var answer raft.AppendEntriesResponse
	if err := there.AppendEntries("n1", here.LocalAddr(), &beat, &answer); err != nil || answer.Term != 7 {
		t.Errorf("a heartbeat is answered %+v, %v", answer, err)
	}
}
