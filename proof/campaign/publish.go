package campaign

import (
	"fmt"
	"strings"
	"time"
)

// report tells in Markdown what was done and what was found.
func (r *Record) report() string {
	var b strings.Builder
	line := func(format string, args ...any) { fmt.Fprintf(&b, format+"\n", args...) }
	line("# A campaign of %s\n\nWritten by `%s`. What it does: [campaign.md](campaign.md). Its picture: [campaign.svg](campaign.svg).\n", r.Lasted.Round(time.Second), r.CommandLine)
	verdict := "**Nothing was violated, and no history was left undecided.**"
	if len(r.Violations) > 0 {
		verdict = fmt.Sprintf("**%d violations.**", len(r.Violations))
	} else if r.Undecided > 0 {
		verdict = fmt.Sprintf("Nothing was violated; %d histories were not decided in time.", r.Undecided)
	}
	if r.Lasted < r.Planned-time.Second {
		verdict += fmt.Sprintf(" It was meant to last %s; this is how far it was.", r.Planned)
	}
	if !r.Finished && len(r.Violations) == 0 {
		verdict = "**Unfinished: what is there at the end has not been looked at.** So far: " + verdict
	}
	kinds, faults := r.kinds()
	line("%s %d faults of %d kinds; %d operations (%.0f/s), of which %d, in %d histories, were judged.\n", verdict, faults, kinds, r.Total,
		float64(r.Total)/max(r.Lasted.Seconds(), 1), r.Judged, r.Histories)
	line("Begun %s, seed %d, %d cores; %s.\n", r.Began.Format("2006-01-02 15:04 UTC"), r.Seed, r.Cores, strings.Join(r.Versions, ", "))
	for _, what := range r.Violations {
		line("- VIOLATED: %s", what)
	}
	line("## What was looked at\n\n| rule | times | verdict |\n|---|---:|---|")
	for _, c := range r.Checks {
		verdict := "holds"
		if c.Violated > 0 {
			verdict = fmt.Sprintf("**violated %d times**", c.Violated)
		} else if c.Times == 0 {
			verdict = "not looked at"
		}
		line("| %s | %d | %s |", c.Rule, c.Times, verdict)
	}
	line("\nThe longest history had %d operations, the hardest took %s to be decided.\n", r.Longest, r.Hardest.Round(time.Millisecond))
	r.writeFaults(line)
	r.writeOperations(line)
	return b.String()
}

// kinds counts the faults that struck, and of how many kinds they were.
func (r *Record) kinds() (kinds, faults int) {
	struck := map[string]bool{}
	for _, e := range r.Events {
		struck[e.Kind] = true
	}
	return len(struck), len(r.Events)
}

func (r *Record) writeFaults(line func(string, ...any)) {
	line("## Faults\n\nTimes are of the longest: how long the fault lasted, and how long it took from its end until all nodes served and had acknowledged a write.\n")
	line("| fault | struck | lasted, s | then, s | what |\n|---|---:|---:|---:|---|")
	for _, k := range r.Kinds {
		n, lasted, whole := 0, time.Duration(0), time.Duration(0)
		for _, e := range r.Events {
			if e.Kind == k.Name {
				n, lasted, whole = n+1, max(lasted, e.Mended-e.Began), max(whole, e.Whole-e.Mended)
			}
		}
		about := k.About
		if k.Missing != "" {
			about += "; **" + k.Missing + "**"
		}
		line("| %s | %d | %.1f | %.1f | %s |", k.Name, n, lasted.Seconds(), whole.Seconds(), about)
	}
	line("")
}

func (r *Record) writeOperations(line func(string, ...any)) {
	line("## Operations\n\nUnknown is what a client was never told, although it asked again under the same key where there is one; each is left open in the history, as one that")
	line("may have happened at any later time, or never. `die` are items that ended without a worker's word (three lost leases).\n")
	line("| operation | acknowledged | unknown | refused, by code |\n|---|---:|---:|---|")
	for _, o := range r.Operations {
		line("| %s | %d | %d | %s |", o.Kind, o.OK, o.Unknown, strings.Join(o.Refused, ", "))
	}
	line("\nAn answer took %.1f ms in the middle, %.0f ms at the 99th percentile, and %.1f s at most, faults included.", r.P50, r.P99, r.Slowest/1000)
	line("The longest times in which nobody was acknowledged anything:\n\n| at | for | during |\n|---:|---:|---|")
	for _, g := range r.Gaps {
		line("| %s | %.1f s | %s |", g.At.Round(time.Second), g.Length.Seconds(), r.during(g))
	}
	if len(r.Stalls) > 0 {
		line("\nThe machine itself stood still, with everything on it, which is nobody's fault and is not counted where a time is limited:\n\n| at | for |\n|---:|---:|")
		for _, g := range r.Stalls {
			line("| %s | %.1f s |", g.At.Round(time.Second), g.Length.Seconds())
		}
	}
}

// during names the faults that a gap touches.
func (r *Record) during(g Gap) string {
	var names []string
	for _, e := range r.Events {
		if e.Began <= g.At+g.Length && g.At <= max(e.Whole, e.Mended) {
			names = append(names, e.Kind+" of "+e.Node)
		}
	}
	return strings.Join(names, "; ")
}
