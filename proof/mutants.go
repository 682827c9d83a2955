package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"regexp"
	"slices"
	"strings"
	"sync"
	"time"
)

// mutantsCommand is `proof mutants`.
type mutantsCommand struct {
	Only []string `metavar:"NAME" help:"Only these."`
	List bool     `help:"List them, and do nothing."`
	Jobs int      `default:"1" help:"Make so many at a time (${default}); the times that it takes to find them are longer then."`
	Out  string   `type:"path" metavar:"DIR" help:"Write mutants.md and mutants.svg there."`
}

// Help says how it is done.
func (*mutantsCommand) Help() string {
	return `Each mutant is a mistake in one place of the program: the fence is not looked at, a refund is booked twice, a leader believes in
itself. The compiler is given the changed file in place of the real one (go test -overlay), so that the program has no hooks for it,
and the tests that should find it are run. They are run without it first: a check that fails anyway finds nothing. What a mutant
took is the time of the tests, without the compiler's.

Exits 0 only if each mutant was found.

  go run ./proof mutants                            # all of them
  go run ./proof mutants --only refund-twice        # one, as it is written down in proof/mutants_*.go
  go run ./proof mutants --out docs/proof           # and the table, with its picture`
}

// patience is how long a check may take with a mutant: one that makes the program hang is found as well.
func patience(without time.Duration) time.Duration { return 30*time.Second + 4*without }

// fate is what became of a mutant.
type fate struct {
	mutant
	found   []string // tests that failed
	broken  string   // why it could not be made
	took    time.Duration
	without time.Duration // of the check without it
}

// Run makes the mutants, having seen that their checks pass without them.
func (c *mutantsCommand) Run(ctx context.Context, out io.Writer) error {
	chosen, err := c.chosen()
	if err != nil {
		return err
	}
	if c.List {
		for _, m := range chosen {
			fmt.Fprintf(out, "%-26s %s\n%-26s %s\n", m.Name, m.Breaks, "", m.By)
		}
		return nil
	}
	if c.Jobs < 1 {
		return errors.New("mutants: at least 1 at a time")
	}
	sound, err := c.sound(ctx, chosen)
	if err != nil {
		return fmt.Errorf("mutants: %w", err)
	}
	fates := make([]fate, len(chosen))
	var mu sync.Mutex
	err = each(ctx, len(chosen), c.Jobs, func(ctx context.Context, i int, dir string) (err error) {
		fates[i], err = chosen[i].live(ctx, dir, sound[chosen[i].By.String()])
		mu.Lock()
		defer mu.Unlock()
		if err == nil {
			fmt.Fprintf(out, "%-26s %8s  %s\n", chosen[i].Name, fates[i].took.Round(10*time.Millisecond), fates[i].verdict())
		}
		return err
	})
	if err != nil {
		return fmt.Errorf("mutants: %w", err)
	}
	if c.Out != "" {
		if err := errors.Join(
			writeReport(c.Out, "mutants.md", func(w io.Writer) { tellMutants(w, fates, c.Jobs) }),
			writeReport(c.Out, "mutants.svg", func(w io.Writer) { io.WriteString(w, mutantsPicture(fates).SVG()) }),
		); err != nil {
			return fmt.Errorf("mutants: %w", err)
		}
	}
	if n := unnoticed(fates); len(n) > 0 {
		return fmt.Errorf("mutants: nobody noticed %s: a test is missing, or the mutant is out of date", strings.Join(n, ", "))
	}
	fmt.Fprintf(out, "all %d were found\n", len(fates))
	return nil
}

// sound runs each check without a mutant, and gives the time it takes.
func (c *mutantsCommand) sound(ctx context.Context, chosen []mutant) (map[string]time.Duration, error) {
	var checks []check
	for _, m := range chosen {
		if !slices.ContainsFunc(checks, func(known check) bool { return known.String() == m.By.String() }) {
			checks = append(checks, m.By)
		}
	}
	took := make([]time.Duration, len(checks))
	err := each(ctx, len(checks), c.Jobs, func(ctx context.Context, i int, dir string) (err error) {
		var said bytes.Buffer
		t := checks[i].in(dir)
		if err = t.build(ctx, &said); err == nil {
			took[i], _, err = t.run(ctx, &said)
		}
		if err != nil {
			return fmt.Errorf("a check that fails without a mistake finds none: %s: %w\n%s", checks[i], err, &said)
		}
		return nil
	})
	out := map[string]time.Duration{}
	for i, c := range checks {
		out[c.String()] = took[i]
	}
	return out, err
}

// each does n things, so many at a time, each with a folder to itself, until one fails.
func each(ctx context.Context, n, atOnce int, do func(ctx context.Context, i int, dir string) error) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	next := make(chan int)
	var workers sync.WaitGroup
	for range atOnce {
		workers.Go(func() {
			for i := range next {
				dir, err := workshop()
				if err == nil {
					err = errors.Join(do(ctx, i, dir), os.RemoveAll(dir))
				}
				if err != nil {
					cancel(err)
				}
			}
		})
	}
	for i := 0; i < n && ctx.Err() == nil; i++ {
		select {
		case next <- i:
		case <-ctx.Done():
		}
	}
	close(next)
	workers.Wait()
	return context.Cause(ctx)
}

