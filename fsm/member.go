package fsm

import (
	"slices"

	"stoker/store"
)

// Member is a node as the machine knows it: one that has said who it is, or was
// let in by a join token. Whether it has a vote is Raft's to say.
type Member struct {
	ID          string `cbor:"1,keyasint"`
	HTTP        string `cbor:"2,keyasint"`           // advertised host:port of the public port
	Version     string `cbor:"3,keyasint"`           // of its binary
	Addr        string `cbor:"4,keyasint,omitempty"` // host:port of the cluster port
	Level       uint64 `cbor:"5,keyasint,omitempty"` // the newest feature level its binary understands
	Incarnation string `cbor:"6,keyasint,omitempty"` // of its data folder
	Since       int64  `cbor:"7,keyasint,omitempty"` // wall clock, ns: when it was first heard of
	Draining    bool   `cbor:"8,keyasint,omitempty"` // it is to be left alone: no leadership, no polls
}

var members = store.NewTable[Member]("nodes")

// tombstone is what stays of a member that was removed: its id is never used again.
type tombstone struct {
	By string `cbor:"1,keyasint,omitempty"`
	At int64  `cbor:"2,keyasint"` // wall clock, ns
}

var graves = store.NewTable[tombstone]("removed")

// Greeting is what a node said of itself before feature level 2.
type Greeting struct {
	ID      string `cbor:"1,keyasint"`
	HTTP    string `cbor:"2,keyasint"`
	Version string `cbor:"3,keyasint"`
}

// SetNode records what a node says of itself when it starts. Harmless twice.
// Since feature level 2 nodes say more, by SetMember.
type SetNode struct {
	Member Greeting `cbor:"1,keyasint"`
}

// NodeSet answers SetNode.
type NodeSet struct{}

func (c SetNode) apply(tx *Tx) (NodeSet, error) {
	if r := memberID(c.Member.ID); r != nil {
		return NodeSet{}, r
	}
	m := Member{}
	if tx.level() >= 2 {
		if r := tx.alive(c.Member.ID); r != nil {
			return NodeSet{}, r
		}
		m, _ = members.Get(tx, store.Str(c.Member.ID))
	}
	m.ID, m.HTTP, m.Version = c.Member.ID, c.Member.HTTP, c.Member.Version
	tx.seat(m)
	return NodeSet{}, nil
}

// SetMember records what a node says of itself, when it starts and when that changes.
// Harmless twice.
type SetMember struct {
	ID          string `cbor:"1,keyasint"`
	HTTP        string `cbor:"2,keyasint"`
	Addr        string `cbor:"3,keyasint"`
	Version     string `cbor:"4,keyasint"`
	Level       uint64 `cbor:"5,keyasint"`
	Incarnation string `cbor:"6,keyasint"`
}

func (c SetMember) apply(tx *Tx) (Member, error) {
	if r := tx.admit(c); r != nil {
		return Member{}, r
	}
	m, known := members.Get(tx, store.Str(c.ID))
	if known && m.Incarnation != "" && m.Incarnation != c.Incarnation {
		return Member{}, Refuse(MemberExists, "%s took part with another data folder: a node that lost its data has no vote; remove %s and join again under a new id", c.ID, c.ID)
	}
	return tx.seat(c.over(m)), nil
}

// over lays what a node says of itself over what is known of it.
func (c SetMember) over(m Member) Member {
	m.ID, m.HTTP, m.Addr, m.Version, m.Level, m.Incarnation = c.ID, c.HTTP, c.Addr, c.Version, c.Level, c.Incarnation
	return m
}

// RemoveMember takes a member's seat for good. Raft's configuration follows.
// Harmless twice. That a quorum stays is for the leader to see to.
type RemoveMember struct {
	ID string `cbor:"1,keyasint"`
}

// MemberGone answers RemoveMember.
type MemberGone struct{}

func (c RemoveMember) deed() deed { return deed{Subject: c.ID} }

