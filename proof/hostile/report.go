package hostile

import (
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"time"

	"stoker/proof/timeline"
)

// Report is all that came of it.
type Report struct {
	Rows   []Row
	Unseen []string // what could not be done, or looked at, and why
	Began  time.Time
	Lasted time.Duration

	turns []turn // of the bystander, alone at first and then during the siege
}

// Row is what came of one attack.
type Row struct {
	Name  string
	Conns int
	Came  string   // in words
	Wrong []string // what must not have been

	rule  timeline.Key // what must become of its connections; none: it is not about connections of its own
	stays []stay       // when each of them stood, in any order
}

// stay is a connection's time, from when it was opened until it ended or was given up.
type stay struct{ from, to time.Time }

// Broken is how many rows have something wrong.
func (r *Report) Broken() (n int) {
	for _, row := range r.Rows {
		if len(row.Wrong) > 0 {
			n++
		}
	}
	return n
}

// Print writes a line for each attack, and what was wrong below it.
func (r *Report) Print(out io.Writer) {
	fmt.Fprintf(out, "%-22s %11s  %-8s %s\n", "attack", "connections", "verdict", "what came")
	for _, row := range r.Rows {
		fmt.Fprintf(out, "%-22s %11d  %-8s %s\n", row.Name, row.Conns, row.verdict(), row.Came)
		for _, w := range row.wrongs() {
			fmt.Fprintf(out, "%-22s %11s  %s\n", "", "", w)
		}
	}
	for _, u := range r.Unseen {
		fmt.Fprintln(out, u)
	}
}

func (r Row) verdict() string {
	if len(r.Wrong) > 0 {
		return "BROKEN"
	}
	return "held"
}

// wrongs are what was wrong, each once.
func (r Row) wrongs() []string { return slices.Compact(slices.Sorted(slices.Values(r.Wrong))) }

// hostile says whether a row is of connections that should not have been, and not of a bystander's or of none.
func (r Row) hostile() bool { return r.rule != served && r.rule != timeline.Key{} }

func (r *Report) verdict() string {
	if n := r.Broken(); n > 0 {
		return fmt.Sprintf("%d of %d BROKEN", n, len(r.Rows))
	}
	return "all held"
}

// size is how many connections attacked, and how many calls of the bystander were answered.
func (r *Report) size() string {
	conns := 0
	for _, row := range r.Rows {
		if row.hostile() {
			conns += row.Conns
		}
	}
	return fmt.Sprintf("%s hostile connections, %s calls of a bystander", timeline.Thousands(conns), timeline.Thousands(2*len(r.turns)))
}

// report tells it as Markdown. line is the command line that does it again.
func (r *Report) report(line string) string {
	var b strings.Builder
	fmt.Fprintf(&b, "# Hostile clients: %s\n\nWritten by `%s`. What it does: [hostile.md](hostile.md). Its picture: [hostile.svg](hostile.svg).\n\n", r.verdict(), line)
	fmt.Fprintf(&b, "%s. Begun %s, took %s on %d processors; %s.\n\n", r.size(), r.Began.UTC().Format("2006-01-02 15:04 UTC"), r.Lasted.Round(time.Second), runtime.NumCPU(), runtime.Version())
	for _, u := range r.Unseen {
		fmt.Fprintf(&b, "- %s\n", u)
	}
	fmt.Fprint(&b, "\n| attack | connections | verdict | what came |\n|---|--:|---|---|\n")
	for _, row := range r.Rows {
		verdict := row.verdict()
		if len(row.Wrong) > 0 {
			verdict = "**" + verdict + "**"
		}
		fmt.Fprintf(&b, "| %s | %s | %s | %s |\n", row.Name, timeline.Thousands(row.Conns), verdict, row.Came)
	}
	if r.Broken() > 0 {
		fmt.Fprint(&b, "\n## What is wrong\n\n")
	}
	for _, row := range r.Rows {
		for _, w := range row.wrongs() {
			fmt.Fprintf(&b, "- %s: %s\n", row.Name, w)
		}
	}
	return b.String()
}

// publish writes report and picture into a folder, which it makes if there is none.
func (r *Report) publish(dir, line string) error {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	for name, text := range map[string]string{"hostile-report.md": r.report(line), "hostile.svg": r.timeline()} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o644); err != nil {
			return err
		}
	}
	return nil
}
