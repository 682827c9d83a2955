package fsm

import (
	"maps"
	"slices"

	"stoker/store"
)

// The fair order has two levels: classes (a class is a plan) share the workers
// by weight, and the users of a class share what their class gets, equally. Both
// are start-time fair queues (Goyal, Vin, Cheng 1997) in integers: who has
// received least virtual time comes next, and who wakes up starts at the time of
// whoever was served last, so that nobody banks credit by staying away.

// tick is the virtual time that one credit of work costs at weight 1.
const tick = 1 << 16

// class is a plan's place in the fair order.
type class struct {
	Name    string `cbor:"1,keyasint"`
	VTime   uint64 `cbor:"2,keyasint"` // virtual time received, by weight
	Waiting int    `cbor:"4,keyasint"` // ready items
	Grants  uint64 `cbor:"5,keyasint"` // items, ever

	Users map[string]uint64 `cbor:"6,keyasint"` // by preset: virtual time, within the class, of the user served last in turn
}

// share is a user's place within its class.
type share struct {
	User    string         `cbor:"1,keyasint"`
	VTime   uint64         `cbor:"2,keyasint"` // virtual time received
	Class   string         `cbor:"3,keyasint"`
	Leased  int            `cbor:"4,keyasint"` // items in workers' hands
	Max     int            `cbor:"5,keyasint"` // of them at once
	Waiting map[string]int `cbor:"6,keyasint"` // ready items by preset
	Hungry  int64          `cbor:"7,keyasint"` // machine clock since when it waits for its next grant
}

var (
	classes = store.NewTable[class]("classes")
	shares  = store.NewTable[share]("shares") // by user; only users that have something in the queue, or a debt

	// fair orders the users with ready work of a preset within their class; a
	// user at its cap is not in it.
	fair = store.NewIndex(shares, "shares_fair", func(_ store.Key, s share) []store.Key {
		if s.Leased >= s.Max {
			return nil
		}
		var keys []store.Key
		for preset, n := range s.Waiting {
			if n > 0 {
				keys = append(keys, store.Str(preset).Str(s.Class).Uint(s.VTime))
			}
		}
		return keys
	})

	// hungry orders the same users by how long they have waited for a grant.
	hungry = store.NewIndex(shares, "shares_hungry", func(_ store.Key, s share) []store.Key {
		if s.Leased >= s.Max {
			return nil
		}
		var keys []store.Key
		for preset, n := range s.Waiting {
			if n > 0 {
				keys = append(keys, store.Str(preset).Str(s.Class).Uint(uint64(s.Hungry)))
			}
		}
		return keys
	})
)

func classOf(tx *Tx, name string) class {
	c, ok := classes.Get(tx, store.Str(name))
	if !ok {
		c = class{Name: name}
	}
	return c
}

// shareOf gives the user's share, a new one for a user that comes to the queue.
func shareOf(tx *Tx, user string) share {
	s, ok := shares.Get(tx, store.Str(user))
	if ok {
		return s
	}
	u, _ := users.Get(tx, store.Str(user))
	return share{
		User: user, Class: u.Plan,
		Max: max(u.plan(tx.current()).MaxLeased, 1), Waiting: map[string]int{},
	}
}

// putShare writes the share, or removes it when the user has left the queue and
// owes nothing.
func putShare(tx *Tx, s share) {
	if s.Leased == 0 && len(s.Waiting) == 0 && s.VTime == 0 {
		shares.Delete(tx.Tx, store.Str(s.User))
		return
	}
	shares.Put(tx.Tx, store.Str(s.User), s)
}

// charge makes user and class pay for n items that were granted. What came out of
// turn, through the overdue lane, moves nobody else's time.
func charge(tx *Tx, s *share, n int, preset string, price int64, lane bool) {
	cost := uint64(n) * uint64(max(price, 1)) * tick
	bank := tx.bank(price)
	c := classOf(tx, s.Class)
	c.Grants += uint64(n)
	c.VTime = max(c.VTime, shift(tx.m.VTimes[preset], -int64(bank/weightOf(tx, s.Class))))
	s.VTime = max(s.VTime, shift(c.Users[preset], -int64(bank)))
	if !lane {
		beyond := tx.beyond(n, price)
		tx.m.VTimes = raise(tx.m.VTimes, preset, c.VTime+beyond/weightOf(tx, s.Class))
		c.Users = raise(c.Users, preset, s.VTime+beyond)
	}
	s.VTime += cost
	c.VTime += cost / weightOf(tx, s.Class)
	classes.Put(tx.Tx, store.Str(c.Name), c)
}

