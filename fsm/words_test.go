package fsm

import (
	"fmt"
	"strconv"
	"strings"
	"time"
)

// take gives a word's value, "" if it is not there.
func (w words) take(key string) string { return w[key] }

// has says whether a flag or word is there.
func (w words) has(key string) bool {
	_, ok := w[key]
	return ok
}

// number reads a word as a number; it has a default.
func (w words) number(key string, otherwise uint64) (uint64, error) {
	if !w.has(key) {
		return otherwise, nil
	}
	n, err := strconv.ParseUint(w[key], 10, 64)
	if err != nil {
		return 0, fmt.Errorf("%s: %w", key, err)
	}
	return n, nil
}

// integer is number with a sign.
func (w words) integer(key string, otherwise int64) (int64, error) {
	if !w.has(key) {
		return otherwise, nil
	}
	n, err := strconv.ParseInt(w[key], 10, 64)
	if err != nil {
		return 0, fmt.Errorf("%s: %w", key, err)
	}
	return n, nil
}

// length reads a word as nanoseconds.
func (w words) length(key string) (int64, error) {
	if !w.has(key) {
		return 0, nil
	}
	d, err := span(w[key])
	return int64(d), err
}

// list reads a word as names with commas; nil if it is not there.
func (w words) list(key string) []string {
	if !w.has(key) {
		return nil
	}
	if w[key] == "" {
		return []string{}
	}
	return strings.Split(w[key], ",")
}

// concepts reads Wall:recolor:white,Floor:tone:dark; nil if it is not there.
func (w words) concepts() map[string]Concept {
	if !w.has("concepts") {
		return nil
	}
	out := map[string]Concept{}
	for _, part := range w.list("concepts") {
		f := append(strings.Split(part, ":"), "", "")
		out[f[0]] = Concept{Action: f[1], Value: f[2]}
	}
	return out
}

// settings reads the defaults with changes: free.leased=2, budget.queue=1m, depth=5.
func (w words) settings() (Settings, error) {
	s := DefaultSettings()
	for key, value := range w {
		of, field, _ := strings.Cut(key, ".")
		n, err := strconv.ParseInt(value, 10, 64)
		if err != nil {
			var d time.Duration
			if d, err = span(value); err != nil {
				return s, fmt.Errorf("setting %s: %w", key, err)
			}
			n = int64(d)
		}
		switch of {
		case "depth":
			s.QueueDepth = int(n)
		case "keep":
			s.keep(field, n)
		case "upload":
			s.MaxUpload = n
		case "budget":
			*map[string]*int64{"upload": &s.Budgets.Upload, "execute": &s.Budgets.Execute,
				"queue": &s.Budgets.Queue, "run": &s.Budgets.Run}[field] = n
		case "price":
			p := s.Presets[field]
			p.Price = n
			s.Presets[field] = p
		case "load", "exec", "queue":
			p := s.Presets[field]
			*map[string]*int64{"load": &p.Load, "exec": &p.Exec, "queue": &p.Queue}[of] = n
			s.Presets[field] = p
		default:
			p, known := s.Plans[of]
			if !known {
				return s, fmt.Errorf("no setting %s", key)
			}
			p.set(field, n)
			s.Plans[of] = p
		}
	}
	return s, nil
}

func (p *Plan) set(field string, n int64) {
	switch field {
	case "jobs":
		p.MaxConcurrency = int(n)
	case "rules":
		p.MaxRuleSlots = int(n)
	case "items":
		p.MaxItems = int(n)
	case "credits":
		p.StartCredits = n
	case "weight":
		p.Weight = n
	case "leased":
		p.MaxLeased = int(n)
	case "wait":
		p.MaxWait = n
	default:
		panic("no limit " + field)
	}
}
