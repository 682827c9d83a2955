package fsm

import (
	"flag"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// rewrite makes the transcripts say what the machine does now. Read the diff:
// it is a change of the specification.
var rewrite = flag.Bool("rewrite", false, "rewrite testdata/*.txt with what the machine answers")

// stage plays a transcript on a machine.
type stage struct {
	*world
	audit   *auditor
	uploads int // makes upload ids

	covered map[string]bool // commands that were applied, codes that were answered
}

// TestTranscripts plays every chapter. A command or a code of refusal that
// occurs in none of them is an error too: what is not told is not specified.
func TestTranscripts(t *testing.T) {
	paths, err := filepath.Glob("testdata/*.txt")
	if err != nil || len(paths) == 0 {
		t.Fatal("no transcripts", err)
	}
	covered, played := map[string]bool{}, 0
	for i, path := range paths {
		if raced && i%4 > 0 {
			continue
		}
		t.Run(strings.TrimSuffix(filepath.Base(path), ".txt"), func(t *testing.T) {
			play(t, path, covered)
			played++
		})
	}
	if played < len(paths) {
		return // only some were asked for, or it is under the race detector
	}
	for _, row := range commands {
		if !covered[row.name] {
			t.Errorf("no transcript applies %s", row.name)
		}
	}
	codes := declaredCodes(t)
	if len(codes) < 20 {
		t.Fatalf("found only the codes %v", codes)
	}
	for _, c := range codes {
		if !covered[string(c)] {
			t.Errorf("no transcript is refused with %s", c)
		}
	}
}

// play runs a transcript and compares, or rewrites it.
func play(t *testing.T, path string, covered map[string]bool) {
	t.Helper()
	sc, err := readScript(path)
	if err != nil {
		t.Fatal(err)
	}
	s := &stage{world: newWorld(t), audit: newAuditor(t), covered: covered}
	s.dry = 1
	for _, l := range sc.lines {
		st, ok := l.(*cue)
		if !ok {
			continue
		}
		got, err := s.step(st)
		if err != nil {
			t.Fatalf("%s:%d: %s: %v", path, st.line, st.source, err)
		}
		if got != st.want && !*rewrite {
			t.Errorf("%s:%d: %s\n got: %s\nwant: %s", path, st.line, st.source, got, st.want)
		}
		st.want = got
		s.audit.audit(s.m, fmt.Sprintf("%s:%d", path, st.line), true)
	}
	if *rewrite {
		if err := sc.write(); err != nil {
			t.Fatal(err)
		}
	}
}

// step plays one line and says what came of it.
func (s *stage) step(st *cue) (string, error) {
	s.clock = max(s.clock, int64(st.at))
	if int64(st.at) < s.clock {
		return "", fmt.Errorf("time runs back")
	}
	var err error
	if s.seed, err = st.words.number("seed", 0); err != nil {
		return "", err
	}
	if st.verb == "resume" {
		st.words["undo"] = ""
	}
	if show, ok := shows[st.verb]; ok {
		v := s.m.View()
		defer v.Close()
		return show(v, st.words)
	}
	verb, ok := verbs[st.verb]
	if !ok {
		return "", fmt.Errorf("unknown verb")
	}
	acts, err := verb(s, st.words)
	if err != nil {
		return "", err
	}
	return s.perform(st.words, acts)
}

// act is a command with the way its answer is told.
type act struct {
	proposal Proposal
	tell     func(Outcome) (string, error)
}

// does makes an act of a command.
func does[A any](c Command[A], tell func(A) string) act {
	return act{Propose(c), func(o Outcome) (string, error) {
		a, err := Answer(c, o)
		if err != nil {
			return "", err
		}
		return tell(a), nil
	}}
}

// perform applies the acts as one entry: answers first, then what has changed.
func (s *stage) perform(w words, acts []act) (string, error) {
	var ps []Proposal
	for _, a := range acts {
		if err := a.proposal.envelop(w); err != nil {
			return "", err
		}
		ps = append(ps, a.proposal)
		s.covered[CommandName(a.proposal.Kind)] = true
	}
	before := s.m.View()
	defer before.Close()
	outcomes := s.propose(ps...)
	after := s.m.View()
	defer after.Close()

	var told []string
	for i, o := range outcomes {
		line, err := "", error(nil)
		if o.Refusal != nil {
			s.covered[string(o.Refusal.Code)] = true
			line = refusal(o.Refusal)
		} else if line, err = acts[i].tell(o); err != nil {
			return "", err
		}
		if o.Replayed {
			line += " (replayed)"
		} else if o.Index != after.Index() {
			line += " (answered before)"
		}
		if line != "" && !slices.Contains(told, line) {
			told = append(told, line)
		}
	}
	line := strings.Join(told, "; ")
	if e := effects(before, after); e != "" {
		line += " | " + e
	}
	return strings.TrimLeft(line, " "), nil
}

// envelop reads the words that belong to the proposal, not to the command.
func (p *Proposal) envelop(w words) error {
	p.By = w.take("by")
	if origin, ok := w["from"]; ok {
		p.Origin = origin
		var err error
		if p.Seq, err = w.number("seq", 0); err != nil {
			return err
		}
		if p.Floor, err = w.number("floor", 0); err != nil {
			return err
		}
	}
	if key, ok := w["idem"]; ok {
		p.Idem = &Idem{Scope: "scope", Key: key, Hash: []byte(w["request"])}
	}
	return nil
}

func refusal(r *Refusal) string {
	s := "refused " + string(r.Code)
	if r.Status != "" {
		s += " status=" + string(r.Status)
	}
	if r.Missing != nil {
		s += " missing=" + ranges(r.Missing)
	}
	for _, i := range r.Invalid {
		s += fmt.Sprintf(" invalid=%d:%q", i.Idx, i.Reason)
	}
	for _, f := range r.Fields {
		s += " field=" + f.Field
	}
	if r.RetryAfter > 0 {
		s += fmt.Sprintf(" retry_after=%d", r.RetryAfter)
	}
	return s
}
