package backup

import (
	"fmt"
	"strings"
	"time"

	"github.com/adhocore/gronx"
)

// Schedule says when backups are due. The zero value: never.
type Schedule struct {
	text  string
	every time.Duration // 0: cron says
}

// shortest is the least time between two backups: below it they are a load.
const shortest = time.Minute

// ParseSchedule reads "every 6h", five fields of cron ("30 3 * * *", in UTC) or a
// word like @daily; "" is never.
func ParseSchedule(text string) (Schedule, error) {
	text = strings.TrimSpace(text)
	s := Schedule{text: text}
	switch span, every := strings.CutPrefix(text, "every "); {
	case text == "":
	case every:
		d, err := time.ParseDuration(strings.TrimSpace(span))
		if err != nil || d < shortest {
			return s, fmt.Errorf("%q: write a time of %v or more, as in every 6h", text, shortest)
		}
		s.every = d
	case len(strings.Fields(text)) != 5 && !strings.HasPrefix(text, "@"), !gronx.IsValid(text):
		return s, fmt.Errorf("%q: write every 6h, or cron's five fields (minute hour day month weekday, in UTC), as in 30 3 * * *", text)
	}
	return s, nil
}

func (s Schedule) String() string { return s.text }

// Never says that there is no schedule.
func (s Schedule) Never() bool { return s.text == "" }

// After is when the next backup is due after one that began at last.
func (s Schedule) After(last time.Time) (time.Time, error) {
	if s.every > 0 {
		return last.Add(s.every), nil
	}
	next, err := gronx.NextTickAfter(s.text, last.UTC(), false)
	if err != nil {
		return next, fmt.Errorf("backup: schedule %q: %w", s.text, err)
	}
	return next, nil
}
