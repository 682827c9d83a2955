package member

import (
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/jedib0t/go-pretty/v6/table"

	"stoker/cli/show"
	"stoker/client"
)

// Table lists the members, and below what may happen to them.
func Table(w io.Writer, m client.Members, now time.Time) {
	t := show.Table(w, "node", "role", "vote", "state", "lag", "heard", "version", "cluster port", "public port", "since")
	for _, one := range m.Members {
		t.AppendRow(table.Row{
			one.ID, role(m, one), vote(one), state(one), one.Lag, heard(one.ContactMS), show.Plain(one.Version), one.Cluster, one.HTTP, since(one, now),
		})
	}
	t.Render()
	Health(w, m)
}

// Health says how the members are together.
func Health(w io.Writer, m client.Members) {
	a := m.Autopilot
	if m.Leader == "" {
		fmt.Fprintln(w, "no leader: nothing is written until most of the voters are up and reach each other on their cluster ports")
	}
	fmt.Fprintf(w, "%d of %s up, a quorum is %d: %s\n", a.Alive, show.Count(a.Voters, "voter"), a.Quorum, tolerance(a.Alive, a.Quorum))
	for _, list := range []struct {
		ids  []string
		what string
	}{{a.Failed, "do not answer"}, {a.Behind, "answer and do not keep up"}, {a.Learners, "learn, and get a vote when they have caught up"}} {
		if len(list.ids) > 0 {
			fmt.Fprintf(w, "  %s: %s\n", list.what, strings.Join(list.ids, ", "))
		}
	}
}

// tolerance says how many voters may fail.
func tolerance(alive, quorum int) string {
	switch left := alive - quorum; {
	case left < 0:
		return "nothing can be written"
	case left == 0:
		return "none may fail"
	case left == 1:
		return "one may fail"
	default:
		return fmt.Sprintf("%d may fail", left)
	}
}

// Deadline says what the leader does about dead voters.
func Deadline(after time.Duration) string {
	if after == 0 {
		return "Dead voters stay until somebody removes them: stoker member remove."
	}
	return fmt.Sprintf("A voter that is silent for %s is removed, never below three and never more than a minority.", after)
}

// Plan says what a removal would do, or has done.
func Plan(w io.Writer, r client.Removal) {
	switch {
	case !r.Voter:
		fmt.Fprintf(w, "%s has no vote: the voters stay as they are, %d of %d up, %s.\n", r.ID, r.Alive, r.Voters, tolerance(r.Alive, r.Quorum))
	default:
		fmt.Fprintf(w, "Without %s: %s, %d of them up, a quorum is %d: %s.\n", r.ID, show.Count(r.Voters, "voter"), r.Alive, r.Quorum, tolerance(r.Alive, r.Quorum))
	}
	if r.Leads {
		fmt.Fprintf(w, "%s leads now and hands over first.\n", r.ID)
	}
	if r.Pictures > 0 {
		fmt.Fprintf(w, "%s has the only copy of %s: they are lost with it.\n", r.ID, show.Count(r.Pictures, "picture"))
	}
}

func role(m client.Members, one client.Member) string {
	if one.ID == m.Leader {
		return "leader"
	}
	return "follower"
}

func vote(one client.Member) string {
	if one.Voter {
		return "yes"
	}
	return "not yet"
}

func state(one client.Member) string {
	switch {
	case !one.Alive:
		return "down"
	case one.Draining:
		return "draining"
	}
	return "up"
}

func heard(ms int64) string {
	switch {
	case ms < 0:
		return "never"
	case ms < 2000:
		return "now"
	}
	return show.Age(time.Duration(ms)*time.Millisecond) + " ago"
}

func since(one client.Member, now time.Time) string {
	if one.Since == nil {
		return ""
	}
	return show.Age(now.Sub(*one.Since))
}
