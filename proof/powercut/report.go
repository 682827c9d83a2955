package powercut

import (
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"time"
)

// report is what was done and found, as Markdown.
func (r *run) report() string {
	var b strings.Builder
	verdict := "Every node came back with all that was acknowledged, and with nothing else."
	if len(r.wrong) > 0 {
		verdict = fmt.Sprintf("**%d images were not as they must be.**", len(r.wrong))
	}
	fmt.Fprintf(&b, "# Power cuts at %d moments\n\nWritten by `%s`. What it does: [powercut.md](powercut.md). Its picture: [powercut.svg](powercut.svg).\n\n%s\n\n", r.cuts, r.line(), verdict)
	fmt.Fprintf(&b, "Took %s on %d processors; %s.\n\n", r.took.Round(time.Second), runtime.NumCPU(), runtime.Version())
	for _, w := range r.wrong {
		fmt.Fprintf(&b, "- %s\n", w)
	}
	fmt.Fprintf(&b, "| what | |\n|---|---:|\n")
	row := func(what string, n any) { fmt.Fprintf(&b, "| %s | %v |\n", what, n) }
	row("requests, one after the other", len(r.trip.steps))
	row("system calls that changed files", r.disk.Calls)
	row("bytes they wrote", r.disk.Bytes)
	row("syncs", r.disk.Syncs)
	row("power cuts, each at the end of one", r.cuts)
	for _, f := range slices.Sorted(maps.Keys(r.fates)) {
		row("… of what was not durable, reached the disk: "+f, r.fates[f])
	}
	row("the request on its way was there", r.present)
	row("the request on its way was not there", r.absent)
	row("requests sent again under their key after the start, and done once", r.resent)
	row("pictures read and compared", r.pictures)
	if backs := r.backs(); len(backs) > 0 {
		row("a node was back after, in the middle and at most", fmt.Sprintf("%s, %s", middle(backs).Round(time.Millisecond), slices.Max(backs).Round(time.Millisecond)))
	}
	return b.String()
}

func (r *run) publish() error {
	if err := os.MkdirAll(r.Out, 0o755); err != nil {
		return err
	}
	return errors.Join(
		os.WriteFile(filepath.Join(r.Out, "powercut-report.md"), []byte(r.report()), 0o644),
		os.WriteFile(filepath.Join(r.Out, "powercut.svg"), []byte(r.picture().SVG()), 0o644))
}
