package fsm

import (
	"time"

	"stoker/store"
)

// Autopilot is what the leader may do about members by itself.
type Autopilot struct {
	// RemoveDeadAfter is how long a voter may be silent, in ns, before the leader
	// removes it; 0: for ever. Three voters stay at any rate.
	RemoveDeadAfter int64 `cbor:"1,keyasint,omitempty"`
}

var (
	autopilots   = store.NewTable[Autopilot]("autopilot")
	autopilotKey = store.Str("")
)

// minDeadAfter is the least that RemoveDeadAfter may be: a VM that is restarted
// is not a dead one.
const minDeadAfter = int64(60e9)

// SetAutopilot replaces what the leader may do by itself.
type SetAutopilot struct {
	Autopilot Autopilot `cbor:"1,keyasint"`
}

func (c SetAutopilot) deed() deed {
	return deed{Detail: "remove dead voters after " + time.Duration(c.Autopilot.RemoveDeadAfter).String()}
}

func (c SetAutopilot) apply(tx *Tx) (Autopilot, error) {
	if r := tx.begun(); r != nil {
		return Autopilot{}, r
	}
	if d := c.Autopilot.RemoveDeadAfter; d != 0 && d < minDeadAfter {
		return Autopilot{}, invalid("remove_dead_after_s", "must be 0, which is never, or a minute at least")
	}
	autopilots.Put(tx.Tx, autopilotKey, c.Autopilot)
	return c.Autopilot, nil
}
