package bench

import "math"

// account is one side of the comparison between what somebody got and what their weight entitles them to, over every
// window at once: the lag of a window is how much less was got in it than was due, and the greatest lag over all
// windows is the deepest fall of (got − due) from any earlier height.
type account struct {
	got    float64
	due    float64 // of the current stretch of waiting
	start  float64 // got when the stretch began
	height float64 // greatest got − due of the stretch
	worst  float64 // greatest lag of any window, ever
}

// open begins a stretch of waiting: what is due counts from now on.
func (a *account) open() {
	a.due, a.start, a.height = 0, a.got, 0
}

// look takes the lag of the windows that end now into account.
func (a *account) look(due float64) {
	a.due = due
	a.worst = max(a.worst, a.height-a.balance())
}

// take books what was got; a window may begin right after it.
func (a *account) take(due, got float64) {
	a.due = due
	a.got += got
	a.height = max(a.height, a.balance())
}

func (a *account) balance() float64 { return a.got - a.start - a.due }

// flow is a user in the fair order.
type flow struct {
	account
	class   *flows
	base    float64 // class.each when the stretch began
	open    bool    // work waits and the cap leaves room
	wanted  float64 // due, ever
	grants  int
	since   int64 // virtual time from which it has waited for its next grant
	longest int64 // ns it waited at most
}

// flows is a class: users that share equally what the class gets by its weight.
type flows struct {
	account
	name   string
	weight float64
	open   int     // its users with open set
	each   float64 // due to each open user, ever
	wanted float64 // due to the class in the current stretch
	ever   float64 // due, ever
}

// fairness watches who gets what. Units are credits: an item counts its price.
type fairness struct {
	classes []*flows
	total   float64 // handed out by the fair order
	lane    float64 // handed out by the overdue lane
}

func (f *fairness) class(name string, weight int64) *flows {
	c := &flows{name: name, weight: float64(weight)}
	f.classes = append(f.classes, c)
	return c
}

// wait says whether a user is to be served now: it has ready work, and its cap leaves room.
func (f *fairness) wait(u *flow, now int64, open bool) {
	if u.open == open {
		return
	}
	c := u.class
	u.open = open
	if !open {
		u.look(c.each - u.base)
		u.longest = max(u.longest, now-u.since)
		u.wanted += c.each - u.base
		if c.open--; c.open == 0 {
			c.look(c.wanted)
		}
		return
	}
	u.since, u.base = now, c.each
	u.account.open()
	if c.open++; c.open == 1 {
		c.wanted = 0
		c.account.open()
	}
}

// grant books what a user was handed. What the lane hands out is a gift: it is due to nobody.
func (f *fairness) grant(u *flow, now int64, cost float64, lane bool) {
	u.longest = max(u.longest, now-u.since)
	u.since = now
	u.grants++
	c := u.class
	u.look(c.each - u.base)
	c.look(c.wanted)
	if lane {
		f.lane += cost
	} else {
		f.total += cost
		f.accrue(cost)
	}
	u.take(c.each-u.base, cost)
	c.take(c.wanted, cost)
}

// accrue gives everybody who waits what is due of a cost.
func (f *fairness) accrue(cost float64) {
	var weights float64
	for _, c := range f.classes {
		if c.open > 0 {
			weights += c.weight
		}
	}
	for _, c := range f.classes {
		if c.open > 0 {
			share := cost * c.weight / weights
			c.wanted += share
			c.ever += share
			c.each += share / float64(c.open)
		}
	}
}

// close ends every window.
func (f *fairness) close(users []*flow, now int64) {
	for _, u := range users {
		f.wait(u, now, false)
	}
}

// ratio is got by due; NaN if nothing was due.
func (u *flow) ratio() float64 {
	if u.wanted <= 0 {
		return math.NaN()
	}
	return u.got / u.wanted
}
