package fsm

import (
	"fmt"
	"strings"

	"stoker/store"
)

// checkFeed holds the feed against the records that it points at: behind its
// beginning each that is there is told once, at its position, and in order.
func (v *View) checkFeed(c *Check) {
	from, kept := v.FeedFrom()
	told, size, last := map[string]int{}, int64(0), from
	for k, row := range feed.Scan(v, "") {
		size += int64(len(encode(row)))
		index, _ := k.PopUint()
		if !kept || from.Follows(Mark{Index: index, Ordinal: row.Last}) {
			c.failf("the feed has a row of entry %d and begins behind %d", index, from.Index)
		}
	}
	if size != v.meta.FeedBytes {
		c.failf("the feed has %d bytes, the machine counts %d", size, v.meta.FeedBytes)
	}
	for ch := range v.Feed(from) {
		if !ch.Follows(last) {
			c.failf("the feed goes from %v to %v", last, ch.Mark)
		}
		last = ch.Mark
		if strings.HasPrefix(ch.Event, onCredits) || ch.From != "" || ch.To != "" || ch.Action != "" {
			told[fmt.Sprint(ch.Mark)]++
		}
	}
	expect := func(what string, index uint64, ordinal uint32) {
		if at := (Mark{Index: index, Ordinal: ordinal}); kept && at.Follows(from) && told[fmt.Sprint(at)] != 1 {
			c.failf("the feed tells %d times of %s at %v", told[fmt.Sprint(at)], what, at)
		}
	}
	for _, e := range history.Scan(v, "") {
		if !e.Imported { // no news
			expect("a step of "+e.Job, e.Index, e.Ordinal)
		}
	}
	for _, e := range ledger.Scan(v, "") {
		if e.Old == "" {
			expect("a booking of "+e.User, e.Index, e.Ordinal)
		}
	}
	for _, a := range audits.Scan(v, store.Key("")) {
		expect("what an operator did", a.Index, a.Ordinal)
	}
}
