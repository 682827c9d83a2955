package fsm

import (
	"fmt"
	"os"
	"strconv"
	"strings"
	"time"
)

// A transcript is a text that people read and the machine must keep to:
//
//	# A comment.
//	at 11s  lease worker=w2 max=4  => fence=9 j1/0-3
//
// A line is a time on the machine's clock, a verb, its words, and what came of
// it. A word is a flag or key=value; a value with spaces stands in quotes. What
// follows on indented lines belongs to the answer of the line above.

// cue is one line of a transcript.
type cue struct {
	line   int
	at     time.Duration
	verb   string
	words  words
	source string // up to the arrow
	want   string // after it
}

// words are the arguments of a step.
type words map[string]string

// script is a transcript file: cues, and what stands between them as it is.
type script struct {
	path  string
	lines []any // string or *cue
}

func readScript(path string) (*script, error) {
	raw, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	s := &script{path: path}
	var last *cue
	for n, line := range strings.Split(strings.TrimSuffix(string(raw), "\n"), "\n") {
		switch {
		case strings.HasPrefix(line, " ") && last != nil:
			last.want = strings.TrimLeft(last.want+"\n"+strings.TrimSpace(line), "\n")
		case line == "" || strings.HasPrefix(line, "#"):
			s.lines, last = append(s.lines, line), nil
		default:
			last, err = parseCue(line)
			if err != nil {
				return nil, fmt.Errorf("%s:%d: %w", path, n+1, err)
			}
			last.line = n + 1
			s.lines = append(s.lines, last)
		}
	}
	return s, nil
}

func parseCue(line string) (*cue, error) {
	source, want, _ := strings.Cut(line, "=>")
	st := &cue{source: strings.TrimRight(source, " "), want: strings.TrimSpace(want), words: words{}}
	fields, err := split(source)
	if err != nil {
		return nil, err
	}
	if len(fields) < 3 || fields[0] != "at" {
		return nil, fmt.Errorf("%q does not begin with: at TIME VERB", line)
	}
	if st.at, err = span(fields[1]); err != nil {
		return nil, err
	}
	st.verb = fields[2]
	for _, f := range fields[3:] {
		k, v, _ := strings.Cut(f, "=")
		if _, twice := st.words[k]; twice {
			return nil, fmt.Errorf("%s stands twice", k)
		}
		st.words[k] = v
	}
	return st, nil
}

// split cuts a line at spaces, but not inside quotes, which it takes away.
func split(s string) ([]string, error) {
	var out []string
	var b strings.Builder
	quoted, begun := false, false
	for _, r := range s {
		switch {
		case r == '"':
			quoted, begun = !quoted, true
		case r == ' ' && !quoted:
			if begun {
				out = append(out, b.String())
				b.Reset()
				begun = false
			}
		default:
			b.WriteRune(r)
			begun = true
		}
	}
	if quoted {
		return nil, fmt.Errorf("a quote is not closed")
	}
	if begun {
		out = append(out, b.String())
	}
	return out, nil
}

// span is time.ParseDuration that knows days.
func span(s string) (time.Duration, error) {
	if days, ok := strings.CutSuffix(s, "d"); ok {
		n, err := strconv.Atoi(days)
		return time.Duration(n) * 24 * time.Hour, err
	}
	return time.ParseDuration(s)
}

// write puts the transcript back, with what the cues want.
func (s *script) write() error {
	var b strings.Builder
	for i, l := range s.lines {
		st, ok := l.(*cue)
		if !ok {
			fmt.Fprintln(&b, l)
			continue
		}
		width := 0 // arrows of neighbours stand under each other
		for _, near := range s.block(i) {
			width = max(width, len([]rune(near.source)))
		}
		first, rest, more := strings.Cut(st.want, "\n")
		fmt.Fprintln(&b, strings.TrimRight(fmt.Sprintf("%-*s  => %s", width, st.source, first), " "))
		if more {
			for l := range strings.SplitSeq(rest, "\n") {
				fmt.Fprintln(&b, "    "+l)
			}
		}
	}
	return os.WriteFile(s.path, []byte(b.String()), 0o644)
}

// block gives the cues around line i with no other line between.
func (s *script) block(i int) []*cue {
	for i > 0 {
		if _, ok := s.lines[i-1].(*cue); !ok {
			break
		}
		i--
	}
	var out []*cue
	for ; i < len(s.lines); i++ {
		st, ok := s.lines[i].(*cue)
		if !ok {
			break
		}
		out = append(out, st)
	}
	return out
}
