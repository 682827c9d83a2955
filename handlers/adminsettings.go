package handlers

import (
	"strconv"
	"unicode/utf8"

	"github.com/go-json-experiment/json"

	"stoker/fsm"
)

// versionLine is how a version of the settings came into force.
type versionLine struct {
	Version  uint64  `json:"version"`
	InForce  bool    `json:"in_force"`
	At       *string `json:"deployed_at"` // nil: with the cluster itself
	By       string  `json:"by"`          // the token's name
	Author   string  `json:"author"`
	Message  string  `json:"message"`
	Rollback *uint64 `json:"rollback_of"`
}

type versionView struct {
	versionLine
	Settings settingsForm `json:"settings"`
}

func versionOf(v *fsm.View, s fsm.Settings) versionLine {
	line := versionLine{Version: s.Version, InForce: s.Version == v.Settings().Version}
	if d := s.Deployed; d != nil {
		at := stampOf(d.At)
		line.At, line.By, line.Author, line.Message = &at, d.By, d.Author, d.Message
		if d.Of != 0 {
			line.Rollback = &d.Of
		}
	}
	return line
}

// adminSettings shows the settings in force.
func (s *Server) adminSettings(c *call) (any, error) {
	v, err := c.view()
	if err != nil {
		return nil, err
	}
	now := v.Settings()
	return versionView{versionOf(v, now), formOf(now)}, nil
}

// adminVersion shows one version.
func (s *Server) adminVersion(c *call) (any, error) {
	v, err := c.view()
	if err != nil {
		return nil, err
	}
	n, err := strconv.ParseUint(c.param("version"), 10, 64)
	set, ok := v.SettingsOf(n)
	if err != nil || !ok {
		return nil, fsm.Refuse(fsm.NotFound, "there is no version %.20q; %d is in force", c.param("version"), v.Settings().Version)
	}
	return versionView{versionOf(v, set), formOf(set)}, nil
}

type versionList struct {
	Versions []versionLine `json:"versions"`
	Next     *string       `json:"next_cursor"`
}

// adminVersions lists versions, newest first.
func (s *Server) adminVersions(c *call) (any, error) {
	most, err := c.pageSize()
	if err != nil {
		return nil, err
	}
	v, err := c.view()
	if err != nil {
		return nil, err
	}
	before := v.Settings().Version + 1
	if text := c.query("cursor"); text != "" {
		n, err := strconv.ParseUint(text, 10, 64)
		if err != nil {
			return nil, invalid("cursor", "is not one of ours; send one back as it was received")
		}
		before = min(n, before)
	}
	out := versionList{Versions: []versionLine{}}
	for n := before; n > 1; n-- {
		if len(out.Versions) == most {
			next := strconv.FormatUint(n, 10)
			out.Next = &next
			break
		}
		set, _ := v.SettingsOf(n - 1)
		out.Versions = append(out.Versions, versionOf(v, set))
	}
	return out, nil
}

// deployment is who deploys, why and over what.
type deployment struct {
	Base    *whole `json:"base"` // the version that was looked at; 0: whichever is in force
	Author  string `json:"author"`
	Message string `json:"message"`
}

func (d deployment) base(wrong *flaws) uint64 {
	if d.Base == nil {
		return 0
	}
	wrong.unless(*d.Base >= 0, "base", "must be a version, or 0 for whichever is in force")
	return uint64(max(*d.Base, 0))
}

func (d deployment) check(wrong *flaws) {
	wrong.unless(utf8.RuneCountInString(d.Author) <= maxText, "author", "may have %d characters", maxText)
	wrong.unless(utf8.RuneCountInString(d.Message) <= maxText, "message", "may have %d characters", maxText)
}

// strictly refuses members that a request has not: a misspelled limit must not be
// the default one.
var strictly = json.RejectUnknownMembers(true)

// adminCheckSettings says what a deploy would do or be refused for.
func (s *Server) adminCheckSettings(c *call) (any, error) {
	c.proposed = true // for the audit log: this is a look
	in := struct {
		Settings settingsForm `json:"settings"`
		Base     *whole       `json:"base"`
	}{Settings: blankForm()}
	if err := c.decode(&in, strictly); err != nil {
		return nil, err
	}
	var wrong flaws
	base := deployment{Base: in.Base}.base(&wrong)
	in.Settings.check(&wrong)
	if err := wrong.refusal(); err != nil {
		return nil, err
	}
	v, err := c.view()
	if err != nil {
		return nil, err
	}
	now, then := v.Settings(), in.Settings.settings()
	then.Bucket = now.Bucket
	if err := v.MayDeploy(then, base); err != nil {
		return nil, err
	}
	return struct {
		Version uint64       `json:"version"` // in force
		Changes bool         `json:"changes"`
		Before  settingsForm `json:"before"`
		After   settingsForm `json:"after"`
	}{now.Version, !then.Same(now), formOf(now), formOf(then)}, nil
}

type deployed struct {
	Version uint64 `json:"version"` // in force now
	Changed bool   `json:"changed"` // false: it was before
}

// adminDeploy puts other settings into force.
func (s *Server) adminDeploy(c *call) (any, error) {
	in := struct {
		deployment
		Settings settingsForm `json:"settings"`
	}{Settings: blankForm()}
	if err := c.decode(&in, strictly); err != nil {
		return nil, err
	}
	var wrong flaws
	in.check(&wrong)
	in.Settings.check(&wrong)
	base := in.base(&wrong)
	if err := wrong.refusal(); err != nil {
		return nil, err
	}
	a, err := apply(c, fsm.Deploy{Settings: in.Settings.settings(), Base: base, Author: in.Author, Message: in.Message})
	return deployed(a), err
}

// adminRollback puts an older version's content into force.
func (s *Server) adminRollback(c *call) (any, error) {
	var in struct {
		deployment
		To *whole `json:"to"`
	}
	if err := c.decode(&in, strictly); err != nil {
		return nil, err
	}
	var wrong flaws
	in.check(&wrong)
	base := in.base(&wrong)
	wrong.unless(in.To != nil && *in.To > 0, "to", "is required: the version to go back to")
	if err := wrong.refusal(); err != nil {
		return nil, err
	}
	a, err := apply(c, fsm.Rollback{To: uint64(*in.To), Base: base, Author: in.Author, Message: in.Message})
	return deployed(a), err
}
