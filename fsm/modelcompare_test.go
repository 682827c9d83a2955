package fsm

import (
	"fmt"
	"maps"
	"slices"
)

// compare says the first difference between the model and the machine.
func (m *model) compare(v *View) error {
	for id := range m.users {
		if err := m.compareUser(v, id); err != nil {
			return err
		}
		for _, r := range v.Rules(id) {
			if m.rules[id][r.ID] != r.Preset {
				return fmt.Errorf("rule %+v, the model has %v", r, m.rules[id])
			}
		}
	}
	n := 0
	for _, got := range jobs.Scan(v, "") {
		j := m.jobs[got.ID]
		if j == nil {
			return fmt.Errorf("the model has no job %+v", got)
		}
		if err := j.compare(got, v.Items(got.ID)); err != nil {
			return err
		}
		n++
	}
	if n != len(m.jobs) {
		return fmt.Errorf("%d jobs, the model has %d", n, len(m.jobs))
	}
	if err := m.compareLeases(v); err != nil {
		return err
	}
	if err := m.compareShares(v); err != nil {
		return err
	}
	if err := m.compareWorkers(v); err != nil {
		return err
	}
	return m.compareObjects(v)
}

func (m *model) compareUser(v *View, id string) error {
	u := m.users[id]
	got, ok := v.User(id)
	if !ok || u == nil {
		return fmt.Errorf("user %s: %+v, the model has %+v", id, got, u)
	}
	want := User{ID: id, Plan: u.plan, Credits: u.credits, ActiveJobs: m.open(id), RuleSlots: len(m.rules[id]),
		Revoked: u.revoked, DeviceHash: got.DeviceHash, CreatedAt: got.CreatedAt, Imported: got.Imported}
	if got != want || u.imported != (got.Imported != 0) {
		return fmt.Errorf("user %+v, the model has %+v", got, want)
	}
	return nil
}

func (j *modelJob) compare(got Job, list []Item) error {
	if got.User != j.user || got.Status != j.status || got.Preset != j.preset || got.Total != len(j.items) ||
		got.Done != j.count(Done) || got.Failed != j.count(Failed) || got.Deadline != j.deadline || got.RetryOf != j.retryOf || j.imported != (got.Imported != 0) {
		return fmt.Errorf("job %+v, the model has %+v", got, j)
	}
	for i, it := range j.items {
		g := list[i]
		if g.Status != it.status || g.Place != it.place || g.Fence != it.fence || g.ReadyAt != it.back ||
			g.Alone != it.alone || !maps.Equal(g.Tries, it.tries) || g.Unconfirmed != it.unconfirmed && !it.status.Ended() || len(g.LostBy) != len(it.lostBy) {
			return fmt.Errorf("item %s/%d is %+v, the model has %+v", j.id, i, g, *it)
		}
	}
	return nil
}

func (m *model) compareLeases(v *View) error {
	if v.Fence() != m.fence {
		return fmt.Errorf("fence %d, the model has %d", v.Fence(), m.fence)
	}
	n := 0
	for _, got := range leases.Scan(v, "") {
		n++
		if err := m.compareLease(got); err != nil {
			return err
		}
	}
	if n != len(m.leases) {
		return fmt.Errorf("%d leases, the model has %d", n, len(m.leases))
	}
	return nil
}

func (m *model) compareLease(got LeaseRow) error {
	l := m.leases[got.Fence]
	if l == nil {
		return fmt.Errorf("the model has no lease %+v", got)
	}
	var held []int
	for _, it := range m.held(l) {
		held = append(held, it.idx)
	}
	if got.Worker != l.worker || got.Poll != l.poll || got.Job != l.job.id || got.Ended != l.ended || !slices.Equal(got.Held, held) {
		return fmt.Errorf("lease %+v, the model has %+v holding %v", got, l, held)
	}
	return nil
}

func (m *model) compareObjects(v *View) error {
	got := map[string]string{}
	kept := 0
	for _, o := range objects.Scan(v, "") {
		if o.Bucket == ArchiveBucket {
			if kept++; m.segments[o.Key] != o.Upload {
				return fmt.Errorf("segment %+v, the model has %v", o, m.segments)
			}
			continue
		}
		got[o.Key] = o.Upload
		for _, p := range o.Segments {
			got[o.Key] += " " + p.Upload
		}
		if o.File != m.files[o.Key] {
			return fmt.Errorf("%s shares the file of %q, the model says %q", o.Key, o.File, m.files[o.Key])
		}
	}
	if kept != len(m.segments) {
		return fmt.Errorf("%d segments, the model has %v", kept, m.segments)
	}
	if err := m.compareArchive(v); err != nil {
		return err
	}
	if !maps.Equal(got, m.objects) {
		return fmt.Errorf("objects %v, the model has %v", got, m.objects)
	}
	if err := m.compareUploads(v); err != nil {
		return err
	}
	n := 0
	for _, o := range staged.Scan(v, "") {
		n++
		if m.staged[o.Key][o.Fence] != o.Upload {
			return fmt.Errorf("staged %+v, the model has %v", o, m.staged[o.Key])
		}
	}
	for _, at := range m.staged {
		n -= len(at)
	}
	if n != 0 {
		return fmt.Errorf("%+d objects are staged against the model", n)
	}
	for _, d := range dead.Scan(v, "") {
		n++
		if known := m.dead[fmt.Sprintf("%s/%d", d.Job, d.Idx)]; known == nil || known.due != d.Due {
			return fmt.Errorf("the model has no dead letter %+v", d)
		}
	}
	if n != len(m.dead) {
		return fmt.Errorf("%d dead letters, the model has %v", n, m.dead)
	}
	return nil
}
