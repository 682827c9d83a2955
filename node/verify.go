package node

import (
	"context"
	"encoding/hex"
	"net/http"
	"slices"
	"sync"
	"time"

	"github.com/fxamacker/cbor/v2"
	"github.com/hashicorp/raft"

	"stoker/fsm"
)

// Verification is the members' states held against each other.
type Verification struct {
	At    uint64      `json:"at"` // the newest entry whose hash every member that answered remembers; 0: there is none
	Nodes []NodeProof `json:"nodes"`

	Majority []string `json:"majority"` // the members that agree, when they are a quorum of the voters
	Odd      []string `json:"odd"`      // those who differ, and those whose rows are wrong; all, when no majority agrees
	First    uint64   `json:"first"`    // the first entry behind which hashes differ, as far as is remembered
	// LastEqual is the last entry before First behind which they were equal; 0 when
	// none is remembered. When nothing lies between the two, First is the culprit.
	LastEqual uint64      `json:"last_equal"`
	Entries   []EntryTold `json:"entries"` // what stands in the log after LastEqual, up to First
	Alarms    []fsm.Alarm `json:"-"`
	Unclear   string      `json:"unclear"` // why nothing can be said of some; "" when all could be compared
}

// NodeProof is what one member showed.
type NodeProof struct {
	ID      string `json:"id"`
	Version string `json:"version"`
	Alive   bool   `json:"alive"` // it answered
	Index   uint64 `json:"index"`
	Hash    string `json:"hash"` // at Verification.At
	Scrub   Scrub  `json:"scrub"`
	Silent  string `json:"silent"` // why it showed nothing
	trail   []fsm.Footprint
}

// EntryTold is an entry of the log in words.
type EntryTold struct {
	Index    uint64   `json:"index"`
	Commands []string `json:"commands"`
}

// The most that is told of the entries in question.
const (
	entriesTold  = 20
	commandsTold = 10
)

// proof is what a node shows another.
type proof struct {
	ID      string          `cbor:"1,keyasint"`
	Version string          `cbor:"2,keyasint"`
	Trail   []fsm.Footprint `cbor:"3,keyasint"`
	Scrub   Scrub           `cbor:"4,keyasint"`
}

// scrubNow in a question has the rows read first, as fast as it goes, for as long
// as somebody who waits for the answer may be kept waiting.
const (
	scrubNow = "scrub"
	hurry    = 5 * time.Second
)

func (n *Node) proof(ctx context.Context, scrub bool) proof {
	if scrub {
		ctx, cancel := context.WithTimeout(ctx, hurry)
		defer cancel()
		n.scrubOnce(ctx, func(int) error { return ctx.Err() }) // cut short it leaves what the last one found
	}
	return proof{n.cfg.ID, n.cfg.Version, n.machine.Trail(), n.scrubbed.get()}
}

func (n *Node) serveProof(w http.ResponseWriter, r *http.Request) {
	b, err := cbor.Marshal(n.proof(r.Context(), r.URL.Query().Has(scrubNow)))
	if err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	w.Write(b)
}

// Verify asks every member for what it remembers of its running hash and holds
// them against each other; with scrub each reads all its rows first.
func (n *Node) Verify(ctx context.Context, scrub bool) Verification {
	v := Verification{Majority: []string{}, Odd: []string{}, Entries: []EntryTold{}}
	seats := n.roster.all()
	v.Nodes = make([]NodeProof, len(seats))
	var wg sync.WaitGroup
	for i, s := range seats {
		wg.Go(func() { v.Nodes[i] = n.askProof(ctx, s.ID, scrub) })
	}
	wg.Wait()
	v.group(seats)
	v.locate()
	view := n.machine.View()
	defer view.Close()
	v.Alarms = view.Alarms()
	if first, after := v.First, v.LastEqual; first > 0 {
		v.Entries = n.told(after, first)
	} else if len(v.Alarms) > 0 { // who was wrong is gone; what it was about is in the log
		v.Entries = n.told(v.Alarms[0].Index-1, v.Alarms[0].Index)
	}
	return v
}

