package hostile

import (
	"bytes"
	"errors"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

// staged is a report of a siege of three connections that began two seconds after the bystander did, alone. One of them never ends.
func staged() *Report {
	began := time.Date(2026, 11, 29, 12, 0, 0, 0, time.UTC)
	at := func(s float64) time.Time { return began.Add(time.Duration(s * float64(time.Second))) }
	silent, halfClosed := kinds()[0], kinds()[slices.IndexFunc(kinds(), func(k kind) bool { return k.quick })]
	stood := stay{at(1), at(1.5)}
	return &Report{
		Began: began, Lasted: 8 * time.Second,
		Rows: []Row{
			{Name: "refused", Conns: 80, Came: "ended", rule: answered, stays: []stay{stood}},
			silent.row([]fate{{err: errors.New("dial <x>: refused")}, {opened: at(2), took: 3 * time.Second}, {opened: at(2.5), took: 5 * time.Second, held: true}}, 4*time.Second),
			halfClosed.row([]fate{{opened: at(2), took: time.Millisecond}}, 4*time.Second),
			{Name: "a bystander", Conns: 1, Came: "4 reads", rule: served, stays: []stay{{at(2), at(8)}}},
			{Name: "the node's memory", Conns: 3, Came: "30 MiB before", Wrong: []string{"it grew by 500 MiB", "it grew by 500 MiB"}},
		},
		Unseen: []string{"NOT SEEN: whether a & b"},
		turns: []turn{
			{at: at(0.1), read: time.Millisecond, write: 2 * time.Millisecond, kib: 30 << 10},
			{at: at(0.5), read: 3 * time.Millisecond, write: 8 * time.Millisecond, kib: 31 << 10},
			{at: at(5), read: 40 * time.Millisecond, write: 700 * time.Millisecond, kib: 530 << 10},
		},
	}
}

// A report says what was done, what came of it, what is wrong, and what was not looked at.
func TestReport_SaysEverything(t *testing.T) {
	r, line := staged(), (&Command{Connections: 3, Idle: true}).line()
	dir := filepath.Join(t.TempDir(), "new")
	if err := r.publish(dir, line); err != nil {
		t.Fatal(err)
	}
	report, err := os.ReadFile(filepath.Join(dir, "hostile-report.md"))
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{
		"# Hostile clients: 2 of 5 BROKEN\n", "`go run ./proof hostile --connections 3 --idle`", "[hostile.md](hostile.md)", "[hostile.svg](hostile.svg)",
		"84 hostile connections, 6 calls of a bystander", "Begun 2026-11-29 12:00 UTC, took 8s on ", " processors; go1.", "- NOT SEEN: whether a & b\n",
		"| refused | 80 | held | ended |", "| silent | 3 | **BROKEN** | ended after 3s to 5s |", "| half-closed | 1 | held |",
		"| the node's memory | 3 | **BROKEN** | 30 MiB before |",
		"## What is wrong\n\n- silent: 1 have not ended after 4s\n- silent: dial <x>: refused\n- the node's memory: it grew by 500 MiB\n",
	} {
		if !strings.Contains(string(report), want) {
			t.Errorf("the report does not say %q:\n%s", want, report)
		}
	}
	r.Rows = r.Rows[:1]
	if held := r.report(line); !strings.HasPrefix(held, "# Hostile clients: all held\n") || strings.Contains(held, "wrong") {
		t.Errorf("of what held it says:\n%s", held)
	}
}

// The picture says it too.
func TestTimeline_SaysEverything(t *testing.T) {
	picture := staged().timeline()
	for _, want := range []string{
		"84 hostile connections, 6 calls of a bystander: 2 of 5 BROKEN", ">BROKEN: silent<", ">BROKEN: the node&#39;s memory<", "NOT SEEN: whether a &amp; b",
		"silent, 3 connections, BROKEN: ended after 3s to 5s\n1 have not ended after 4s\ndial &lt;x&gt;: refused<", ">half-closed<", ">a bystander<", ">refused<",
		"the bystander&#39;s reads, median and longest", "the bystander&#39;s writes, median and longest", "resident memory", "connections that are open",
	} {
		if !strings.Contains(picture, want) {
			t.Errorf("the picture does not say %q", want)
		}
	}
}

// A bar is full until the first connection of its attack ended and pale until the last did; it is red if the attack broke something.
func TestTimeline_lanes(t *testing.T) {
	r := staged()
	silent, quick := r.lane(r.Rows[1]).Bars[0], r.lane(r.Rows[2]).Bars[0]
	if silent.From != 2 || silent.To != 5 || silent.Until != 7.5 || silent.Colour != broken.Colour {
		t.Errorf("the silent: %+v", silent)
	}
	if quick.From != 2 || quick.Until != 2.001 || quick.Colour != endsAtOnce.Colour {
		t.Errorf("those that end at once: %+v", quick)
	}
	if bars := r.lane(kinds()[0].row([]fate{{err: io.EOF}}, 0)).Bars; bars != nil {
		t.Errorf("no connection was opened, and yet there is %+v", bars)
	}
}

// Figures stand where they were measured; where nothing was, there is none.
func TestTimeline_panels(t *testing.T) {
	r := staged()
	writes := r.calls("writes", func(t turn) time.Duration { return t.write })
	if longest, middle := writes.Lines[0].Values, writes.Lines[1].Values; !slices.Equal(longest, []float64{80, 0, 0, 0, 0, 7000, 0, 0, 0}) || middle[0] != 80 {
		t.Errorf("writes, in tenths of a millisecond: at most %v, half of them %v", longest, middle)
	}
	if m := r.memory().Values; m[0] != 30 || m[2] != 31 || m[3] != 0 || m[20] != 530 {
		t.Errorf("MiB: %v", m)
	}
	// From 2.0 s on one, from 2.5 s two, from 5 s the one that is held until 7.5 s; a bystander is not counted.
	open := r.open().Values
	for i, want := range map[int]float64{0: 0, 4: 0, 5: 1, 6: 0, 9: 1, 11: 2, 19: 2, 20: 1, 29: 1, 30: 0} {
		if open[i] != want {
			t.Errorf("%v s: %v are open, want %v", float64(i)*moment, open[i], want)
		}
	}
}

// A program that only prints has the same verdicts.
func TestReport_Print(t *testing.T) {
	var b bytes.Buffer
	staged().Print(&b)
	for _, want := range []string{"silent                           3  BROKEN   ended after 3s to 5s\n", "  1 have not ended after 4s\n", "NOT SEEN: whether a & b\n"} {
		if !strings.Contains(b.String(), want) {
			t.Errorf("it does not say %q:\n%s", want, &b)
		}
	}
}
