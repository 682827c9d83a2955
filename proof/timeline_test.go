package main

import (
	"bytes"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"math"
	"strings"
	"testing"
	"time"
)

// tells reads a picture to its end, and wants words in it and no number that is none.
func tells(t *testing.T, svg string, words ...string) {
	t.Helper()
	var texts strings.Builder
	for d := xml.NewDecoder(strings.NewReader(svg)); ; {
		token, err := d.Token()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			t.Fatalf("no XML: %v\n%s", err, svg)
		}
		if text, ok := token.(xml.CharData); ok {
			texts.Write(text)
			texts.WriteByte('|')
		}
	}
	for _, want := range words {
		if !strings.Contains(texts.String(), want) {
			t.Errorf("the picture does not say %q:\n%s", want, &texts)
		}
	}
	if strings.Contains(svg, "NaN") || strings.Contains(svg, "Inf") {
		t.Errorf("the picture has numbers that are none:\n%s", svg)
	}
}

// twoWorlds are an hour in which a crash was mended, and a pause is the last that happened.
func twoWorlds() lived {
	return lived{
		Seed: 3, Worlds: 2, World: 30 * time.Minute, Virtual: time.Hour, Took: 30 * time.Second, Each: 20 * time.Second,
		Faults: map[string]int{"crash": 1, "pause": 1}, Seen: map[string]int{"writes acknowledged": 300}, Checks: map[string]int{"one hash": 40},
		Kinds: []kindOfTrouble{{"pause", "processes"}, {"crash", "power"}, {"flood", "weather"}},
		Lives: []lifetime{{3, 0, 30 * time.Minute}, {4, 30 * time.Minute, time.Hour}},
		Blows: []blow{
			{"crash", []string{"n1", "n<2>"}, 10 * time.Minute, 10*time.Minute + 12*time.Second, 10*time.Minute + 15*time.Second},
			{"pause", []string{"n3"}, 50 * time.Minute, 0, 0},
		},
		Counts: map[string][]int{"writes acknowledged": {100, 200}, "one hash": {0, 0, 40}},
	}
}

// TestCluster_timeline: a picture has each world, each kind of fault, whether it came or not, and each fault with its course.
func TestCluster_timeline(t *testing.T) {
	l := twoWorlds()
	tells(t, l.timeline(), "1.0 virtual hours, 2 faults of 2 kinds, 40 checks: nothing violated|", "2 worlds one after the other, seeds 3 to 4",
		"the world of seed 3: 30m0s|", "crash · 1|", "pause · 1|", "flood · 0|", "writes acknowledged 300|", "600|", // a minute
		"crash (n1, n<2>), 10m0s after the beginning of the world of seed 3: 12.0 s, well again after 3.0 s|",
		"pause (n3), 20m0s after the beginning of the world of seed 4: it did not end|")
	if strings.Index(l.timeline(), ">crash ·") > strings.Index(l.timeline(), ">pause ·") {
		t.Error("the faults of power are not the first")
	}
	if strings.Contains(l.timeline(), violateColour) {
		t.Error("something is drawn as violated, and nothing is")
	}
	l.Blows[1].Mended = 51 * time.Minute
	l.Violations = []violatedWorld{{Seed: 4, Wrong: []string{"n2 reads 7", "n3 reads 8"}}}
	tells(t, l.timeline(), "VIOLATED|", "seed 4 VIOLATED|", "the world of seed 4: 30m0s, VIOLATED: n2 reads 7; n3 reads 8|", "60.0 s, and NOT well again|")
	tells(t, (&lived{}).timeline(), "0 faults")
}

// TestCluster_timelineOfALongRun: the beginning is shown, or the end if something was violated, and picture and report say so.
func TestCluster_timelineOfALongRun(t *testing.T) {
	l := twoWorlds()
	l.Lives[1].Ended = 20 * time.Hour
	l.Virtual = l.Lives[1].Ended
	l.Blows = append(l.Blows, blow{"crash", []string{"n4"}, 19 * time.Hour, 19*time.Hour + time.Second, 19*time.Hour + time.Second})
	for _, c := range []struct {
		violated           []violatedWorld
		said, shown, hides string
	}{
		{nil, "only the first 12.0 of 20.0 virtual hours are shown", "crash (n1", "crash (n4"},
		{[]violatedWorld{{Seed: 4}}, "only the last 12.0 of 20.0 virtual hours are shown", "crash (n4", "crash (n1"},
	} {
		l.Violations = c.violated
		svg := l.timeline()
		tells(t, svg, c.said, c.shown)
		if strings.Contains(svg, c.hides) {
			t.Errorf("%s, and %q is", c.said, c.hides)
		}
		var report bytes.Buffer
		l.report(&report, &clusterCommand{})
		if want := "Its picture: [cluster.svg](cluster.svg), in which " + c.said; !strings.Contains(report.String(), want) {
			t.Errorf("the report does not say %q:\n%s", want, &report)
		}
	}
}

