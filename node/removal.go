package node

import (
	"context"
	"io"
	"net/http"
	"time"

	"github.com/fxamacker/cbor/v2"

	"stoker/fsm"
)

// pathMembers takes orders about members, at the leader.
const pathMembers = "/node/members"

// LastCopy: pictures would be lost with the member that is to be removed.
const LastCopy fsm.Code = "LAST_COPY"

// Removal says what taking a member's seat does.
type Removal struct {
	ID        string `json:"id" cbor:"1,keyasint"`
	Voter     bool   `json:"voter" cbor:"2,keyasint"`     // it has a vote now
	Leads     bool   `json:"leads" cbor:"3,keyasint"`     // it leads now and hands over first
	Voters    int    `json:"voters" cbor:"4,keyasint"`    // afterwards
	Alive     int    `json:"alive" cbor:"5,keyasint"`     // of these, as the leader sees them
	Quorum    int    `json:"quorum" cbor:"6,keyasint"`    // of these that are needed
	Tolerance int    `json:"tolerance" cbor:"7,keyasint"` // of these that may fail
	Pictures  int    `json:"pictures" cbor:"8,keyasint"`  // objects of which it has the only copy
	Refused   string `json:"refused" cbor:"9,keyasint"`   // why it is not done; "" if it may be
	Done      bool   `json:"done" cbor:"10,keyasint"`     // false: only looked at
}

// order is what a node has the leader do about members.
type order struct {
	Transfer bool   `cbor:"1,keyasint,omitempty"` // hand leadership to ID, "": to the heir; else remove ID
	ID       string `cbor:"2,keyasint,omitempty"`
	Force    bool   `cbor:"3,keyasint,omitempty"`
	Look     bool   `cbor:"4,keyasint,omitempty"` // only say what a removal would do
	By       string `cbor:"5,keyasint,omitempty"`
	Request  string `cbor:"6,keyasint,omitempty"`
}

// ordered is the leader's answer.
type ordered struct {
	Removal Removal      `cbor:"1,keyasint"`
	Leader  string       `cbor:"2,keyasint,omitempty"`
	Refusal *fsm.Refusal `cbor:"3,keyasint,omitempty"`
}

// RemoveMember takes a member's seat for good. It refuses what would leave too
// few voters to decide anything; force allows what leaves just enough, or loses
// the last copies of pictures. The member is told, and its process ends. With
// look nothing is done but looking.
func (n *Node) RemoveMember(ctx context.Context, id string, force, look bool, opts ...Option) (Removal, error) {
	p := fsm.Proposal{}
	for _, o := range opts {
		o(&p)
	}
	a, err := n.order(ctx, order{ID: id, Force: force, Look: look, By: p.By, Request: p.RequestID})
	return a.Removal, err
}

// TransferLeadership hands leadership to a voter, to the one furthest along when
// id is empty, and says who leads then.
func (n *Node) TransferLeadership(ctx context.Context, id string) (leader string, err error) {
	a, err := n.order(ctx, order{Transfer: true, ID: id})
	return a.Leader, err
}

// order has the leader carry o out, whoever it is. Carried out twice is harmless.
func (n *Node) order(ctx context.Context, o order) (ordered, error) {
	if _, ok := ctx.Deadline(); !ok {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, n.cfg.Timing.Patience)
		defer cancel()
	}
	for {
		leader, err := n.leader.await(ctx)
		if err != nil {
			return ordered{}, unavailable("no leader", err)
		}
		var a ordered
		if leader == n.cfg.ID {
			a, err = n.obey(ctx, o)
		} else {
			a, err = n.send(ctx, leader, o)
		}
		if err == nil && a.Refusal != nil {
			return a, a.Refusal
		}
		if err == nil || ctx.Err() != nil {
			return a, err
		}
		n.leader.pause(ctx, leader)
	}
}

func (n *Node) send(ctx context.Context, leader string, o order) (a ordered, err error) {
	body, err := cbor.Marshal(o)
	if err != nil {
		return a, err
	}
	ctx, cancel := n.leader.during(ctx, leader)
	defer cancel()
	b, err := n.ask(ctx, leader, pathMembers, body)
	if err != nil {
		return a, err
	}
	return a, cbor.Unmarshal(b, &a)
}

func (n *Node) serveOrder(w http.ResponseWriter, r *http.Request) {
	var o order
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, 1<<16))
	if err == nil {
		err = cbor.Unmarshal(body, &o)
	}
	if err != nil {
		http.Error(w, "read the order: "+err.Error(), http.StatusBadRequest)
		return
	}
	a, err := n.obey(r.Context(), o)
	if err != nil {
		http.Error(w, err.Error(), http.StatusMisdirectedRequest)
		return
	}
	if body, err = cbor.Marshal(a); err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	w.Write(body)
}

