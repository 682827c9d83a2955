package fsm

import (
	"bytes"
	"fmt"
	"maps"
	"slices"
	"strings"

	"stoker/store"
)

// Deployment is how a version of the settings came into force.
type Deployment struct {
	At      int64  `cbor:"1,keyasint"`           // wall clock, ns
	By      string `cbor:"2,keyasint,omitempty"` // the name of the operator's token
	Author  string `cbor:"3,keyasint,omitempty"` // who, in their own words
	Message string `cbor:"4,keyasint,omitempty"`
	Of      uint64 `cbor:"5,keyasint,omitempty"` // a rollback: the version whose content it has
}

// Deploy puts other settings into force, at this very entry and on all nodes. It
// makes a new version unless they are those in force. The bucket stays as it is.
type Deploy struct {
	Settings Settings `cbor:"1,keyasint"` // Version and Deployed are the machine's
	Base     uint64   `cbor:"2,keyasint"` // the version it was made from; refused if it is not the one in force. 0: whichever
	Author   string   `cbor:"3,keyasint,omitempty"`
	Message  string   `cbor:"4,keyasint,omitempty"`
}

// Deployed answers Deploy and Rollback.
type Deployed struct {
	Version uint64 `cbor:"1,keyasint"`
	Changed bool   `cbor:"2,keyasint,omitempty"` // false: this was in force already
}

// Rollback puts the content of an older version into force, as a new version.
type Rollback struct {
	To      uint64 `cbor:"1,keyasint"`
	Base    uint64 `cbor:"2,keyasint"` // as in Deploy
	Author  string `cbor:"3,keyasint,omitempty"`
	Message string `cbor:"4,keyasint,omitempty"`
}

func (c Deploy) deed() deed { return deed{Detail: shorten(c.Message)} }
func (c Rollback) deed() deed {
	return deed{Subject: fmt.Sprintf("to %d", c.To), Detail: shorten(c.Message)}
}

// shorten keeps a refused command's text from filling the audit log.
func shorten(text string) string { return strings.ToValidUTF8(text[:min(len(text), maxName)], "") }

func (c Deploy) apply(tx *Tx) (Deployed, error) {
	if r := tx.begun(); r != nil {
		return Deployed{}, r
	}
	return tx.deploy(c.Settings, c.Base, Deployment{Author: c.Author, Message: c.Message})
}

func (c Rollback) apply(tx *Tx) (Deployed, error) {
	if r := tx.begun(); r != nil {
		return Deployed{}, r
	}
	s, ok := settings.Get(tx, store.Uint(c.To))
	if !ok {
		return Deployed{}, Refuse(NotFound, "there is no version %d; %d is in force", c.To, tx.m.SettingsVersion)
	}
	return tx.deploy(s, c.Base, Deployment{Author: c.Author, Message: c.Message, Of: c.To})
}

// deploy checks settings and puts them into force, unless they are.
func (tx *Tx) deploy(s Settings, base uint64, d Deployment) (Deployed, error) {
	if r := tooLong("message", d.Message); r != nil {
		return Deployed{}, r
	}
	if r := tooLong("author", d.Author); r != nil {
		return Deployed{}, r
	}
	now := *tx.current()
	s.Bucket = now.Bucket
	if r := mayDeploy(tx, now, s, base); r != nil {
		return Deployed{}, r
	}
	if s.Same(now) {
		return Deployed{Version: now.Version}, nil
	}
	// from here on nothing may refuse
	d.At, d.By = tx.wall(), strings.TrimPrefix(strings.TrimPrefix(tx.by, operatorBy), " ")
	s.Version, s.Deployed = now.Version+1, &d
	settings.Put(tx.Tx, store.Uint(s.Version), s)
	tx.m.SettingsVersion, tx.settings = s.Version, nil
	tx.changes.Settings = true
	tx.changes.Ready = true // who is held up by its cap may be so no longer
	recap(tx, "")
	hooksAsDeployed(tx)
	return Deployed{Version: s.Version, Changed: true}, nil
}

