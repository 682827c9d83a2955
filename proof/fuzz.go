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
}

// target is a fuzzed function of a package.
type target struct {
	pkg, name string
	wavers    bool // goroutines beside it make its coverage waver, which the fuzzer takes for news and would minimize for a minute
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
  go run ./proof fuzz --for 24h
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
	share := c.For / time.Duration(len(chosen))
	fmt.Fprintf(out, "%d targets, %s each\n", len(chosen), share.Round(time.Second/10))
	table := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	found := 0
	fmt.Fprintln(table, "target\texecutions\tnew inputs\tverdict")
	for _, t := range chosen {
		dir := filepath.Join(dir, path.Base(t.pkg))
		kept := filepath.Join(dir, "kept")
		if share >= worthKeeping {
			kept = filepath.Join(strings.TrimSpace(string(cache)), "fuzz", "stoker", t.pkg)
		}
		f, err := t.fuzz(ctx, dir, kept, share)
		if err != nil {
			return fmt.Errorf("fuzz: %w", err)
		}
		if f.found != "" {
			found++
		}
		fmt.Fprintf(table, "%s %s\t%s\t%s\t%s\n", t.pkg, t.name, timeline.Thousands(f.execs), timeline.Thousands(f.news), f.verdict(t))
		table.Flush()
	}
	if found > 0 {
		return fmt.Errorf("fuzz: something was found, by %d of %d targets; above stands how to see it again", found, len(chosen))
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
	execs, news int
	found       string // as go test -run names it; "" if nothing was
	said        string // what the test said of it
}

func (f fuzzed) verdict(t target) string {
	if f.found == "" {
		return "nothing found"
	}
	return fmt.Sprintf("FOUND: go test %s -run '^%s$'\n%s", t.pkg, strings.ReplaceAll(f.found, "/", "$/^"), f.said)
}

var (
	progress = regexp.MustCompile(`execs: (\d+) .*new interesting: (\d+)`)
	written  = regexp.MustCompile(`Failing input written to testdata/fuzz/(\S+)`)
	// deadline is how Go's fuzzer calls the end of its time, now and then, when it comes in the middle of an input.
	deadline = regexp.MustCompile(`(?m)^--- FAIL: Fuzz\w+ \(.*\)\n    context deadline exceeded$`)
	seed     = regexp.MustCompile(`--- FAIL: (Fuzz\w+/\S+)`)
)

// fuzz compiles the package's tests, unless another target has, and fuzzes.
func (t target) fuzz(ctx context.Context, dir, kept string, share time.Duration) (fuzzed, error) {
	var log strings.Builder
	tests := tested{Package: t.pkg, Run: "^$", Dir: dir, Fuzz: true, Args: []string{
		"-test.fuzz", "^" + t.name + "$", "-test.fuzztime", share.String(), "-test.fuzzcachedir", kept,
	}}
	if t.wavers {
		tests.Args = append(tests.Args, "-test.fuzzminimizetime", "1x")
	}
	if _, err := os.Stat(tests.binary()); err != nil {
		if err := os.MkdirAll(dir, 0o700); err != nil {
			return fuzzed{}, err
		}
		if err := tests.build(ctx, &log); err != nil {
			return fuzzed{}, fmt.Errorf("%w\n%s", err, &log)
		}
	}
	_, _, failed := tests.run(ctx, &log)
	return readFuzzed(log.String(), failed)
}

// readFuzzed reads what the fuzzer printed. An error is neither a found input nor the end of the time.
func readFuzzed(log string, failed error) (f fuzzed, err error) {
	if all := progress.FindAllStringSubmatch(log, -1); all != nil {
		last := all[len(all)-1]
		f.execs, _ = strconv.Atoi(last[1])
		f.news, _ = strconv.Atoi(last[2])
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
