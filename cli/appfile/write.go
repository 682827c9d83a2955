package appfile

import (
	"bytes"
	"encoding/json"
	"fmt"
	"iter"
	"maps"
	"slices"
	"strings"

	"stoker/client"
)

// Write makes the text of a configuration.
func Write(s client.Settings) string {
	var w writer
	w.plans(s.Plans)
	w.presets(s.Presets)

	w.table("budgets", "How long a job may stay in each state before it is ended and what was not done is refunded.")
	w.key("upload", quote(s.Budgets.Upload), "created, until all pictures are there")
	w.key("execute", quote(s.Budgets.Execute), "uploaded, until it is executed")
	w.key("queue", quote(s.Budgets.Queue), "queued, until a worker takes the first picture")
	w.key("run", quote(s.Budgets.Run), "from then on until the end")

	w.table("leases", "How long a worker may be silent before its work goes to another.")
	w.key("ttl", quote(s.Leases.TTL), "")
	w.key("first_contact", quote(s.Leases.FirstContact), "before its first sign of life")

	w.table("limits", "")
	w.key("queue_depth", deref(s.Limits.QueueDepth), "waiting pictures in the whole cluster; more are refused")
	w.key("max_upload", quote(s.Limits.MaxUpload), "of one picture")
	w.key("token_life", quote(s.Limits.TokenLife), "of a token of the app")
	w.key("picture_types", list(s.Limits.PictureTypes), "that an input may have, by its bytes")
	w.key("replicas", fmt.Sprint(s.Limits.Replicas), "nodes that hold each object in the end; 0: all, three at most")
	w.retention(s)

	if s.CORS != nil {
		w.table("cors", "Which browser apps may call. Without this table each node's own stoker.toml says.")
		w.key("origins", list(s.CORS.Origins), "")
	}
	if r := s.Rates; r != nil {
		w.table("rates", "What one address, or one user, may ask of one node. 0: each node's own stoker.toml says; -1: no limit.")
		w.key("signups_per_minute", fmt.Sprint(r.SignUps), "by an address")
		w.key("requests_per_second", fmt.Sprint(r.Address), "by an address")
		w.key("user_requests_per_second", fmt.Sprint(r.User), "by a user")
		w.key("wrong_tokens_per_minute", fmt.Sprint(r.WrongTokens), "by an address")
	}
	w.webhooks(s.Webhooks)
	return w.String()
}

func (w *writer) retention(s client.Settings) {
	w.table("retention", "How long a job's objects stay after its end, by how it ended. 0s: for ever.")
	for _, one := range []struct {
		name string
		keep *client.KeepSettings
	}{{"inputs", s.Retention.Inputs}, {"outputs", s.Retention.Outputs}, {"previews", s.Retention.Previews}} {
		k := client.KeepSettings{}
		if one.keep != nil {
			k = *one.keep
		}
		w.key(one.name, keep(k), "")
	}
	if k := s.Retention.Records; k != nil { // a cluster of an older version says nothing of it
		w.key("records", keep(*k), "of the job itself: then it moves to the archive")
	}
	for _, p := range s.Retention.Prefixes {
		w.WriteString("\n[[retention.prefixes]]\n")
		w.key("prefix", quote(p.Prefix), "of objects that belong to no job")
		w.key("for", quote(p.For), "after they were put")
	}
}

func keep(k client.KeepSettings) string {
	return fmt.Sprintf("{ done = %s, failed = %s, canceled = %s }", quote(k.Done), quote(k.Failed), quote(k.Canceled))
}

// tables begins a table KIND.NAME for each value, by name; why stands before the first.
func tables[V any](w *writer, kind, why string, all map[string]V) iter.Seq2[string, V] {
	return func(yield func(string, V) bool) {
		for _, name := range slices.Sorted(maps.Keys(all)) {
			w.table(kind+"."+bare(name), why)
			if why = ""; !yield(name, all[name]) {
				return
			}
		}
	}
}

