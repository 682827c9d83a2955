package fsm

import "stoker/store"

// wake brings a user that had nothing ready up to the time of whom it meets: the
// users of its class that wait for the preset, else for anything, just before
// them. Times are kept by preset, because workers of one preset may be plenty and
// of another few: who wakes up for the one must not start at the time that the
// other has reached.
func wake(tx *Tx, s *share, preset string) {
	if len(s.Waiting) > 0 {
		return
	}
	s.VTime = max(s.VTime, classOf(tx, s.Class).Users[preset], firstOf(tx, s.Class, []string{preset}))
	s.Hungry = tx.now()
}

// rejoin does the same for a user that comes down from its cap, before its row
// says so: while it could be given nothing it was not passed over. At level 1 it
// came back with what it had banked meanwhile.
func rejoin(tx *Tx, s *share) {
	if tx.level() < 2 || s.Leased != s.Max || len(s.Waiting) == 0 {
		return
	}
	if c := classOf(tx, s.Class); asleep(tx, c) {
		rouse(tx, &c, "")
		classes.Put(tx.Tx, store.Str(c.Name), c)
	}
	s.VTime = max(s.VTime, firstOf(tx, s.Class, sorted(s.Waiting)))
}

// firstOf is the time just before the first of a class's users that wait for the
// presets, else for anything. Where nobody waits, nobody has a claim from before:
// it is the time at which whoever was served last began.
func firstOf(tx *Tx, class string, presets []string) uint64 {
	first, found := fairestOf(tx, class, presets)
	if !found {
		first, found = fairestOf(tx, class, offered(tx))
	}
	switch {
	case found:
		return shift(first.VTime, -1)
	case tx.level() >= 2:
		return latest(classOf(tx, class).Users)
	}
	return 0
}

// rouse does for a class that had nothing to be served what wake does for a user.
func rouse(tx *Tx, c *class, preset string) {
	c.VTime = max(c.VTime, tx.m.VTimes[preset])
	least, found := firstClass(tx, c.Name)
	if !found && tx.level() >= 2 {
		least = latest(tx.m.VTimes)
	}
	c.VTime = max(c.VTime, least)
}

// firstClass is the time just before the first of the other classes that are awake.
func firstClass(tx *Tx, but string) (least uint64, found bool) {
	for _, o := range classes.Scan(tx, "") {
		if v := shift(o.VTime, -1); o.Name != but && !asleep(tx, o) && (!found || v < least) {
			least, found = v, true
		}
	}
	return least, found
}

// asleep says whether nobody of a class could be given anything: nothing is ready,
// or its users are at their caps. At level 1 only what is ready counted.
func asleep(tx *Tx, c class) bool {
	if tx.level() < 2 || c.Waiting == 0 {
		return c.Waiting == 0
	}
	_, found := fairestOf(tx, c.Name, offered(tx))
	return !found
}

// offered are the presets of ready work; since level 2 without those that are paused.
func offered(tx *Tx) (out []string) {
	for _, p := range sorted(tx.m.Waiting) {
		if tx.level() < 2 || !paused(tx, p) {
			out = append(out, p)
		}
	}
	return out
}

// resumed brings those who wait for a preset that was paused up to the others:
// whoever was not paused has not passed them over. The pause still stands.
func resumed(tx *Tx, preset string) {
	if tx.level() < 2 {
		return
	}
	if least, found := firstClass(tx, ""); found {
		tx.m.VTimes = raise(tx.m.VTimes, preset, least)
	}
	for k, c := range classes.Scan(tx, "") {
		if first, found := fairestOf(tx, c.Name, offered(tx)); found {
			c.Users = raise(c.Users, preset, shift(first.VTime, -1))
			classes.Put(tx.Tx, k, c)
		}
	}
}

// latest of the times by preset.
func latest(times map[string]uint64) (at uint64) {
	for _, t := range times {
		at = max(at, t)
	}
	return at
}
