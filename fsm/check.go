package fsm

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"stoker/store"
)

// Check is what a look at the whole state found.
type Check struct {
	Users, Jobs, Items, Entries, Objects int // Entries of the ledger; Objects published or staged

	Segments int // of the archive
	Archived int // jobs in them, that are not in the state any more
	Folded   int // bookings in them, likewise; Entries has the others

	Credits int64    // of all users who live here
	Tokens  []Token  // by name
	Wrong   []string // what does not add up, in words; at most wrongShown
	More    int      // that are not in Wrong
}

// wrongShown bounds Wrong: a broken state is broken everywhere.
const wrongShown = 20

func (c *Check) failf(format string, args ...any) {
	if len(c.Wrong) == wrongShown {
		c.More++
		return
	}
	c.Wrong = append(c.Wrong, fmt.Sprintf(format, args...))
}

// Check reads every row and holds the invariants of this package against it:
// ledgers against credits, jobs against their items, items against the queue.
// It takes as long as reading the state does. A row that does not decode is
// returned as the error.
func (v *View) Check() (c Check, err error) {
	defer func() {
		if p := recover(); p != nil {
			if broken, ok := p.(*store.Corrupt); ok {
				err = broken
				return
			}
			panic(p)
		}
	}()
	if v.Epoch() == 0 {
		c.failf("the cluster has not begun")
		return c, nil
	}
	for n := uint64(1); n <= v.meta.SettingsVersion; n++ {
		if s, ok := v.SettingsOf(n); !ok || s.Version != n {
			c.failf("version %d of the settings is not there; %d is in force", n, v.meta.SettingsVersion)
		}
	}
	open := v.checkJobs(&c)
	v.checkUsers(&c, open)
	v.checkFeed(&c)
	v.checkHooks(&c)
	v.checkObjects(&c)
	v.checkArchive(&c)
	c.Tokens = slices.SortedFunc(maps.Values(v.Tokens()), func(a, b Token) int { return strings.Compare(a.Name, b.Name) })
	return c, nil
}

// checkUsers holds credits against ledgers and open jobs against counters.
func (v *View) checkUsers(c *Check, open map[string]int) {
	sum := v.checkLedgers(c)
	plans := v.Settings().Plans
	for _, u := range users.Scan(v, "") {
		c.Users++
		if u.Away == "" || u.Away == Leaving { // else another cell counts them
			c.Credits += u.Credits
		}
		v.checkMove(c, u)
		if u.Credits != sum[u.ID] || u.Credits < 0 {
			c.failf("%s has %d credits, its ledger says %d", u.ID, u.Credits, sum[u.ID])
		}
		if u.ActiveJobs != open[u.ID] {
			c.failf("%s counts %d open jobs, there are %d", u.ID, u.ActiveJobs, open[u.ID])
		}
		if _, ok := plans[u.Plan]; !ok && u.Away != Left {
			c.failf("%s is on plan %q, which there is not", u.ID, u.Plan)
		}
		delete(sum, u.ID)
	}
	for user := range sum {
		c.failf("there is a ledger of %s and no such user", user)
	}
}

// checkLedgers holds each balance of a ledger against the sum of what is before it,
// which begins with what the archive brings forward. It gives the sums by user.
func (v *View) checkLedgers(c *Check) map[string]int64 {
	sum, last := map[string]int64{}, map[string]Mark{}
	for f := range v.BroughtForward("") {
		if c.Folded += f.Rows; f.Rows < 1 || f.Balance < 0 {
			c.failf("the ledger of %s brings forward %d from %d bookings at entry %d", f.User, f.Balance, f.Rows, f.Index)
		}
		sum[f.User], last[f.User] = f.Balance, f.Mark()
	}
	for _, e := range ledger.Scan(v, "") {
		c.Entries++
		if sum[e.User] += e.Amount; e.Balance != sum[e.User] {
			c.failf("the ledger of %s at entry %d says %d, the sum is %d", e.User, e.Index, e.Balance, sum[e.User])
		}
		if at, folded := last[e.User]; folded && !e.Mark().Follows(at) {
			c.failf("a booking of %s at entry %d is in the state, those up to entry %d are in the archive", e.User, e.Index, at.Index)
		}
	}
	return sum
}

