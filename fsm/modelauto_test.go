package fsm

import "fmt"

// createAuto is a job that goes on by itself when its pictures are there.
func (m *model) createAuto(user, id, preset string, n int64, execute bool, rule string) Code {
	if c := m.createJob(user, id, preset, n); c != "" {
		return c
	}
	j := m.jobs[id]
	j.auto, j.execute, j.rule = true, execute, rule
	if execute {
		if c := m.ruled(j); c != "" { // it was too early to take its money
			m.users[user].credits += n * j.price
			delete(m.jobs, id)
			return c
		}
	}
	return ""
}

// ruled says whether the job's own rule is there and of its preset.
func (m *model) ruled(j *modelJob) Code {
	preset, ok := m.rules[j.user][j.rule]
	switch {
	case j.rule == "":
	case !ok:
		return RuleNotFound
	case preset != j.preset:
		return ValidationFailed
	}
	return ""
}

// arrivedAt is arrived for the job that a key is of.
func (m *model) arrivedAt(key string) {
	m.bringing(key)
	if _, job, _, ok := parseKey(key); ok && m.jobs[job] != nil {
		m.arrived(m.jobs[job])
	}
}

// arrived is what an upload does beside being there.
func (m *model) arrived(j *modelJob) {
	if !j.auto || j.status != Created || m.users[j.user].revoked || !m.complete(j) {
		return
	}
	j.status, j.deadline = Uploaded, m.now+m.set.Budgets.Execute
	if j.execute && m.ruled(j) == "" && len(m.ready(nil))+len(j.items) <= m.set.QueueDepth {
		m.queue(j)
	}
}

func (m *model) complete(j *modelJob) bool {
	for i := range j.items {
		key := fmt.Sprintf("inputs/%s/%s/%d.jpg", j.user, j.id, i)
		if m.objects[key] == "" || m.useless[key] {
			return false
		}
	}
	return true
}
