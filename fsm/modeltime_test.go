package fsm

import "maps"

// due is something that happens by itself.
type due struct {
	at   int64
	kind int // of those at one time the lower comes first
	act  func()
}

// expire does what is due, in the order in which it is.
func (m *model) expire() {
	for {
		var first due
		note := func(at int64, kind int, act func()) {
			if at > m.now || first.act != nil && (at > first.at || at == first.at && kind >= first.kind) {
				return
			}
			first = due{at, kind, act}
		}
		for _, id := range sortedKeys(m.jobs) { // who wakes up first matters
			j := m.jobs[id]
			if j.deadline != 0 {
				note(j.deadline, 1, func() { m.ranOut(j) })
			}
			for _, it := range j.items {
				if it.place == Scheduled {
					note(it.back, 2, func() { m.enqueue(it) })
				}
			}
		}
		for _, id := range sortedKeys(m.jobs) {
			for kind, at := range m.jobs[id].old {
				note(at, 5, func() { m.forgetOf(m.jobs[id], kind) })
			}
		}
		for key, at := range m.pictures {
			note(at, 6, func() { m.drop(key); delete(m.pictures, key) })
		}
		for i, b := range m.brought {
			note(b.at, 7, func() { m.forgetBrought(i) })
		}
		for _, w := range m.workers {
			note(w.look, 3, func() { m.lookAt(w) })
			if w.until != 0 {
				note(w.until, 4, func() { m.state(w, WorkerActive, 0) })
			}
		}
		if first.act == nil {
			m.forget()
			return
		}
		first.act()
	}
}

// ranOut: every state that is not terminal has a deadline.
func (m *model) ranOut(j *modelJob) {
	switch j.status {
	case Created, Uploaded:
		m.end(j, Canceled, Canceled)
	case Queued:
		m.end(j, Failed, Failed)
	case Running:
		if j.count(Done) > 0 {
			m.end(j, Failed, Done)
		} else {
			m.end(j, Failed, Failed)
		}
	}
}

// forget drops what is only kept for a while.
func (m *model) forget() {
	maps.DeleteFunc(m.uploads, func(_ string, u *modelUpload) bool { return u.due <= m.now })
	maps.DeleteFunc(m.leases, func(_ uint64, l *modelLease) bool { return l.ended != "" && l.forget <= m.now })
	maps.DeleteFunc(m.dead, func(_ string, d *modelDead) bool { return d.due <= m.now })
}
