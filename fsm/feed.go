package fsm

import (
	"time"

	"stoker/store"
)

// The feed is every change in the order of the log: what `stoker tail` shows and
// what webhooks are sent from. A row says what changed in one entry and where the
// record of it stands; it repeats as little as it can, since each command pays for it.

// noteKind is what sort of thing changed; kept as a number, never reused.
type noteKind uint8

const (
	noteStep    noteKind = 1 // of: job. A row of its history
	noteBooking noteKind = 2 // of: user. A row of its ledger
	noteDeed    noteKind = 3 // a row of the audit log
	noteDead    noteKind = 4 // of: job, num: item
	noteGrant   noteKind = 5 // of: job, who: worker, num: fence, count
	noteLost    noteKind = 6 // of: job, who: worker, num: fence
	noteRelease noteKind = 7 // of: job, who: worker, num: fence
	noteSession noteKind = 8 // of: worker
	noteState   noteKind = 9 // of: worker, text: state, more: why
	noteUser    noteKind = 10
	noteAlarm   noteKind = 11 // text: which
	noteEpoch   noteKind = 12 // text: why it began
	noteMember  noteKind = 13 // of: node

	noteImport noteKind = 150 // of: job; or user, then num is 1
)

// note is one change, or a stretch of them in which only the ordinal differs.
type note struct {
	Kind  noteKind `cbor:"1,keyasint"`
	First uint32   `cbor:"2,keyasint"`           // ordinal
	More  uint32   `cbor:"3,keyasint,omitempty"` // that follow, each one more
	Of    string   `cbor:"4,keyasint,omitempty"`
	Who   string   `cbor:"5,keyasint,omitempty"` // the worker that it happened through
	Num   uint64   `cbor:"6,keyasint,omitempty"`
	Count int      `cbor:"7,keyasint,omitempty"`
	Text  string   `cbor:"8,keyasint,omitempty"`
	Why   string   `cbor:"9,keyasint,omitempty"`
}

// feedRow is what one entry changed, or a part of it.
type feedRow struct {
	Wall  int64  `cbor:"1,keyasint"`
	Clock int64  `cbor:"2,keyasint"`
	Epoch uint64 `cbor:"3,keyasint"`
	Last  uint32 `cbor:"4,keyasint"` // ordinal of the last change in it
	Notes []note `cbor:"5,keyasint"`
}

var feed = store.NewTable[feedRow]("feed") // (index, ordinal of the first change in it)

const (
	// feedLife is how long changes are kept at most, as long as others follow.
	feedLife = int64(7 * 24 * time.Hour)
	// feedChunk is how many notes one row holds: readers decode whole rows.
	feedChunk = 500
	// feedSweep is how many rows an entry takes away at most. It adds one, hardly
	// ever more, so that the bound holds.
	feedSweep = 16
)

// feedRoom is how many bytes of rows are kept. A variable for the tests alone: it
// is the same on every node.
var feedRoom = int64(64 << 20)

// tell notes a change that has a row of its own elsewhere, at its position.
func (tx *Tx) tell(ordinal uint32, n note) {
	if !tx.telling {
		return
	}
	if last := len(tx.notes) - 1; last >= 0 {
		same := tx.notes[last]
		if end := same.First + same.More; end+1 == ordinal {
			same.First, same.More = 0, 0
			if same == n {
				tx.notes[last].More++
				return
			}
		}
	}
	n.First = ordinal
	tx.notes = append(tx.notes, n)
}

// say notes a change that nothing else records.
func (tx *Tx) say(n note) {
	if !tx.telling {
		return
	}
	_, ordinal := tx.position()
	tx.tell(ordinal, n)
}

// publishNotes writes down what the entry has changed, at its end.
func (tx *Tx) publishNotes() {
	if tx.m.FeedFrom == (Mark{}) && tx.level() >= 3 {
		tx.m.FeedFrom = Mark{Index: tx.m.Index, Ordinal: lastOrdinal}
		if tx.telling { // it has been at the level before this entry
			tx.m.FeedFrom.Index--
		}
	}
	if len(tx.notes) == 0 {
		return
	}
	for rest := tx.notes; len(rest) > 0; {
		part := rest[:min(len(rest), feedChunk)]
		rest = rest[len(part):]
		end := part[len(part)-1]
		row := feedRow{Wall: tx.wall(), Clock: tx.now(), Epoch: tx.m.Epoch, Last: end.First + end.More, Notes: part}
		feed.Add(tx.Tx, store.Uint(tx.m.Index).Uint(uint64(part[0].First)), row)
		tx.m.FeedBytes += int64(len(encode(row)))
	}
	tx.changes.Told = true
	tx.notes = nil
	tx.sweepFeed()
}

// sweepFeed takes away what is too old or too much.
func (tx *Tx) sweepFeed() {
	swept := 0
	for k, row := range feed.ScanAfter(tx, "", tx.m.FeedFrom.key("")) {
		old := row.Clock+feedLife < tx.now() || tx.m.FeedBytes > feedRoom
		if !old || swept == feedSweep {
			break
		}
		index, _ := k.PopUint()
		countLost(tx, index, row)
		feed.Delete(tx.Tx, k)
		tx.m.FeedBytes -= int64(len(encode(row)))
		tx.m.FeedFrom = Mark{Index: index, Ordinal: row.Last}
		swept++
	}
}

// lastOrdinal is behind every change of an entry.
const lastOrdinal = ^uint32(0)
