package demo

import (
	"fmt"
	"io"
	"os"
	"sync"
	"time"

	"github.com/jedib0t/go-pretty/v6/progress"
	"golang.org/x/term"
)

// screen shows what goes on: lines that move on a terminal, lines that follow each other elsewhere. Safe for concurrent use.
type screen interface {
	node(id, state string, index uint64)
	worker(id string, done, total int)
	job(id, state string, done, total int)
	note(text string)
	close() // may be called again
}

func newScreen(w io.Writer) screen {
	if f, ok := w.(*os.File); ok && term.IsTerminal(int(f.Fd())) {
		return newLive(f)
	}
	return &plain{w: w, said: map[string]string{}}
}

// plain writes a line for each thing that changed. A node's index is left out: it always changes.
type plain struct {
	mu   sync.Mutex
	w    io.Writer
	said map[string]string
}

func (p *plain) say(who, text string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.said[who] != text {
		p.said[who] = text
		fmt.Fprintf(p.w, "%-9s %s\n", who, text)
	}
}

func (p *plain) node(id, state string, _ uint64) { p.say("node "+id, state) }

func (p *plain) worker(id string, done, _ int) {
	p.say("worker "+id, fmt.Sprintf("%d pictures made", done))
}

func (p *plain) job(_, state string, done, total int) {
	p.say("job", fmt.Sprintf("%s, %d of %d pictures done", state, done, total))
}

func (p *plain) note(text string) { p.say("", text) }
func (p *plain) close()           {}

// live moves lines on a terminal.
type live struct {
	writer progress.Writer
	closed sync.Once
	over   chan struct{}

	mu      sync.Mutex
	tracker map[string]*progress.Tracker
}

func newLive(w io.Writer) *live {
	l := &live{writer: progress.NewWriter(), over: make(chan struct{}), tracker: map[string]*progress.Tracker{}}
	style := progress.StyleBlocks
	style.Colors = progress.StyleColorsExample
	style.Options.DoneString = "done"
	style.Options.TimeInProgressPrecision = 100 * time.Millisecond
	style.Options.TimeDonePrecision = 100 * time.Millisecond
	l.writer.SetStyle(style)
	l.writer.SetOutputWriter(w)
	l.writer.SetSortBy(progress.SortByIndex)
	l.writer.SetTrackerLength(24)
	l.writer.SetMessageLength(34)
	l.writer.SetUpdateFrequency(100 * time.Millisecond)
	l.writer.Style().Visibility.Percentage = false
	go func() { l.writer.Render(); close(l.over) }()
	return l
}

// order of the lines: nodes, workers, jobs; by name within them.
const (
	rankNode = iota + 1
	rankWorker
	rankJob
)

// line finds or begins a line and sets it.
func (l *live) line(rank int, key, message string, value, total int64) *progress.Tracker {
	l.mu.Lock()
	defer l.mu.Unlock()
	t := l.tracker[key]
	if t == nil {
		// Index orders the lines; those of one rank come in the order in which they began.
		t = &progress.Tracker{Message: message, Total: total, Index: uint64(rank*100 + len(l.tracker)), AutoStopDisabled: true}
		l.tracker[key] = t
		l.writer.AppendTracker(t)
	}
	t.UpdateMessage(message)
	t.SetValue(value)
	return t
}

func (l *live) node(id, state string, index uint64) {
	l.line(rankNode, "node "+id, fmt.Sprintf("node %s    %s", id, state), int64(index), 0)
}

func (l *live) worker(id string, done, total int) {
	l.line(rankWorker, "worker "+id, "worker "+id, int64(done), int64(total))
}

func (l *live) job(id, state string, done, total int) {
	l.line(rankJob, "job "+id, "job "+id[:min(8, len(id))]+"…  "+state, int64(done), int64(total))
}

func (l *live) note(text string) { l.writer.Log("%s", text) }

func (l *live) close() {
	l.closed.Do(func() {
		l.mu.Lock()
		for _, t := range l.tracker {
			t.MarkAsDone()
		}
		l.mu.Unlock()
		l.writer.Stop()
		<-l.over
	})
}
