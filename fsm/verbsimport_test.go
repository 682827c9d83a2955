package fsm

import (
	"fmt"
	"maps"
	"strconv"
	"strings"
)

func init() {
	maps.Copy(verbs, map[string]verb{"import-user": importUserVerb, "import-job": importJobVerb})
	maps.Copy(shows, map[string]func(*View, words) (string, error){"show-ledger": showLedger, "show-rehearsal": showRehearsal})
}

// import-user id=u plan=pro credits=5 events=purchase:10:o1,debit:-5:j1: the events are a minute apart. rules=2 has so many.
func importUserVerb(_ *stage, w words) ([]act, error) {
	c, err := oldUserOf(w)
	return single(does(Import{Users: []OldUser{c}}, func(a Imported) string { return tellFate(a.Users[0]) }), err)
}

func oldUserOf(w words) (OldUser, error) {
	c := OldUser{ID: w["id"], Plan: w["plan"], DeviceHash: w["device"], CreatedAt: summer - 1000*hour, More: w.has("more")}
	var err error
	number := func(key string) int64 {
		n, e := w.integer(key, 0)
		if e != nil {
			err = e
		}
		return n
	}
	c.Credits, c.Opening, c.From = number("credits"), number("opening"), int(number("behind"))
	for i := range number("rules") {
		c.Rules = append(c.Rules, Rule{ID: "r" + strconv.Itoa(int(i)), Name: "White", Preset: "interior", Concepts: walls, CreatedAt: c.CreatedAt, UpdatedAt: c.CreatedAt})
	}
	for i, e := range w.list("events") {
		f := append(strings.Split(e, ":"), "", "")
		n, e := strconv.ParseInt(f[1], 10, 64)
		if e != nil {
			err = e
		}
		id := "e" + strconv.Itoa(c.From+i)
		c.Events = append(c.Events, OldEvent{ID: id, Type: f[0], Amount: n, Ref: f[2], At: c.CreatedAt + int64(i)*60*second})
	}
	return c, err
}

// import-job job=j user=u status=done items=done,failed ago=10h: it took an hour.
func importJobVerb(_ *stage, w words) ([]act, error) {
	c := OldJob{ID: w["job"], User: w["user"], Status: Status(w["status"]), Preset: "interior", Price: 1, Error: w["error"], Concepts: w.concepts()}
	var err error
	if c.Refund, err = w.integer("refund", 0); err != nil {
		return nil, err
	}
	ago, err := w.length("ago")
	c.CreatedAt, c.EndedAt = summer-ago-hour, summer-ago
	for _, s := range w.list("items") {
		c.Items = append(c.Items, OldItem{Status: Status(s)})
	}
	if w.has("input") {
		c.Items[0].Input = w["input"]
	}
	return single(does(Import{Jobs: []OldJob{c}}, func(a Imported) string { return tellFate(a.Jobs[0]) }), err)
}

func tellFate(f Fate) string {
	s := fmt.Sprintf("%s %s", f.ID, f.Result)
	if f.Next > 0 {
		s += fmt.Sprintf(" next=%d", f.Next)
	}
	if f.Code != "" {
		s += " " + string(f.Code)
	}
	if f.Why != "" {
		s += " (" + f.Why + ")"
	}
	return s
}

// show-ledger user=u, oldest first, with the time before the test began.
func showLedger(v *View, w words) (string, error) {
	var out []string
	for e := range v.AllLedger() {
		if e.User == w["user"] {
			out = append(out, fmt.Sprintf("%s %+d=%d at %s ref=%q old=%s by=%s", e.Type, e.Amount, e.Balance, clock(e.At-summer+dawn), e.Ref, e.Old, e.By))
		}
	}
	return strings.Join(out, "\n"), nil
}

// show-rehearsal takes the words of import-user.
func showRehearsal(v *View, w words) (string, error) {
	c, err := oldUserOf(w)
	if err != nil {
		return "", err
	}
	a, err := v.Rehearse(Import{Users: []OldUser{c}})
	if r, ok := err.(*Refusal); ok {
		return refusal(r), nil
	}
	return tellFate(a.Users[0]), err
}
