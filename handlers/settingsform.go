package handlers

import (
	"fmt"
	"maps"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"stoker/fsm"
)

// settingsForm is the app's configuration on the wire: what is in its file, under
// the same names. Times and sizes are texts as people write them.
type settingsForm struct {
	Plans   map[string]planForm   `json:"plans"`
	Presets map[string]presetForm `json:"presets"`
	Budgets budgetsForm           `json:"budgets"`
	Leases  leasesForm            `json:"leases"`
	Limits  limitsForm            `json:"limits"`
	Keep    retentionForm         `json:"retention"`
	CORS    *corsForm             `json:"cors,omitzero"`
	Rates   *ratesForm            `json:"rates,omitzero"`
	Hooks   map[string]hookForm   `json:"webhooks,omitempty"`
}

type planForm struct {
	MaxConcurrency int   `json:"max_concurrency"`
	MaxRuleSlots   int   `json:"max_rule_slots"`
	MaxItems       int   `json:"max_items"`
	StartCredits   int64 `json:"start_credits"`
	Weight         int64 `json:"weight"`
	MaxLeased      int   `json:"max_leased"`
	MaxWait        span  `json:"max_wait"`
}

type presetForm struct {
	Name        string           `json:"name"`
	Description string           `json:"description"`
	Price       int64            `json:"price"`
	Concepts    []string         `json:"concepts"`
	Protect     []string         `json:"protect"`
	Queue       span             `json:"queue"`
	Load        span             `json:"load"`
	Exec        span             `json:"exec"`
	Templates   []outputTemplate `json:"templates"`
}

type budgetsForm struct {
	Upload  span `json:"upload"`
	Execute span `json:"execute"`
	Queue   span `json:"queue"`
	Run     span `json:"run"`
}

type leasesForm struct {
	TTL          span `json:"ttl"`
	FirstContact span `json:"first_contact"`
}

type limitsForm struct {
	QueueDepth   int      `json:"queue_depth"`
	MaxUpload    size     `json:"max_upload"`
	TokenLife    span     `json:"token_life"`
	PictureTypes []string `json:"picture_types"`
	Replicas     int      `json:"replicas"`
}

type retentionForm struct {
	Inputs   keepForm         `json:"inputs"`
	Outputs  keepForm         `json:"outputs"`
	Previews keepForm         `json:"previews"`
	Prefixes []prefixKeepForm `json:"prefixes"`
	Records  keepForm         `json:"records"` // of jobs, in the state
}

type keepForm struct {
	Done     span `json:"done"`
	Failed   span `json:"failed"`
	Canceled span `json:"canceled"`
}

type prefixKeepForm struct {
	Prefix string `json:"prefix"`
	For    span   `json:"for"`
}

// retentionOf writes it out; none is that all is kept for ever.
func retentionOf(r *fsm.Retention) (f retentionForm) {
	if r == nil {
		return f
	}
	of := func(k fsm.Keep) keepForm { return keepForm{span(k.Done), span(k.Failed), span(k.Canceled)} }
	f = retentionForm{Inputs: of(r.Inputs), Outputs: of(r.Outputs), Previews: of(r.Previews), Records: of(r.Records)}
	for _, p := range r.Prefixes {
		f.Prefixes = append(f.Prefixes, prefixKeepForm{p.Prefix, span(p.For)})
	}
	return f
}

func (f retentionForm) retention() *fsm.Retention {
	of := func(k keepForm) fsm.Keep {
		return fsm.Keep{Done: int64(k.Done), Failed: int64(k.Failed), Canceled: int64(k.Canceled)}
	}
	r := &fsm.Retention{Inputs: of(f.Inputs), Outputs: of(f.Outputs), Previews: of(f.Previews), Records: of(f.Records)}
	for _, p := range f.Prefixes {
		r.Prefixes = append(r.Prefixes, fsm.PrefixKeep{Prefix: p.Prefix, For: int64(p.For)})
	}
	forever := fsm.Keep{}
	if r.Inputs == forever && r.Outputs == forever && r.Previews == forever && r.Records == forever && r.Prefixes == nil {
		return nil
	}
	return r
}