// obey carries an order out on the leader, one at a time. An error means that
// this node could not, and that the next leader should be asked.
func (n *Node) obey(ctx context.Context, o order) (ordered, error) {
	// It may be deposed and not know it: who the members are it must know as a
	// reader does.
	index, err := n.confirms.join(ctx)
	if err != nil {
		return ordered{}, err
	}
	if err := n.applied.wait(ctx, index); err != nil {
		return ordered{}, err
	}
	select {
	case n.orders <- struct{}{}:
		defer func() { <-n.orders }()
	case <-ctx.Done():
		return ordered{}, ctx.Err()
	}
	do := n.remove
	if o.Transfer {
		do = n.hand
	}
	a, err := do(ctx, o)
	if r, refused := asRefusal(err); refused {
		a.Refusal, err = r, nil
	}
	return a, err
}

// hand hands leadership over.
func (n *Node) hand(ctx context.Context, o order) (ordered, error) {
	id := o.ID
	if id == n.cfg.ID {
		return ordered{Leader: id}, nil
	}
	if id == "" {
		if id = n.heir(); id == "" {
			return ordered{}, fsm.Refuse(fsm.QuorumAtRisk, "there is nobody to hand leadership to: no other voter answers that is not to be left alone")
		}
	}
	if err := n.mayLead(id); err != nil {
		return ordered{}, err
	}
	if err := n.transferTo(ctx, id); err != nil {
		return ordered{}, err
	}
	return ordered{Leader: id}, nil
}

func (n *Node) mayLead(id string) error {
	for _, s := range n.roster.all() {
		if s.ID != id {
			continue
		}
		_, alive := n.peers.get(id, n.fresh())
		switch {
		case !s.Voter:
			return fsm.Refuse(fsm.Forbidden, "%s has no vote yet, so it cannot lead", id)
		case s.Draining:
			return fsm.Refuse(fsm.Forbidden, "%s is draining: `stoker node resume %s` first", id, id)
		case !alive:
			return fsm.Refuse(fsm.Forbidden, "%s does not answer", id)
		}
		return nil
	}
	return noMember(id)
}

func noMember(id string) *fsm.Refusal {
	return fsm.Refuse(fsm.NotFound, "no member %.80q: `stoker members` lists them", id)
}

// remove looks, and removes if that is wanted and may be.
func (n *Node) remove(ctx context.Context, o order) (ordered, error) {
	plan, err := n.foresee(o.ID)
	if err != nil || plan.Done {
		return ordered{Removal: plan}, err // once more is harmless
	}
	if r := plan.risk(n.Autopilot().Tolerance, o.Force); r != nil {
		if plan.Refused = r.Message; !o.Look {
			return ordered{Removal: plan}, r
		}
	}
	if o.Look {
		return ordered{Removal: plan}, nil
	}
	if plan.Leads {
		if to := n.heir(); to != "" {
			if err := n.transferTo(ctx, to); err != nil {
				return ordered{}, err
			}
			return ordered{}, errNotLeading // who leads now goes on with it
		}
	}
	if _, err := Apply(ctx, n, fsm.RemoveMember{ID: o.ID}, By(o.By), RequestID(o.Request)); err != nil {
		return ordered{}, err
	}
	for {
		changed := n.roster.changed.listen()
		if _, seated := seatsOf(n.raft)[o.ID]; !seated {
			plan.Done = true
			return ordered{Removal: plan}, nil
		}
		select {
		case <-changed:
		case <-time.After(retryEvery):
		case <-ctx.Done():
			return ordered{}, ctx.Err()
		}
	}
}

// foresee says what the removal of a member would do, as the leader sees it.
func (n *Node) foresee(id string) (Removal, error) {
	v := n.machine.View()
	defer v.Close()
	seats := seatsOf(n.raft)
	voter, seated := seats[id]
	r := Removal{ID: id, Voter: voter, Leads: id == n.cfg.ID, Done: !seated && n.roster.removed(id)}
	if !seated && !r.Done {
		return r, noMember(id)
	}
	for other, votes := range seats {
		if !votes || other == id {
			continue
		}
		r.Voters++
		if _, alive := n.peers.get(other, n.fresh()); alive || other == n.cfg.ID {
			r.Alive++
		}
	}
	r.Quorum = r.Voters/2 + 1
	r.Tolerance = max(r.Alive-r.Quorum, 0)
	r.Pictures = v.OnlyOn(id)
	return r, nil
}

// risk refuses a removal. tolerance is how many voters may fail now.
func (r Removal) risk(tolerance int, force bool) *fsm.Refusal {
	switch {
	case r.Voters == 0 && r.Voter:
		return fsm.Refuse(fsm.QuorumAtRisk, "%s is the last voter: without it there is no cluster", r.ID)
	case r.Voter && r.Alive < r.Quorum:
		return fsm.Refuse(fsm.QuorumAtRisk, "without %s %d of %d voters would be left alive, and %d are needed: nothing could be written any more, so --force does not help; "+
			"start or replace the dead ones first", r.ID, r.Alive, r.Voters, r.Quorum)
	case !force && r.Voter && r.Tolerance == 0 && tolerance > 0:
		return fsm.Refuse(fsm.QuorumAtRisk, "without %s %d voters would be left and none of them may fail: join another node first, or --force", r.ID, r.Voters)
	case !force && r.Pictures > 0:
		return fsm.Refuse(LastCopy, "%s has the only copy of %d pictures, which are lost with it: --force if that is meant", r.ID, r.Pictures)
	}
	return nil
}
