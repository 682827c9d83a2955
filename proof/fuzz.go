package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"text/tabwriter"
	"time"

	"stoker/proof/timeline"
)

// fuzzCommand is `proof fuzz`.
type fuzzCommand struct {
	For  time.Duration `default:"10m" help:"How long all of them together, each for as long as the others; compiling comes on top (${default})."`
	Only []string      `metavar:"A,B" help:"Only these targets (all)."`
	Out  string        `type:"path" metavar:"DIR" help:"Folder for fuzz-report.md and fuzz.svg (none)."`
}

// target is a fuzzed function of a package.
type target struct {
	pkg, name string
	wavers    bool // goroutines beside it make its coverage waver, which the fuzzer takes for news and would minimize for a minute
}

func (t target) String() string { return t.pkg + " " + t.name }

// shorten is how long the fuzzer may take to make one input that is news shorter, as its flag is written: it finds nothing else
// meanwhile, and would take a minute for each.
func (t target) shorten(share time.Duration) string {
	if t.wavers {
		return "1x"
	}
	return min(share/20, time.Minute).String()
}

// targets are all there are; a test holds them against the source.
var targets = []target{
	{pkg: "./cli/appfile", name: "FuzzParse"},
	{pkg: "./cli/config", name: "FuzzLoad"},
	{pkg: "./fsm", name: "FuzzEntry", wavers: true},
	{pkg: "./fsm", name: "FuzzJobRecord"},
	{pkg: "./fsm", name: "FuzzStretch"},
	{pkg: "./fsm", name: "FuzzMachine", wavers: true},
	{pkg: "./handlers", name: "FuzzDecode"},
	{pkg: "./handlers", name: "FuzzToken"},
	{pkg: "./node", name: "FuzzMessage", wavers: true},
	{pkg: "./node", name: "FuzzPort", wavers: true},
	{pkg: "./objects", name: "FuzzChunks"},
	{pkg: "./objects", name: "FuzzKey"},
	{pkg: "./objects", name: "FuzzSniff"},
	{pkg: "./objects", name: "FuzzVerify"},
}

// Help says what is looked for.
func (*fuzzCommand) Help() string {
	return `Lets Go's fuzzer look for bytes that somebody could send and that the code they come to gets wrong: bodies, tokens, signatures,
chunks, keys, pictures, log entries, the cluster port before and behind its handshake, configuration files, and the machine itself.
Each target holds what it sees against something independent of it; docs/proof/fuzz.md says what. An input that is found stays in the
package's testdata/fuzz, where every go test tries it from then on.

  go run ./proof fuzz
  go run ./proof fuzz --for 24h --out .                  # a day, and a report with its picture
  go run ./proof fuzz --only FuzzKey,FuzzToken --for 1m`
}

// worthKeeping is the share from which on a target begins with what covered more in earlier runs, where go test -fuzz keeps that, and
// leaves there what it finds. To try all of it may take longer than a short share is.
const worthKeeping = time.Minute

// Run has each target fuzzed for its share of the time.
func (c *fuzzCommand) Run(ctx context.Context, out io.Writer) error {
	chosen, err := c.chosen()
	if err != nil {
		return fmt.Errorf("fuzz: %w", err)
	}
	dir, err := workshop()
	if err != nil {
		return fmt.Errorf("fuzz: %w", err)
	}
	defer os.RemoveAll(dir)
	cache, err := exec.CommandContext(ctx, "go", "env", "GOCACHE").Output()
	if err != nil {
		return fmt.Errorf("fuzz: go env: %w", err)
	}
	r := fuzzing{began: time.Now(), chosen: chosen, share: c.For / time.Duration(len(chosen))}
	r.stopped = r.run(ctx, dir, filepath.Join(strings.TrimSpace(string(cache)), "fuzz", "stoker"), out)
	r.lasted = time.Since(r.began)
	if c.Out != "" {
		err := writeReport(c.Out, "fuzz-report.md", func(w io.Writer) { r.report(w, c.line()) })
		if err = errors.Join(err, writeReport(c.Out, "fuzz.svg", r.timeline)); err != nil {
			return fmt.Errorf("fuzz: %w", errors.Join(r.stopped, err))
		}
	}
	if r.stopped != nil {
		return fmt.Errorf("fuzz: %w", r.stopped)
	}
	if found := r.found(); found > 0 {
		return fmt.Errorf("fuzz: something was found, by %d of %d targets; above stands how to see it again", found, len(chosen))
	}
	return nil
}

// line does it again.
func (c *fuzzCommand) line() string {
	line := "go run ./proof fuzz --for " + c.For.String()
	if len(c.Only) > 0 {
		line += " --only " + strings.Join(c.Only, ",")
	}
	return line
}

// fuzzing is a run of all targets that were chosen, one after the other.
type fuzzing struct {
	began   time.Time
	lasted  time.Duration
	chosen  []target
	share   time.Duration // of each
	done    []fuzzed      // of the first of them
	stopped error         // why not of all
}