type corsForm struct {
	Origins []string `json:"origins"`
}

type ratesForm struct {
	SignUps     int `json:"signups_per_minute"`
	Address     int `json:"requests_per_second"`
	User        int `json:"user_requests_per_second"`
	WrongTokens int `json:"wrong_tokens_per_minute"`
}

type hookForm struct {
	URL          string   `json:"url"`
	Events       []string `json:"events"`
	Secrets      []string `json:"secrets"`
	AllowPrivate bool     `json:"allow_private"`
	Disabled     bool     `json:"disabled"`
}

// formOf writes settings out.
func formOf(s fsm.Settings) settingsForm {
	f := settingsForm{
		Plans: map[string]planForm{}, Presets: map[string]presetForm{},
		Budgets: budgetsForm{span(s.Budgets.Upload), span(s.Budgets.Execute), span(s.Budgets.Queue), span(s.Budgets.Run)},
		Leases:  leasesForm{span(s.LeaseTTL), span(s.FirstContact)},
		Limits:  limitsForm{s.QueueDepth, size(s.MaxUpload), span(s.TokenLife), s.Pictures(), s.Replicas},
	}
	for name, p := range s.Plans {
		f.Plans[name] = planForm{p.MaxConcurrency, p.MaxRuleSlots, p.MaxItems, p.StartCredits, p.Weight, p.MaxLeased, span(p.MaxWait)}
	}
	for id, p := range s.Presets {
		one := presetForm{
			Name: p.Name, Description: p.Description, Price: p.Price, Concepts: p.Concepts, Protect: p.Protect,
			Queue: span(p.Queue), Load: span(p.Load), Exec: span(p.Exec),
		}
		for _, t := range p.Templates {
			one.Templates = append(one.Templates, outputTemplate(t))
		}
		f.Presets[id] = one
	}
	f.Keep = retentionOf(s.Retention)
	if s.CORS != nil {
		f.CORS = &corsForm{s.CORS.Origins}
	}
	if r := s.Rates; r != nil {
		f.Rates = &ratesForm{r.SignUps, r.Address, r.User, r.WrongTokens}
	}
	for name, h := range s.Webhooks {
		if f.Hooks == nil {
			f.Hooks = map[string]hookForm{}
		}
		f.Hooks[name] = hookForm(h)
	}
	return f
}

// blankForm is what a form says that leaves everything out: plans and presets are
// its own to name, all else is as in a new cluster.
func blankForm() settingsForm {
	f := formOf(fsm.DefaultSettings())
	f.Plans, f.Presets = nil, nil
	return f
}

// check is what the machine leaves to those who propose: nodes of different
// versions would have to agree on it.
func (f settingsForm) check(wrong *flaws) {
	for _, name := range slices.Sorted(maps.Keys(f.Hooks)) {
		u, err := url.Parse(f.Hooks[name].URL)
		wrong.unless(err == nil && u.Hostname() != "", "webhooks."+name+".url", "is no address that can be reached, as in https://shop.example.org/stoker")
	}
}

