package bench

import (
	"fmt"
	"strconv"

	"stoker/fsm"
)

// dawn is the machine's clock when a simulation begins, summer the wall clock: both far from zero, so that a
// time nobody set cannot pass for one.
const (
	dawn   = int64(1e15)
	summer = int64(1_750_000_000e9)
)

// entryLimit is how many proposals of the set-up travel in one entry.
const entryLimit = 512

// world is one machine and the hand that feeds it entries. Its time is virtual: the stamp of each entry.
type world struct {
	machine *fsm.Machine
	now     int64 // ns since dawn
	index   uint64
	timer   int64 // machine clock of the next deadline, 0: none
}

// openWorld begins a cluster of one machine in dir, under these settings.
func openWorld(dir string, s fsm.Settings) (*world, error) {
	w := &world{}
	var stopped error
	m, err := fsm.Open(dir, fsm.Options{Fatal: func(err error) { stopped = err }})
	if err != nil {
		return nil, fmt.Errorf("open the machine: %w", err)
	}
	w.machine = m
	m.Subscribe(func(c fsm.Changes) { w.timer = c.NextTimer })
	begin := fsm.Genesis{
		ClusterID: "simulation", SealedCA: []byte("none"), JWTKeys: []fsm.Secret{{ID: "none", Sealed: []byte("none")}},
		ObjectKey: fsm.Secret{ID: "none", Sealed: []byte("none")}, FirstSettings: s, Level: fsm.Level,
	}
	if _, err := w.apply(fsm.Propose(begin)); err != nil {
		return nil, err
	}
	return w, stopped
}

func (w *world) close() error { return w.machine.Close() }

// apply makes one entry of the proposals. A refusal is an error: the simulation asks for nothing it may not have.
func (w *world) apply(ps ...fsm.Proposal) ([]fsm.Outcome, error) {
	w.index++
	b := fsm.Batch{Stamp: dawn + w.now, Wall: summer + w.now, Proposals: ps}
	outcomes := w.machine.Apply([]fsm.Entry{{Index: w.index, Term: 1, Data: b.Encode()}})[0]
	if len(outcomes) != len(ps) {
		return nil, fmt.Errorf("%d of %d proposals were answered: the machine stopped", len(outcomes), len(ps))
	}
	for i, o := range outcomes {
		if o.Refusal != nil {
			return nil, fmt.Errorf("%s: %w", fsm.CommandName(ps[i].Kind), o.Refusal)
		}
	}
	return outcomes, nil
}

// applyMany is apply in as many entries as the proposals need.
func (w *world) applyMany(ps []fsm.Proposal) error {
	for len(ps) > 0 {
		n := min(len(ps), entryLimit)
		if _, err := w.apply(ps[:n]...); err != nil {
			return err
		}
		ps = ps[n:]
	}
	return nil
}

// expire fires the timers that are due, as the leader would.
func (w *world) expire() error {
	for w.timer != 0 && w.timer <= dawn+w.now {
		if _, err := w.apply(fsm.Propose(fsm.Expire{Limit: entryLimit})); err != nil {
			return err
		}
	}
	return nil
}

// signIn proposes a user of a plan.
func signIn(user, plan string) []fsm.Proposal {
	ps := []fsm.Proposal{fsm.Propose(fsm.SignIn{NewID: user})}
	if plan != "free" {
		ps = append(ps, fsm.Propose(fsm.SetPlan{User: user, Plan: plan}))
	}
	return ps
}

// order proposes a whole job, from its debit to the queue.
func order(user, id, preset, concept string, items int) []fsm.Proposal {
	ps := []fsm.Proposal{fsm.Propose(fsm.CreateJob{User: user, ID: id, Preset: preset, Items: int64(items)})}
	j := fsm.Job{ID: id, User: user}
	for i := range items {
		ps = append(ps, fsm.Propose(fsm.PutObject{Object: fsm.Object{
			Bucket: "photos", Key: j.InputKey(i), Upload: "u" + strconv.Itoa(i), Size: 1, SHA256: []byte{1}, MD5: []byte{1}, Nodes: []string{"n1"},
		}}))
	}
	return append(ps,
		fsm.Propose(fsm.ConfirmUpload{User: user, Job: id}),
		fsm.Propose(fsm.ExecuteJob{User: user, Job: id, Concepts: map[string]fsm.Concept{concept: {Action: "recolor", Value: "white"}}}))
}
