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
	Revoked   []string      // who may do nothing any more: "user u_…", "worker NAME", "admin NAME", "secret NAME"
	Objects   []ObjectRef   // that were put, staged ones too
	Told      bool          // there is something new in the feed
	Members   bool          // a node came, went, or said something new of itself
	Settings  bool          // another version is in force
	Hooks     bool          // a delivery of a webhook is due
	NextTimer int64         // machine clock of the earliest timer, 0 when there is none
	Restored  bool          // a snapshot has replaced everything: look at all again
	Moves     []Move        // steps of jobs, in order
	Tally     Tally         // what there was of everything, for counters

	seen map[string]bool
}

// Move is one step in the life of a job, with who asked for it and in which request.
type Move struct {
	Job       string
	Index     uint64 // of the entry
	From, To  Status
	By        string
	RequestID string
}

// Tally counts what a batch did. A node that starts reads the end of its log
// again: whoever adds tallies up has counters of a process, not of the cluster.
type Tally struct {
	Jobs    map[Status]int   // that came to be in it
	Items   map[Status]int   // likewise
	Dead    map[Cause]int    // items that failed for good, by the last cause
	Credits map[string]int64 // booked, without their sign, by the ledger's type
	Users   int              // new ones
	Lost    int              // leases that nobody renewed
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

// tally adds to one of the counts.
func tally[K comparable, N int | int64](counts *map[K]N, key K, n N) {
	if *counts == nil {
		*counts = map[K]N{}
	}
	(*counts)[key] += n
}

func (c *Changes) worker(id string) { c.Workers = append(c.Workers, id) }

func (c *Changes) lease(l LeaseChange) { c.Leases = append(c.Leases, l) }
