package node

import (
	"context"
	"sync"
	"time"
)

// heals has every node acknowledge a write within limit, and compares what can be compared.
func (w *world) heals(limit time.Duration) {
	began := time.Now()
	var all sync.WaitGroup
	for _, n := range w.others("") {
		all.Go(func() {
			for {
				left := limit - time.Since(began)
				err := w.writeOnce(w.t.Context(), n, left)
				if err == nil {
					w.checked(heldHeals)
					return
				}
				if w.node(n.cfg.ID) != n { // it was removed
					return
				}
				if time.Since(began) >= limit {
					w.wrongf("%s does not acknowledge a write in %v although nothing is wrong any more: %v", n.cfg.ID, limit, err)
					return
				}
				time.Sleep(retryEvery)
			}
		})
	}
	all.Wait()
	w.compare()
}

// compare holds the nodes' hashes against each other where they are at one entry,
// or remember having been.
func (w *world) compare() {
	nodes := w.others("")
	for i, a := range nodes {
		at, sum := a.machine.Hash()
		for j, b := range nodes {
			if other, remembered := b.machine.HashAt(at); i != j && remembered {
				w.checked(heldSame)
				if other != sum {
					w.wrongf("%s and %s differ at entry %d", a.cfg.ID, b.cfg.ID, at)
				}
			}
		}
	}
}

// judge looks at a world in which nothing happens any more.
func (w *world) judge() {
	calm, done := context.WithTimeout(w.t.Context(), time.Minute) // who was full is asked again after Raft's pauses
	defer done()
	for _, n := range w.others("") {
		v, err := n.Read(calm, Linearizable)
		if err != nil {
			w.wrongf("%s cannot be read in a minute in which nothing happens: %v", n.cfg.ID, err)
			continue
		}
		for _, wrong := range w.tally.wrong(v) {
			w.wrongf("%s: %s", n.cfg.ID, wrong)
		}
		w.checked(heldWrites)
		audit, err := v.Check()
		if err != nil || len(audit.Wrong) > 0 {
			w.wrongf("the rows of %s: %v %v", n.cfg.ID, audit.Wrong, err)
		}
		w.checked(heldAudit)
		v.Close()
	}
	for _, line := range w.log.errors() {
		w.wrongf("a node says that something is wrong with it: %s", line)
	}
	w.checked(heldWell)
	for range 1000 {
		if w.equal() {
			w.compare()
			return
		}
		time.Sleep(10 * time.Millisecond)
	}
	w.wrongf("the nodes do not come to one entry in 10 s")
}

// equal says whether all nodes are at one entry.
func (w *world) equal() bool {
	nodes := w.others("")
	for _, n := range nodes[1:] {
		if n.machine.Index() != nodes[0].machine.Index() {
			return false
		}
	}
	return true
}
