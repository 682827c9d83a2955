package bench

import (
	"fmt"
	"maps"
	"slices"
	"time"
)

// surge is what came of one load.
type surge struct {
	name           string
	rate           float64 // offered a second; 0: as fast as it is answered
	span           time.Duration
	goodput        float64         // taken and answered a second, within the span; all else is of the moments before it too
	taken, refused []time.Duration // sorted
	odd            map[string]int  // other answers, and refusals that do not say when to come again
	toll
}

// under says what did not hold under a load, beside what the cluster can take a second and the memory that a node may have.
func (l surge) under(most, mayMB float64) (wrong []string) {
	unless := func(holds bool, text string, args ...any) {
		if !holds {
			wrong = append(wrong, l.name+": "+fmt.Sprintf(text, args...))
		}
	}
	unless(l.goodput >= leastGoodput*most, "%.0f are taken a second, of %.0f that can be", l.goodput, most)
	p99, half := within(l.taken, 99), within(l.refused, 50)
	unless(p99 <= longestTaken, "one in a hundred that are taken waits for more than %s", p99)
	unless(half <= longestNo, "half of those that are refused learn it after %s", half)
	unless(l.peakMB == 0 || l.peakMB <= mayMB, "a node has grown to %.0f MB, of %.0f that it may have", l.peakMB, mayMB)
	return wrong
}

// oddities are answers that nobody should get.
func (l surge) oddities() (all []string) {
	for _, what := range slices.Sorted(maps.Keys(l.odd)) {
		all = append(all, fmt.Sprintf("%s: %d times %s", l.name, l.odd[what], what))
	}
	return all
}

func (l surge) String() string {
	offered := "-"
	if l.rate > 0 {
		offered = fmt.Sprintf("%.0f", l.rate)
	}
	ms := func(d time.Duration) string { return d.Round(time.Millisecond).String() }
	return fmt.Sprintf("%-14s %9s %9.0f %14s %14s %9d %14s %8.0f %6.2f %6.2f", l.name, offered, l.goodput,
		ms(within(l.taken, 50)), ms(within(l.taken, 99)), len(l.refused), ms(within(l.refused, 50)), l.peakMB, l.cpu, l.clientCPU)
}

// within is the time that so many percent took at most, sorted times; 0 without any.
func within(sorted []time.Duration, p int) time.Duration {
	if len(sorted) == 0 {
		return 0
	}
	return sorted[min(len(sorted)*p/100, len(sorted)-1)]
}
