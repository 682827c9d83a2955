package fsm

import (
	"crypto/sha256"
	"fmt"
	"maps"
	"strconv"
	"strings"
	"sync"
)

func init() {
	maps.Copy(verbs, map[string]verb{"fold": foldVerb})
	maps.Copy(shows, map[string]func(*View, words) (string, error){
		"show-forward": showForward, "show-whole": showWhole, "show-foldable": showFoldable, "show-booked": showBooked,
	})
}

// filed are the records of stretches that tests have folded, by cluster, user and last booking.
var filed sync.Map

func filedName(v *View, user string, last Mark) string {
	return fmt.Sprint(v.ClusterID(), user, last)
}

// file puts the record of a user's oldest bookings where [filedStretch] finds it.
func file(v *View, user string, rows int) Stretch {
	s := Stretch{User: user, Rows: rows}
	for _, r := range v.LedgerRecords(user, rows, rows, 1<<30) {
		s.SHA256 = sha256.Sum256(r.Raw)
		filed.Store(filedName(v, user, r.Last), r.Raw)
	}
	return s
}

// filedStretch is a [ReadStretch].
func filedStretch(v *View, f BroughtForward) ([]LedgerEntry, error) {
	raw, ok := filed.Load(filedName(v, f.User, f.Mark()))
	if !ok {
		return nil, fmt.Errorf("no file has the bookings of %s up to %v", f.User, f.Mark())
	}
	return ParseStretch(raw.([]byte))
}

// fold key=s1 of=u1:4,u2:3: the four oldest bookings of u1 and three of u2; with the word other for the object of another
// segment, with as=u3 under the hash of u3's. many=257 is so many users that are not there.
func foldVerb(s *stage, w words) ([]act, error) {
	c := FoldLedger{Segment: ArchiveSegment{
		Key: w["key"], Bytes: 9, SHA256: segmentHash(w["key"]), Stretches: 4, From: summer, To: summer, Number: 99, Folded: 99, Bookings: 99,
	}}
	if w.has("other") {
		c.Segment.SHA256 = segmentHash("other")
	}
	v := s.m.View()
	defer v.Close()
	for _, one := range w.list("of") {
		user, n, _ := strings.Cut(one, ":")
		rows, err := strconv.Atoi(n)
		if err != nil {
			return nil, err
		}
		stretch := file(v, user, rows)
		if w.has("as") {
			stretch.SHA256 = file(v, w["as"], rows).SHA256
		}
		c.Stretches = append(c.Stretches, stretch)
	}
	many, err := w.integer("many", 0)
	for i := range many {
		c.Stretches = append(c.Stretches, Stretch{User: fmt.Sprint("n", i), Rows: 1})
	}
	return single(does(c, tellFolded), err)
}

func tellFolded(a LedgerFolded) string {
	line := fmt.Sprintf("segment=%d folded=%d bookings=%d", a.Segment, a.Folded, a.Bookings)
	for _, k := range a.Kept {
		line += fmt.Sprintf(" %s:%s", k.User, k.Why)
	}
	return line
}

// show-forward user=u1
func showForward(v *View, w words) (string, error) {
	var out []string
	for f := range v.BroughtForward(w["user"]) {
		out = append(out, fmt.Sprintf("%d in segment %d, up to %d.%d: %d", f.Rows, f.Segment, f.Index, f.Ordinal, f.Balance))
	}
	if out == nil {
		return "none", nil
	}
	for e := range v.Openings(w["user"]) {
		out = append(out, fmt.Sprintf("%s %d", e.Type, e.Amount))
	}
	return strings.Join(out, "\n"), nil
}

// show-whole user=u1 before=7.1: newest first, the archive included; with since=7.1 oldest first from behind it on.
func showWhole(v *View, w words) (string, error) {
	mark := func(text string) (m Mark, err error) {
		if text != "" {
			_, err = fmt.Sscanf(text, "%d.%d", &m.Index, &m.Ordinal)
		}
		return m, err
	}
	before, err := mark(w["before"])
	if err != nil {
		return "", err
	}
	since, err := mark(w["since"])
	if err != nil {
		return "", err
	}
	walk := v.WholeLedger(w["user"], before, filedStretch)
	if w.has("since") {
		walk = v.LedgerSince(w["user"], since, filedStretch)
	}
	var out []string
	for e, err := range walk {
		if err != nil {
			return "", err
		}
		out = append(out, fmt.Sprintf("%d.%d:%s%+d=%d", e.Index, e.Ordinal, e.Type, e.Amount, e.Balance))
	}
	return strings.Join(out, " "), nil
}

// show-foldable user=u1 before=90h limit=100: how many bookings may leave by what was made until then.
func showFoldable(v *View, w words) (string, error) {
	u, _ := v.User(w["user"])
	before, err := w.length("before")
	if err != nil {
		return "", err
	}
	limit, err := w.integer("limit", 100)
	rows, looked := v.Foldable(u, summer+before, int(limit))
	return fmt.Sprintf("%d, %d were looked at", rows, looked), err
}

// show-booked job=j1 of=u1: what a job of the archive has cost, by its index and the one of its end.
func showBooked(v *View, w words) (string, error) {
	from, err := w.integer("from", 1)
	if err != nil {
		return "", err
	}
	until, err := w.integer("until", 0)
	if err != nil {
		return "", err
	}
	j := Job{ID: w["job"], User: w["of"], Status: Done, Index: uint64(from)}
	list, err := v.LedgerOf(j, func(yield func(Event) bool) { yield(Event{Index: uint64(until)}) }, filedStretch)
	var out []string
	for _, e := range list {
		out = append(out, fmt.Sprintf("%d.%d:%s%+d", e.Index, e.Ordinal, e.Type, e.Amount))
	}
	return strings.Join(out, " "), err
}
