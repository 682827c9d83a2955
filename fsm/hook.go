package fsm

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"stoker/store"
)

// Webhook is an endpoint outside that is told what happens here. It is part of the
// app's configuration, under its name.
type Webhook struct {
	URL          string   `cbor:"1,keyasint"`
	Events       []string `cbor:"2,keyasint"`           // names of [WebhookEvents]
	Secrets      []string `cbor:"3,keyasint"`           // names of an operator's secrets; each signs, so that the receiver may change from one to the other
	AllowPrivate bool     `cbor:"4,keyasint,omitempty"` // it may be at an address that only this network has, and speak plain HTTP
	Disabled     bool     `cbor:"5,keyasint,omitempty"` // nothing is sent; where it stands stays
}

// WebhookEvents are what a webhook may be told, by their names in the feed.
var WebhookEvents = []string{EventJobDone, EventJobFailed, EventJobCanceled, EventItemDone, EventItemFailed, EventItemDead}

// WebhookSecrets is what the name of a secret begins with that signs webhooks: who
// deploys must not be able to have others used, and be it only to sign.
const WebhookSecrets = "webhook."

const (
	maxWebhooks    = 20
	maxHookURL     = 1000
	maxHookSecrets = 3
)

func (s Settings) webhookFlaws(f *flaws) {
	f.unless(len(s.Webhooks) <= maxWebhooks, "webhooks", "at most %d are possible", maxWebhooks)
	for _, name := range slices.Sorted(maps.Keys(s.Webhooks)) {
		s.Webhooks[name].flaws(f, name)
	}
}

func (h Webhook) flaws(f *flaws, name string) {
	at := "webhooks." + name
	f.unless(saneID(name), at, "a webhook's name is 1 to 64 of a-z, A-Z, 0-9, _ and -")
	f.unless(saneURL(h.URL), at+".url", "must be an address as in https://shop.example.org/stoker, at most %d characters, without a name and password in it", maxHookURL)
	f.unless(h.AllowPrivate || strings.HasPrefix(h.URL, "https://"), at+".url", "must begin with https://; http:// is for webhooks with allow_private = true")
	f.unless(len(h.Events) >= 1, at+".events", "must name at least one of %s", strings.Join(WebhookEvents, ", "))
	for i, e := range h.Events {
		f.unless(slices.Contains(WebhookEvents, e), fmt.Sprintf("%s.events[%d]", at, i), "must be one of %s", strings.Join(WebhookEvents, ", "))
		f.unless(!slices.Contains(h.Events[:i], e), fmt.Sprintf("%s.events[%d]", at, i), "%q is there twice", e)
	}
	f.unless(len(h.Secrets) >= 1 && len(h.Secrets) <= maxHookSecrets, at+".secrets", "must name 1 to %d secrets", maxHookSecrets)
	for i, name := range h.Secrets {
		field := fmt.Sprintf("%s.secrets[%d]", at, i)
		f.unless(strings.HasPrefix(name, WebhookSecrets) && len(name) <= 64 && printable(name), field, "must be the name of a secret that begins with %q", WebhookSecrets)
		f.unless(!slices.Contains(h.Secrets[:i], name), field, "%q is there twice", name)
	}
}

// saneURL says whether a text looks like an address. What a library of Go takes for
// one changes with its versions, which nodes may have different ones of: whether it
// can be parsed is asked before it is proposed.
func saneURL(text string) bool {
	rest, secure := strings.CutPrefix(text, "https://")
	rest, plain := strings.CutPrefix(rest, "http://")
	host, _, _ := strings.Cut(rest, "/")
	host, _, _ = strings.Cut(host, "?")
	return secure != plain && host != "" && !strings.Contains(host, "@") && !strings.Contains(text, "#") && len(text) <= maxHookURL && printable(text)
}

// unsigned refuses a webhook of whose secrets one is not there: it could not be sent.
func unsigned(r store.Reader, s Settings) *Refusal {
	for _, name := range slices.Sorted(maps.Keys(s.Webhooks)) {
		for i, secret := range s.Webhooks[name].Secrets {
			if !secrets.Has(r, secretKey(UseNamed, secret)) {
				return invalid(fmt.Sprintf("webhooks.%s.secrets[%d]", name, i), "there is no secret %s: `stoker secret put %s` puts it", secret, secret)
			}
		}
	}
	return nil
}

// Hook is where a webhook stands.
type Hook struct {
	Name string `cbor:"1,keyasint"`
	Turn uint64 `cbor:"2,keyasint"` // one more for each AdvanceHook, from the entry that made it on
	At   Mark   `cbor:"3,keyasint"` // every event up to here arrived, is a delivery, or is counted

	Waiting int `cbor:"4,keyasint,omitempty"` // deliveries that are tried again
	GivenUp int `cbor:"5,keyasint,omitempty"` // deliveries that are listed only

	Arrived   uint64 `cbor:"6,keyasint,omitempty"` // events, ever
	Lost      uint64 `cbor:"7,keyasint,omitempty"` // events that the feed had to forget before their turn
	Forgotten uint64 `cbor:"8,keyasint,omitempty"` // deliveries that were given up and are listed no more

	Streak    int    `cbor:"9,keyasint,omitempty"`  // attempts that failed since the last one that did not
	ArrivedAt int64  `cbor:"10,keyasint,omitempty"` // wall clock, ns, of the last that arrived
	FailedAt  int64  `cbor:"11,keyasint,omitempty"` // of the last that failed, with what was answered
	Status    int    `cbor:"12,keyasint,omitempty"`
	Error     string `cbor:"13,keyasint,omitempty"`
}