// raise gives a copy of times with one raised; views may hold the old map.
func raise(times map[string]uint64, preset string, to uint64) map[string]uint64 {
	if times[preset] >= to {
		return times
	}
	out := maps.Clone(times)
	if out == nil {
		out = map[string]uint64{}
	}
	out[preset] = to
	return out
}

func weightOf(tx *Tx, class string) uint64 {
	return uint64(max(tx.current().Plans[class].Weight, 1))
}

// maxMillis bounds what is believed of one item's GPU time: a day. More would
// overflow the sums and spoil the average for long.
const maxMillis = 24 * 60 * 60 * 1000

// correct brings what was charged for an item in line with the GPU time it really
// took, measured against what items of its preset take on average. One item
// corrects by at most its own price down and seven times that up.
func correct(tx *Tx, j Job, millis int64) {
	if millis <= 0 {
		return
	}
	millis = min(millis, maxMillis)
	p, _ := paces.Get(tx, store.Str(j.Preset))
	if p.Millis == 0 {
		p.Millis = millis
	}
	off := (millis - p.Millis) * tick / p.Millis
	p.Millis = max(p.Millis+(millis-p.Millis)/16, 1)
	paces.Put(tx.Tx, store.Str(j.Preset), p)

	delta := max(j.Price, 1) * min(max(off, -tick), 7*tick)
	s, ok := shares.Get(tx, store.Str(j.User))
	if !ok {
		return
	}
	c := classOf(tx, s.Class)
	s.VTime = shift(s.VTime, delta)
	c.VTime = shift(c.VTime, delta/int64(weightOf(tx, s.Class)))
	classes.Put(tx.Tx, store.Str(c.Name), c)
	putShare(tx, s)
}

func shift(v uint64, by int64) uint64 {
	if by < 0 && uint64(-by) > v {
		return 0
	}
	return v + uint64(by)
}

// pace is how long items of a preset take.
type pace struct {
	Millis int64 `cbor:"1,keyasint"` // GPU time of an item, moving average over about 16
}

var paces = store.NewTable[pace]("paces") // by preset

// fairest finds the user to be served next among those with ready work of the
// presets: of the class with the least virtual time the user with the least.
func fairest(tx *Tx, presets []string) (best share, found bool) {
	var least uint64
	for _, c := range classes.Scan(tx, "") {
		if c.Waiting == 0 || found && c.VTime >= least {
			continue
		}
		if s, any := fairestOf(tx, c.Name, presets); any {
			best, found, least = s, true, c.VTime
		}
	}
	return best, found
}

func fairestOf(tx *Tx, class string, presets []string) (best share, found bool) {
	for _, p := range presets {
		for _, s := range fair.Scan(tx, store.Str(p).Str(class)) {
			if !found || s.VTime < best.VTime {
				best, found = s, true
			}
			break
		}
	}
	return best, found
}

// reweigh gives a user's share the class and cap of its plan.
func reweigh(tx *Tx, u User) {
	s, ok := shares.Get(tx, store.Str(u.ID))
	if !ok {
		return
	}
	ready := 0
	for _, n := range s.Waiting {
		ready += n
	}
	old, now := classOf(tx, s.Class), classOf(tx, u.Plan)
	if old.Name != now.Name {
		old.Waiting -= ready
		if tx.level() >= 2 { // or the user itself would keep its old class awake
			shares.Delete(tx.Tx, store.Str(u.ID))
			classes.Put(tx.Tx, store.Str(old.Name), old)
		}
		if ready > 0 && asleep(tx, now) {
			for _, preset := range sorted(s.Waiting) {
				rouse(tx, &now, preset)
			}
		}
		now.Waiting += ready
		s.Class, s.VTime = now.Name, 0
		for _, preset := range sorted(s.Waiting) {
			s.VTime = max(s.VTime, now.Users[preset])
		}
		if tx.level() >= 2 && ready > 0 {
			s.VTime = max(s.VTime, firstOf(tx, now.Name, sorted(s.Waiting)))
		}
		relabel(tx, s)
		classes.Put(tx.Tx, store.Str(old.Name), old)
		classes.Put(tx.Tx, store.Str(now.Name), now)
	}
	s.Max = max(u.plan(tx.current()).MaxLeased, 1)
	shares.Put(tx.Tx, store.Str(u.ID), s)
	tx.changes.Ready = true
}

// relabel puts the class of a user's share on its ready rows: the depth by class
// looks there.
func relabel(tx *Tx, s share) {
	for _, preset := range sorted(s.Waiting) {
		for k, item := range ready.Scan(tx, store.Str(preset).Str(s.User)) {
			item.Class = s.Class
			ready.Put(tx.Tx, k, item)
		}
	}
}

// sorted gives a map's keys in order: the same choice on every node.
func sorted(counts map[string]int) []string {
	keys := make([]string, 0, len(counts))
	for k := range counts {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	return keys
}
