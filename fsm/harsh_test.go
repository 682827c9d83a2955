package fsm

import (
	"bytes"
	"fmt"
	"path/filepath"
	"slices"

	"github.com/fxamacker/cbor/v2"
)

// sightings is what was played, and what went wrong on purpose. Nil counts nothing.
type sightings struct {
	Commands int
	Answers  map[string]map[string]int // command → code, "" for done
	Faults   map[string]int
}

func newSightings() *sightings {
	return &sightings{Answers: map[string]map[string]int{}, Faults: map[string]int{}}
}

func (s *sightings) fault(what string) { s.faults(what, 1) }

func (s *sightings) faults(what string, n int) {
	if s != nil && n > 0 {
		s.Faults[what] += n
	}
}

func (s *sightings) answered(kind uint16, o Outcome) {
	if s == nil {
		return
	}
	name, code := CommandName(kind), ""
	if o.Refusal != nil {
		code = string(o.Refusal.Code)
	}
	if s.Answers[name] == nil {
		s.Answers[name] = map[string]int{}
	}
	s.Answers[name][code]++
	s.Commands++
}

// harsher is a world in which more goes wrong than in the games of TestMachine_model: proposals that overtake each other, forged
// fences, leaders whose clock is behind, restarts, snapshots. Each entry is checked by what it touched, each full-th altogether.
func harsher(j *judge, d dice, hurry int, full uint64) *driver {
	dr := &driver{dice: d, model: newModel(small()), audit: newAuditor(j), idems: map[string]idemKept{}, hurry: hurry,
		harsh: true, seen: newSightings(), full: full}
	dr.steps = newSteps(func(format string, args ...any) {
		j.Errorf("after entry %d: %s", dr.index, fmt.Sprintf(format, args...))
	})
	dr.dir = j.TempDir()
	dr.world = &world{t: j, m: openWatched(j, dr.dir, dr.steps.saw), term: 1}
	dr.begin()
	return dr
}

// rough does one random thing, or has something go wrong.
func (d *driver) rough() {
	if !d.dice.one(100) {
		d.slow = 0
		if d.dice.one(8) {
			d.slow = oneOf(d.dice, int64(1), second, hour)
			d.seen.fault("a leader whose clock is behind")
		}
		if d.dice.one(3) {
			d.work()
		} else {
			d.step()
		}
		return
	}
	switch d.dice.of(4) {
	case 0:
		d.rebirth()
		d.seen.fault("a restore from a backup: a new epoch")
	case 1, 2:
		d.restart()
	default:
		d.moved()
	}
}

// work is what there is most of where nothing goes wrong.
func (d *driver) work() {
	switch d.dice.of(8) {
	case 0, 1:
		d.order()
	case 2, 3:
		d.lease()
	case 4:
		d.upload()
	case 5:
		user := d.user()
		do(d, GrantCredits{User: user, Amount: 20}, func() Code { return d.model.grantCredits(user, 20) }, nil)
	default:
		d.report()
	}
}

// order brings a job of somebody who may have one more to the queue.
func (d *driver) order() {
	for i := range 3 {
		user := fmt.Sprintf("u%d", i)
		u := d.model.users[user]
		if p := d.model.plan(u); u.revoked || d.model.open(user) >= p.MaxConcurrency || u.credits < 12 {
			continue
		}
		n := 1 + d.dice.of(min(d.model.plan(u).MaxItems, 5))
		id := d.model.newJob()
		preset := oneOf(d.dice, modelPresets...)
		do(d, CreateJob{User: user, ID: id, Preset: preset, Items: int64(n)}, func() Code { return d.model.createJob(user, id, preset, int64(n)) }, nil)
		for i := range n {
			d.put(Job{ID: id, User: user}.InputKey(i), 0)
		}
		do(d, ConfirmUpload{User: user, Job: id}, func() Code { return d.model.confirm(user, id) }, nil)
		do(d, ExecuteJob{User: user, Job: id, Concepts: conceptsOf(preset)}, func() Code { return d.model.execute(user, id, "") }, nil)
		return
	}
	d.report()
}

// reorder gives a proposal a sequence that is late, or one that others will be earlier than.
func (d *driver) reorder(p *Proposal) {
	if !d.harsh {
		return
	}
	d.gaps = slices.DeleteFunc(d.gaps, func(seq uint64) bool { return seq < d.floor() })
	switch {
	case len(d.gaps) > 0 && d.dice.one(2):
		d.seen.fault("a proposal overtaken by later ones")
		p.Seq, d.gaps = d.gaps[0], d.gaps[1:]
		d.seq--
		p.Floor = d.floor()
	case d.dice.one(8):
		d.gaps = append(d.gaps, d.seq)
		d.seq++
		p.Seq, p.Floor = d.seq, d.floor()
	}
}

