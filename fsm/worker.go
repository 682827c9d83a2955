package fsm

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"stoker/store"
)

// Worker is what the machine knows of one worker.
type Worker struct {
	ID      string   `cbor:"1,keyasint"`
	Session string   `cbor:"2,keyasint,omitempty"` // of its latest boot
	Boot    string   `cbor:"3,keyasint,omitempty"`
	Slots   int      `cbor:"4,keyasint,omitempty"`
	Presets []string `cbor:"5,keyasint,omitempty"` // none: any
	GPU     string   `cbor:"6,keyasint,omitempty"`
	VRAM    int      `cbor:"7,keyasint,omitempty"` // MB
	SDK     string   `cbor:"8,keyasint,omitempty"`

	State WorkerState `cbor:"9,keyasint,omitempty"`
	Why   string      `cbor:"10,keyasint,omitempty"`
	Until int64       `cbor:"11,keyasint,omitempty"` // machine clock: end of a quarantine

	Loaded  []string `cbor:"12,keyasint,omitempty"` // presets warm in its memory, as of its last grant
	Missing []string `cbor:"13,keyasint,omitempty"` // presets it reported as missing since its boot

	LastGrant int64 `cbor:"14,keyasint"` // machine clock
	GrantedAt int64 `cbor:"15,keyasint"` // wall clock, for people
	SeenAt    int64 `cbor:"16,keyasint"` // machine clock of its session or last grant

	Faults  int   `cbor:"17,keyasint,omitempty"` // in a row
	Done    int64 `cbor:"18,keyasint,omitempty"` // items, ever
	Failed  int64 `cbor:"19,keyasint,omitempty"`
	Lost    int64 `cbor:"20,keyasint,omitempty"` // leases
	Opened  int64 `cbor:"21,keyasint,omitempty"` // wall clock of the session
	Release int64 `cbor:"22,keyasint,omitempty"` // items given back
}

// WorkerState is what the operator, or its own faults, made of a worker.
type WorkerState string

// The states; only an active one is granted work.
const (
	WorkerActive      WorkerState = ""
	WorkerDraining    WorkerState = "draining"
	WorkerExiting     WorkerState = "exiting"
	WorkerQuarantined WorkerState = "quarantined"
)

// Directive is what a worker is told to do.
func (w Worker) Directive() string {
	switch w.State {
	case WorkerActive:
		return "run"
	case WorkerExiting:
		return "exit"
	}
	return "drain"
}

const (
	// workerLife is how long a worker that nobody hears of stays listed.
	workerLife = int64(24 * time.Hour)
	// faultsInRow put a worker into quarantine for quarantineTime.
	faultsInRow    = 3
	quarantineTime = int64(10 * time.Minute)
)

var (
	workers = store.NewTable[Worker]("workers")

	// leasesByWorker are the live leases of a worker.
	leasesByWorker = store.NewIndex(leases, "leases_by_worker", func(_ store.Key, l LeaseRow) []store.Key {
		if l.Ended != "" {
			return nil
		}
		return []store.Key{store.Str(l.Worker)}
	})
)

// workerOf gives the worker's row, a new one for a worker that opened no session.
func workerOf(tx *Tx, id string) Worker {
	w, ok := workers.Get(tx, store.Str(id))
	if !ok {
		w = Worker{ID: id}
		setTimer(tx, tx.now()+workerLife, workerSilent, store.Str(id))
	}
	return w
}

func putWorker(tx *Tx, w Worker) { workers.Put(tx.Tx, store.Str(w.ID), w) }

// OpenSession says who a worker is and what it can do. A new boot of the same
// worker gives back its old boot's leases at once, no attempt burned.
type OpenSession struct {
	Worker  Worker `cbor:"1,keyasint"` // its description; states and counters are the machine's
	Session string `cbor:"2,keyasint"` // the new id
}

// SessionOpened answers OpenSession.
type SessionOpened struct {
	Worker   Worker   `cbor:"1,keyasint"`
	GaveBack int      `cbor:"2,keyasint"` // items of the old boot
	Settings Settings `cbor:"3,keyasint"`
}

func (c OpenSession) apply(tx *Tx) (SessionOpened, error) {
	if r := tx.begun(); r != nil {
		return SessionOpened{}, r
	}
	if c.Worker.ID == "" || c.Worker.Boot == "" {
		return SessionOpened{}, invalid("worker_id", "worker_id and boot_id must not be empty")
	}
	if r := tooLong("worker_id", c.Worker.ID); r != nil {
		return SessionOpened{}, r
	}
	w := workerOf(tx, c.Worker.ID)
	a := SessionOpened{Settings: *tx.current()}
	if w.Boot != c.Worker.Boot {
		for _, l := range leasesByWorker.Scan(tx, store.Str(w.ID)) {
			a.GaveBack += len(l.Held)
			unconfirm(tx, l)
		}
		w = workerOf(tx, w.ID) // a third return in a row counts as lost, and so as a fault
		w.Missing, w.Opened = nil, tx.wall()
		if w.State == WorkerExiting {
			w.State, w.Why = WorkerActive, "" // it did as it was told
		}
	}
	w.Session, w.Boot = c.Session, c.Worker.Boot
	w.Slots, w.Presets = c.Worker.Slots, c.Worker.Presets
	w.GPU, w.VRAM, w.SDK = c.Worker.GPU, c.Worker.VRAM, c.Worker.SDK
	w.SeenAt = tx.now()
	putWorker(tx, w)
	tx.say(note{Kind: noteSession, Of: w.ID})
	tx.changes.worker(w.ID)
	a.Worker = w
	return a, nil
}

