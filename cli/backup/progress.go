package backup

import (
	"fmt"
	"io"
	"time"

	"github.com/jedib0t/go-pretty/v6/progress"
)

// tell is how often a line says how far it is, where there is no terminal.
const tell = 10 * time.Second

// Watch gives a reader that shows how much of about total bytes has come, on w:
// as a bar on a terminal, else as a line now and then. Call stop at the end.
func Watch(w io.Writer, terminal bool, r io.Reader, total int64) (watched io.Reader, stop func()) {
	if !terminal {
		return &lines{r: r, w: w, total: total, next: time.Now().Add(tell)}, func() {}
	}
	p := progress.NewWriter()
	p.SetOutputWriter(w)
	p.SetUpdateFrequency(200 * time.Millisecond)
	p.SetAutoStop(false)
	t := &progress.Tracker{Message: "backup", Total: max(total, 1), Units: progress.UnitsBytes, AutoStopDisabled: true}
	p.AppendTracker(t)
	over := make(chan struct{})
	go func() { defer close(over); p.Render() }()
	return &bar{r: r, t: t}, func() {
		t.MarkAsDone()
		p.Stop()
		<-over
	}
}

type bar struct {
	r io.Reader
	t *progress.Tracker
}

func (b *bar) Read(p []byte) (int, error) {
	n, err := b.r.Read(p)
	b.t.Increment(int64(n))
	return n, err
}

type lines struct {
	r     io.Reader
	w     io.Writer
	n     int64
	total int64
	next  time.Time
}

func (l *lines) Read(p []byte) (int, error) {
	n, err := l.r.Read(p)
	l.n += int64(n)
	if now := time.Now(); now.After(l.next) {
		l.next = now.Add(tell)
		fmt.Fprintf(l.w, "%s of about %s\n", Size(l.n), Size(l.total))
	}
	return n, err
}
