package fsm

import (
	"time"

	"stoker/store"
)

// deadLife is how long a dead letter stays listed; its inputs are kept as long.
const deadLife = int64(14 * 24 * time.Hour)

// DeadLetter is an item that failed more often than it may.
type DeadLetter struct {
	Job    string   `cbor:"1,keyasint"`
	Idx    int      `cbor:"2,keyasint"`
	User   string   `cbor:"3,keyasint"`
	Preset string   `cbor:"4,keyasint"`
	Reason string   `cbor:"5,keyasint"`
	Errors []string `cbor:"6,keyasint"` // the last five, with their workers
	At     int64    `cbor:"7,keyasint"` // wall clock, ns
	Due    int64    `cbor:"8,keyasint"` // machine clock at which it is forgotten
}

var dead = store.NewTable[DeadLetter]("dead") // (job, idx)

// bury fails an item for good and lists it. The item's row is written.
func bury(tx *Tx, j *Job, it *Item, why string) {
	due := tx.now() + deadLife
	dead.Put(tx.Tx, itemKey(j.ID, it.Idx), DeadLetter{
		Job: j.ID, Idx: it.Idx, User: j.User, Preset: j.Preset,
		Reason: why, Errors: it.Errors, At: tx.wall(), Due: due,
	})
	setTimer(tx, due, deadOld, itemKey(j.ID, it.Idx))
	finish(tx, j, it, Failed, why)
	tx.say(note{Kind: noteDead, Of: j.ID, Who: tx.through, Num: uint64(it.Idx)})
}

func forgetDead(tx *Tx, ref store.Key) { dead.Delete(tx.Tx, ref) }