func (n *Node) askProof(ctx context.Context, id string, scrub bool) NodeProof {
	h, _ := n.peers.get(id, 0)
	out := NodeProof{ID: id, Version: h.report.Version}
	var p proof
	var err error
	if id == n.cfg.ID {
		p = n.proof(ctx, scrub)
	} else {
		path, limit := pathProof, n.cfg.Timing.RPC
		if scrub {
			path, limit = path+"?"+scrubNow, limit+hurry
		}
		ctx, cancel := context.WithTimeout(ctx, limit)
		defer cancel()
		var b []byte
		if b, err = n.ask(ctx, id, path, nil); err == nil {
			err = cbor.Unmarshal(b, &p)
		}
	}
	if err != nil {
		out.Silent = err.Error()
		return out
	}
	out.Alive, out.Version, out.Scrub, out.trail = true, p.Version, p.Scrub, p.Trail
	if len(p.Trail) > 0 {
		out.Index = p.Trail[len(p.Trail)-1].Index
	}
	return out
}

// hashAt finds an entry in a trail.
func hashAt(trail []fsm.Footprint, index uint64) ([32]byte, bool) {
	i, found := slices.BinarySearchFunc(trail, index, func(f fsm.Footprint, index uint64) int {
		switch {
		case f.Index < index:
			return -1
		case f.Index > index:
			return 1
		}
		return 0
	})
	if !found {
		return [32]byte{}, false
	}
	return trail[i].Hash, true
}

// group says who is with whom at the newest entry that all remember.
func (v *Verification) group(seats []Seat) {
	var asked []*NodeProof
	for i := range v.Nodes {
		if p := &v.Nodes[i]; p.Alive {
			asked = append(asked, p)
		} else {
			v.Unclear = p.ID + " did not say: " + p.Silent
		}
		if v.Nodes[i].Scrub.Wrong != "" {
			v.Odd = append(v.Odd, v.Nodes[i].ID)
			v.First = max(v.First, v.Nodes[i].Scrub.Index)
		}
	}
	if len(asked) == 0 {
		return
	}
	for _, f := range slices.Backward(asked[0].trail) {
		common := true
		for _, p := range asked[1:] {
			_, ok := hashAt(p.trail, f.Index)
			common = common && ok
		}
		if common {
			v.At = f.Index
			break
		}
	}
	if v.At == 0 {
		v.Unclear = "there is no entry whose hash all of them remember; try again when those behind have caught up"
		return
	}
	groups := map[[32]byte][]string{}
	for _, p := range asked {
		sum, _ := hashAt(p.trail, v.At)
		p.Hash = hex.EncodeToString(sum[:])
		groups[sum] = append(groups[sum], p.ID)
	}
	for _, ids := range groups {
		if votes(seats, ids)*2 > votes(seats, nil) {
			v.Majority = ids
		}
	}
	if len(groups) == 1 {
		return
	}
	for _, p := range asked {
		if !slices.Contains(v.Majority, p.ID) && !slices.Contains(v.Odd, p.ID) {
			v.Odd = append(v.Odd, p.ID)
		}
	}
}

// votes counts the voters among ids, nil for all.
func votes(seats []Seat, ids []string) (n int) {
	for _, s := range seats {
		if s.Voter && (ids == nil || slices.Contains(ids, s.ID)) {
			n++
		}
	}
	return n
}

// locate finds the first entry behind which two of the members differ. Hashes are
// chained: equal at an entry means equal before it.
func (v *Verification) locate() {
	for i := range v.Nodes {
		for j := range v.Nodes[:i] {
			a, b := v.Nodes[i].trail, v.Nodes[j].trail
			var equal uint64
			for _, f := range a {
				other, ok := hashAt(b, f.Index)
				switch {
				case !ok:
					continue
				case other == f.Hash:
					equal = f.Index
					continue
				}
				if v.First == 0 || f.Index < v.First {
					v.First, v.LastEqual = f.Index, equal
				}
				break
			}
		}
	}
}

// told reads what stands in this node's log after one entry, up to another.
func (n *Node) told(after, upTo uint64) []EntryTold {
	out := []EntryTold{}
	if upTo == 0 {
		return out
	}
	from := max(after+1, upTo-min(upTo, entriesTold)+1)
	for i := from; i <= upTo; i++ {
		var l raft.Log
		if err := n.logs.GetLog(i, &l); err != nil {
			continue // truncated below a snapshot
		}
		if l.Type == raft.LogCommand {
			out = append(out, EntryTold{Index: i, Commands: fsm.Entry{Data: l.Data}.Told(commandsTold)})
		}
	}
	return out
}
