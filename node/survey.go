package node

import (
	"context"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"stoker/fsm"
)

// A survey takes surveyRows rows a step and rests between steps and walks: a
// state of a million rows is walked in about two minutes, for some percent of
// one core.
const (
	surveyRows = 1000
	stepPause  = 100 * time.Millisecond
	walkPause  = 30 * time.Second
)

// surveyor walks through this node's own state, again and again, and keeps the
// sums of the last whole walk. It is what tells that a ledger is not in balance.
type surveyor struct {
	mu      sync.Mutex
	last    fsm.Survey
	at      time.Time // the end of the last walk; zero: none yet
	checked int       // users, ever
}

// survey walks until ctx ends.
func (n *Node) survey(ctx context.Context) {
	for rest := time.Duration(0); ; rest = walkPause {
		if pause(ctx, rest) != nil {
			return
		}
		var s fsm.Survey
		for found := 0; !n.surveyStep(&s); found = len(s.Off) {
			for _, off := range s.Off[found:] {
				n.log.Error("a user's credits are not the sum of the ledger", "user", off.User, "credits", off.Credits, "ledger", off.Ledger)
			}
			if pause(ctx, stepPause) != nil {
				return
			}
		}
		n.surveyor.mu.Lock()
		n.surveyor.last, n.surveyor.at = s, time.Now()
		n.surveyor.checked += s.Users
		n.surveyor.mu.Unlock()
	}
}

func (n *Node) surveyStep(s *fsm.Survey) (done bool) {
	v := n.machine.View()
	defer v.Close()
	return s.Step(v, surveyRows)
}

func pause(ctx context.Context, d time.Duration) error {
	select {
	case <-time.After(d):
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

var (
	descImbalance = desc("stoker_ledger_imbalance_credits", "By how much credits and ledgers differed, all users together, in the last survey of the state. It must be 0.")
	descChecked   = desc("stoker_ledger_users_checked_total", "Users whose ledger was added up by surveys.")
	descSurveyed  = desc("stoker_survey_timestamp_seconds", "When the last survey of the whole state ended, in seconds since 1970.")
	descUsers     = desc("stoker_users", "Users there were in the last survey.")
	descObjects   = desc("stoker_objects", "Published objects there were in the last survey.")
	descBytes     = desc("stoker_objects_bytes", "Bytes of those objects.")
	descDead      = desc("stoker_dead_letters_listed", "Dead letters listed in the last survey.")
)

// Describe is for the registry.
func (s *surveyor) Describe(to chan<- *prometheus.Desc) {
	for _, d := range []*prometheus.Desc{descImbalance, descChecked, descSurveyed, descUsers, descObjects, descBytes, descDead} {
		to <- d
	}
}

// Collect shows the last walk; before there was one, nothing.
func (s *surveyor) Collect(to chan<- prometheus.Metric) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.at.IsZero() {
		return
	}
	say := func(d *prometheus.Desc, value float64, labels ...string) {
		to <- prometheus.MustNewConstMetric(d, prometheus.GaugeValue, value, labels...)
	}
	off := int64(0)
	for _, one := range s.last.Off {
		off += max(one.Credits-one.Ledger, one.Ledger-one.Credits)
	}
	say(descImbalance, float64(off))
	to <- prometheus.MustNewConstMetric(descChecked, prometheus.CounterValue, float64(s.checked))
	say(descSurveyed, float64(s.at.UnixNano())/1e9)
	say(descUsers, float64(s.last.Users))
	say(descObjects, float64(s.last.Objects))
	say(descBytes, float64(s.last.ObjectBytes))
	say(descDead, float64(s.last.Dead))
}
