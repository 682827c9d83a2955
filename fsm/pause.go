package fsm

import (
	"cmp"

	"stoker/store"
)

// pauses are the presets, or everything ("*"), that nobody is granted for now.
var pauses = store.NewTable[pause]("pauses")

type pause struct {
	By string `cbor:"1,keyasint,omitempty"`
	At int64  `cbor:"2,keyasint"` // wall clock, ns
}

// everything stands for all presets.
const everything = "*"

func paused(r store.Reader, preset string) bool {
	return pauses.Has(r, store.Str(everything)) || pauses.Has(r, store.Str(preset))
}

// PauseQueue stops granting work of a preset (none: of all), or goes on with it.
// What is leased already is not touched, and what waits keeps its deadline.
type PauseQueue struct {
	Preset string `cbor:"1,keyasint,omitempty"`
	Paused bool   `cbor:"2,keyasint"`
}

// QueuePaused answers PauseQueue.
type QueuePaused struct {
	Paused []string `cbor:"1,keyasint"` // presets; "*": all
}

func (c PauseQueue) deed() deed {
	d := deed{Subject: cmp.Or(c.Preset, everything)}
	if !c.Paused {
		d.Action = "ResumeQueue"
	}
	return d
}

func (c PauseQueue) apply(tx *Tx) (QueuePaused, error) {
	if c.Preset != "" {
		_, ok := tx.current().Presets[c.Preset]
		if !ok && tx.m.Waiting[c.Preset] == 0 && !pauses.Has(tx, store.Str(c.Preset)) { // work of a preset outlives its removal
			return QueuePaused{}, Refuse(InvalidPreset, "no preset %q", c.Preset)
		}
	}
	key := store.Str(c.Preset)
	if c.Preset == "" {
		key = store.Str(everything)
	}
	if c.Paused {
		pauses.Put(tx.Tx, key, pause{By: tx.by, At: tx.wall()})
	} else {
		if c.Preset != "" && pauses.Has(tx, key) {
			resumed(tx, c.Preset)
		}
		pauses.Delete(tx.Tx, key)
	}
	tx.changes.Ready = true
	return QueuePaused{pausedNow(tx)}, nil
}

func pausedNow(r store.Reader) []string {
	out := []string{}
	for k := range pauses.Scan(r, "") {
		p, _ := k.PopStr()
		out = append(out, p)
	}
	return out
}

// PurgeQueue cancels jobs with waiting work, and refunds what was not done. One
// entry ends at most Limit jobs, and reads the ready queue until it has found them:
// for one user that is at most all of its keys, of which there are no more than
// the settings' QueueDepth.
type PurgeQueue struct {
	Preset string `cbor:"1,keyasint,omitempty"` // none: any
	User   string `cbor:"2,keyasint,omitempty"` // none: any
	Limit  int    `cbor:"3,keyasint"`           // jobs in one entry
}

// Purged answers PurgeQueue; More: there were more than Limit.
type Purged struct {
	Jobs int  `cbor:"1,keyasint"`
	More bool `cbor:"2,keyasint,omitempty"`
}

func (c PurgeQueue) deed() deed {
	return deed{Subject: cmp.Or(c.User, everything), Detail: cmp.Or(c.Preset, everything)}
}

func (c PurgeQueue) apply(tx *Tx) (Purged, error) {
	var ids []string
	seen := map[string]bool{}
	var a Purged
	prefix := store.Key("")
	if c.Preset != "" {
		prefix = store.Str(c.Preset)
	}
	for k := range ready.Scan(tx, prefix) {
		ref := parseReady(k)
		if seen[ref.job] || c.User != "" && ref.user != c.User {
			continue
		}
		if len(ids) == c.Limit {
			a.More = true
			break
		}
		seen[ref.job] = true
		ids = append(ids, ref.job)
	}
	for _, id := range ids {
		j, _ := jobs.Get(tx, store.Str(id))
		closeItems(tx, &j, Canceled, "")
		end(tx, &j, Canceled, "purged")
		jobs.Put(tx.Tx, store.Str(id), j)
	}
	a.Jobs = len(ids)
	return a, nil
}
