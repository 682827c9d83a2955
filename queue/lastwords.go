package queue

import "time"

// remembered is how long an ended poll is known at least: longer than the
// request that it ends can be on its way.
const remembered = 10 * time.Second

// lastWords are the polls that were asked for the last time, without waiting:
// their workers leave. What those had asked before, on a connection that they
// have closed, may arrive after that; parked, it would be granted work that
// nobody does. They are kept in two generations, each for as long as is remembered.
type lastWords struct {
	now, before map[poll]struct{}
	turned      time.Time // when now began
}

func (l *lastWords) turn(at time.Time) {
	age := at.Sub(l.turned)
	if age < remembered {
		return
	}
	l.before = l.now
	if age >= 2*remembered {
		l.before = nil
	}
	l.now, l.turned = map[poll]struct{}{}, at
}

// add notes a poll's last words. One without a name cannot be told from another.
func (l *lastWords) add(p poll, at time.Time) {
	if p.id == "" {
		return
	}
	l.turn(at)
	l.now[p] = struct{}{}
}

func (l *lastWords) said(p poll, at time.Time) bool {
	l.turn(at)
	_, now := l.now[p]
	_, before := l.before[p]
	return now || before
}