func (w *writer) webhooks(hooks map[string]client.WebhookSettings) {
	for _, h := range tables(w, "webhooks", "Endpoints outside that are told what happens, by signed POST requests.", hooks) {
		w.key("url", quote(h.URL), "")
		w.key("events", list(h.Events), "job.done, job.failed, job.canceled, item.done, item.failed, item.dead")
		w.key("secrets", list(h.Secrets), "`stoker secret put` puts them; each of them signs")
		w.key("allow_private", fmt.Sprint(h.AllowPrivate), "it may be at an address of this network only, and speak plain HTTP")
		w.key("disabled", fmt.Sprint(h.Disabled), "nothing is sent; what happens meanwhile is sent later")
	}
}

func (w *writer) plans(plans map[string]client.PlanSettings) {
	for _, p := range tables(w, "plans", `What a user may do at once. New users are on plan "free".`, plans) {
		w.key("max_concurrency", fmt.Sprint(p.MaxConcurrency), "open jobs")
		w.key("max_rule_slots", fmt.Sprint(p.MaxRuleSlots), "saved rules")
		w.key("max_items", fmt.Sprint(p.MaxItems), "pictures in one job")
		w.key("start_credits", fmt.Sprint(p.StartCredits), "of a new user")
		w.key("weight", fmt.Sprint(p.Weight), "share of the workers, relative to the other plans")
		w.key("max_leased", fmt.Sprint(p.MaxLeased), "pictures of one user in workers' hands at once")
		w.key("max_wait", quote(p.MaxWait), "after which waiting work goes first; 0s: never")
	}
}

func (w *writer) presets(presets map[string]client.PresetSettings) {
	for id, p := range tables(w, "presets", "Kinds of picture, with the concepts that can be changed in them.", presets) {
		w.key("name", quote(p.Name), "")
		w.key("description", quote(p.Description), "")
		w.key("price", fmt.Sprint(p.Price), "credits a picture; jobs keep the price they were created at")
		w.key("concepts", list(p.Concepts), "")
		w.key("protect", list(p.Protect), "what a job protects unless it says otherwise")
		w.key("queue", quote(p.Queue), "instead of budgets.queue; 0s: that one")
		w.key("load", quote(p.Load), "a worker may take to load the model; 0s: none")
		w.key("exec", quote(p.Exec), "a worker may take for a picture; 0s: any time")
		for _, t := range p.Templates {
			fmt.Fprintf(w, "\n[[presets.%s.templates]]\n", bare(id))
			w.key("id", quote(t.ID), "")
			w.key("name", quote(t.Name), "")
			w.key("description", quote(t.Description), "")
		}
	}
}

// writer writes keys with what they are for.
type writer struct{ bytes.Buffer }

func (w *writer) table(name, why string) {
	if w.Len() > 0 {
		w.WriteString("\n")
	}
	if why != "" {
		fmt.Fprintf(w, "# %s\n", why)
	}
	fmt.Fprintf(w, "[%s]\n", name)
}

func (w *writer) key(name, value, why string) {
	line := name + " = " + value
	if why != "" {
		line += " # " + why
	}
	fmt.Fprintln(w, line)
}

// quote writes a TOML string: JSON's escapes are among TOML's, but for DEL, which JSON leaves as it is.
func quote(text string) string {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	e.Encode(text) // a string cannot fail
	return strings.ReplaceAll(strings.TrimSuffix(b.String(), "\n"), "\x7f", `\u007F`)
}

func list(texts []string) string {
	quoted := make([]string, len(texts))
	for i, t := range texts {
		quoted[i] = quote(t)
	}
	return "[" + strings.Join(quoted, ", ") + "]"
}

// bare writes a key, quoted only if it must be.
func bare(key string) string {
	plain := strings.Trim(key, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-")
	if key != "" && plain == "" {
		return key
	}
	return quote(key)
}

func deref(n *int64) string {
	if n == nil {
		return "0"
	}
	return fmt.Sprint(*n)
}
