package fsm

// Changes tells a subscriber what one applied batch of entries did. It is a
// hint where to look, never the truth: the truth is in a view.
type Changes struct {
	Index     uint64
	Clock     int64
	Jobs      []string      // jobs with a new history row, each once, in order
	Ready     bool          // work became ready or a held-up user may be served again
	Leases    []LeaseChange // in order
	Workers   []string      // whose state has changed
	Revoked   []string      // who may do nothing any more: "user u_…", "worker NAME", "admin NAME"
	NextTimer int64         // machine clock of the earliest timer, 0 when there is none
	Restored  bool          // a snapshot has replaced everything: look at all again

	seen map[string]bool
}

// LeaseChange is a new grant, the end of one, or a sign of life of its holder.
type LeaseChange struct {
	Fence     uint64
	Granted   *LeaseRow // a new one
	Ended     bool
	Confirmed bool
}

func (c *Changes) job(id string) {
	if c.seen == nil {
		c.seen = map[string]bool{}
	}
	if !c.seen[id] {
		c.seen[id] = true
		c.Jobs = append(c.Jobs, id)
	}
}

func (c *Changes) revoked(who string) { c.Revoked = append(c.Revoked, who) }

func (c *Changes) worker(id string) { c.Workers = append(c.Workers, id) }

func (c *Changes) lease(l LeaseChange) { c.Leases = append(c.Leases, l) }
