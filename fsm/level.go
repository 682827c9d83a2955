package fsm

import (
	"errors"
	"fmt"
)

// Level is the newest feature level that this binary understands. A level is a
// set of kinds of commands and of effects: what came with a level is refused,
// equally on every node, until the cluster has been raised to it ([Upgrade]), so
// that nodes of two versions give the same answers for as long as an upgrade
// takes. Level 1 is all that was there before levels were.
const Level uint64 = 3

// errTooNew stops a node whose cluster has left it behind.
var errTooNew = errors.New("the cluster's feature level is above what this binary understands: start this node with the newer binary again")

// level is the cluster's. What a level changes in an older command's effect or
// answer stands behind `if tx.level() >= n`.
func (tx *Tx) level() uint64 { return tx.m.level() }

// level of a machine without one is that of the time before levels.
func (m *meta) level() uint64 { return max(m.Level, 1) }

// Level is the cluster's feature level at the last applied index.
func (m *Machine) Level() uint64 { return m.level.Load() }

// Level is the cluster's feature level.
func (v *View) Level() uint64 { return v.meta.level() }

// LevelOf is the feature level that a proposal needs. A kind that nobody knows
// needs one that nobody has.
func LevelOf(p Proposal) uint64 {
	r, ok := byKind[p.Kind]
	if !ok {
		return Level + 1
	}
	return r.level
}

// TooEarly refuses a proposal that the cluster's level does not allow yet.
func TooEarly(p Proposal, level uint64) *Refusal {
	return Refuse(FeatureLevel, "%s needs feature level %d and the cluster is at %d: when all nodes run the new version, `stoker upgrade finalize` raises it",
		CommandName(p.Kind), LevelOf(p), level)
}

// Upgrade raises the cluster's feature level. Whoever proposes it has made sure
// that every member understands To: a node that does not stops here. Harmless
// twice; the level never falls.
type Upgrade struct {
	To uint64 `cbor:"1,keyasint"`
}

// Upgraded answers Upgrade.
type Upgraded struct {
	Level uint64 `cbor:"1,keyasint"` // the cluster's
}

func (c Upgrade) deed() deed { return deed{Detail: fmt.Sprintf("to level %d", c.To)} }

func (c Upgrade) apply(tx *Tx) (Upgraded, error) {
	if r := tx.begun(); r != nil {
		return Upgraded{}, r
	}
	if c.To > tx.level() {
		if err := tx.rise(c.To); err != nil {
			return Upgraded{}, err
		}
	}
	return Upgraded{Level: tx.level()}, nil
}

// rise puts the cluster at a level. The error stops the node.
func (tx *Tx) rise(level uint64) error {
	if level > Level {
		return fmt.Errorf("level %d, understood are %d: %w", level, Level, errTooNew)
	}
	tx.m.Level = level
	return nil
}
