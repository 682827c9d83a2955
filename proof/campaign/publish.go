package campaign

import (
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"time"
)

// summary is what a run ends with, on the terminal.
func (x *campaign) summary() { x.write(x.out) }

// publish writes the report into a folder.
func (x *campaign) publish(dir string) error {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	var text strings.Builder
	fmt.Fprintf(&text, "# A campaign of %s\n\n", x.ended.Round(time.Second))
	x.write(&text)
	return os.WriteFile(filepath.Join(dir, "report.md"), []byte(text.String()), 0o644)
}

// write tells in Markdown what was done and found.
func (x *campaign) write(out io.Writer) {
	line := func(format string, args ...any) { fmt.Fprintf(out, format+"\n", args...) }
	v := x.verdicts
	line("\n`%s`\n", x.commandLine())
	line("Seed %d, %d nodes, %s on %s/%s with %d cores. %d operations in %s (%.0f/s), %d of them in %d histories that were judged; %d faults.\n",
		x.Seed, x.Nodes, runtime.Version(), runtime.GOOS, runtime.GOARCH, runtime.NumCPU(), x.tally.total, x.ended.Round(time.Second),
		float64(x.tally.total)/max(x.ended.Seconds(), 1), v.operations, v.histories, len(x.events))
	line("| what was looked at | times | |\n|---|---|---|")
	for _, rule := range rules {
		verdict := "holds"
		if n := v.number(rule); n > 0 {
			verdict = fmt.Sprintf("**VIOLATED %d times**", n)
		} else if v.counts[rule] == 0 {
			verdict = "not looked at"
		}
		line("| %s | %d | %s |", rule, v.counts[rule], verdict)
	}
	line("\nThe longest history had %d operations; the hardest took %s to be decided; %d were not decided.\n", v.longest, v.slowest.Round(time.Millisecond), v.undecided)
	x.writeFaults(line)
	x.writeOperations(line)
}

func (x *campaign) writeFaults(line func(string, ...any)) {
	line("| fault | struck | longest | longest until all served again | what |\n|---|---|---|---|---|")
	for _, f := range x.kinds {
		n, lasted, whole := 0, time.Duration(0), time.Duration(0)
		for _, e := range x.events {
			if e.Kind == f.name {
				n, lasted, whole = n+1, max(lasted, e.Mended-e.Began), max(whole, e.Whole-e.Mended)
			}
		}
		about := f.about
		if why := x.skipped[f.name]; why != "" {
			about += "; **" + why + "**"
		}
		line("| %s | %d | %.1f s | %.1f s | %s |", f.name, n, lasted.Seconds(), whole.Seconds(), about)
	}
	line("")
}

func (x *campaign) writeOperations(line func(string, ...any)) {
	line("| operation | acknowledged | unknown | refused |\n|---|---|---|---|")
	for _, kind := range x.tally.kinds() {
		ok, unknown, refused := outcomes(x.tally.codes[kind])
		line("| %s | %d | %d | %s |", kind, ok, unknown, strings.Join(refused, ", "))
	}
	var took []float32
	for _, s := range x.tally.seconds {
		took = append(took, s.took...)
	}
	slices.Sort(took)
	if len(took) > 0 {
		line("\nAn answer took %.1f ms in the middle, %.0f ms at the 99th percentile; the longest time without any acknowledgement was %.1f s.",
			took[len(took)/2], took[len(took)*99/100], x.tally.longest.Seconds())
	}
}
