package queue

import (
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/jedib0t/go-pretty/v6/table"

	"stoker/cli/show"
	"stoker/client"
)

// everything is how the cluster names a pause of all presets.
const everything = "*"

// stuck is how long work may wait beside waiting workers before that is worth a word: for two seconds it may be waiting for a
// worker that has its preset warm.
const stuck = 5

// Table shows what waits, who works, and what an operator should look at.
func Table(w io.Writer, q client.QueueStatus) {
	depth, oldest := 0, 0.0
	for _, c := range q.Classes {
		depth, oldest = depth+c.Depth, max(oldest, c.OldestS)
	}
	if depth == 0 {
		fmt.Fprintln(w, "Nothing waits for a worker. A job does from its POST /jobs/{id}/execute on.")
	} else {
		t := show.Table(w, "class", "preset", "depth", "oldest", "state")
		for _, c := range q.Classes {
			state := "open"
			if slices.Contains(q.Paused, c.Preset) || slices.Contains(q.Paused, everything) {
				state = "paused"
			}
			t.AppendRow(table.Row{show.Plain(c.Class), show.Plain(c.Preset), c.Depth, show.Age(show.Seconds(c.OldestS)), state})
		}
		t.Render()
	}
	fmt.Fprintf(w, "workers waiting %d · leases %d · grants/s %.2f · dead %d\n", q.WaitingWorkers, q.Leases, q.GrantsPerS, q.Dead)
	for _, line := range advice(q, depth, oldest) {
		fmt.Fprintln(w, line)
	}
}

// advice is what to type next.
func advice(q client.QueueStatus, depth int, oldest float64) (lines []string) {
	if len(q.Paused) > 0 {
		lines = append(lines, Paused(q.Paused))
	}
	idle := q.WaitingWorkers == 0 && q.Leases == 0
	switch {
	case len(q.Paused) > 0 && depth > 0: // it waits as it was told to
	case idle:
		lines = append(lines, "No worker asks for work: start one with `stoker worker`; `stoker worker list` shows those that were here.")
	case depth > 0 && q.WaitingWorkers > 0 && oldest >= stuck:
		lines = append(lines, "Work and workers wait for each other: `stoker worker list` shows which presets they take, `stoker job why JOB` why a job waits.")
	}
	if q.Dead > 0 {
		lines = append(lines, fmt.Sprintf("%s gave up: `stoker queue dead` shows why.", show.Count(q.Dead, "picture")))
	}
	return lines
}

// Paused says what is paused and how it goes on.
func Paused(presets []string) string {
	switch {
	case len(presets) == 0:
		return "Nothing is paused."
	case slices.Contains(presets, everything):
		return "Everything is paused; what is in work goes on. `stoker queue resume` hands out work again."
	}
	return fmt.Sprintf("Paused: %s; what is in work goes on. `stoker queue resume PRESET` hands it out again.", show.Plain(strings.Join(presets, ", ")))
}