// mayDeploy refuses settings that are wrong in themselves, that were made from
// another version than the one in force, that take a plan from under users, or that
// want something signed with a secret that is not there.
func mayDeploy(r store.Reader, now, s Settings, base uint64) *Refusal {
	if base != 0 && base != now.Version {
		r := Refuse(SettingsMoved, "version %d is in force and this was made from %d: look at what changed in between, or deploy by force", now.Version, base)
		r.Version = now.Version
		return r
	}
	if wrong := s.Flaws(); len(wrong) > 0 {
		said := make([]string, len(wrong))
		for i, f := range wrong {
			said[i] = f.Field + ": " + f.Reason
		}
		r := Refuse(ValidationFailed, "%s", strings.Join(said, "; "))
		r.Fields = wrong
		return r
	}
	for _, plan := range slices.Sorted(maps.Keys(now.Plans)) {
		if _, stays := s.Plans[plan]; stays {
			continue
		}
		if r := planInUse(r, plan); r != nil {
			return r
		}
	}
	return unsigned(r, s)
}

const (
	namedUsers   = 3      // of a plan that cannot go
	countedUsers = 10_000 // counting more helps nobody
)

// planInUse refuses that a plan goes which users are on.
func planInUse(r store.Reader, plan string) *Refusal {
	var named []string
	n := 0
	for _, u := range usersByPlan.Scan(r, store.Str(plan)) {
		if u.Away == Left {
			continue // it comes back with a plan of its own
		}
		if n++; n > countedUsers {
			break
		}
		if n <= namedUsers {
			named = append(named, u.ID)
		}
	}
	switch {
	case n == 0:
		return nil
	case n == 1:
		return Refuse(PlanInUse, "plan %q cannot go, %s is on it: move the user to another plan first", plan, named[0])
	case n <= namedUsers:
		return Refuse(PlanInUse, "plan %q cannot go, %d users are on it (%s): move them to another plan first", plan, n, strings.Join(named, ", "))
	case n > countedUsers:
		return Refuse(PlanInUse, "plan %q cannot go, more than %d users are on it (%s, …): move them to another plan first", plan, countedUsers, strings.Join(named, ", "))
	}
	return Refuse(PlanInUse, "plan %q cannot go, %d users are on it (%s, …): move them to another plan first", plan, n, strings.Join(named, ", "))
}

// recapBatch is how many users in the queue get their new cap in one entry.
const recapBatch = 500

// recap gives the users in the queue, from behind one on, the cap that their plan
// has now.
func recap(tx *Tx, after store.Key) {
	n, last := 0, after
	for k, s := range shares.ScanAfter(tx, "", after) {
		if n++; n > recapBatch {
			setTimer(tx, tx.now(), capsMoved, last)
			return
		}
		last = k
		if most := max(tx.current().Plans[s.Class].MaxLeased, 1); s.Max != most {
			s.Max = most
			shares.Put(tx.Tx, k, s)
			tx.changes.Ready = true
		}
	}
}

// longestTokenLife is the longest that a token of the app may live which was ever
// signed here.
func longestTokenLife(tx *Tx) int64 {
	longest := tx.current().TokenLife
	for _, s := range settings.Scan(tx, "") {
		longest = max(longest, s.TokenLife)
	}
	return longest
}

// Same says whether two settings mean the same, whichever versions they are.
func (s Settings) Same(as Settings) bool {
	s.Version, s.Deployed = 0, nil
	as.Version, as.Deployed = 0, nil
	return bytes.Equal(encode(s), encode(as))
}

// MayDeploy says what a Deploy of these settings would be refused for.
func (v *View) MayDeploy(s Settings, base uint64) error {
	now := v.Settings()
	s.Bucket = now.Bucket
	if r := mayDeploy(v, now, s, base); r != nil {
		return r
	}
	return nil
}

// SettingsOf gives an older version of the settings.
func (v *View) SettingsOf(version uint64) (Settings, bool) {
	return settings.Get(v, store.Uint(version))
}
