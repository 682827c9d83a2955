package bench

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"time"
)

// Load is what came of one load. Goodput is what was taken and answered a second behind the opening; all else is of the opening too.
type Load struct {
	Name    string
	Rate    float64 // offered a second; 0: as fast as it is answered
	Began   time.Time
	Span    time.Duration // with the opening
	Goodput float64
	Seconds []LoadSecond // from its beginning, until the last answer

	taken, refused []answer       // by what they took
	odd            map[string]int // other answers, and refusals that do not say when to come again
	toll
}

// LoadSecond is what was answered within one second of a load.
type LoadSecond struct {
	Taken, Refused int
	P50, P99       time.Duration // of those that were taken
	MB             float64       // own memory of the largest node, at most; 0: it was not looked at any more
}

// answer is one, with the moment at which it came, since the load's beginning.
type answer struct{ at, took time.Duration }

// sum brings answers into order and makes figures of them.
func (l *Load) sum(t toll) {
	l.toll = t
	bySecond := map[int][]time.Duration{}
	second := func(a answer) *LoadSecond {
		i := int(a.at / time.Second)
		for len(l.Seconds) <= i {
			l.Seconds = append(l.Seconds, LoadSecond{})
		}
		return &l.Seconds[i]
	}
	good := 0
	for _, a := range l.taken {
		second(a).Taken++
		bySecond[int(a.at/time.Second)] = append(bySecond[int(a.at/time.Second)], a.took)
		if a.at > opening && a.at < l.Span {
			good++
		}
	}
	for _, a := range l.refused {
		second(a).Refused++
	}
	for i := range l.Seconds {
		took := bySecond[i]
		slices.Sort(took)
		l.Seconds[i].P50, l.Seconds[i].P99 = within(took, 50), within(took, 99)
		if i < len(t.memory) {
			l.Seconds[i].MB = t.memory[i]
		}
	}
	for _, all := range [][]answer{l.taken, l.refused} {
		slices.SortFunc(all, func(a, b answer) int { return cmp.Compare(a.took, b.took) })
	}
	l.Goodput = float64(good) / (l.Span - opening).Seconds()
}

// slow says what was too slow under a load, beside what the cluster can take a second.
func (l Load) slow(most float64) (wrong []string) {
	unless := func(holds bool, text string, args ...any) {
		if !holds {
			wrong = append(wrong, l.Name+": "+fmt.Sprintf(text, args...))
		}
	}
	unless(l.Goodput >= leastGoodput*most, "%.0f are taken a second, of %.0f that can be", l.Goodput, most)
	p99, half := within(l.taken, 99).took, within(l.refused, 50).took
	unless(p99 <= longestTaken, "one in a hundred that are taken waits for more than %s", p99)
	unless(half <= longestNo, "half of those that are refused learn it after %s", half)
	return wrong
}

// notYetWell says what a light load still suffers from, right after a heavy one.
func (l Load) notYetWell(heavy string) []string {
	if half := within(l.taken, 50).took; len(l.refused) > 0 || half > soonAgain {
		return []string{fmt.Sprintf("after %s: %d of a light load are refused, and half of it takes %s", heavy, len(l.refused), half)}
	}
	return nil
}

// large says whether a node has grown to more than so many MB.
func (l Load) large(mayMB float64) []string {
	if l.peak() > mayMB {
		return []string{fmt.Sprintf("%s: a node has grown to %.0f MB, of %.0f that it may have", l.Name, l.peak(), mayMB)}
	}
	return nil
}

// oddities are answers that nobody should get.
func (l Load) oddities() (all []string) {
	for _, what := range slices.Sorted(maps.Keys(l.odd)) {
		all = append(all, fmt.Sprintf("%s: %d times %s", l.Name, l.odd[what], what))
	}
	return all
}

// LoadColumns are the names of a load's figures.
var LoadColumns = []string{"load", "offered/s", "taken/s", "taken p50", "taken p99", "refused", "refused p50", "MB", "CPU", "client"}

// Figures are a load's row under them: MB of the largest node, and processors that the nodes and the client used.
func (l Load) Figures() []string {
	offered := "-"
	if l.Rate > 0 {
		offered = fmt.Sprintf("%.0f", l.Rate)
	}
	ms := func(d time.Duration) string { return d.Round(time.Millisecond).String() }
	return []string{l.Name, offered, fmt.Sprintf("%.0f", l.Goodput), ms(within(l.taken, 50).took), ms(within(l.taken, 99).took), fmt.Sprint(len(l.refused)),
		ms(within(l.refused, 50).took), fmt.Sprintf("%.0f", l.peak()), fmt.Sprintf("%.2f", l.cpu), fmt.Sprintf("%.2f", l.clientCPU)}
}

// Answered is how many were taken, refused, and answered as nobody should be.
func (l Load) Answered() (taken, refused, odd int) {
	for _, n := range l.odd {
		odd += n
	}
	return len(l.taken), len(l.refused), odd
}

const loadsLine = "%-14s %9s %9s %14s %14s %9s %14s %8s %6s %6s"

var loadsHead = lined(LoadColumns)

func lined(cells []string) string {
	all := make([]any, len(cells))
	for i, c := range cells {
		all[i] = c
	}
	return fmt.Sprintf(loadsLine, all...)
}

func (l Load) String() string { return lined(l.Figures()) }

// within is what so many percent have at most, of what is sorted; zero of nothing.
func within[T any](sorted []T, p int) (at T) {
	if len(sorted) == 0 {
		return at
	}
	return sorted[min(len(sorted)*p/100, len(sorted)-1)]
}