// forged is a fence that somebody made up, if anybody does.
func (d *driver) forged(fence uint64) uint64 {
	if !d.harsh || !d.dice.one(20) {
		return fence
	}
	d.seen.fault("a forged fence")
	return oneOf(d.dice, fence+1, fence-1, d.model.fence+1, 1<<63, 1)
}

// late notes a word on a lease that has ended.
func (d *driver) late(l *modelLease) *modelLease {
	if l != nil && l.ended != "" {
		d.seen.fault("a late word on an ended lease")
	}
	return l
}

// restart closes the machine and opens it again; the log's last entries come once more, as they do to a node that starts.
func (d *driver) restart() {
	if d.flush(); d.stop {
		return
	}
	d.seen.fault("a restart")
	index, hash := d.m.Hash()
	if err := d.m.Close(); err != nil {
		d.t.Fatalf("close: %v", err)
	}
	d.m = openWatched(d.t, d.dir, d.steps.saw)
	d.steps.checks[heldRestart]++
	d.same(index, hash, "the restart")
	tail := d.log[max(0, len(d.log)-d.dice.of(9)):]
	for _, out := range d.m.Apply(tail) {
		d.seen.fault("an entry that comes twice")
		d.steps.checks[heldReapplied]++
		if out != nil {
			d.t.Errorf("after entry %d: an entry that comes twice is answered %+v", d.index, out)
		}
	}
	d.same(index, hash, "entries that came twice")
	d.steps.settle()
}

// moved goes on in another folder, from a snapshot.
func (d *driver) moved() {
	if d.flush(); d.stop {
		return
	}
	d.seen.fault("a snapshot installed on an empty node")
	index, hash := d.m.Hash()
	snap := image(d.t, d.m)
	d.dir = d.t.TempDir()
	d.m = openWatched(d.t, d.dir, d.steps.saw)
	if err := d.m.Restore(bytes.NewReader(snap)); err != nil {
		d.t.Fatalf("restore: %v", err)
	}
	d.steps.checks[heldRestart]++
	d.same(index, hash, "the snapshot")
	if !bytes.Equal(image(d.t, d.m), snap) {
		d.t.Errorf("after entry %d: a machine restored from a snapshot writes another one", d.index)
	}
}

func (d *driver) same(index uint64, hash [32]byte, after string) {
	if i, h := d.m.Hash(); i != index || h != hash {
		d.t.Errorf("after %s the machine is at entry %d, hash %.8x; it was at %d, %.8x", after, i, h, index, hash)
	}
}

// replayed plays the log once more from a snapshot at its middle, in groups: the state must be the very same.
func (d *driver) replayed(snap []byte, at int) {
	m := openMachine(d.t, filepath.Join(d.t.TempDir(), "again"))
	if err := m.Restore(bytes.NewReader(snap)); err != nil {
		d.t.Fatalf("restore: %v", err)
	}
	for tail := d.log[at:]; len(tail) > 0; {
		n := min(1+d.dice.of(30), len(tail))
		m.Apply(tail[:n])
		tail = tail[n:]
	}
	d.steps.checks[heldReplay]++
	_, one := d.m.Hash()
	_, two := m.Hash()
	if one != two || !bytes.Equal(image(d.t, d.m), image(d.t, m)) {
		d.t.Errorf("a snapshot after %d entries and the %d behind it are hash %.8x, one by one they were %.8x", at, len(d.log)-at, two, one)
	}
}

// told is the end of the log in words.
func (d *driver) told(last int) (out []string) {
	for _, e := range d.log[max(0, len(d.log)-last):] {
		b, err := decodeBatch(e.Data)
		if err != nil {
			return append(out, err.Error())
		}
		line := fmt.Sprintf("entry %d at %s:", e.Index, clock(b.Stamp))
		for _, p := range b.Proposals {
			line += fmt.Sprintf(" %s%s", CommandName(p.Kind), diagnosed(p.Body))
		}
		out = append(out, line)
	}
	return out
}

// diagnosed is a command's body as RFC 8949 section 8 writes it.
func diagnosed(body []byte) string {
	text, err := cbor.Diagnose(body)
	if err != nil {
		return fmt.Sprintf("%x", body)
	}
	return text
}
