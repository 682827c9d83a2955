package queue

import (
	"context"
	"slices"
	"time"
)

// ControlAsk is one parked request of a worker: it renews all its leases, brings
// progress in and carries cancels out.
type ControlAsk struct {
	Worker string           `cbor:"1,keyasint"`
	Leases []LeaseBeat      `cbor:"2,keyasint"`
	Told   map[uint64][]int `cbor:"3,keyasint"` // cancels the worker knows of, by fence
	Wait   time.Duration    `cbor:"4,keyasint"`
}

// LeaseBeat is one lease in it.
type LeaseBeat struct {
	Fence    uint64     `cbor:"1,keyasint"`
	Progress []Progress `cbor:"2,keyasint,omitempty"`
}

// ControlAnswer is what the worker should know.
type ControlAnswer struct {
	Directive string       `cbor:"1,keyasint"` // run, drain or exit
	Leases    []LeaseState `cbor:"2,keyasint"` // those it still holds
	Lost      []uint64     `cbor:"3,keyasint"` // fences of those it does not
}

// LeaseState is a lease that was renewed.
type LeaseState struct {
	Fence  uint64        `cbor:"1,keyasint"`
	TTL    time.Duration `cbor:"2,keyasint"` // from now
	Cancel []int         `cbor:"3,keyasint"` // items to drop, told before or not
}

// parked are the control requests that wait, by what they wait for.
type parked struct {
	jobs    map[string]map[*bell]bool
	workers map[string]map[*bell]bool
}

// bell wakes one parked request.
type bell struct{ rung chan struct{} } // holds one

func newParked() parked {
	return parked{jobs: map[string]map[*bell]bool{}, workers: map[string]map[*bell]bool{}}
}

func (p *parked) wake(jobs, workers []string) {
	ring := func(bells map[*bell]bool) {
		for b := range bells {
			select {
			case b.rung <- struct{}{}:
			default:
			}
		}
	}
	for _, j := range jobs {
		ring(p.jobs[j])
	}
	for _, w := range workers {
		ring(p.workers[w])
	}
}

func hang(in map[string]map[*bell]bool, key string, b *bell) {
	if in[key] == nil {
		in[key] = map[*bell]bool{}
	}
	in[key][b] = true
}

func unhang(in map[string]map[*bell]bool, key string, b *bell) {
	delete(in[key], b)
	if len(in[key]) == 0 {
		delete(in, key)
	}
}

// control renews the worker's leases at once and answers as soon as there is
// something that the worker does not know, at the latest after ask.Wait.
func (b *broker) control(ctx context.Context, ask ControlAsk) (ControlAnswer, error) {
	listen := &bell{rung: make(chan struct{}, 1)}
	jobs := b.renewAll(ask, listen)
	defer func() {
		b.mu.Lock()
		defer b.mu.Unlock()
		unhang(b.parked.workers, ask.Worker, listen)
		for _, j := range jobs {
			unhang(b.parked.jobs, j, listen)
		}
	}()
	timeout := time.NewTimer(ask.Wait)
	defer timeout.Stop()
	for {
		a, news := b.look(ask)
		if news || ask.Wait <= 0 {
			return a, nil
		}
		select {
		case <-listen.rung:
		case <-timeout.C:
			return a, nil
		case <-ctx.Done():
			return a, nil
		case <-b.done:
			return ControlAnswer{}, errNotLeading
		}
	}
}

// renewAll renews the leases, notes progress, and hangs the bell up where news
// will come from.
func (b *broker) renewAll(ask ControlAsk, listen *bell) (jobs []string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	hang(b.parked.workers, ask.Worker, listen)
	for _, l := range ask.Leases {
		r := b.book.leases[l.Fence]
		if r == nil || r.lease.Worker != ask.Worker {
			continue // look says that it is lost
		}
		hang(b.parked.jobs, r.lease.Job, listen)
		jobs = append(jobs, r.lease.Job)
		if b.book.renew(l.Fence) {
			b.progress.note(r.lease.Job, l.Progress, r.lease.Granted)
		}
	}
	return jobs
}

// look reads the state for a worker; news says whether it holds anything that the
// worker has not been told.
func (b *broker) look(ask ControlAsk) (a ControlAnswer, news bool) {
	v := b.node.View()
	defer v.Close()
	w, _ := v.Worker(ask.Worker)
	a.Directive = w.Directive()
	news = a.Directive != directiveRun
	for _, one := range ask.Leases {
		l, ok := v.Lease(one.Fence)
		if !ok || l.Lost() || l.Worker != ask.Worker {
			a.Lost = append(a.Lost, one.Fence)
			news = true
			continue
		}
		s := LeaseState{Fence: l.Fence, TTL: time.Duration(l.TTL), Cancel: v.Dropped(l)}
		for _, idx := range s.Cancel {
			news = news || !slices.Contains(ask.Told[l.Fence], idx)
		}
		a.Leases = append(a.Leases, s)
	}
	return a, news
}

const directiveRun = "run"