func unnoticed(fates []fate) (names []string) {
	for _, f := range fates {
		if len(f.found) == 0 {
			names = append(names, f.Name)
		}
	}
	return names
}

// chosen are the mutants that were asked for.
func (c *mutantsCommand) chosen() ([]mutant, error) {
	all := slices.Concat(fsmMutants, nodeMutants, otherMutants)
	if len(c.Only) == 0 {
		return all, nil
	}
	var out []mutant
	for _, name := range c.Only {
		i := slices.IndexFunc(all, func(m mutant) bool { return m.Name == name })
		if i < 0 {
			return nil, fmt.Errorf("mutants: there is no mutant %q; --list shows them", name)
		}
		out = append(out, all[i])
	}
	return out, nil
}

// failed finds the tests in the output of a test binary that did not pass.
var failed = regexp.MustCompile(`(?m)^--- FAIL: (\S+)`)

// in is the check with a folder to work in.
func (c check) in(dir string) tested {
	return tested{Package: "./" + c.Package, Run: c.Run, Dir: dir, Args: append([]string{"-test.failfast"}, c.Args...)}
}

// live makes a mutant and has its check look for it; without is what the check takes without it.
func (m mutant) live(ctx context.Context, dir string, without time.Duration) (f fate, err error) {
	f = fate{mutant: m, without: without}
	t := m.By.in(dir)
	if t.Overlay, err = m.overlay(dir); err != nil {
		f.broken = err.Error()
		return f, nil
	}
	var said bytes.Buffer
	if err := t.build(ctx, &said); err != nil {
		f.broken = fmt.Sprintf("%v: %s", err, &said)
		return f, ctx.Err()
	}
	t.Timeout = patience(f.without)
	f.took, _, err = t.run(ctx, &said)
	if ctx.Err() != nil {
		return f, errors.Join(ctx.Err(), err)
	}
	for _, test := range failed.FindAllSubmatch(said.Bytes(), -1) {
		f.found = append(f.found, string(test[1]))
	}
	if err != nil && len(f.found) == 0 {
		end := firstPanic(said.String())
		if end == "" { // killed for its memory, or not started: that is nobody's merit
			f.broken = fmt.Sprintf("its check ended without a verdict: %v: %s", err, &said)
			return f, nil
		}
		f.found = []string{"the process ended: " + end}
	}
	return f, nil
}

// firstPanic is the line that a process ended with; "" if it is none of Go's.
func firstPanic(said string) string {
	for line := range strings.Lines(said) {
		if strings.HasPrefix(line, "panic:") || strings.HasPrefix(line, "fatal error:") {
			return strings.TrimSpace(line)
		}
	}
	return ""
}

func (f fate) verdict() string {
	switch {
	case f.broken != "":
		return "COULD NOT BE MADE: " + f.broken
	case len(f.found) == 0:
		return "SURVIVED: " + f.Breaks
	}
	return "found by " + strings.Join(f.found, ", ")
}

// tellMutants writes the table as Markdown.
func tellMutants(w io.Writer, fates []fate, jobs int) {
	line := "go run ./proof mutants --out docs/proof"
	if jobs > 1 {
		line = fmt.Sprintf("go run ./proof mutants --jobs %d --out docs/proof", jobs)
	}
	fmt.Fprintf(w, `# Mutants: %d of %d found

Written by `+"`%s`"+`. Each is a mistake that is put into one place of the program, with the compiler's
help and without a hook in the program; the check is the test that should notice. The time is that of the tests, until they had
noticed; without the mutant the same check passes in the time beside it. As a picture: [mutants.svg](mutants.svg).

| mutant | what does not hold | in | found by | after | check without it |
|---|---|---|---|--:|--:|
`, len(fates)-len(unnoticed(fates)), len(fates), line)
	for _, f := range fates {
		by := "**nobody**"
		if len(f.found) > 0 {
			by = strings.Join(f.found, ", ")
		}
		fmt.Fprintf(w, "| %s | %s | %s | %s | %.2f s | %.2f s |\n", f.Name, f.Breaks, f.File, by, f.took.Seconds(), f.without.Seconds())
	}
	fmt.Fprint(w, "\n## The mistakes\n")
	for _, f := range fates {
		fmt.Fprintf(w, "\n**%s**, `%s`:\n\n```diff\n%s%s```\n", f.Name, f.By, prefixed("-", f.Old), prefixed("+", f.New))
	}
}

func prefixed(sign, text string) (out string) {
	for line := range strings.Lines(text) {
		out += sign + strings.TrimRight(line, "\n") + "\n"
	}
	return out
}
