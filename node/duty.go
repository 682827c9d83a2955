package node

import (
	"context"
	"sync/atomic"
	"time"

	"stoker/fsm"
)

// WhileLeader runs duty on the node that leads, after its own first entry was
// applied. ctx ends with the leadership; a duty should return soon after that,
// and the next leadership's run waits for it. A duty that returns early is not
// run again in the same term.
func (n *Node) WhileLeader(name string, duty func(ctx context.Context, term uint64)) {
	n.wg.Go(func() {
		for {
			term, leading, err := n.lead.await(n.ctx)
			if err != nil {
				return
			}
			n.log.Debug("duty begins", "duty", name, "term", term)
			duty(leading, term)
			<-leading.Done()
		}
	})
}

// WhileRunning runs duty on this node, leader or not, until it stops.
func (n *Node) WhileRunning(duty func(ctx context.Context)) {
	n.wg.Go(func() { duty(n.ctx) })
}

// expireLimit is how many timers one command fires: a few milliseconds' work.
const expireLimit = 256

// timers proposes Expire when the machine's earliest deadline has come by the
// leader's clock, and sleeps otherwise.
func (n *Node) timers(ctx context.Context, _ uint64) {
	v := n.machine.View()
	n.nextTimer.set(v.NextTimer())
	v.Close()
	wait := time.NewTimer(0)
	defer wait.Stop()
	for ctx.Err() == nil {
		changed := n.nextTimer.changed.listen()
		due := n.nextTimer.at.Load()
		var fire <-chan time.Time // never, when there is no deadline
		if due > 0 {
			// The clock may run a tenth slower than time; then this is early, and
			// the loop comes round.
			wait.Reset(time.Duration(max(0, due-n.clock.now())))
			fire = wait.C
		}
		select {
		case <-ctx.Done():
			return
		case <-changed:
			continue
		case <-fire:
		}
		if n.clock.now() < due {
			continue
		}
		r, err := Apply(ctx, n, fsm.Expire{Limit: expireLimit}, By("system"))
		if err != nil || r.Answer.Fired == 0 {
			// No quorum, most likely. Whatever it is, do not run hot.
			select {
			case <-time.After(time.Second):
			case <-ctx.Done():
			}
		}
	}
}

// deadline is the machine's earliest one.
type deadline struct {
	at      atomic.Int64 // machine clock, 0 if there is none
	changed bell
}

func (d *deadline) set(at int64) {
	if d.at.Swap(at) != at {
		d.changed.ring()
	}
}

// genesis proposes the cluster's first command if the machine has had none. A
// refusal means that another leader's was first, which is as good.
func (n *Node) genesis(ctx context.Context, _ uint64) {
	if n.cfg.Genesis == nil {
		return
	}
	for ctx.Err() == nil {
		v := n.machine.View()
		epoch := v.Epoch()
		v.Close()
		if epoch != 0 {
			return
		}
		first := n.cfg.Genesis()
		first.Level = n.firstLevel(ctx)
		r, err := Apply(ctx, n, first, By("system"))
		if err == nil {
			n.log.Info("a new cluster has begun", "epoch", r.Answer.Epoch)
			return
		}
		if refusal, ok := asRefusal(err); ok {
			if refusal.Code != fsm.AlreadyDone {
				n.log.Error("the cluster cannot begin: its first command is refused", "err", err)
			}
			return
		}
	}
}