func (c RemoveMember) apply(tx *Tx) (MemberGone, error) {
	if r := memberID(c.ID); r != nil {
		return MemberGone{}, r
	}
	key := store.Str(c.ID)
	if graves.Has(tx, key) {
		return MemberGone{}, nil
	}
	others := members.Len(tx, "")
	if members.Has(tx, key) {
		others--
	}
	if others == 0 {
		return MemberGone{}, Refuse(QuorumAtRisk, "%s is the last member: without it there is no cluster", c.ID)
	}
	members.Delete(tx.Tx, key)
	graves.Put(tx.Tx, key, tombstone{By: tx.by, At: tx.wall()})
	tx.changes.Members = true
	return MemberGone{}, nil
}

// DrainNode says whether a member is to be left alone, before maintenance.
type DrainNode struct {
	ID       string `cbor:"1,keyasint"`
	Draining bool   `cbor:"2,keyasint"`
}

func (c DrainNode) deed() deed {
	if c.Draining {
		return deed{Subject: c.ID, Detail: "leave it alone"}
	}
	return deed{Subject: c.ID, Detail: "back to work"}
}

func (c DrainNode) apply(tx *Tx) (Member, error) {
	if r := tooLong("id", c.ID); r != nil {
		return Member{}, r
	}
	m, known := members.Get(tx, store.Str(c.ID))
	if !known {
		return Member{}, Refuse(NotFound, "no member %q", c.ID)
	}
	m.Draining = c.Draining
	return tx.seat(m), nil
}

// seat writes a member's row.
func (tx *Tx) seat(m Member) Member {
	if m.Since == 0 && tx.level() >= 2 {
		m.Since = tx.wall()
		tx.say(note{Kind: noteMember, Of: m.ID})
	}
	members.Put(tx.Tx, store.Str(m.ID), m)
	tx.changes.Members = true
	return m
}

// admit refuses what may not be, or stay, a member.
func (tx *Tx) admit(c SetMember) *Refusal {
	if r := tx.begun(); r != nil {
		return r
	}
	if r := memberID(c.ID); r != nil {
		return r
	}
	if r := tooLong("member", c.HTTP, c.Addr, c.Version, c.Incarnation); r != nil {
		return r
	}
	if c.Addr == "" || c.Incarnation == "" {
		return invalid("member", "needs the address of a cluster port and an incarnation")
	}
	if c.Level < tx.level() {
		return Refuse(FeatureLevel, "%s understands feature level %d and the cluster is at %d: start it with a newer binary", c.ID, c.Level, tx.level())
	}
	return tx.alive(c.ID)
}

// alive refuses an id that was removed.
func (tx *Tx) alive(id string) *Refusal {
	if graves.Has(tx, store.Str(id)) {
		return Refuse(MemberRemoved, "%s was removed from the cluster, and an id is never used again: choose another", id)
	}
	return nil
}

func memberID(id string) *Refusal {
	if id == "" {
		return invalid("id", "must not be empty")
	}
	return tooLong("id", id)
}

// forgetDeparted forgets who was removed: of a restored cluster all nodes are
// new, whatever they are called.
func forgetDeparted(tx *Tx) {
	for k := range graves.Scan(tx, "") {
		graves.Delete(tx.Tx, k)
	}
}

// forgetJoinTokens forgets who was to come: the tokens name the old epoch's nodes.
func forgetJoinTokens(tx *Tx) {
	for k, t := range joinTokens.Scan(tx, "") {
		clearTimer(tx, t.Due, joinTokenOld, k)
		joinTokens.Delete(tx.Tx, k)
	}
}

// OnlyOn counts the objects that no other member is recorded to hold.
func (v *View) OnlyOn(node string) (n int) {
	stays := map[string]bool{}
	for _, m := range v.Members() {
		stays[m.ID] = m.ID != node
	}
	for _, t := range []*store.Table[Object]{objects, staged} {
		for _, o := range t.Scan(v, "") {
			if slices.Contains(o.Nodes, node) && !slices.ContainsFunc(o.Nodes, func(id string) bool { return stays[id] }) {
				n++
			}
		}
	}
	return n
}
