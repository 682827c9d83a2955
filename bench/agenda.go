package bench

import "container/heap"

// event is something that happens at a time.
type event struct {
	at  int64
	seq int
	do  func() error
}

// agenda is a heap of events: the earliest first, and of those the one that was put there first.
type agenda []event

func (a agenda) Len() int { return len(a) }
func (a agenda) Less(i, j int) bool {
	return a[i].at < a[j].at || a[i].at == a[j].at && a[i].seq < a[j].seq
}
func (a agenda) Swap(i, j int) { a[i], a[j] = a[j], a[i] }

// Push and Pop are for container/heap.
func (a *agenda) Push(e any) { *a = append(*a, e.(event)) }
func (a *agenda) Pop() any {
	last := (*a)[len(*a)-1]
	*a = (*a)[:len(*a)-1]
	return last
}

// at puts something on the agenda, in so many ns from now.
func (s *simulation) at(in int64, do func() error) {
	s.seq++
	heap.Push(&s.agenda, event{s.world.now + in, s.seq, do})
}
