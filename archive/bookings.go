package archive

import (
	"cmp"
	"context"
	"crypto/rand"
	"crypto/sha256"
	"fmt"
	"strings"
	"time"

	"stoker/fsm"
	"stoker/node"
)

const (
	// A stretch costs a row in the state, so it is worth it only for so many bookings: a
	// user keeps fewer than that of old ones.
	leastFold = 16

	fullRows = 20_000 // bookings that make a segment full, some MB before compression
	walkRows = 50_000 // rows of users and ledgers that one round looks at

	walkPause = 5 * time.Second // before it looks at the next
)

// walk goes over the ledgers of all users, a part in each round, and remembers who
// has bookings that may leave.
type walk struct {
	after string // the last user that was looked at
	found []string
	rows  int // that they may give
	room  int // for so many; 0 is fullRows
}

// pile is what goes into one segment of bookings.
type pile struct {
	row       fsm.ArchiveSegment
	stretches []fsm.Stretch
	sizes     []int // of the records, or more where it is their rows that cost
	file      []byte
	full      bool // there may be more
}

// moveBookings goes on with the walk, and moves what it has found when that fills a
// segment, or when it has come to its end and the last segment is old enough: so there
// are few small ones.
func (k *Keeper) moveBookings(ctx context.Context) (wait time.Duration, err error) {
	p, wait, err := k.lookOn()
	if err != nil || p == nil {
		return wait, err
	}
	if err := k.write(ctx, &p.row, p.file); err != nil {
		return wait, err
	}
	moved, err := k.fold(ctx, p)
	if p.full && moved > 0 {
		wait = 0
	}
	return wait, err
}

// lookOn gives what is to be moved now, nil if nothing is.
func (k *Keeper) lookOn() (p *pile, wait time.Duration, err error) {
	v := k.Node.View()
	defer v.Close()
	stay := v.Settings().Retention.LedgerStays()
	if v.Epoch() == 0 || v.Level() < archiveLevel || stay == 0 {
		return nil, idle, nil
	}
	late := min(stay/10, int64(mostLate))
	wait = min(time.Duration(late), lookEvery)
	now := k.Now().UnixNano()
	over := k.walk.on(v, now-stay, walkRows)
	full := k.walk.full()
	if full || over && now-lastBookings(v) >= late {
		p, err = k.pack(v, now-stay)
	}
	switch {
	case over:
		k.walk = walk{}
	case full:
		k.walk = walk{after: k.walk.after}
	default:
		wait = min(wait, walkPause)
	}
	if p != nil {
		p.full = full
	}
	return p, wait, err
}

// on looks at so many more rows, to the end of a ledger, for bookings from before a
// time; over says that there are no others.
func (w *walk) on(v *fsm.View, before int64, most int) (over bool) {
	looked := 0
	for u := range v.Users("", w.after) {
		if looked >= most || w.full() {
			return false
		}
		rows, n := v.Foldable(u, before, w.left())
		if rows >= leastFold {
			w.found, w.rows = append(w.found, u.ID), w.rows+rows
		}
		w.after, looked = u.ID, looked+1+n
	}
	return true
}

// full says that what is left of a segment is too little for another stretch.
func (w *walk) full() bool { return w.left() < leastFold }

func (w *walk) left() int { return cmp.Or(w.room, fullRows) - w.rows }

// lastBookings is when the newest segment with bookings was begun, 0 if there is none. Wall clock, ns.
func lastBookings(v *fsm.View) (at int64) {
	for s := range v.Segments() {
		if s.Folded > 0 {
			at = s.At
		}
	}
	return at
}

// pack makes a segment of the oldest bookings of those whom the walk has found; nil if there is none.
func (k *Keeper) pack(v *fsm.View, before int64) (*pile, error) {
	w, err := newWriter()
	if err != nil {
		return nil, err
	}
	p := &pile{row: fsm.ArchiveSegment{Key: fmt.Sprintf("ledger/%016x-%s", v.Index(), strings.ToLower(rand.Text()))}}
	left := fullRows
	for _, id := range k.walk.found {
		u, _ := v.User(id)
		rows, _ := v.Foldable(u, before, left) // found in an earlier view, maybe
		records := v.LedgerRecords(id, rows, stepRows, stepBytes)
		if n := len(records); n > 0 && records[n-1].Rows < leastFold {
			records = records[:n-1]
		}
		for _, r := range records {
			w.addStretch(id, r.Last, r.Raw)
			p.stretches = append(p.stretches, fsm.Stretch{User: id, Rows: r.Rows, SHA256: sha256.Sum256(r.Raw)})
			p.sizes = append(p.sizes, max(len(r.Raw), r.Rows*stepBytes/stepRows))
			if p.row.Stretches++; p.row.Stretches == 1 {
				p.row.From = r.From
			}
			p.row.From, p.row.To = min(p.row.From, r.From), max(p.row.To, r.To)
			left -= r.Rows
		}
	}
	if p.row.Stretches == 0 {
		return nil, nil
	}
	p.file, err = w.finish()
	return p, err
}

// fold has the machine take the bookings out of the state, some at a time.
func (k *Keeper) fold(ctx context.Context, p *pile) (moved int, err error) {
	return k.takeOut(ctx, "bookings", p.row, p.sizes, func(from, to int, kept map[fsm.Bond]int) (int, error) {
		r, err := node.Apply(ctx, k.Node, fsm.FoldLedger{Segment: p.row, Stretches: p.stretches[from:to]}, node.By("system"))
		for _, one := range r.Answer.Kept {
			kept[one.Why]++
		}
		return r.Answer.Bookings, err
	})
}
