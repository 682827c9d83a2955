package fsm

import (
	"maps"
	"slices"

	"stoker/store"
)

// Place is where a non-final item of an executed job is.
type Place uint8

// The places. An item that is final, or whose job was not executed yet, is Nowhere.
const (
	Nowhere   Place = 0
	Ready     Place = 1 // in the ready queue
	Leased    Place = 2 // in a worker's hands
	Scheduled Place = 3 // waiting for its back-off
)

// Item is one picture of a job.
type Item struct {
	Idx     int    `cbor:"1,keyasint"`
	Status  Status `cbor:"2,keyasint"`
	Place   Place  `cbor:"3,keyasint,omitempty"`
	Fence   uint64 `cbor:"4,keyasint,omitempty"` // of the lease that holds it
	ReadyAt int64  `cbor:"5,keyasint,omitempty"` // machine clock, while scheduled
	Error   string `cbor:"6,keyasint,omitempty"`

	Output  string `cbor:"7,keyasint,omitempty"` // object keys, once done
	Preview string `cbor:"8,keyasint,omitempty"`

	Unconfirmed int      `cbor:"11,keyasint,omitempty"` // grants in a row that nobody was heard of
	LostBy      []string `cbor:"12,keyasint,omitempty"` // workers, each once
	Errors      []string `cbor:"13,keyasint,omitempty"` // the last five, with their workers

	Tries map[Cause]int `cbor:"14,keyasint,omitempty"` // attempts that came to nothing, by cause
	Alone bool          `cbor:"15,keyasint,omitempty"` // it shares its lease with no other item

	Input string `cbor:"150,keyasint,omitempty"` // the picture's key in another stack, if it is not Job.InputKey
}

// Attempt is the number of the next or current attempt, from 1.
func (it Item) Attempt() int {
	n := 1
	for cause, tries := range it.Tries {
		if !policies[cause.known()].free {
			n += tries
		}
	}
	return n
}

// tried counts one more attempt of a cause and says how many there were.
func (it *Item) tried(c Cause) int {
	tries := maps.Clone(it.Tries)
	if tries == nil {
		tries = map[Cause]int{}
	}
	tries[c]++
	it.Tries = tries
	return tries[c]
}

func (it Item) final() bool { return it.Status.Ended() }

var items = store.NewTable[Item]("items") // (job, idx)

func itemKey(job string, idx int) store.Key { return store.Str(job).Uint(uint64(idx)) }

// blame notes an error with its worker; the last five are kept.
func (it *Item) blame(worker, what string) {
	it.Errors = append(slices.Clone(it.Errors), worker+": "+what)
	if n := len(it.Errors); n > 5 {
		it.Errors = it.Errors[n-5:]
	}
}

// finish makes an item final: off queue and lease, counted, in the history. The
// caller ends the job when it was the last (see settle) and writes the job's row.
func finish(tx *Tx, j *Job, it *Item, to Status, detail string) {
	takeOff(tx, *j, it)
	from := it.Status
	it.Status, it.Error = to, detail
	j.Final++
	switch to {
	case Done:
		j.Done++
		it.Error = ""
	case Failed:
		j.Failed++
	}
	j.UpdatedAt = tx.wall()
	record(tx, j.ID, &it.Idx, from, to, detail)
	items.Put(tx.Tx, itemKey(j.ID, it.Idx), *it)
}

// settle ends the job if its last item has become final.
func settle(tx *Tx, j *Job) {
	if j.Final < j.Total || j.Status.Ended() {
		return
	}
	to := Failed
	if j.Done > 0 {
		to = Done
	}
	end(tx, j, to, "")
}

// closeItems makes every item that is not final so.
func closeItems(tx *Tx, j *Job, to Status, detail string) {
	for _, it := range items.Scan(tx, store.Str(j.ID)) {
		if !it.final() {
			finish(tx, j, &it, to, detail)
		}
	}
}
