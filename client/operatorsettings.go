package client

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"time"
)

// Settings are the app's configuration, as in its file. Times and sizes are texts like "30m", "14d" and "25MiB"; what is left
// empty is as in a new cluster, but for plans and presets: there are those that are named.
type Settings struct {
	Plans   map[string]PlanSettings   `toml:"plans" json:"plans,omitempty"`
	Presets map[string]PresetSettings `toml:"presets" json:"presets,omitempty"`

	Budgets struct {
		Upload  string `toml:"upload" json:"upload,omitempty"`
		Execute string `toml:"execute" json:"execute,omitempty"`
		Queue   string `toml:"queue" json:"queue,omitempty"`
		Run     string `toml:"run" json:"run,omitempty"`
	} `toml:"budgets" json:"budgets"`
	Leases struct {
		TTL          string `toml:"ttl" json:"ttl,omitempty"`
		FirstContact string `toml:"first_contact" json:"first_contact,omitempty"`
	} `toml:"leases" json:"leases"`
	Limits struct {
		QueueDepth   *int64   `toml:"queue_depth" json:"queue_depth,omitempty"`
		MaxUpload    string   `toml:"max_upload" json:"max_upload,omitempty"`
		TokenLife    string   `toml:"token_life" json:"token_life,omitempty"`
		PictureTypes []string `toml:"picture_types" json:"picture_types,omitempty"`
		Replicas     int64    `toml:"replicas" json:"replicas,omitempty"`
	} `toml:"limits" json:"limits"`

	Retention struct {
		Inputs   *KeepSettings        `toml:"inputs" json:"inputs,omitempty"`
		Outputs  *KeepSettings        `toml:"outputs" json:"outputs,omitempty"`
		Previews *KeepSettings        `toml:"previews" json:"previews,omitempty"`
		Prefixes []PrefixKeepSettings `toml:"prefixes" json:"prefixes,omitempty"`
		Records  *KeepSettings        `toml:"records" json:"records,omitempty"` // of jobs, before they move to the archive
	} `toml:"retention" json:"retention"`

	CORS  *CORSSettings `toml:"cors" json:"cors,omitempty"`   // nil: each node's own stoker.toml says
	Rates *RateSettings `toml:"rates" json:"rates,omitempty"` // nil: likewise

	Webhooks map[string]WebhookSettings `toml:"webhooks" json:"webhooks,omitempty"`
}

// PlanSettings are what a user may do at once.
type PlanSettings struct {
	MaxConcurrency int64  `toml:"max_concurrency" json:"max_concurrency"`
	MaxRuleSlots   int64  `toml:"max_rule_slots" json:"max_rule_slots"`
	MaxItems       int64  `toml:"max_items" json:"max_items"`
	StartCredits   int64  `toml:"start_credits" json:"start_credits"`
	Weight         int64  `toml:"weight" json:"weight"`
	MaxLeased      int64  `toml:"max_leased" json:"max_leased"`
	MaxWait        string `toml:"max_wait" json:"max_wait,omitempty"`
}

// PresetSettings are a kind of picture, its price and how long it may take.
type PresetSettings struct {
	Name        string   `toml:"name" json:"name"`
	Description string   `toml:"description" json:"description"`
	Price       int64    `toml:"price" json:"price"`
	Concepts    []string `toml:"concepts" json:"concepts,omitempty"`
	Protect     []string `toml:"protect" json:"protect,omitempty"`
	Queue       string   `toml:"queue" json:"queue,omitempty"`
	Load        string   `toml:"load" json:"load,omitempty"`
	Exec        string   `toml:"exec" json:"exec,omitempty"`

	Templates []OutputTemplate `toml:"templates" json:"templates,omitempty"`
}

// KeepSettings are how long a job's objects, or its records, stay after its end, by how it ended.
type KeepSettings struct {
	Done     string `toml:"done" json:"done,omitempty"`
	Failed   string `toml:"failed" json:"failed,omitempty"`
	Canceled string `toml:"canceled" json:"canceled,omitempty"`
}

// PrefixKeepSettings are how long objects of no job stay whose keys begin with Prefix.
type PrefixKeepSettings struct {
	Prefix string `toml:"prefix" json:"prefix"`
	For    string `toml:"for" json:"for,omitempty"`
}

// CORSSettings say which browser apps may call.
type CORSSettings struct {
	Origins []string `toml:"origins" json:"origins"` // none: nobody
}

// RateSettings bound what an address or a user may ask of one node. 0: each node's own file says; -1: no limit.
type RateSettings struct {
	SignUps     int64 `toml:"signups_per_minute" json:"signups_per_minute"`
	Address     int64 `toml:"requests_per_second" json:"requests_per_second"`
	User        int64 `toml:"user_requests_per_second" json:"user_requests_per_second"`
	WrongTokens int64 `toml:"wrong_tokens_per_minute" json:"wrong_tokens_per_minute"`
}

// WebhookSettings are an endpoint outside that is told what happens.
type WebhookSettings struct {
	URL          string   `toml:"url" json:"url"`
	Events       []string `toml:"events" json:"events"`
	Secrets      []string `toml:"secrets" json:"secrets"` // names; each of them signs
	AllowPrivate bool     `toml:"allow_private" json:"allow_private"`
	Disabled     bool     `toml:"disabled" json:"disabled"`
}

