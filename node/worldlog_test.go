package node

import (
	"context"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"time"
)

// worldLog counts what nodes log, and keeps the last of it: nobody reads it
// before something is wrong.
type worldLog struct {
	attrs  []slog.Attr
	shared *worldLog // nil: this one
	pace   *pace

	mu     sync.Mutex
	counts map[string]int
	lines  []logged
	wrong  []logged
}

type logged struct {
	slog.Record
	attrs []slog.Attr
}

const linesKept = 60

// counted are Raft's and the node's own words for what is to be counted.
var counted = map[string]string{
	"Installed remote snapshot": sawInstalled,
	"snapshot complete up to":   sawSnapshots,
	"this node leads":           sawElections,
}

func (l *worldLog) root() *worldLog {
	if l.shared != nil {
		return l.shared
	}
	return l
}

func (l *worldLog) Enabled(context.Context, slog.Level) bool { return true }
func (l *worldLog) WithGroup(string) slog.Handler            { return l }
func (l *worldLog) WithAttrs(as []slog.Attr) slog.Handler {
	return &worldLog{attrs: append(slices.Clip(l.attrs), as...), shared: l.root()}
}

func (l *worldLog) Handle(_ context.Context, r slog.Record) error {
	to := l.root()
	to.mu.Lock()
	defer to.mu.Unlock()
	if what, is := counted[r.Message]; is {
		if to.counts == nil {
			to.counts = map[string]int{}
		}
		to.counts[what]++
		to.pace.count(what)
	}
	if r.Level >= slog.LevelError && !strings.HasPrefix(r.Message, "this node was removed") {
		to.wrong = append(to.wrong, logged{r, l.attrs})
	}
	if r.Level >= slog.LevelInfo {
		to.lines = append(to.lines, logged{r, l.attrs})
		if len(to.lines) >= 2*linesKept {
			to.lines = slices.Clone(to.lines[linesKept:])
		}
	}
	return nil
}

// note is a line of the world's own.
func (l *worldLog) note(what, id string) {
	l.Handle(context.Background(), slog.NewRecord(time.Now(), slog.LevelInfo, "--- "+what+" "+id, 0))
}

func (l *worldLog) count(into map[string]int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	add(into, l.counts)
}

func (l logged) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s %s %s", l.Time.Format("15:04:05.000"), l.Level, l.Message)
	show := func(a slog.Attr) bool {
		fmt.Fprintf(&b, " %s", a)
		return true
	}
	for _, a := range l.attrs {
		show(a)
	}
	l.Attrs(show)
	return b.String()
}

func (l *worldLog) last() (out []string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, line := range l.lines {
		out = append(out, line.String())
	}
	return out
}

// errors are the lines that say that something is wrong with a node, but for being
// removed, which it is told.
func (l *worldLog) errors() (out []string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, line := range l.wrong {
		out = append(out, line.String())
	}
	return out
}
