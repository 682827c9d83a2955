package fsm

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"
	"unicode/utf8"
)

// What settings may be. Whatever passes keeps every sum in the machine far from
// overflowing, and every state with a deadline.
const (
	maxSettings = 256 << 10 // bytes of a version; each is kept
	maxPlans    = 100
	maxPresets  = 1000
	maxConcepts = 200 // of a preset; protected ones and templates likewise
	maxPrice    = 100_000
	maxWeight   = 1000
	maxOrigins  = 100
	maxTypes    = 20
	maxPrefixes = 100
	maxCalls    = 1_000_000 // in a rate
	mostItems   = 10_000    // in one job

	century = int64(100 * 365 * 24 * time.Hour)
	year    = int64(366 * 24 * time.Hour)
)

// flaws collects what is wrong with settings. Fields are named as in the app's
// configuration file.
type flaws []Field

func (f *flaws) unless(holds bool, field, reason string, args ...any) {
	if !holds {
		*f = append(*f, Field{field, fmt.Sprintf(reason, args...)})
	}
}

// number keeps one within bounds.
func (f *flaws) number(n, least, most int64, field string) {
	f.unless(n >= least && n <= most, field, "must be between %d and %d", least, most)
}

// span keeps a time within bounds.
func (f *flaws) span(n, least, most int64, field string) {
	f.unless(n >= least && n <= most, field, "must be between %v and %v", spoken(least), spoken(most))
}

// spoken writes a time as the file does.
func spoken(ns int64) string {
	if days := ns / int64(24*time.Hour); days > 1 && ns%int64(24*time.Hour) == 0 {
		return fmt.Sprintf("%dd", days)
	}
	return time.Duration(ns).String()
}

// text keeps one within so many characters.
func (f *flaws) text(text string, least, most int, field string) {
	n := utf8.RuneCountInString(text)
	f.unless(utf8.ValidString(text) && n >= least && n <= most, field, "must have %d to %d characters", least, most)
}

// Flaws says what is wrong with settings, all of it and in order; none: nothing.
func (s Settings) Flaws() []Field {
	var f flaws
	_, free := s.Plans[firstPlan]
	f.unless(free, "plans."+firstPlan, "is missing: it is the plan of every new user")
	f.unless(len(s.Plans) <= maxPlans, "plans", "at most %d are possible", maxPlans)
	for _, name := range slices.Sorted(maps.Keys(s.Plans)) {
		s.Plans[name].flaws(&f, name)
	}
	f.unless(len(s.Presets) >= 1 && len(s.Presets) <= maxPresets, "presets", "must be 1 to %d", maxPresets)
	for _, id := range slices.Sorted(maps.Keys(s.Presets)) {
		s.Presets[id].flaws(&f, id)
	}
	for _, b := range []struct {
		name string
		is   int64
	}{{"upload", s.Budgets.Upload}, {"execute", s.Budgets.Execute}, {"queue", s.Budgets.Queue}, {"run", s.Budgets.Run}} {
		f.span(b.is, second, year, "budgets."+b.name)
	}
	f.span(s.LeaseTTL, 5*second, int64(time.Hour), "leases.ttl")
	f.span(s.FirstContact, second, max(s.LeaseTTL, second), "leases.first_contact")
	f.number(int64(s.QueueDepth), 1, 100_000_000, "limits.queue_depth")
	f.number(s.MaxUpload, 1024, 5<<30, "limits.max_upload")
	f.span(s.TokenLife, int64(time.Minute), century, "limits.token_life")
	f.unless(len(s.PictureTypes) <= maxTypes, "limits.picture_types", "at most %d are possible", maxTypes)
	for i, one := range s.PictureTypes {
		sane := strings.HasPrefix(one, "image/") && len(one) <= 100 && printable(one) && !slices.Contains(s.PictureTypes[:i], one)
		f.unless(sane, fmt.Sprintf("limits.picture_types[%d]", i), "must be a media type as in image/jpeg, named once")
	}
	f.number(int64(s.Replicas), 0, 9, "limits.replicas")
	s.Retention.flaws(&f)
	s.CORS.flaws(&f)
	s.Rates.flaws(&f)
	s.webhookFlaws(&f)
	if len(f) == 0 {
		f.unless(len(encode(s)) <= maxSettings, "settings", "are larger than %d KiB", maxSettings>>10)
	}
	return f
}

