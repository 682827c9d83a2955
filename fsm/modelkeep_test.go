package fsm

import "fmt"

// ages notes when the objects of a job that has just ended are forgotten.
func (m *model) ages(j *modelJob) {
	r := *m.set.Retention
	j.old = map[string]int64{}
	for kind, k := range map[string]Keep{"inputs": r.Inputs, "outputs": r.Outputs, "previews": r.Previews} {
		if d := map[Status]int64{Done: k.Done, Failed: k.Failed, Canceled: k.Canceled}[j.status]; d > 0 {
			j.old[kind] = m.now + d
		}
	}
}

// forgetOf forgets a job's objects of one kind, but for the pictures of items
// that may still be kicked.
func (m *model) forgetOf(j *modelJob, kind string) {
	at := j.old[kind]
	delete(j.old, kind)
	for i := range j.items {
		if d := m.dead[fmt.Sprintf("%s/%d", j.id, i)]; kind == "inputs" && d != nil && d.due > at {
			m.pictures[Job{ID: j.id, User: j.user}.InputKey(i)] = d.due
			continue
		}
		contract := Job{ID: j.id, User: j.user}
		m.drop(map[string]string{"inputs": contract.InputKey(i), "outputs": contract.OutputKey(i), "previews": contract.PreviewKey(i)}[kind])
	}
}

func (m *model) drop(key string) {
	if m.objects[key] != "" {
		m.shown["forgotten"] = true
	}
	delete(m.objects, key)
	delete(m.files, key)
}