// run fuzzes all of them. Where a share is worth it, each begins with what is kept below a folder.
func (r *fuzzing) run(ctx context.Context, dir, kept string, out io.Writer) error {
	fmt.Fprintf(out, "%d targets, %s each\n", len(r.chosen), r.share.Round(time.Second/10))
	table := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(table, "target\texecutions\tnew inputs\tverdict")
	for _, t := range r.chosen {
		dir := filepath.Join(dir, path.Base(t.pkg))
		from := filepath.Join(dir, "kept")
		if r.share >= worthKeeping {
			from = filepath.Join(kept, t.pkg)
		}
		f, err := t.fuzz(ctx, dir, from, r.share)
		if err != nil {
			return err
		}
		r.done = append(r.done, f)
		fmt.Fprintf(table, "%s\t%s\t%s\t%s\n", t, timeline.Thousands(f.execs), timeline.Thousands(f.news), f.verdict())
		table.Flush()
	}
	return nil
}

func (c *fuzzCommand) chosen() (chosen []target, err error) {
	if c.For <= 0 {
		return nil, errors.New("some time is needed")
	}
	for _, name := range c.Only {
		at := slices.IndexFunc(targets, func(t target) bool { return t.name == name })
		if at < 0 {
			return nil, fmt.Errorf("there is no target %q", name)
		}
		chosen = append(chosen, targets[at])
	}
	if chosen == nil {
		chosen = targets
	}
	return chosen, nil
}

// fuzzed is what came of a target.
type fuzzed struct {
	target
	began, ended time.Time // of the fuzzer, after what had to be compiled
	execs, news  int
	told         []told
	found        string // as go test -run names it; "" if nothing was
	said         string // what the test said of it
}

// told is a line of the fuzzer's, every three seconds and at its end.
type told struct {
	at   time.Duration // since it began, in whole seconds
	rate int           // executions a second since the last line; 0 while it tries what it began with, or minimizes
	news int           // new inputs since it began
}

func (f fuzzed) verdict() string {
	if f.found == "" {
		return "nothing found"
	}
	return fmt.Sprintf("FOUND: %s\n%s", f.again(), f.said)
}

// again is the line that sees alone what was found.
func (f fuzzed) again() string {
	return fmt.Sprintf("go test %s -run '^%s$'", f.pkg, strings.ReplaceAll(f.found, "/", "$/^"))
}

var (
	progress = regexp.MustCompile(`elapsed: (\S+), (?:execs: (\d+) \((\S+)/sec\), new interesting: (\d+))?`)
	written  = regexp.MustCompile(`Failing input written to testdata/fuzz/(\S+)`)
	// deadline is how Go's fuzzer calls the end of its time, now and then, when it comes in the middle of an input.
	deadline = regexp.MustCompile(`(?m)^--- FAIL: Fuzz\w+ \(.*\)\n    context deadline exceeded$`)
	seed     = regexp.MustCompile(`--- FAIL: (Fuzz\w+/\S+)`)
)

// fuzz compiles the package's tests, unless another target has, and fuzzes.
func (t target) fuzz(ctx context.Context, dir, kept string, share time.Duration) (fuzzed, error) {
	var log strings.Builder
	tests := tested{Package: t.pkg, Run: "^$", Dir: dir, Fuzz: true, Args: []string{
		"-test.fuzz", "^" + t.name + "$", "-test.fuzztime", share.String(), "-test.fuzzcachedir", kept, "-test.fuzzminimizetime", t.shorten(share),
	}}
	if _, err := os.Stat(tests.binary()); err != nil {
		if err := os.MkdirAll(dir, 0o700); err != nil {
			return fuzzed{}, err
		}
		if err := tests.build(ctx, &log); err != nil {
			return fuzzed{}, fmt.Errorf("%w\n%s", err, &log)
		}
	}
	began := time.Now()
	_, _, failed := tests.run(ctx, &log)
	f, err := t.read(log.String(), failed)
	f.began, f.ended = began, time.Now()
	return f, err
}

// read reads what the fuzzer printed. An error is neither a found input nor the end of the time.
func (t target) read(log string, failed error) (f fuzzed, err error) {
	f.target = t
	for _, m := range progress.FindAllStringSubmatch(log, -1) {
		var now told
		now.at, _ = time.ParseDuration(m[1])
		now.rate, _ = strconv.Atoi(m[3]) // +Inf for two lines at a time is none
		if m[2] != "" {
			f.execs, _ = strconv.Atoi(m[2])
			f.news, _ = strconv.Atoi(m[4])
		}
		now.news = f.news
		f.told = append(f.told, now)
	}
	if failed == nil {
		if f.execs == 0 {
			return f, fmt.Errorf("nothing was executed; give it longer with --for:\n%s", log)
		}
		return f, nil
	}
	for _, in := range []*regexp.Regexp{written, seed} {
		if m := in.FindStringSubmatch(log); m != nil {
			f.found = m[1]
			_, f.said, _ = strings.Cut(log, "--- FAIL")
			return f, nil
		}
	}
	if f.execs > 0 && deadline.MatchString(log) {
		return f, nil
	}
	return f, fmt.Errorf("%w\n%s", failed, log)
}
