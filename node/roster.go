package node

import (
	"cmp"
	"context"
	"maps"
	"slices"
	"sync"

	"github.com/hashicorp/raft"

	"stoker/fsm"
)

// Seat is a member's place in the cluster.
type Seat struct {
	Member
	Voter    bool  // has a vote; a learner only receives the log
	Draining bool  // it is to be left alone
	Since    int64 // wall clock, ns: when it was first heard of; 0: before that was kept
}

// roster says who the members are. Raft's configuration says who has a seat and
// who a vote. Where they listen the machine knows, from what each says of itself;
// until it does, the configuration file is asked.
type roster struct {
	file    []Member
	changed bell // rings whenever something may be otherwise

	mu    sync.Mutex
	seats []Seat              // by id
	at    uint64              // of the entry of held
	held  map[string]bool     // who has a seat in the last configuration that was committed; nil: the seats say it
	heard map[string]string   // cluster ports as the members' own probes name them
	told  map[string]string   // the same, as another has heard it
	dead  map[string]bool     // who was removed, as the machine knows
	addrs map[string][]string // cluster ports by id, the likeliest first
}

// hear takes what a member says of itself over a connection that proves who it
// is. It comes also when the machine cannot be told: a leader that finds nobody at
// the old addresses commits nothing.
func (r *roster) hear(id, addr string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if addr == "" || r.heard[id] == addr || r.addrs[id] == nil {
		return
	}
	r.heard[id] = addr
	r.addrs[id] = front(r.addrs[id], addr)
}

// hearsay takes what another member has heard of the rest: two that moved at the
// same time find each other through one that has not. It is tried last.
func (r *roster) hearsay(of map[string]string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for id, addr := range of {
		if r.told[id] != addr && r.addrs[id] != nil && addr != "" {
			r.told[id] = addr
			r.addrs[id] = with(r.addrs[id], addr)
		}
	}
}

// news is what this node has heard from the members themselves.
func (r *roster) news() map[string]string {
	r.mu.Lock()
	defer r.mu.Unlock()
	return maps.Clone(r.heard)
}

// newRoster begins with what the file says; nobody has a vote yet.
func newRoster(file []Member) *roster {
	r := &roster{file: file, heard: map[string]string{}, told: map[string]string{}}
	r.set(raft.Configuration{}, nil, nil)
	return r
}

// commit takes a configuration that cannot be undone, and where it stands in the log.
func (r *roster) commit(conf raft.Configuration, index uint64) {
	held := map[string]bool{}
	for _, s := range conf.Servers {
		held[string(s.ID)] = true
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if index >= r.at {
		r.held, r.at = held, index
	}
}

// barred says whether a node is to be told that it was removed: the machine says
// so, and Raft has done it. In between it may be needed for that.
func (r *roster) barred(id string) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.held == nil {
		return r.dead[id] && !slices.ContainsFunc(r.seats, func(s Seat) bool { return s.ID == id })
	}
	return r.dead[id] && !r.held[id]
}

// set takes what Raft and the machine know now. A configuration without servers
// is one that has not come yet.
func (r *roster) set(conf raft.Configuration, known []fsm.Member, removed []string) {
	var seats []Seat
	for _, s := range conf.Servers {
		seats = append(seats, Seat{Member: Member{ID: string(s.ID)}, Voter: s.Suffrage == raft.Voter})
	}
	if len(seats) == 0 {
		for _, m := range r.file {
			seats = append(seats, Seat{Member: Member{ID: m.ID}})
		}
	}
	slices.SortFunc(seats, func(a, b Seat) int { return cmp.Compare(a.ID, b.ID) })
	addrs := map[string][]string{}
	for i := range seats {
		addrs[seats[i].ID] = seats[i].fill(r.file, known)
	}
	r.mu.Lock()
	for id, now := range addrs {
		if at := r.told[id]; at != "" {
			now = with(now, at)
			addrs[id] = now
		}
		if at := r.heard[id]; at != "" {
			addrs[id] = front(now, at)
			continue
		}
		// The one that answered last stays in front, for as long as it is one of them.
		if was := r.addrs[id]; len(now) > 0 && len(was) > 0 && slices.Contains(now, was[0]) && slices.Contains(was, now[0]) {
			addrs[id] = front(now, was[0])
		}
	}
	r.seats, r.addrs, r.dead = seats, addrs, map[string]bool{}
	for _, id := range removed {
		r.dead[id] = true
	}
	r.mu.Unlock()
	r.changed.ring()
}

