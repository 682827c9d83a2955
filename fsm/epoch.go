package fsm

import (
	"fmt"
	"slices"

	"stoker/store"
)

// Restored begins another epoch: the state came out of a backup, or out of the
// one node that was left. It is never in a log. The offline commands apply it to
// the state that they found, and the nodes of the new epoch start from the
// snapshot behind it, so that no node of it has ever been without it.
type Restored struct {
	Why  Rebirth  `cbor:"1,keyasint"`
	From uint64   `cbor:"2,keyasint"`           // the entry that the state was found at
	Hold []string `cbor:"3,keyasint,omitempty"` // nodes that hold every blob now; none: the records say it already

	SealedCA     []byte     `cbor:"4,keyasint,omitempty"` // the new cluster's; none: the old one stays
	AdminTokens  [][32]byte `cbor:"5,keyasint,omitempty"` // SHA-256; beside those that were there
	WorkerTokens [][32]byte `cbor:"6,keyasint,omitempty"`

	// Gone are members that stay behind. They count as removed: should one start
	// again with its old folder, nobody here listens to it.
	Gone []string `cbor:"7,keyasint,omitempty"`

	// OnlyNewTokens ends the tokens that were there: one that was revoked after the
	// backup was made would open the new cluster again.
	OnlyNewTokens bool `cbor:"8,keyasint,omitempty"`
}

// Rebirth is why an epoch began.
type Rebirth string

// The two ways into another epoch.
const (
	FromBackup   Rebirth = "restore" // all nodes are new
	FromSurvivor Rebirth = "recover" // one node is left
)

// Epoch is the beginning of an epoch after the first.
type Epoch struct {
	Epoch uint64   `cbor:"1,keyasint"`
	Index uint64   `cbor:"2,keyasint"` // of the entry that began it
	From  uint64   `cbor:"3,keyasint"` // the entry that the state was found at
	Hash  [32]byte `cbor:"4,keyasint"` // the running hash there
	Why   Rebirth  `cbor:"5,keyasint"`
	At    int64    `cbor:"6,keyasint"` // wall clock, ns
}

var epochs = store.NewTable[Epoch]("epochs") // by epoch

// fenceJump is far more than the grants that the old epoch may have made behind
// the backup: none of their fences is ever handed out again.
const fenceJump = 1 << 32

func (c Restored) apply(tx *Tx) (Epoch, error) {
	if r := tx.begun(); r != nil {
		return Epoch{}, r
	}
	if c.Why != FromBackup && c.Why != FromSurvivor {
		return Epoch{}, invalid("why", "no epoch begins by %q", c.Why)
	}
	if r := tooLong("node", slices.Concat(c.Hold, c.Gone)...); r != nil {
		return Epoch{}, r
	}
	// from here on nothing may refuse
	tx.m.Epoch++
	tx.m.Fence += fenceJump
	e := Epoch{Epoch: tx.m.Epoch, Index: tx.m.Index, From: c.From, Hash: tx.m.Hash, Why: c.Why, At: tx.wall()}
	epochs.Put(tx.Tx, store.Uint(e.Epoch), e)
	tx.say(note{Kind: noteEpoch, Text: string(c.Why)})
	endLeases(tx)
	endSessions(tx)
	endOrigins(tx)
	for k := range members.Scan(tx, "") {
		members.Delete(tx.Tx, k) // who starts says so
	}
	forgetJoinTokens(tx)
	if c.Why == FromBackup {
		forgetDeparted(tx)
	}
	for _, id := range c.Gone {
		graves.Put(tx.Tx, store.Str(id), tombstone{By: tx.by, At: tx.wall()})
	}
	if len(c.Hold) > 0 {
		hold(tx, objects, c.Hold)
		hold(tx, staged, c.Hold)
	}
	if c.SealedCA != nil {
		for k := range secrets.Scan(tx, store.Str(UseCA)) {
			secrets.Delete(tx.Tx, k)
		}
		putSecret(tx, UseCA, Secret{ID: "ca", Sealed: c.SealedCA})
		trusts.Delete(tx.Tx, trustKey) // a CA that was taking over belongs to the old cluster
	}
	if c.OnlyNewTokens {
		for k, t := range tokens.Scan(tx, "") {
			endToken(tx, k, t)
		}
	}
	putTokens(tx, AdminToken, fmt.Sprintf("admin of epoch %d", e.Epoch), c.AdminTokens)
	putTokens(tx, WorkerToken, fmt.Sprintf("worker of epoch %d", e.Epoch), c.WorkerTokens)
	tx.changes.Ready = true
	return e, nil
}

// endLeases gives back what workers of the old epoch held. No attempt is burned:
// it is not their fault, and nothing that they did since the backup counts.
func endLeases(tx *Tx) {
	for _, l := range leasesLive.Scan(tx, "") {
		j, _ := jobs.Get(tx, store.Str(l.Job))
		for _, idx := range l.Held {
			it, _ := items.Get(tx, itemKey(l.Job, idx))
			setBack(tx, &j, &it, failure{cause: Drain, worker: l.Worker})
		}
		endSilent(tx, &j, l.Fence)
	}
}

// endSessions makes workers say anew who they are. What the operator said of
// them stays.
func endSessions(tx *Tx) {
	for _, w := range workers.Scan(tx, "") {
		w.Session, w.Boot, w.Loaded = "", "", nil
		putWorker(tx, w)
	}
}

// endOrigins forgets who has numbered proposals: no process of the old epoch may
// have one applied, and none of the new one was there.
func endOrigins(tx *Tx) {
	for k := range origins.Scan(tx, "") {
		origins.Delete(tx.Tx, k)
	}
	for k := range answers.Scan(tx, "") {
		answers.Delete(tx.Tx, k)
	}
	for k, t := range timers.Scan(tx, "") {
		if t.Kind == originSilent {
			timers.Delete(tx.Tx, k)
		}
	}
}

// hold makes every record name the nodes that hold its blob now.
func hold(tx *Tx, t *store.Table[Object], nodes []string) {
	for k, o := range t.Scan(tx, "") {
		if !slices.Equal(o.Nodes, nodes) {
			o.Nodes = nodes
			t.Put(tx.Tx, k, o)
		}
	}
}

// Epochs lists the epochs after the first, oldest first.
func (v *View) Epochs() []Epoch { return values(epochs.Scan(v, "")) }