// fourWorlds are what two players played in four seconds.
func fourWorlds() played {
	p := played{Seed: 1, Worlds: 4, World: 800, Commands: 3200, Took: 4 * time.Second,
		Faults: map[string]int{"a restart": 40}, Checks: map[string]int{"time never runs back": 400}}
	for i := range 4 {
		began := time.Duration(i/2) * 2 * time.Second
		p.Lives = append(p.Lives, life{Seed: uint64(i + 1), Player: i % 2, Began: began, Ended: began + 2*time.Second,
			Commands: 800, Refused: 300, Entries: 500, Faults: 10, Checks: 100})
	}
	return p
}

// TestMachine_timeline: a picture has each player with its worlds, and marks the violated one.
func TestMachine_timeline(t *testing.T) {
	p := fourWorlds()
	tells(t, p.timeline(), "3,200 commands in 4 worlds, 40 faults of 1 kinds, 400 checks: nothing violated|", "seeds 1 to 4, worlds of 800 commands",
		"each bar is a world|", "player 1|", "player 2|", "a restart 40|",
		"the world of seed 3: 800 commands, 300 of them refused, in 500 entries, 10 faults, 100 checks: nothing violated|")
	p.Lives[2].Violated, p.Violations = true, []violation{{Seed: 3}}
	tells(t, p.timeline(), "400 checks: VIOLATED|", "seed 3 VIOLATED|", "the world of seed 3: 800 commands, 300 of them refused, in 500 entries, 10 faults, 100 checks: VIOLATED|")
	tells(t, (&played{}).timeline(), "0 commands")
	var report bytes.Buffer
	p.report(&report, &machineCommand{})
	if want := "Its picture: [machine.svg](machine.svg)."; !strings.Contains(report.String(), want) {
		t.Errorf("the report does not say %q:\n%s", want, &report)
	}
}

// TestMachine_timelineOfALongRun: where there are more worlds than can be seen, several are one bar; a violated one is not lost among them.
func TestMachine_timelineOfALongRun(t *testing.T) {
	p := played{Took: 3000 * time.Second, Worlds: 6000}
	for i := range 6000 {
		began := time.Duration(i/2) * time.Second
		p.Lives = append(p.Lives, life{Seed: uint64(i), Player: i % 2, Began: began, Ended: began + time.Second, Violated: i == 4711})
	}
	lanes, together := p.lanes()
	if together != 5 || len(lanes) != 2 || len(lanes[0].Bars) != 600 || len(lanes[1].Bars) > 602 {
		t.Errorf("%d lanes of %d and %d bars, %d worlds in each", len(lanes), len(lanes[0].Bars), len(lanes[1].Bars), together)
	}
	if len(lanes[0].Marks) != 0 || len(lanes[1].Marks) != 1 {
		t.Errorf("marks %v and %v", lanes[0].Marks, lanes[1].Marks)
	}
	tells(t, p.timeline(), "each bar is up to 5 worlds of one player|", "5 worlds, the first of seed 0, the last of seed 8:", "the world of seed 4711:")
	if size := len(p.timeline()); size > 1_000_000 {
		t.Errorf("the picture has %d bytes", size)
	}
}

// TestMachine_rate: what a world has is spread over its time, and all stretches together have what all worlds have.
func TestMachine_rate(t *testing.T) {
	p := fourWorlds()
	p.Lives[3].Ended = 3300 * time.Millisecond
	p.Lives = append(p.Lives, life{Player: 1, Began: p.Took, Ended: p.Took, Commands: 7}) // in no time
	s := p.rate("", func(l life) int { return l.Commands })
	if got := fmt.Sprint(s.Values[:4]); s.Each != 0.5 || got != "[800 800 800 800]" {
		t.Errorf("%v a second, in stretches of %v s", got, s.Each)
	}
	sum := 0.0
	for _, v := range s.Values {
		sum += v * s.Each
	}
	if last := s.Values[len(s.Values)-1]; last != 414 {
		t.Errorf("%v a second when one plays", last)
	}
	if math.Abs(sum-3207) > 0.01 {
		t.Errorf("%v commands in all", sum)
	}
}
