package query

import (
	"iter"
	"maps"
	"slices"
)

// tallyPath is the path of a statement that asks for the tallied column alone:
// rows that nothing else is asked of cannot be told apart, so they are counted in
// one walk and given out in order, and a GROUP BY need not sort them.
const tallyPath = -1

// tally is the source over counted values.
type tally struct {
	counts map[string]int
	values []string // in order, those with rows left
	left   int      // of the first
	passed int64
}

// alive is how many rows are counted between two looks at the clock.
const alive = 1024

func newTally(s *session, rows iter.Seq[string]) *tally {
	t := &tally{counts: map[string]int{}}
	for v := range rows {
		if s.visited++; s.visited%alive == 0 && s.ctx.Err() != nil {
			break // SQLite asks for the same context, and ends the statement
		}
		t.counts[v]++
	}
	t.values = append([]string{""}, slices.Sorted(maps.Keys(t.counts))...)
	return t
}

func (t *tally) next() bool {
	t.passed++
	if t.left--; t.left > 0 {
		return true
	}
	if t.values = t.values[1:]; len(t.values) == 0 {
		return false
	}
	t.left = t.counts[t.values[0]]
	return true
}

func (t *tally) value(int) any { return t.values[0] }

func (t *tally) id() int64 { return t.passed }

func (t *tally) close() {}
