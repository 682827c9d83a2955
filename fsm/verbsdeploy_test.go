package fsm

import (
	"fmt"
	"maps"
	"strings"
)

func init() {
	maps.Copy(verbs, map[string]verb{"deploy": deployVerb, "rollback": rollbackVerb})
	maps.Copy(shows, map[string]func(*View, words) (string, error){"show-settings": showSettings})
}

func tellDeployed(d Deployed) string {
	if !d.Changed {
		return fmt.Sprintf("version=%d as before", d.Version)
	}
	return fmt.Sprintf("version=%d", d.Version)
}

// deploy [base=1] [message="…"] [price.interior=2 …]: the settings of a new
// cluster, with changes. without=seller,pro takes presets and plans out of them;
// cors=a,b and rates=60 add to them.
func deployVerb(_ *stage, w words) ([]act, error) {
	c := Deploy{Author: w["author"], Message: w["message"]}
	base, err := w.number("base", 0)
	if err != nil {
		return nil, err
	}
	c.Base = base
	rates, err := w.integer("rates", 0)
	if err != nil {
		return nil, err
	}
	without, origins, cors := w.list("without"), w.list("cors"), w.has("cors")
	set := maps.Clone(w)
	for _, word := range []string{"base", "author", "message", "without", "cors", "rates", "by", "idem"} {
		delete(set, word)
	}
	if c.Settings, err = set.settings(); err != nil {
		return nil, err
	}
	for _, name := range without {
		delete(c.Settings.Plans, name)
		delete(c.Settings.Presets, name)
	}
	if cors {
		c.Settings.CORS = &CORS{Origins: origins}
	}
	if rates != 0 {
		c.Settings.Rates = &Rates{SignUps: int(rates)}
	}
	return single(does(c, tellDeployed), nil)
}

func rollbackVerb(_ *stage, w words) ([]act, error) {
	to, err := w.number("to", 0)
	if err != nil {
		return nil, err
	}
	base, err := w.number("base", 0)
	return single(does(Rollback{To: to, Base: base, Author: w["author"], Message: w["message"]}, tellDeployed), err)
}

// show-settings [version=2]: of a version, or of the one in force.
func showSettings(v *View, w words) (string, error) {
	version, err := w.number("version", v.Settings().Version)
	if err != nil {
		return "", err
	}
	s, ok := v.SettingsOf(version)
	if !ok {
		return "none", nil
	}
	line := fmt.Sprintf("version=%d price=%d presets=%d plans=%d", s.Version, s.Presets["interior"].Price, len(s.Presets), len(s.Plans))
	if s.CORS != nil {
		line += " cors=" + strings.Join(s.CORS.Origins, ",")
	}
	if s.Rates != nil {
		line += fmt.Sprintf(" signups=%d", s.Rates.SignUps)
	}
	if d := s.Deployed; d != nil {
		line += fmt.Sprintf(" of=%d by=%q author=%q %q", d.Of, d.By, d.Author, d.Message)
	}
	return line, nil
}