// settings reads the form. Equal meanings give equal settings: a list that is
// empty and one that is not there are the same but for the origins, where an empty
// one means nobody.
func (f settingsForm) settings() fsm.Settings {
	s := fsm.Settings{
		Plans: map[string]fsm.Plan{}, Presets: map[string]fsm.Preset{},
		Budgets:  fsm.Budgets{Upload: int64(f.Budgets.Upload), Execute: int64(f.Budgets.Execute), Queue: int64(f.Budgets.Queue), Run: int64(f.Budgets.Run)},
		LeaseTTL: int64(f.Leases.TTL), FirstContact: int64(f.Leases.FirstContact),
		QueueDepth: f.Limits.QueueDepth, MaxUpload: int64(f.Limits.MaxUpload), TokenLife: int64(f.Limits.TokenLife),
	}
	if !slices.Equal(f.Limits.PictureTypes, fsm.DefaultPictureTypes) { // which are told by none
		s.PictureTypes = some(f.Limits.PictureTypes)
	}
	for name, p := range f.Plans {
		s.Plans[name] = fsm.Plan{
			MaxConcurrency: p.MaxConcurrency, MaxRuleSlots: p.MaxRuleSlots, MaxItems: p.MaxItems,
			StartCredits: p.StartCredits, Weight: p.Weight, MaxLeased: p.MaxLeased, MaxWait: int64(p.MaxWait),
		}
	}
	for id, p := range f.Presets {
		one := fsm.Preset{
			ID: id, Name: p.Name, Description: p.Description, Price: p.Price, Concepts: some(p.Concepts), Protect: some(p.Protect),
			Queue: int64(p.Queue), Load: int64(p.Load), Exec: int64(p.Exec),
		}
		for _, t := range p.Templates {
			one.Templates = append(one.Templates, fsm.Template(t))
		}
		s.Presets[id] = one
	}
	s.Retention, s.Replicas = f.Keep.retention(), f.Limits.Replicas
	if f.CORS != nil {
		s.CORS = &fsm.CORS{Origins: some(f.CORS.Origins)}
	}
	if r := f.Rates; r != nil && *r != (ratesForm{}) {
		s.Rates = &fsm.Rates{SignUps: r.SignUps, Address: r.Address, User: r.User, WrongTokens: r.WrongTokens}
	}
	for name, h := range f.Hooks {
		if s.Webhooks == nil {
			s.Webhooks = map[string]fsm.Webhook{}
		}
		h.Events, h.Secrets = some(h.Events), some(h.Secrets)
		s.Webhooks[name] = fsm.Webhook(h)
	}
	return s
}

// some gives nil for an empty list.
func some(list []string) []string {
	if len(list) == 0 {
		return nil
	}
	return list
}

// span is a time, as in 90s, 1h30m or 14d.
type span int64

// MarshalText writes it with the largest units that do.
func (s span) MarshalText() ([]byte, error) {
	const day = 24 * time.Hour
	d := time.Duration(s)
	if d != 0 && d%day == 0 {
		return fmt.Appendf(nil, "%dd", d/day), nil
	}
	text := d.String()
	if d != 0 && d%time.Minute == 0 {
		text = strings.TrimSuffix(text, "0s")
	}
	if d != 0 && d%time.Hour == 0 {
		text = strings.TrimSuffix(text, "0m")
	}
	return []byte(text), nil
}

// UnmarshalText reads Go's durations, and days before them.
func (s *span) UnmarshalText(text []byte) error {
	wrong := &shapeError{"must be a time as in 90s, 1h30m or 14d"}
	days, rest, found := strings.Cut(string(text), "d")
	if !found {
		days, rest = "0", days
	}
	n, err := strconv.ParseInt(days, 10, 64)
	if err != nil || n < 0 || n > 50_000 {
		return wrong
	}
	d := time.Duration(0)
	if rest != "" {
		if d, err = time.ParseDuration(rest); err != nil || d < 0 || d > 1_000_000*time.Hour {
			return wrong
		}
	}
	*s = span(time.Duration(n)*24*time.Hour + d)
	return nil
}

// size is a number of bytes, as in 25MiB.
type size int64

// units by name, the largest first.
var sizeUnits = []struct {
	name string
	is   int64
}{{"TiB", 1 << 40}, {"GiB", 1 << 30}, {"MiB", 1 << 20}, {"KiB", 1 << 10}, {"B", 1}}

// MarshalText writes it with the largest unit that does.
func (s size) MarshalText() ([]byte, error) {
	for _, u := range sizeUnits {
		if s != 0 && int64(s)%u.is == 0 {
			return fmt.Appendf(nil, "%d%s", int64(s)/u.is, u.name), nil
		}
	}
	return []byte("0B"), nil
}

// UnmarshalText reads a whole number and a unit.
func (s *size) UnmarshalText(text []byte) error {
	for _, u := range sizeUnits {
		if number, found := strings.CutSuffix(string(text), u.name); found {
			n, err := strconv.ParseInt(strings.TrimSpace(number), 10, 64)
			if err != nil || n < 0 || n > 1<<62/u.is {
				break
			}
			*s = size(n * u.is)
			return nil
		}
	}
	return &shapeError{"must be a size as in 512KiB, 25MiB or 1GiB"}
}
