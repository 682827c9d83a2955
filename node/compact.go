package node

import (
	"context"
	"time"

	"stoker/store"
)

const (
	// compactFrom is how much of the state's file must be gaps, in bytes, before it is written anew; half of the file must be, too.
	compactFrom = 32 << 20
	// compactSpare is what is left free beside the rows' second copy, in bytes: log and snapshots go on meanwhile.
	compactSpare = 256 << 20
	// compactRest is the longest time until it is tried again where it was in vain.
	compactRest = time.Hour
)

// compact looks every Timing.Compact whether the state's file is worth writing anew, until ctx ends. It is each node's own business: no
// row changes, and nobody but the disk notices.
func (n *Node) compact(ctx context.Context, worth func(s store.Stats, spare int64) bool) {
	for rest := n.cfg.Timing.Compact; pause(ctx, rest) == nil; {
		if _, free := n.space.last(); !worth(n.machine.Stats(), free-n.space.least) {
			continue
		}
		began, before := time.Now(), n.machine.Stats()
		err := n.machine.Compact(ctx)
		if ctx.Err() != nil {
			return
		}
		if err != nil {
			rest = min(2*rest, compactRest) // what was in its way is likely to be there still
			n.log.Warn("the state's file was not written anew; it is as it was", "err", err, "tried_again_in", rest)
			continue
		}
		rest = n.cfg.Timing.Compact
		n.log.Info("the state's file was written anew, without its gaps", "mb", n.machine.Stats().FileBytes>>20, "was_mb", before.FileBytes>>20, "took", time.Since(began).Round(time.Millisecond))
	}
}

// worthCompacting says whether gaps are half of the file and the rows fit into what the disk has to give, in bytes.
func worthCompacting(s store.Stats, spare int64) bool {
	return s.FreeBytes >= compactFrom && 2*s.FreeBytes >= s.FileBytes && s.FileBytes-s.FreeBytes+compactSpare <= spare
}
