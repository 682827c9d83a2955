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
	"time"
)

// mutantsCommand is `proof mutants`.
type mutantsCommand struct {
	Only []string `placeholder:"NAME" help:"Only these."`
	List bool     `help:"List them, and do nothing."`
	Out  string   `type:"path" placeholder:"DIR" help:"Write mutants.md there."`
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
  go run ./proof mutants --out docs/proof           # and the table`
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

// Run makes one mutant after the other.
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
	dir, err := workshop()
	if err != nil {
		return fmt.Errorf("mutants: %w", err)
	}
	defer os.RemoveAll(dir)
	var fates []fate
	var unnoticed []string
	sound := map[string]time.Duration{} // checks that pass without mutants
	for _, m := range chosen {
		f, err := m.live(ctx, dir, sound)
		if err != nil {
			return fmt.Errorf("mutants: %w", err)
		}
		fates = append(fates, f)
		fmt.Fprintf(out, "%-26s %8s  %s\n", m.Name, f.took.Round(10*time.Millisecond), f.verdict())
		if len(f.found) == 0 {
			unnoticed = append(unnoticed, m.Name)
		}
	}
	if c.Out != "" {
		if err := writeReport(c.Out, "mutants.md", func(w io.Writer) { tellMutants(w, fates) }); err != nil {
			return fmt.Errorf("mutants: %w", err)
		}
	}
	if len(unnoticed) > 0 {
		return fmt.Errorf("mutants: nobody noticed %s: a test is missing, or the mutant is out of date", strings.Join(unnoticed, ", "))
	}
	fmt.Fprintf(out, "all %d were found\n", len(fates))
	return nil
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

// live makes a mutant and has its check look for it.
func (m mutant) live(ctx context.Context, dir string, sound map[string]time.Duration) (f fate, err error) {
	overlay, err := m.overlay(dir)
	if err != nil {
		return fate{mutant: m, broken: err.Error()}, nil
	}
	t := tested{Package: "./" + m.By.Package, Run: m.By.Run, Dir: dir, Args: append([]string{"-test.failfast"}, m.By.Args...)}
	if _, known := sound[m.By.String()]; !known {
		var said bytes.Buffer
		if err := t.build(ctx, &said); err != nil {
			return f, fmt.Errorf("%w\n%s", err, &said)
		}
		took, _, err := t.run(ctx, &said)
		if err != nil {
			return f, fmt.Errorf("the check of %s fails without it, and so finds nothing: %w\n%s", m.Name, err, &said)
		}
		sound[m.By.String()] = took
	}
	t.Overlay = overlay
	var said bytes.Buffer
	f = fate{mutant: m, without: sound[m.By.String()]}
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
		f.found = []string{"the process ended: " + firstPanic(said.String())}
	}
	return f, nil
}

// firstPanic is the line that a process ended with.
func firstPanic(said string) string {
	for line := range strings.Lines(said) {
		if strings.HasPrefix(line, "panic:") || strings.HasPrefix(line, "fatal error:") {
			return strings.TrimSpace(line)
		}
	}
	return "without a word"
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
func tellMutants(w io.Writer, fates []fate) {
	found := 0
	for _, f := range fates {
		if len(f.found) > 0 {
			found++
		}
	}
	fmt.Fprintf(w, `# Mutants: %d of %d found

Written by `+"`go run ./proof mutants --out docs/proof`"+`. Each is a mistake that is put into one place of the program, with the compiler's
help and without a hook in the program; the check is the test that should notice. The time is that of the tests, until they had
noticed; without the mutant the same check passes in the time beside it.

| mutant | what does not hold | in | found by | after | check without it |
|---|---|---|---|--:|--:|
`, found, len(fates))
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