// Delivery is an event that did not arrive at the first attempt.
type Delivery struct {
	Hook    string `cbor:"1,keyasint"`
	Index   uint64 `cbor:"2,keyasint"` // the event's position
	Ordinal uint32 `cbor:"3,keyasint"`
	Event   string `cbor:"4,keyasint"`
	Job     string `cbor:"5,keyasint,omitempty"`
	ID      string `cbor:"6,keyasint"` // as the receiver knows it
	Body    []byte `cbor:"7,keyasint"` // as it was sent

	State    DeliveryState `cbor:"8,keyasint"`
	Attempts int           `cbor:"9,keyasint"`
	Since    int64         `cbor:"10,keyasint"`           // machine clock: of the first attempt, or of the operator's word
	Next     int64         `cbor:"11,keyasint,omitempty"` // machine clock: due again, or forgotten; 0 while due
	TriedAt  int64         `cbor:"12,keyasint"`           // wall clock, ns
	Status   int           `cbor:"13,keyasint,omitempty"` // HTTP's, of the last attempt; 0: there was no answer
	Error    string        `cbor:"14,keyasint,omitempty"`
}

// DeliveryState is whose turn it is with a delivery.
type DeliveryState string

// The states. A delivery that has arrived is no row any more.
const (
	DeliveryWaiting DeliveryState = "waiting" // for its back-off
	DeliveryDue     DeliveryState = "due"     // the leader is to try it
	DeliveryFailed  DeliveryState = "failed"  // given up
)

var (
	hooks      = store.NewTable[Hook]("hooks")          // by name
	deliveries = store.NewTable[Delivery]("deliveries") // (hook, index, ordinal)

	deliveriesByState = store.NewIndex(deliveries, "deliveries_by_state", func(_ store.Key, d Delivery) []store.Key {
		return []store.Key{store.Str(d.Hook).Str(string(d.State))}
	})
)

func (d Delivery) mark() Mark     { return Mark{Index: d.Index, Ordinal: d.Ordinal} }
func (d Delivery) key() store.Key { return deliveryKey(d.Hook, d.mark()) }

func deliveryKey(hook string, m Mark) store.Key {
	return store.Str(hook).Uint(m.Index).Uint(uint64(m.Ordinal))
}

const (
	// MaxBacklog is how many deliveries of a webhook may wait. Where they are so
	// many, its place in the feed waits.
	MaxBacklog = 1000
	// DownAfter is how many attempts in a row fail before a webhook counts as down:
	// then only what waits is tried, and the rest stays in the feed.
	DownAfter = 10

	maxGivenUp = 1000 // listed; the oldest goes for another one
	maxBody    = 16 << 10
	maxSaid    = 300 // bytes of an error

	hookTries    = int64(3 * 24 * time.Hour)  // from the first attempt on; then it is given up
	hookList     = int64(14 * 24 * time.Hour) // that it stays listed then
	leastHookOff = int64(5 * time.Second)
	mostHookOff  = int64(time.Hour)
)

// hooksAsDeployed gives each webhook of the settings in force a place in the feed,
// which is here and now, and takes away those that are in them no more.
func hooksAsDeployed(tx *Tx) {
	want := tx.current().Webhooks
	for _, h := range hooks.Scan(tx, "") {
		if _, stays := want[h.Name]; !stays {
			forgetHook(tx, h)
		}
	}
	here := Mark{Index: tx.m.Index, Ordinal: tx.ordinal}
	if !tx.telling { // the feed begins behind this entry
		here.Ordinal = lastOrdinal
	}
	for _, name := range slices.Sorted(maps.Keys(want)) {
		if k := store.Str(name); !hooks.Has(tx, k) {
			hooks.Put(tx.Tx, k, Hook{Name: name, Turn: tx.m.Index, At: here})
		}
	}
}

func forgetHook(tx *Tx, h Hook) {
	for k, d := range deliveries.Scan(tx, store.Str(h.Name)) {
		if d.Next != 0 {
			clearTimer(tx, d.Next, deliveryNext, k)
		}
		deliveries.Delete(tx.Tx, k)
	}
	hooks.Delete(tx.Tx, store.Str(h.Name))
}

// countLost takes the events of a row of the feed that is swept away off the
// webhooks that have not sent them, and counts them.
func countLost(tx *Tx, index uint64, row feedRow) {
	if len(tx.current().Webhooks) == 0 {
		return
	}
	end := Mark{Index: index, Ordinal: row.Last}
	for k, h := range hooks.Scan(tx, "") {
		if !end.Follows(h.At) {
			continue
		}
		wants := tx.current().Webhooks[h.Name].Events
		for c := range changesOf(tx, index, row) {
			if c.Follows(h.At) && slices.Contains(wants, c.Event) {
				h.Lost++
			}
		}
		h.At = end
		hooks.Put(tx.Tx, k, h)
	}
}
