package worker

import (
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/jedib0t/go-pretty/v6/table"

	"stoker/cli/show"
	"stoker/client"
)

// whyWidth is where a reason is wrapped.
const whyWidth = 40

// Table lists workers.
func Table(w io.Writer, workers []client.KnownWorker, now time.Time) {
	if len(workers) == 0 {
		fmt.Fprintln(w, "No worker has been here in the last day. Start the sample with `stoker worker --operator FILE`, or one of yours with the\n"+
			"worker token and the addresses in that file; the README shows both in 20 lines.")
		return
	}
	t := show.Table(w, "worker", "state", "gpu", "holds", "presets", "done", "failed", "lost leases", "faults", "last grant", "why")
	t.SetColumnConfigs([]table.ColumnConfig{{Number: 11, WidthMax: whyWidth}})
	for _, k := range workers {
		t.AppendRow(table.Row{
			show.Plain(k.WorkerID), k.State, gpu(k), holds(k), presets(k), k.Done, k.Failed, k.Lost, k.Faults,
			show.Ago(k.LastGrant, now), show.Plain(k.Why),
		})
	}
	t.Render()
}

func gpu(k client.KnownWorker) string {
	text := show.Plain(k.GPU)
	if k.VRAMMB > 0 {
		text = strings.TrimSpace(fmt.Sprintf("%s %d GB", text, (k.VRAMMB+512)/1024))
	}
	return text
}

// holds is what is in the worker's hands, against what it could hold.
func holds(k client.KnownWorker) string {
	if k.Slots == 0 {
		return fmt.Sprint(k.Items) // it opened no session, and so did not say
	}
	return fmt.Sprintf("%d of %d", k.Items, k.Slots)
}

// presets names what the worker takes, and marks what is warm in its memory and what it lacks.
func presets(k client.KnownWorker) string {
	var parts []string
	if len(k.Presets) == 0 {
		parts = append(parts, "any")
	}
	names := slices.Concat(k.Presets, k.Loaded, k.Missing)
	slices.Sort(names)
	for _, name := range slices.Compact(names) {
		part := show.Plain(name)
		switch {
		case slices.Contains(k.Missing, name):
			part += " (missing)"
		case slices.Contains(k.Loaded, name):
			part += " (warm)"
		}
		parts = append(parts, part)
	}
	return strings.Join(parts, ", ")
}

// Now says what a worker's new state means, and how it is taken back.
func Now(w io.Writer, k client.KnownWorker) {
	id := show.Plain(k.WorkerID)
	switch k.State {
	case client.WorkerActive:
		fmt.Fprintf(w, "%s is granted work again.\n", id)
	case client.WorkerDraining:
		fmt.Fprintf(w, "%s drains: it is granted no more work, gives back what it does not finish, and stays. `stoker worker resume %[1]s` takes this back.\n", id)
	case client.WorkerQuarantined:
		fmt.Fprintf(w, "%s is quarantined: it is granted no more work until `stoker worker resume %[1]s`.\n", id)
	case client.WorkerExiting:
		fmt.Fprintf(w, "%s is told to exit: it gives back what it does not finish and ends. Started anew it is granted work again.\n", id)
	default:
		fmt.Fprintf(w, "%s is %s.\n", id, show.Plain(string(k.State)))
	}
}
