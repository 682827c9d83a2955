package fsm

import "stoker/store"

// Event is one transition of a job or of one of its items.
type Event struct {
	Job     string `cbor:"1,keyasint"`
	Index   uint64 `cbor:"2,keyasint"`
	Ordinal uint32 `cbor:"3,keyasint"`
	At      int64  `cbor:"4,keyasint"` // wall clock, ns
	Item    *int   `cbor:"5,keyasint,omitempty"`
	From    Status `cbor:"6,keyasint,omitempty"`
	To      Status `cbor:"7,keyasint"`
	By      string `cbor:"8,keyasint,omitempty"`
	Detail  string `cbor:"9,keyasint,omitempty"`

	Imported bool `cbor:"150,keyasint,omitempty"` // it happened in another stack, at At
}

var history = store.NewTable[Event]("history") // (job, index, ordinal)

// record appends a transition to the job's history; item is nil for the job itself.
func record(tx *Tx, job string, item *int, from, to Status, detail string) {
	index, ordinal := tx.position()
	history.Add(tx.Tx, store.Str(job).Uint(index).Uint(uint64(ordinal)), Event{
		Job: job, Index: index, Ordinal: ordinal, At: tx.wall(),
		Item: item, From: from, To: to, By: tx.by, Detail: detail,
	})
	tx.tell(ordinal, note{Kind: noteStep, Of: job, Who: tx.through})
	tx.changes.job(job)
	if item != nil {
		tally(&tx.changes.Tally.Items, to, 1)
		return
	}
	tally(&tx.changes.Tally.Jobs, to, 1)
	tx.changes.Moves = append(tx.changes.Moves, Move{Job: job, Index: index, From: from, To: to, By: tx.by, RequestID: tx.request})
}
