package fsm

import (
	"cmp"
	"fmt"
	"slices"
	"strconv"
)

// modelBrought is an object of an imported job: its time counts from the upload.
type modelBrought struct {
	key, upload string
	at          int64
}

func (m *model) importUser(c OldUser) Result {
	u := m.users[c.ID]
	if u != nil && !u.imported {
		return Conflicting
	}
	if u != nil && (!u.partly || c.From < u.taken) {
		return There
	}
	if u == nil && c.From != 0 || u != nil && c.From != u.taken {
		return Refused
	}
	if u == nil {
		if c.DeviceHash != "" && m.devices[c.DeviceHash] != "" {
			return Conflicting
		}
		if _, ok := m.set.Plans[c.Plan]; !ok {
			return Refused
		}
		u = &modelUser{id: c.ID, plan: c.Plan, imported: true, credits: c.Opening, booked: c.Opening}
	}
	has := u.credits
	for _, e := range c.Events {
		if has += e.Amount; has < 0 {
			return Refused // nobody ever owed anything
		}
	}
	booked := u.booked + has - u.credits
	if !c.More {
		has += c.Credits - booked // what the events do not explain
	}
	if has < 0 {
		return Refused
	}
	if m.users[c.ID] == nil {
		m.users[c.ID], m.rules[c.ID] = u, map[string]string{}
		for _, r := range c.Rules {
			m.rules[c.ID][r.ID] = r.Preset
		}
		if c.DeviceHash != "" {
			m.devices[c.DeviceHash] = c.ID
		}
	}
	u.credits, u.booked, u.taken = has, booked, u.taken+len(c.Events)
	u.partly, u.revoked = c.More, c.More || u.barred
	m.shown["imported"] = true
	if c.From > 0 {
		m.shown["continued"] = true
	}
	return Taken
}

func (m *model) importJob(c OldJob) Result {
	if j := m.jobs[c.ID]; j != nil {
		if j.imported && j.user == c.User {
			return There
		}
		return Conflicting
	}
	if g, ok := m.gone[c.ID]; ok {
		if g.imported && g.user == c.User {
			return There
		}
		return Conflicting
	}
	switch u := m.users[c.User]; {
	case u == nil || u.imported && u.partly:
		return Refused
	case !u.imported:
		return Conflicting
	}
	m.users[c.User].credits += c.Refund
	j := &modelJob{id: c.ID, user: c.User, preset: c.Preset, status: c.Status, price: c.Price, set: m.set, imported: true}
	for i, it := range c.Items {
		j.items = append(j.items, &modelItem{job: j, idx: i, status: it.Status, tries: map[Cause]int{}, lostBy: map[string]bool{}})
	}
	m.jobs[c.ID] = j
	return Taken
}

// bringing notes when an object is forgotten that came behind its imported job.
func (m *model) bringing(key string) {
	kind, job, _, ok := parseKey(key)
	j := m.jobs[job]
	if !ok || j == nil || !j.imported {
		return
	}
	r := *m.set.Retention
	k := map[string]Keep{"inputs": r.Inputs, "outputs": r.Outputs, "previews": r.Previews}[kind]
	if d := map[Status]int64{Done: k.Done, Failed: k.Failed, Canceled: k.Canceled}[j.status]; d > 0 {
		m.brought = append(m.brought, modelBrought{key, m.objects[key], m.now + d})
	}
}

func (m *model) forgetBrought(i int) {
	b := m.brought[i]
	m.brought = slices.Delete(slices.Clone(m.brought), i, i+1)
	if m.objects[b.key] == b.upload && b.upload != "" {
		m.drop(b.key)
		m.shown["brought and forgotten"] = true
	}
}

// imports brings a few users and jobs of another stack, some again.
func (d *driver) imports() {
	d.flush()
	var c Import
	for range d.dice.of(3) {
		c.Users = append(c.Users, d.oldUser())
	}
	for range d.dice.of(3) {
		c.Jobs = append(c.Jobs, d.oldJob())
	}
	var users, jobs []Result
	do(d, c, func() Code {
		for _, u := range c.Users {
			users = append(users, d.model.importUser(u))
		}
		for _, j := range c.Jobs {
			jobs = append(jobs, d.model.importJob(j))
		}
		return ""
	}, func(a Imported) error {
		same := func(f Fate, r Result) int { return cmp.Compare(f.Result, r) }
		if slices.CompareFunc(a.Users, users, same) != 0 || slices.CompareFunc(a.Jobs, jobs, same) != 0 {
			return fmt.Errorf("answered %+v, the model says %v, %v", a, users, jobs)
		}
		return nil
	})
	d.flush()
	for _, j := range c.Jobs {
		for i := range j.Items {
			if old := (Job{ID: j.ID, User: j.User}); d.dice.one(2) {
				d.put(oneOf(d.dice, old.InputKey(i), old.OutputKey(i), old.PreviewKey(i)), 0)
			}
		}
	}
}

func (d *driver) oldUser() OldUser {
	u := OldUser{ID: d.dice.name("u", 12), Plan: oneOf(d.dice, "free", "free", "pro", "gold"), Credits: int64(d.dice.of(30)), More: d.dice.one(3)}
	if d.dice.one(2) {
		u.DeviceHash = d.dice.name("d", 6)
	}
	if d.dice.one(2) {
		u.Opening = int64(d.dice.of(10))
	}
	for i := range d.dice.of(4) {
		u.Rules = append(u.Rules, Rule{ID: "r" + strconv.Itoa(i), Name: "White", Preset: "interior", Concepts: walls})
	}
	for i := range 1 + d.dice.of(4) {
		u.Events = append(u.Events, OldEvent{ID: "e" + strconv.Itoa(i), Type: "debit", Amount: int64(d.dice.of(12)) - 3})
	}
	if partly := d.model.users[u.ID]; partly != nil && partly.partly {
		u.From = oneOf(d.dice, partly.taken, partly.taken, partly.taken, 0, partly.taken+1)
	}
	return u
}

func (d *driver) oldJob() OldJob {
	j := OldJob{ID: d.dice.name("o", 200), User: d.dice.name("u", 12), Preset: oneOf(d.dice, "interior", "attic"), Price: 1, Status: oneOf(d.dice, Done, Failed, Canceled)}
	for i := range d.dice.of(4) {
		j.Items = append(j.Items, OldItem{Status: Failed})
		if i == 0 && j.Status == Done {
			j.Items[0].Status = Done
		}
	}
	if j.Status == Canceled {
		j.Refund = int64(d.dice.of(3))
	}
	if d.dice.one(9) {
		j.ID = some(d, d.model.jobs, j.ID)
	}
	if d.dice.one(9) {
		j.ID = some(d, d.model.importedGone(), j.ID)
		j.User = cmp.Or(d.model.gone[j.ID].user, j.User)
	}
	return j
}
