package importer

import (
	"fmt"
	"io"
	"sync"
	"time"

	"github.com/jedib0t/go-pretty/v6/progress"
)

// tellEvery is how often a line says how far it is, where there is no terminal.
const tellEvery = 10 * time.Second

// Progress shows how far something is: a bar on a terminal, else a line now and then.
type Progress struct {
	w     io.Writer
	bars  progress.Writer // nil: there is no terminal
	over  chan struct{}
	mu    sync.Mutex
	what  string
	total int64
	done  int64
	next  time.Time
	bar   *progress.Tracker
}

// NewProgress shows on w. Call Close.
func NewProgress(w io.Writer, terminal bool) *Progress {
	p := &Progress{w: w, over: make(chan struct{})}
	if !terminal {
		close(p.over)
		return p
	}
	p.bars = progress.NewWriter()
	p.bars.SetOutputWriter(w)
	p.bars.SetUpdateFrequency(200 * time.Millisecond)
	p.bars.SetMessageLength(20)
	go func() { defer close(p.over); p.bars.Render() }()
	return p
}

// Begin ends what was before and shows total of something; bytes are told as such.
func (p *Progress) Begin(what string, total int64, bytes bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.end()
	p.what, p.total, p.done, p.next = what, total, 0, time.Now().Add(tellEvery)
	if p.bars != nil {
		p.bar = &progress.Tracker{Message: what, Total: max(total, 1), AutoStopDisabled: true}
		if bytes {
			p.bar.Units = progress.UnitsBytes
		}
		p.bars.AppendTracker(p.bar)
	}
}

// Add says that n more are done.
func (p *Progress) Add(n int64) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.done += n
	if p.bar != nil {
		p.bar.SetValue(p.done)
	} else if now := time.Now(); p.bars == nil && now.After(p.next) {
		p.next = now.Add(tellEvery)
		fmt.Fprintf(p.w, "%s: %d of %d\n", p.what, p.done, p.total)
	}
}

// More makes the total larger: it is found out on the way.
func (p *Progress) More(n int64) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.total += n; p.bar != nil {
		p.bar.UpdateTotal(p.total)
	}
}

func (p *Progress) end() {
	if p.bar != nil {
		p.bar.MarkAsDone()
		p.bar = nil
	}
}

// Close leaves the last state on the screen.
func (p *Progress) Close() {
	p.mu.Lock()
	p.end()
	p.mu.Unlock()
	if p.bars != nil {
		p.bars.Stop()
	}
	<-p.over
}