// SetWorker is the operator's word on a worker.
type SetWorker struct {
	Worker string      `cbor:"1,keyasint"`
	State  WorkerState `cbor:"2,keyasint"`
	Why    string      `cbor:"3,keyasint,omitempty"`
}

func (c SetWorker) deed() deed {
	return deed{Subject: c.Worker, Detail: strings.TrimSuffix(string(c.State)+": "+c.Why, ": ")}
}

func (c SetWorker) apply(tx *Tx) (Worker, error) {
	w, ok := workers.Get(tx, store.Str(c.Worker))
	if !ok {
		return w, Refuse(NotFound, "no worker %q has been here lately", c.Worker)
	}
	switch c.State {
	case WorkerActive, WorkerDraining, WorkerExiting, WorkerQuarantined:
	default:
		return w, invalid("state", "no state %q", c.State)
	}
	setState(tx, &w, c.State, c.Why, 0)
	putWorker(tx, w)
	return w, nil
}

// setState changes the state; the caller writes the row. until 0: for good.
func setState(tx *Tx, w *Worker, s WorkerState, why string, until int64) {
	if w.Until != 0 {
		clearTimer(tx, w.Until, quarantineOver, store.Str(w.ID))
	}
	w.State, w.Why, w.Until = s, why, until
	if until != 0 {
		setTimer(tx, until, quarantineOver, store.Str(w.ID))
	}
	if s == WorkerActive {
		w.Faults = 0
	}
	tx.say(note{Kind: noteState, Of: w.ID, Text: string(s), Why: why})
	tx.changes.worker(w.ID)
	tx.changes.Ready = true
}

// faulty counts a fault against a worker; three in a row put it into quarantine,
// unless more than half of the fleet trips: then it is not the worker's fault.
func faulty(tx *Tx, id string, cause Cause) {
	w, ok := workers.Get(tx, store.Str(id))
	if !ok {
		return
	}
	w.Faults++
	if w.State == WorkerActive && w.Faults >= faultsInRow && !fleetTrips(tx, id) {
		setState(tx, &w, WorkerQuarantined, fmt.Sprintf("%d faults in a row, the last: %s", w.Faults, cause), tx.now()+quarantineTime)
	}
	putWorker(tx, w)
}

// fleetTrips says whether with this worker more than half of those that were
// granted something lately would be in quarantine or at its edge. A fleet of one
// always trips: without it nothing would be worked on at all.
func fleetTrips(tx *Tx, id string) bool {
	fleet, tripped := 1, 1
	for _, w := range workers.Scan(tx, "") {
		if w.ID == id || !atWork(tx, w) {
			continue
		}
		fleet++
		if w.State == WorkerQuarantined || w.Faults >= faultsInRow {
			tripped++
		}
	}
	return tripped*2 > fleet
}

// atWork says whether a worker counts as one of the fleet: it was granted
// something lately, or holds a lease that is older.
func atWork(tx *Tx, w Worker) bool {
	return w.LastGrant != 0 && w.LastGrant+workerGone > tx.now() || leasesByWorker.Len(tx, store.Str(w.ID)) > 0
}

// worked notes an item that a worker has done: its row of faults is over.
func worked(tx *Tx, id string) {
	w, ok := workers.Get(tx, store.Str(id))
	if !ok {
		return
	}
	w.Done++
	w.Faults = 0
	putWorker(tx, w)
}

// fell counts items that a worker has failed at, and items that it gave back.
func fell(tx *Tx, id string, failed, released int) {
	w, ok := workers.Get(tx, store.Str(id))
	if !ok {
		return
	}
	w.Failed += int64(failed)
	w.Release += int64(released)
	putWorker(tx, w)
}

// missed counts a lease that a worker has lost.
func missed(tx *Tx, id string) {
	if w, ok := workers.Get(tx, store.Str(id)); ok {
		w.Lost++
		putWorker(tx, w)
	}
}

// lacks notes that a worker has not what a preset needs; it is not granted that
// preset again before its next boot.
func lacks(tx *Tx, id, preset string) {
	w, ok := workers.Get(tx, store.Str(id))
	if !ok || slices.Contains(w.Missing, preset) {
		return
	}
	w.Missing = append(slices.Clone(w.Missing), preset)
	putWorker(tx, w)
}

// endQuarantine lets a worker try again.
func endQuarantine(tx *Tx, ref store.Key) {
	w, ok := workers.Get(tx, ref)
	if !ok || w.State != WorkerQuarantined || w.Until == 0 || w.Until > tx.now() {
		return
	}
	w.Until = 0 // the timer's row is gone already
	setState(tx, &w, WorkerActive, "", 0)
	putWorker(tx, w)
}

// forgetWorker is the end of a worker that nobody has heard of for long.
func forgetWorker(tx *Tx, ref store.Key) {
	w, ok := workers.Get(tx, ref)
	if !ok {
		return
	}
	holds := leasesByWorker.Len(tx, ref) > 0
	word := w.State == WorkerDraining || w.State == WorkerQuarantined // an operator's holds until it is taken back
	switch due := w.SeenAt + workerLife; {
	case due > tx.now():
		setTimer(tx, due, workerSilent, ref)
		return
	case holds || word:
		setTimer(tx, tx.now()+workerLife, workerSilent, ref)
		return
	}
	if w.Until != 0 {
		clearTimer(tx, w.Until, quarantineOver, ref)
	}
	workers.Delete(tx.Tx, ref)
	tx.say(note{Kind: noteState, Of: w.ID, Text: "gone", Why: "nobody has heard of it for a day"})
}
