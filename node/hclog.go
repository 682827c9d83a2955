package node

import (
	"context"
	"fmt"
	"io"
	"log"
	"log/slog"
	"sync"
	"time"

	"github.com/hashicorp/go-hclog"
)

// raftLog carries Raft's log lines into slog, and few of them: this package
// tells the transitions itself, so Raft's own news is for debugging. What Raft
// calls an error (a peer that does not answer, mostly) is a warning here, and
// the same line is shown again only after quietFor, since Raft says it with
// every heartbeat.
type raftLog struct {
	to     *slog.Logger
	name   string
	shared *quiet
}

// quiet remembers when a line was shown last.
type quiet struct {
	mu   sync.Mutex
	last map[string]time.Time
}

const quietFor = 30 * time.Second

// ordinary is what Raft calls errors when a peer or this node goes away.
var ordinary = map[string]bool{
	"failed to accept connection":       true,
	"failed to decode incoming command": true,
	"failed to flush response":          true,
}

func newRaftLog(to *slog.Logger) *raftLog {
	return &raftLog{to: to.With("part", "raft"), name: "raft", shared: &quiet{last: map[string]time.Time{}}}
}

func (l *raftLog) Log(level hclog.Level, msg string, args ...any) {
	to := slog.LevelDebug
	if level >= hclog.Error && !ordinary[msg] && l.shared.fresh(msg) {
		to = slog.LevelWarn
	}
	if !l.to.Enabled(context.Background(), to) {
		return
	}
	for i, a := range args {
		if f, ok := a.(hclog.Format); ok && len(f) > 0 {
			if layout, ok := f[0].(string); ok {
				args[i] = fmt.Sprintf(layout, f[1:]...)
			}
		}
	}
	l.to.Log(context.Background(), to, msg, args...)
}

func (q *quiet) fresh(msg string) bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	now := time.Now()
	if last, seen := q.last[msg]; seen && now.Sub(last) < quietFor {
		return false
	}
	q.last[msg] = now // Raft has a few dozen different lines
	return true
}

func (l *raftLog) Trace(msg string, args ...any) { l.Log(hclog.Trace, msg, args...) }
func (l *raftLog) Debug(msg string, args ...any) { l.Log(hclog.Debug, msg, args...) }
func (l *raftLog) Info(msg string, args ...any)  { l.Log(hclog.Info, msg, args...) }
func (l *raftLog) Warn(msg string, args ...any)  { l.Log(hclog.Warn, msg, args...) }
func (l *raftLog) Error(msg string, args ...any) { l.Log(hclog.Error, msg, args...) }

func (l *raftLog) IsTrace() bool { return false }
func (l *raftLog) IsDebug() bool { return l.to.Enabled(context.Background(), slog.LevelDebug) }
func (l *raftLog) IsInfo() bool  { return l.IsDebug() }
func (l *raftLog) IsWarn() bool  { return l.IsDebug() }
func (l *raftLog) IsError() bool { return true }

func (l *raftLog) ImpliedArgs() []any { return nil }
func (l *raftLog) With(args ...any) hclog.Logger {
	return &raftLog{to: l.to.With(args...), name: l.name, shared: l.shared}
}
func (l *raftLog) Name() string                        { return l.name }
func (l *raftLog) Named(name string) hclog.Logger      { return l.ResetNamed(l.name + "." + name) }
func (l *raftLog) ResetNamed(name string) hclog.Logger { return &raftLog{l.to, name, l.shared} }
func (l *raftLog) SetLevel(hclog.Level)                {}
func (l *raftLog) GetLevel() hclog.Level               { return hclog.NoLevel }

func (l *raftLog) StandardLogger(*hclog.StandardLoggerOptions) *log.Logger {
	return slog.NewLogLogger(l.to.Handler(), slog.LevelDebug)
}
func (l *raftLog) StandardWriter(o *hclog.StandardLoggerOptions) io.Writer {
	return l.StandardLogger(o).Writer()
}
