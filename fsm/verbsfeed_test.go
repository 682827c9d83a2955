package fsm

import (
	"fmt"
	"maps"
	"strings"
)

func init() {
	maps.Copy(verbs, map[string]verb{"retry": retryVerb})
	maps.Copy(shows, map[string]func(*View, words) (string, error){"show-feed": showFeed, "show-jobs": showJobs, "show-cost": showCost})
}

// retry job=j1 new=j2
func retryVerb(_ *stage, w words) ([]act, error) {
	return single(does(RetryJob{Job: w["job"], NewJob: w["new"]}, func(j Job) string {
		return fmt.Sprintf("%s retry_of=%s items=%d", j.Status, j.RetryOf, j.Total)
	}), nil)
}

// show-feed [behind=INDEX]
func showFeed(v *View, w words) (string, error) {
	index, err := w.number("behind", 0)
	from, kept := v.FeedFrom()
	if err != nil || !kept {
		return "nothing is kept", err
	}
	if index > 0 {
		from = Mark{Index: index, Ordinal: lastOrdinal}
	}
	var out []string
	for c := range v.Feed(from) {
		out = append(out, tellChange(c))
	}
	return strings.Join(out, "\n"), nil
}

func tellChange(c Change) string {
	line := fmt.Sprintf("%d.%d %s", c.Index, c.Ordinal, c.Event)
	word := func(name, value string) {
		if value != "" {
			line += " " + name + "=" + value
		}
	}
	word("job", c.Job)
	if c.Item != nil {
		line += fmt.Sprintf("/%d", *c.Item)
	}
	word("user", c.User)
	word("worker", c.Worker)
	word("node", c.Node)
	if c.Lease > 0 {
		line += fmt.Sprintf(" lease=%d items=%d", c.Lease, c.Count)
	}
	if c.Amount != 0 {
		line += fmt.Sprintf(" %+d=%d", c.Amount, c.Balance)
	}
	word("action", c.Action)
	word("code", string(c.Code))
	word("by", c.By)
	if c.Detail != "" {
		line += " (" + c.Detail + ")"
	}
	return line
}

// show-jobs tells all of them, newest first.
func showJobs(v *View, _ words) (string, error) {
	var out []string
	for j := range v.AllJobs(Mark{}) {
		out = append(out, fmt.Sprintf("%s of %s: %s", j.ID, j.User, j.Status))
	}
	return strings.Join(out, "\n"), nil
}

// show-cost job=j1 tells what it has cost and gave back, and its leases.
func showCost(v *View, w words) (string, error) {
	j, ok := v.Job(w["job"])
	if !ok {
		return "no such job", nil
	}
	var out []string
	list, err := v.LedgerOf(j, v.History(j.ID, Mark{}), filedStretch)
	if err != nil {
		return "", err
	}
	for _, e := range list {
		out = append(out, fmt.Sprintf("%s %+d", e.Type, e.Amount))
	}
	for _, l := range v.LeasesOf(j.ID) {
		out = append(out, fmt.Sprintf("%s of %s %s", l.ID(), l.Worker, l.Ended))
	}
	return strings.Join(out, "\n"), nil
}
