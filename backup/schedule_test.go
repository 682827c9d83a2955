package backup

import (
	"testing"
	"time"

	"stoker/fsm"
)

func TestSchedule(t *testing.T) {
	last := time.Date(2026, 2, 28, 22, 10, 30, 0, time.UTC)
	for text, want := range map[string]time.Time{
		"every 6h":     last.Add(6 * time.Hour),
		"every 90m":    last.Add(90 * time.Minute),
		"30 3 * * *":   time.Date(2026, 3, 1, 3, 30, 0, 0, time.UTC),
		"*/15 * * * *": time.Date(2026, 2, 28, 22, 15, 0, 0, time.UTC),
		"0 4 * * 1":    time.Date(2026, 3, 2, 4, 0, 0, 0, time.UTC),
		"@daily":       time.Date(2026, 3, 1, 0, 0, 0, 0, time.UTC),
	} {
		s, err := ParseSchedule(text)
		if err != nil {
			t.Errorf("%s: %v", text, err)
			continue
		}
		if next, err := s.After(last); err != nil || !next.Equal(want) {
			t.Errorf("%s: after %v comes %v (%v), want %v", text, last, next, err, want)
		}
	}
	for _, text := range []string{"every", "every 5s", "every day", "6h", "* * *", "61 * * * *", "0 0 * * * *", "@never"} {
		if _, err := ParseSchedule(text); err == nil {
			t.Errorf("%q was taken", text)
		}
	}
	if s, err := ParseSchedule(" "); err != nil || !s.Never() {
		t.Errorf("no schedule: %v %v", s, err)
	}
}

// TestKeeper_old: what may go is what the schedule made here, and never the newest.
func TestKeeper_old(t *testing.T) {
	now := time.Now()
	made := func(index uint64, days int, place, failed string) fsm.Backup {
		return fsm.Backup{Index: index, At: now.Add(-time.Duration(days) * 24 * time.Hour).UnixNano(), Place: place, Error: failed}
	}
	all := []fsm.Backup{ // newest first
		made(9, 20, "/b", ""), made(8, 21, "/b", "full"), made(7, 22, "/elsewhere", ""), made(6, 23, "/b", ""), made(5, 40, "/b", ""),
	}
	for _, c := range []struct {
		keep, days int
		want       []uint64
	}{{0, 0, nil}, {1, 0, []uint64{6, 5}}, {2, 0, []uint64{5}}, {3, 0, nil}, {0, 30, []uint64{5}}, {0, 1, []uint64{6, 5}}, {2, 30, []uint64{5}}} {
		k := &Keeper{Keep: c.keep, KeepDays: c.days, Now: func() time.Time { return now }}
		var got []uint64
		for _, b := range k.old(all, "/b") {
			got = append(got, b.Index)
		}
		if len(got) != len(c.want) || len(got) > 0 && (got[0] != c.want[0] || got[len(got)-1] != c.want[len(c.want)-1]) {
			t.Errorf("keep %d, %d days: %v may go, want %v", c.keep, c.days, got, c.want)
		}
	}
}
