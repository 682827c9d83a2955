package node

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"stoker/fsm"
)

// level is the feature level that the answering binary understands, 0 when there
// was no answer yet. A binary of level 1 does not name it.
func (h heard) level() uint64 {
	if h.at.IsZero() {
		return 0
	}
	return max(h.report.Level, 1)
}

// allowed refuses what the cluster's feature level does not allow yet, before
// anybody hears of it: the leader may be of an older version, which would put a
// kind that it does not know into the log and stop there with all its like.
func (n *Node) allowed(ctx context.Context, p fsm.Proposal) error {
	if fsm.LevelOf(p) <= n.machine.Level() {
		return nil
	}
	v, err := n.Read(ctx, Linearizable) // this node may be behind the cluster's upgrade
	if err != nil {
		return err
	}
	defer v.Close()
	switch {
	case fsm.LevelOf(p) <= v.Level():
		return nil
	case v.Epoch() == 0:
		return fsm.Refuse(fsm.Unavailable, "the cluster has not begun yet; try again in a moment")
	}
	return fsm.TooEarly(p, v.Level())
}

// firstLevel is the feature level at which a new cluster begins: the newest that
// all its members understand. They named theirs when they consented to it, or
// name it to the probes; one that keeps silent counts as level 1, and
// `stoker upgrade finalize` makes up for it.
func (n *Node) firstLevel(ctx context.Context) uint64 {
	limit := time.NewTimer(freshFor * n.cfg.Timing.Probe)
	defer limit.Stop()
	for {
		level, silent := n.cfg.level, false
		for _, m := range n.cfg.Members {
			if m.ID == n.cfg.ID {
				continue
			}
			h, _ := n.peers.get(m.ID, 0)
			said := max(h.level(), n.nursery.said(m.ID))
			level, silent = min(level, max(said, 1)), silent || said == 0
		}
		if !silent {
			return level
		}
		select {
		case <-time.After(retryEvery):
		case <-limit.C:
			return level
		case <-ctx.Done():
			return level
		}
	}
}

// Upgrade is where a cluster stands between two versions.
type Upgrade struct {
	Level   uint64          `json:"level"`  // the cluster's feature level
	Newest  uint64          `json:"newest"` // the level that this node's binary understands
	Nodes   []NodeVersion   `json:"nodes"`
	Missing []UpgradeNeeded `json:"missing"` // what stands between the cluster and Newest; empty: finalize does it, or it is done
}

// NodeVersion is the binary a node runs.
type NodeVersion struct {
	ID      string `json:"id"`
	Version string `json:"version"` // "" while it was never heard
	Level   uint64 `json:"level"`   // what it understands; 0 while it was never heard
	Alive   bool   `json:"alive"`   // it answered lately
}

// UpgradeNeeded is a node that holds the upgrade up, and why.
type UpgradeNeeded struct {
	ID  string `json:"id"`
	Why string `json:"why"`
}

// Upgrade gathers. It asks nobody: of the others it says what they last said.
func (n *Node) Upgrade() Upgrade {
	u := Upgrade{Level: n.machine.Level(), Newest: n.cfg.level, Nodes: []NodeVersion{}, Missing: []UpgradeNeeded{}}
	for _, s := range n.raft.GetConfiguration().Configuration().Servers {
		id := string(s.ID)
		h, alive := n.peers.get(id, n.fresh())
		if id == n.cfg.ID {
			h, alive = heard{report: n.report(), at: time.Now()}, true
		}
		v := NodeVersion{ID: id, Version: h.report.Version, Level: h.level(), Alive: alive}
		u.Nodes = append(u.Nodes, v)
		switch {
		case v.Level == 0:
			u.Missing = append(u.Missing, UpgradeNeeded{id, "it was not heard since this node started"})
		case !alive:
			u.Missing = append(u.Missing, UpgradeNeeded{id, "it does not answer"})
		case v.Level < u.Newest:
			u.Missing = append(u.Missing, UpgradeNeeded{id, fmt.Sprintf("its version %s understands level %d", v.Version, v.Level)})
		}
	}
	slices.SortFunc(u.Nodes, func(a, b NodeVersion) int { return strings.Compare(a.ID, b.ID) })
	return u
}

// NextUpgrade is the command that raises the cluster to the newest level that
// this node understands, once every member of the configuration, with a vote or
// without, has lately said that it does too. Until then it is a refusal that
// names who is missing. When the command is applied no older binary can take part
// any more.
func (n *Node) NextUpgrade() (fsm.Upgrade, error) {
	u := n.Upgrade()
	if len(u.Missing) > 0 {
		var why []string
		for _, m := range u.Missing {
			why = append(why, m.ID+": "+m.Why)
		}
		return fsm.Upgrade{}, fsm.Refuse(fsm.FeatureLevel,
			"not all nodes are known to understand level %d (%s); upgrade them, or remove those that are gone, and finalize then", u.Newest, strings.Join(why, "; "))
	}
	return fsm.Upgrade{To: u.Newest}, nil
}
