package queue

import (
	"fmt"
	"io"
	"strings"

	"stoker/cli/show"
	"stoker/client"
)

// Purge is what shall be canceled: the jobs with waiting pictures of a preset, of a user, or of both at once; empty is any.
type Purge struct {
	Preset string
	User   string
}

// String reads on after "every job".
func (p Purge) String() string {
	text := ""
	if p.User != "" {
		text += " of " + p.User
	}
	text += " with waiting pictures"
	if p.Preset != "" {
		text += " of preset " + p.Preset
	}
	return text
}

// waits counts the waiting pictures that the purge is about, and those of each class. The queue's figures tell no users apart.
func (p Purge) waits(q client.QueueStatus) (n int, classes []string) {
	for _, c := range q.Classes {
		if p.Preset == "" || p.Preset == c.Preset {
			n += c.Depth
			classes = append(classes, fmt.Sprintf("%d of %s, %s", c.Depth, show.Plain(c.Class), show.Plain(c.Preset)))
		}
	}
	return n, classes
}

// Preview says what the purge would do. open is how many jobs its user has open; it counts only if the purge names one.
func (p Purge) Preview(w io.Writer, q client.QueueStatus, open int) {
	n, classes := p.waits(q)
	if n == 0 || p.User != "" && open == 0 {
		fmt.Fprintf(w, "There is nothing to purge: there is no job%s. `stoker queue` shows what waits.\n", p)
		return
	}
	fmt.Fprintf(w, "This would cancel every job%s and refund what is not done:\n", p)
	if p.User != "" {
		fmt.Fprintf(w, "  %s of %s, those of them that wait\n", show.Count(open, "open job"), p.User)
	} else {
		fmt.Fprintf(w, "  %s: %s\n", show.Count(n, "picture"), strings.Join(classes, "; "))
	}
	fmt.Fprintln(w, "Nothing was canceled. Add --yes to do it.")
}

// Done says what the purge did.
func (p Purge) Done(w io.Writer, canceled int) {
	if canceled == 0 {
		fmt.Fprintf(w, "Nothing was canceled: there is no job%s.\n", p)
		return
	}
	fmt.Fprintf(w, "Canceled %s%s; what was not done is refunded.\n", show.Count(canceled, "job"), p)
}