// firstPlan is the plan of every new user.
const firstPlan = "free"

func (p Plan) flaws(f *flaws, name string) {
	at := "plans." + name
	f.unless(saneID(name), at, "a plan's name is 1 to 64 of a-z, A-Z, 0-9, _ and -")
	f.number(int64(p.MaxConcurrency), 1, 10_000, at+".max_concurrency")
	f.number(int64(p.MaxRuleSlots), 0, 10_000, at+".max_rule_slots")
	f.number(int64(p.MaxItems), 1, mostItems, at+".max_items")
	f.number(p.StartCredits, 0, maxGrant, at+".start_credits")
	f.number(p.Weight, 1, maxWeight, at+".weight")
	f.number(int64(p.MaxLeased), 1, 1_000_000, at+".max_leased")
	f.span(p.MaxWait, 0, year, at+".max_wait")
}

func (p Preset) flaws(f *flaws, id string) {
	at := "presets." + id
	f.unless(saneID(id), at, "a preset's id is 1 to 64 of a-z, A-Z, 0-9, _ and -")
	f.unless(p.ID == id, at, "stands under another id, %q", p.ID)
	f.text(p.Name, 1, 200, at+".name")
	f.text(p.Description, 0, 2000, at+".description")
	f.number(p.Price, 0, maxPrice, at+".price")
	f.span(p.Queue, 0, year, at+".queue")
	f.span(p.Load, 0, int64(24*time.Hour), at+".load")
	f.span(p.Exec, 0, int64(24*time.Hour), at+".exec")
	f.unless(len(p.Concepts) >= 1, at+".concepts", "must name at least one")
	f.names(p.Concepts, at+".concepts")
	f.names(p.Protect, at+".protect")
	f.unless(len(p.Templates) <= maxConcepts, at+".templates", "at most %d are possible", maxConcepts)
	seen := map[string]bool{}
	for i, t := range p.Templates {
		one := fmt.Sprintf("%s.templates[%d]", at, i)
		f.text(t.ID, 1, 100, one+".id")
		f.unless(!seen[t.ID], one+".id", "%q is there twice", t.ID)
		f.text(t.Name, 1, 200, one+".name")
		f.text(t.Description, 0, 2000, one+".description")
		seen[t.ID] = true
	}
}

// names checks a list of concepts.
func (f *flaws) names(list []string, field string) {
	f.unless(len(list) <= maxConcepts, field, "at most %d are possible", maxConcepts)
	seen := map[string]bool{}
	for _, name := range list {
		f.text(name, 1, 100, field)
		f.unless(!seen[name], field, "%q is there twice", name)
		seen[name] = true
	}
}

// saneID keeps what stands in paths, keys and tables to plain letters.
func saneID(id string) bool {
	for _, c := range []byte(id) {
		if !(c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || c == '_' || c == '-') {
			return false
		}
	}
	return len(id) >= 1 && len(id) <= 64
}

func (c *CORS) flaws(f *flaws) {
	if c == nil {
		return
	}
	f.unless(len(c.Origins) <= maxOrigins, "cors.origins", "at most %d are possible", maxOrigins)
	for i, o := range c.Origins {
		scheme, host, _ := strings.Cut(o, "://")
		sane := o == "*" || scheme != "" && host != "" && len(o) <= 300 && !strings.ContainsAny(host, "/ \t\r\n,?#@*") && printable(o)
		f.unless(sane, fmt.Sprintf("cors.origins[%d]", i), `must be an origin as in https://app.example.org, without a path, or "*"`)
	}
}

func printable(text string) bool {
	for _, c := range []byte(text) {
		if c <= ' ' || c > '~' {
			return false
		}
	}
	return true
}

func (r *Rates) flaws(f *flaws) {
	if r == nil {
		return
	}
	for _, one := range []struct {
		name string
		is   int
	}{
		{"signups_per_minute", r.SignUps}, {"requests_per_second", r.Address},
		{"user_requests_per_second", r.User}, {"wrong_tokens_per_minute", r.WrongTokens},
	} {
		f.unless(one.is >= -1 && one.is <= maxCalls, "rates."+one.name, "must be between 1 and %d, or -1 for no limit", maxCalls)
	}
}
