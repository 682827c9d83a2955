package node

import (
	"cmp"
	"context"
	"slices"
	"sync"

	"github.com/hashicorp/raft"

	"stoker/fsm"
)

// Seat is a member's place in the cluster.
type Seat struct {
	Member
	Voter bool // has a vote; a learner only receives the log
}

// roster says who the members are. Raft's configuration says who has a seat and
// who a vote. Where they listen the machine knows, from what each says of itself;
// until it does, the configuration file is asked.
type roster struct {
	file    []Member
	changed bell

	mu    sync.Mutex
	seats []Seat              // by id
	addrs map[string][]string // cluster ports by id, the likeliest first
}

// newRoster begins with what the file says; nobody has a vote yet.
func newRoster(file []Member) *roster {
	r := &roster{file: file}
	r.set(raft.Configuration{}, nil)
	return r
}

// set takes what Raft and the machine know now, and says whether that is news. A
// configuration without servers is one that has not come yet.
func (r *roster) set(conf raft.Configuration, known []fsm.Member) (news bool) {
	var seats []Seat
	for _, s := range conf.Servers {
		seats = append(seats, Seat{Member{ID: string(s.ID)}, s.Suffrage == raft.Voter})
	}
	if len(seats) == 0 {
		for _, m := range r.file {
			seats = append(seats, Seat{Member: Member{ID: m.ID}})
		}
	}
	slices.SortFunc(seats, func(a, b Seat) int { return cmp.Compare(a.ID, b.ID) })
	addrs := map[string][]string{}
	for i := range seats {
		seats[i].Member, addrs[seats[i].ID] = r.place(seats[i].ID, known)
	}
	r.mu.Lock()
	news = !slices.Equal(r.seats, seats)
	for id, now := range addrs {
		// The one that answered last stays in front, for as long as it is one of them.
		if was := r.addrs[id]; len(was) > 0 && slices.Contains(now, was[0]) && slices.Contains(was, now[0]) {
			addrs[id] = front(now, was[0])
		}
	}
	r.seats, r.addrs = seats, addrs
	r.mu.Unlock()
	if news {
		r.changed.ring()
	}
	return news
}

// place puts together what is known of a member. Both sources may name a cluster
// port: the machine's is newer, unless the whole cluster has moved.
func (r *roster) place(id string, known []fsm.Member) (Member, []string) {
	m, addrs := Member{ID: id}, []string{}
	for _, k := range known {
		if k.ID == id {
			m.HTTP = k.HTTP
		}
	}
	for _, f := range r.file {
		if f.ID == id {
			m.HTTP = cmp.Or(m.HTTP, f.HTTP)
			addrs = append(addrs, f.Addr)
		}
	}
	if len(addrs) > 0 {
		m.Addr = addrs[0]
	}
	return m, addrs
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
		n.roster.set(n.raft.GetConfiguration().Configuration(), v.Members())
		v.Close()
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