// removed says whether the machine says so.
func (r *roster) removed(id string) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.dead[id]
}

// fill writes what is known of a member into its seat, and gives the addresses at
// which it may be. Both sources may name one: the machine's is newer, unless the
// whole cluster has moved and cannot agree on anything before it has met.
func (s *Seat) fill(file []Member, known []fsm.Member) (addrs []string) {
	for _, k := range known {
		if k.ID != s.ID {
			continue
		}
		s.HTTP, s.Addr, s.Draining, s.Since = k.HTTP, k.Addr, k.Draining, k.Since
		if k.Addr != "" {
			addrs = append(addrs, k.Addr)
		}
	}
	for _, f := range file {
		if f.ID != s.ID {
			continue
		}
		s.HTTP, s.Addr = cmp.Or(s.HTTP, f.HTTP), cmp.Or(s.Addr, f.Addr)
		if !slices.Contains(addrs, f.Addr) {
			addrs = append(addrs, f.Addr)
		}
	}
	return addrs
}

// front gives the addresses with one of them first.
func front(addrs []string, first string) []string {
	out := []string{first}
	for _, a := range addrs {
		if a != first {
			out = append(out, a)
		}
	}
	return out
}

// with gives the addresses with one more at the end.
func with(addrs []string, last string) []string {
	if slices.Contains(addrs, last) {
		return addrs
	}
	return append(slices.Clone(addrs), last)
}

// all are the seats, by id.
func (r *roster) all() []Seat {
	r.mu.Lock()
	defer r.mu.Unlock()
	return slices.Clone(r.seats)
}

// addrsOf are the addresses at which a member may be.
func (r *roster) addrsOf(id string) []string {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.addrs[id]
}

// answered remembers at which of its addresses a member is.
func (r *roster) answered(id, addr string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if was := r.addrs[id]; len(was) > 1 && was[0] != addr && slices.Contains(was, addr) {
		r.addrs[id] = front(was, addr)
	}
}

// Members are those who have a seat, by id.
func (n *Node) Members() []Seat { return n.roster.all() }

// ID is this node's id.
func (n *Node) ID() string { return n.cfg.ID }

// remember has the folder know that it has taken part, once Raft says so.
func (n *Node) remember() {
	for _, s := range n.raft.GetConfiguration().Configuration().Servers {
		if s.ID == raft.ServerID(n.cfg.ID) {
			if err := n.nursery.seat(); err != nil {
				n.log.Error("the folder cannot remember that it has taken part", "err", err)
			}
		}
	}
}

// seated is told of each configuration that is committed.
func (n *Node) seated(conf raft.Configuration, index uint64) {
	n.roster.commit(conf, index)
	n.lookAgain()
}

// lookAgain has the roster read anew soon. It never blocks.
func (n *Node) lookAgain() {
	select {
	case n.stale <- struct{}{}:
	default: // somebody has asked already
	}
}

// followRoster keeps the roster, and has every other member probed for as long
// as it has a seat.
func (n *Node) followRoster(ctx context.Context) {
	probes := map[string]context.CancelFunc{}
	for {
		v := n.machine.View()
		n.roster.set(n.raft.GetConfiguration().Configuration(), v.Members(), v.Removed())
		v.Close()
		n.remember()
		seated := map[string]bool{n.cfg.ID: true}
		for _, s := range n.roster.all() {
			seated[s.ID] = true
			if probes[s.ID] == nil && s.ID != n.cfg.ID {
				ctx, cancel := context.WithCancel(ctx)
				probes[s.ID] = cancel
				n.wg.Go(func() { n.probe(ctx, s.ID) })
			}
		}
		for id, end := range probes {
			if !seated[id] {
				end()
				delete(probes, id)
				n.peers.forget(id)
				n.compared.forget(id)
			}
		}
		select {
		case <-n.stale:
		case <-ctx.Done():
			for _, end := range probes {
				end()
			}
			return
		}
	}
}
