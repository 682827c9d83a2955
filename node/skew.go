package node

import (
	"context"
	"slices"
	"time"
)

// steady hands leadership over when this node's wall clock is further off the
// others' median than Timing.MaxSkew, and another's is not: the machine's clock
// would follow a wrong one, slowly but for as long as the node leads (design
// rule 2). Alone, or when no other is better, a node leads with the clock it has.
func (n *Node) steady(ctx context.Context, term uint64) {
	for ctx.Err() == nil {
		changed := n.roster.changed.listen()
		next := time.After(n.cfg.Timing.Probe)
		if len(n.roster.all()) == 1 {
			next = nil // alone, it has no clock to hold its own against
		}
		select {
		case <-ctx.Done():
			return
		case <-changed:
			continue
		case <-next:
		}
		offsets := n.offsets()
		off, better := successor(offsets, n.cfg.Timing.MaxSkew)
		if better == "" {
			continue
		}
		n.log.Warn("this node's wall clock is off; it hands leadership over; correct its time service", "off", off, "to", better, "term", term)
		if err := n.transferTo(ctx, better); err != nil {
			n.log.Warn("hand leadership over", "to", better, "err", err)
		}
	}
}

// successor says how far this node's wall clock is ahead of the others' median, and,
// when that is more than most, whose clock is nearest to it. offsets are the
// others' clocks against its own.
func successor(offsets map[string]time.Duration, most time.Duration) (off time.Duration, better string) {
	if len(offsets) == 0 {
		return 0, ""
	}
	others := make([]time.Duration, 0, len(offsets))
	for _, o := range offsets {
		others = append(others, o)
	}
	slices.Sort(others)
	mid := others[len(others)/2]
	if len(others)%2 == 0 {
		mid = (others[len(others)/2-1] + mid) / 2
	}
	if off = -mid; off.Abs() <= most {
		return off, ""
	}
	nearest := most
	for id, o := range offsets {
		d := (o - mid).Abs()
		if d < nearest || d == nearest && (better == "" || id < better) {
			better, nearest = id, d
		}
	}
	return off, better
}
