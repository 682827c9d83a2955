package show

import (
	"fmt"
	"strconv"
	"strings"
	"time"
	"unicode"
)

// Age is a span in the largest unit in which it is at least 2: "90 s", "12 min", "5 h", "3 d".
func Age(d time.Duration) string {
	switch d = max(d, 0); {
	case d < 2*time.Minute:
		return fmt.Sprintf("%d s", d/time.Second)
	case d < 2*time.Hour:
		return fmt.Sprintf("%d min", d/time.Minute)
	case d < 48*time.Hour:
		return fmt.Sprintf("%d h", d/time.Hour)
	}
	return fmt.Sprintf("%d d", d/(24*time.Hour))
}

// Ago is how long before now something was; nil is never.
func Ago(at *time.Time, now time.Time) string {
	if at == nil || at.IsZero() {
		return "never"
	}
	return Age(now.Sub(*at)) + " ago"
}

// Seconds makes a span of what the wire gives in seconds.
func Seconds(s float64) time.Duration { return time.Duration(s * float64(time.Second)) }

// Count is "1 item", "2 items", and "no items" for none.
func Count[N int | int64](n N, what string) string {
	switch n {
	case 0:
		return "no " + what + "s"
	case 1:
		return "1 " + what
	}
	return fmt.Sprintf("%d %ss", n, what)
}

// Ranges writes ascending indices shortly: "0-3, 7".
func Ranges(all []int) string {
	var parts []string
	for i := 0; i < len(all); {
		last := i
		for last+1 < len(all) && all[last+1] == all[last]+1 {
			last++
		}
		part := strconv.Itoa(all[i])
		if last > i {
			part += "-" + strconv.Itoa(all[last])
		}
		parts = append(parts, part)
		i = last + 1
	}
	return strings.Join(parts, ", ")
}

// Plain is text on one line, in which nothing acts on a terminal.
func Plain(text string) string {
	return strings.Map(func(r rune) rune {
		switch {
		case unicode.IsPrint(r):
			return r
		case unicode.IsSpace(r):
			return ' '
		}
		return '·'
	}, text)
}
