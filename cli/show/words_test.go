package show

import (
	"testing"
	"time"
)

func TestWords(t *testing.T) {
	now := time.Unix(1000, 0)
	for _, c := range []struct{ got, want string }{
		{Age(-time.Second), "0 s"}, {Age(119 * time.Second), "119 s"}, {Age(119 * time.Minute), "119 min"},
		{Age(47 * time.Hour), "47 h"}, {Age(48 * time.Hour), "2 d"}, {Age(Seconds(3.5)), "3 s"},
		{Ago(nil, now), "never"}, {Ago(&time.Time{}, now), "never"}, {Ago(new(time.Unix(990, 0)), now), "10 s ago"},
		{Count(0, "job"), "no jobs"}, {Count(1, "job"), "1 job"}, {Count(int64(2), "job"), "2 jobs"},
		{Ranges(nil), ""}, {Ranges([]int{0, 1, 2, 3, 7, 9, 10}), "0-3, 7, 9-10"},
		{Plain("a\nb\x1b[2J\tö\u202e"), "a b·[2J ö·"},
	} {
		if c.got != c.want {
			t.Errorf("got %q, want %q", c.got, c.want)
		}
	}
}