// checkMove holds a user's whereabouts against its last move.
func (v *View) checkMove(c *Check, u User) {
	m, ok := v.CellMove(u.ID)
	want := map[Away][]MoveState{"": {MoveSettled, MoveUndone}, Leaving: {MoveLeaving}, Left: {MoveLeft, MoveUndone}, Arriving: {MoveArriving}}[u.Away]
	if ok != (m.User == u.ID) || ok && !slices.Contains(want, m.State) || !ok && u.Away != "" {
		c.failf("%s is %q, its last move is %q", u.ID, u.Away, m.State)
	}
	if u.Away == Left && (u.RuleSlots != 0 || u.ActiveJobs != 0 || m.Out && u.Credits != 0) {
		c.failf("%s has left with %d rules, %d open jobs and %d credits still here", u.ID, u.RuleSlots, u.ActiveJobs, u.Credits)
	}
}

// checkObjects holds objects that came in parts against their parts, and uploads
// under way against theirs.
func (v *View) checkObjects(c *Check) {
	for _, t := range []*store.Table[Object]{objects, staged} {
		for _, o := range t.Scan(v, "") {
			c.Objects++
			size := int64(0)
			for i, p := range o.Pieces() {
				size += p.Size
				if p.Upload == "" || i < len(o.Segments)-1 && p.Size < MinPart {
					c.failf("piece %d of %s is %d bytes of upload %q", i, o.Key, p.Size, p.Upload)
				}
			}
			if size != o.Size {
				c.failf("%s has %d bytes, its pieces have %d", o.Key, o.Size, size)
			}
		}
	}
	under := map[string]int64{}
	for _, u := range uploads.Scan(v, "") {
		if _, twice := under[u.ID]; twice {
			c.failf("upload %s is there twice", u.ID)
		}
		if under[u.ID] = u.Size; !timers.Has(v, timerKey(u.Due, uploadOld, u.key())) {
			c.failf("upload %s of %s is forgotten at no time", u.ID, u.Key)
		}
	}
	for k, p := range uploadParts.Scan(v, "") {
		id, _ := k.PopStr()
		if _, ok := under[id]; !ok {
			c.failf("part %d is of an upload %s that is not there", p.Number, id)
		}
		under[id] -= p.Segment.Size
	}
	for id, off := range under {
		if off != 0 {
			c.failf("upload %s counts %+d bytes beside its parts", id, off)
		}
	}
}

// checkJobs holds counters against items and places against the queue. It gives
// the number of open jobs by user.
func (v *View) checkJobs(c *Check) map[string]int {
	open, waiting := map[string]int{}, map[string]int{}
	for _, j := range jobs.Scan(v, "") {
		c.Jobs++
		if !j.Status.Ended() {
			open[j.User]++
		}
		if j.Settings == 0 || j.Settings > v.meta.SettingsVersion {
			c.failf("job %s was created under version %d of the settings; %d is in force", j.ID, j.Settings, v.meta.SettingsVersion)
		}
		done, final := 0, 0
		list := v.Items(j.ID)
		c.Items += len(list)
		for _, it := range list {
			if it.final() {
				final++
			}
			if it.Status == Done {
				done++
			}
			if it.Place == Ready {
				waiting[j.Preset]++
			}
			if ready.Has(v, readyKey(j, it.Idx)) != (it.Place == Ready) {
				c.failf("item %s/%d and the ready queue do not agree", j.ID, it.Idx)
			}
		}
		if len(list) != j.Total || done != j.Done || final != j.Final || (final == j.Total) != j.Status.Ended() {
			c.failf("job %s is %s and counts %d done, %d final of %d; its items say %d, %d of %d", j.ID, j.Status, j.Done, j.Final, j.Total, done, final, len(list))
		}
	}
	if !maps.Equal(waiting, v.meta.Waiting) {
		c.failf("%v items are ready, the machine counts %v", waiting, v.meta.Waiting)
	}
	return open
}