// SettingsLine is how a version of the settings came into force.
type SettingsLine struct {
	Version    uint64     `json:"version"`
	InForce    bool       `json:"in_force"`
	DeployedAt *time.Time `json:"deployed_at"` // nil: with the cluster itself
	By         string     `json:"by"`          // the token's name
	Author     string     `json:"author"`
	Message    string     `json:"message"`
	RollbackOf *uint64    `json:"rollback_of"` // the version whose content it has
}

// SettingsVersion is a version with its content.
type SettingsVersion struct {
	SettingsLine
	Settings Settings `json:"settings"`
}

// SettingsPage is a stretch of the versions, newest first.
type SettingsPage struct {
	Versions []SettingsLine `json:"versions"`
	Next     string         `json:"next_cursor"` // empty at the end
}

// SettingsCheck is what a deploy would change.
type SettingsCheck struct {
	Version uint64   `json:"version"` // in force
	Changes bool     `json:"changes"`
	Before  Settings `json:"before"`
	After   Settings `json:"after"`
}

// Deployment says who deploys, why, and over which version: if another is in force by then it is refused with CodeSettingsMoved.
// Base 0 is whichever.
type Deployment struct {
	Base    uint64 `json:"base"`
	Author  string `json:"author"`
	Message string `json:"message"`
}

// Deployed is the version in force after a deploy; not Changed: it was before.
type Deployed struct {
	Version uint64 `json:"version"`
	Changed bool   `json:"changed"`
}

// Settings reads the settings in force.
func (o *Operator) Settings(ctx context.Context) (v SettingsVersion, err error) {
	err = o.call(ctx, http.MethodGet, "/admin/settings", nil, &v)
	return v, err
}

// SettingsOf reads one version.
func (o *Operator) SettingsOf(ctx context.Context, version uint64) (v SettingsVersion, err error) {
	err = o.call(ctx, http.MethodGet, fmt.Sprintf("/admin/settings/versions/%d", version), nil, &v)
	return v, err
}

// SettingsVersions lists versions, newest first, from a page's Next on.
func (o *Operator) SettingsVersions(ctx context.Context, cursor string) (page SettingsPage, err error) {
	err = o.list(ctx, "/admin/settings/versions", url.Values{}, cursor, &page)
	return page, err
}

// CheckSettings says what a deploy of s would change or be refused for. It needs to read only.
func (o *Operator) CheckSettings(ctx context.Context, s Settings, base uint64) (c SettingsCheck, err error) {
	body := struct {
		Settings Settings `json:"settings"`
		Base     uint64   `json:"base"`
	}{s, base}
	err = o.call(ctx, http.MethodPost, "/admin/settings/check", body, &c)
	return c, err
}

// Deploy puts s into force on all nodes.
func (o *Operator) Deploy(ctx context.Context, s Settings, d Deployment) (done Deployed, err error) {
	body := struct {
		Deployment
		Settings Settings `json:"settings"`
	}{d, s}
	err = o.call(ctx, http.MethodPost, "/admin/settings", body, &done)
	return done, err
}

// Rollback puts the content of an older version into force, as a new one.
func (o *Operator) Rollback(ctx context.Context, to uint64, d Deployment) (done Deployed, err error) {
	body := struct {
		Deployment
		To uint64 `json:"to"`
	}{d, to}
	err = o.call(ctx, http.MethodPost, "/admin/settings/rollback", body, &done)
	return done, err
}

// UserLine is a user in a list.
type UserLine struct {
	UserID         string    `json:"user_id"`
	Plan           string    `json:"plan"`
	Credits        int64     `json:"credits"`
	ConcurrentJobs int       `json:"concurrent_jobs"`
	RuleSlots      int       `json:"rule_slots"`
	Revoked        bool      `json:"revoked"`
	CreatedAt      time.Time `json:"created_at"`
	Away           string    `json:"away,omitempty"` // leaving, left or arriving: another cell has to do with it
}

// UserPage is a stretch of the users, by id. It may be short, or empty, and still have a Next.
type UserPage struct {
	Users []UserLine `json:"users"`
	Next  string     `json:"next_cursor"`
}

// UserQuery chooses users. Zero fields choose all.
type UserQuery struct {
	Plan       string
	MinCredits int64
	Cursor     string // a page's Next
}

// Users lists users.
func (o *Operator) Users(ctx context.Context, q UserQuery) (page UserPage, err error) {
	query := url.Values{}
	if q.Plan != "" {
		query.Set("plan", q.Plan)
	}
	if q.MinCredits != 0 {
		query.Set("min_credits", strconv.FormatInt(q.MinCredits, 10))
	}
	err = o.list(ctx, "/admin/users", query, q.Cursor, &page)
	return page, err
}

// Ledger reads a page of a user's ledger, newest first.
func (o *Operator) Ledger(ctx context.Context, user, cursor string) (page BillingPage, err error) {
	err = o.list(ctx, userPath(user), url.Values{}, cursor, &page)
	return page, err
}

// list reads a page.
func (o *Operator) list(ctx context.Context, path string, query url.Values, cursor string, page any) error {
	if cursor != "" {
		query.Set("cursor", cursor)
	}
	_, _, err := o.client.call(ctx, request{
		method: http.MethodGet, path: path, query: query, token: o.client.cluster.AdminToken,
	}, page)
	return err
}
