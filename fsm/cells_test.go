package fsm

import (
	"crypto/sha256"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
)

// cells are a few clusters, and people who move between them while whoever moves them is killed, sent twice, and followed by what
// others sent long ago.
type cells struct {
	t      *testing.T
	rnd    *rand.Rand
	by     map[string]*world
	names  []string
	total  map[string]int64 // credits that a user has or has in an open job, wherever
	booked map[string]int   // grants, by user
	open   map[string][]Job // open jobs, by user
	jobs   int
	sent   []func() // every command of a move that was ever sent, to be sent again
	seen   map[string]int
}

// someone moves a user, a command at a time, and knows nothing but what it was answered.
type someone struct {
	user, from, to string
	next           func(s *someone) // nil: it has ended
	move, has      CellMove
	at             Waypoint
	part           ArriveUser
	last           bool
}

func newCells(t *testing.T, seed uint64, names ...string) *cells {
	c := &cells{
		t: t, rnd: rand.New(rand.NewPCG(seed, 1)), by: map[string]*world{}, names: names,
		total: map[string]int64{}, booked: map[string]int{}, open: map[string][]Job{}, seen: map[string]int{},
	}
	for _, name := range names {
		w := newWorld(t)
		w.dry = 0 // the transcripts prove it
		g := genesis(DefaultSettings())
		g.ClusterID = name
		must(w, g)
		c.by[name] = w
	}
	return c
}

// home is the cell where a user lives, "" while it is between two.
func (c *cells) home(user string) (home string) {
	for _, name := range c.names {
		v := c.by[name].m.View()
		if u, ok := v.User(user); ok && (u.Away == "" || u.Away == Leaving) {
			if home != "" {
				c.t.Fatalf("%s lives in %s and in %s", user, home, name)
			}
			home = name
		}
		v.Close()
	}
	return home
}

// holds: nobody lives twice, and each credit is in one place.
func (c *cells) holds(what string) {
	c.t.Helper()
	for user, want := range c.total {
		got, home := int64(0), c.home(user)
		for _, j := range c.open[user] {
			got += int64(j.Total) * j.Price
		}
		if home != "" {
			v := c.by[home].m.View()
			u, _ := v.User(user)
			got += u.Credits
			v.Close()
		} else {
			got += c.between(user)
		}
		if got != want {
			c.t.Fatalf("after %s: %s has %d credits, of %d", what, user, got, want)
		}
	}
}

// between is what a user has that has left one cell and not settled in the other.
func (c *cells) between(user string) (credits int64) {
	found := 0
	for _, from := range c.names {
		a := c.by[from].m.View()
		out, _ := a.CellMove(user)
		a.Close()
		if out.State != MoveLeft {
			continue
		}
		b := c.by[out.Cell].m.View()
		in, _ := b.CellMove(user)
		b.Close()
		if in.State == MoveArriving && in.Cell == from && in.is(out.Epoch, out.Index) {
			credits, found = out.Credits, found+1
			if in.Credits != out.Credits || in.Entries != out.Entries {
				c.t.Fatalf("%s left %s with %+v, %s has %+v", user, from, out, out.Cell, in)
			}
		}
	}
	if found != 1 {
		c.t.Fatalf("%s is nowhere: %d moves could be ended", user, found)
	}
	return credits
}

// tell sends a command of a move, and keeps it.
func tell[A any](c *cells, cell string, cmd Command[A]) (A, *Refusal) {
	name := strings.TrimPrefix(fmt.Sprintf("%T", cmd), "fsm.")
	c.sent = append(c.sent, func() {
		_, r := ask(c.by[cell], cmd)
		c.seen["again "+name]++
		c.holds(fmt.Sprintf("%T again: %v", cmd, r))
	})
	a, r := ask(c.by[cell], cmd)
	c.seen[name]++
	if r != nil {
		c.seen[name+" refused"]++
	}
	return a, r
}

func (c *cells) leave(s *someone) {
	m, r := tell(c, s.from, LeaveUser{User: s.user, To: s.to})
	if s.move, s.next = m, c.read; r != nil {
		s.next = nil
	} else if m.State == MoveLeft {
		s.next = c.settle
	}
}

func (c *cells) read(s *someone) {
	v := c.by[s.from].m.View()
	defer v.Close()
	part, at, last, err := v.Departing(s.user, s.at, filedStretch)
	if s.part, s.at, s.last, s.next = part, at, last, c.arrive; err != nil {
		s.next = nil
	}
}

func (c *cells) arrive(s *someone) {
	m, r := tell(c, s.to, s.part)
	switch s.has = m; {
	case r != nil:
		s.next = nil
	case s.last:
		s.next = c.left
	default:
		if s.next = c.read; s.part.Head != nil {
			s.at.Behind = m.Entries
		}
	}
}

func (c *cells) left(s *someone) {
	m, r := tell(c, s.from, LeftUser{User: s.user, Epoch: s.move.Epoch, Index: s.move.Index, Entries: s.has.Entries, Credits: s.has.Credits})
	if s.move, s.next = m, c.settle; r != nil {
		s.next = nil
		return
	}
	for range 10 { // it is between two cells: now is when something old could do harm
		c.sent[c.rnd.IntN(len(c.sent))]()
	}
}

func (c *cells) settle(s *someone) {
	_, r := tell(c, s.to, SettleUser{
		User: s.user, From: s.from, Epoch: s.move.Epoch, Index: s.move.Index, Entries: s.move.Entries, Credits: s.move.Credits, Revoked: s.move.Revoked,
	})
	s.next = nil
	if r == nil {
		c.seen["moved"]++
	}
}

// live does what a user or its operator does where it lives; in other cells it is refused.
func (c *cells) live(user string) {
	w := c.by[c.names[c.rnd.IntN(len(c.names))]]
	switch c.rnd.IntN(7) {
	case 6:
		if _, r := ask(w, SetPlan{User: user, Plan: []string{"free", "pro"}[c.rnd.IntN(2)]}); r == nil {
			c.seen["plan"]++
		}
	case 0, 1:
		if _, r := ask(w, GrantCredits{User: user, Amount: 5, Reason: "gift"}); r == nil {
			c.total[user] += 5
			c.booked[user]++
		}
	case 2, 3:
		c.jobs++
		if j, r := ask(w, CreateJob{User: user, ID: fmt.Sprintf("j%d", c.jobs), Preset: "interior", Items: 2}); r == nil {
			c.open[user] = append(c.open[user], j)
			for i := range j.Total {
				must(w, PutObject{Object: input(user, j.ID, i)})
			}
			must(w, ConfirmUpload{User: user, Job: j.ID})
			must(w, ExecuteJob{User: user, Job: j.ID, Concepts: walls})
		}
	case 4:
		if _, r := ask(w, CreateRule{User: user, ID: "r1", Name: "White", Preset: "interior", Concepts: walls}); r == nil {
			c.seen["rule"]++
		}
	default:
		for _, j := range c.open[user] {
			must(c.by[c.home(user)], CancelJob{User: user, Job: j.ID})
		}
		c.open[user] = nil
	}
}

// TestCells_NoCreditIsLostOrSpentTwice moves users between three cells in every order that chance finds, with whoever moves them
// killed between any two commands, two of them at a time for one user, moves taken back, and every command sent again at any time
// later. After each step nobody lives in two cells and every credit is in one place; at the end everybody can still be moved.
func TestCells_NoCreditIsLostOrSpentTwice(t *testing.T) {
	seen := map[string]int{}
	seeds := uint64(12)
	if raced {
		seeds = 2
	}
	for seed := range seeds {
		c := newCells(t, seed, "east", "north", "west")
		c.seen = seen
		c.play(1500)
		c.end()
		for _, name := range c.names {
			newAuditor(t).audit(c.by[name].m, fmt.Sprintf("seed %d in %s", seed, name), true)
		}
	}
	if raced {
		return // two seeds are for the race detector; what they play is too little to be asked for more
	}
	for _, kind := range []string{"LeaveUser", "ArriveUser", "LeftUser", "SettleUser"} {
		if seen[kind] < 50 || seen["again "+kind] < 20 || seen[kind+" refused"] == 0 {
			t.Errorf("too little was played: %v", seen)
		}
	}
	if seen["folded"] < 50 || seen["archived"] < 50 {
		t.Errorf("too little left for an archive: %v", seen)
	}
	if seen["moved"] < 50 || seen["taken back"] < 20 || seen["killed"] < 50 {
		t.Errorf("too little was played: %v", seen)
	}
}

func (c *cells) play(steps int) {
	users := []string{"u0", "u1", "u2"}
	for i, user := range users {
		in := must(c.by[c.names[i]], SignIn{DeviceHash: "phone of " + user, NewID: user})
		c.total[user] = in.User.Credits
	}
	var movers []*someone
	for range steps {
		user := users[c.rnd.IntN(len(users))]
		switch n := c.rnd.IntN(20); {
		case n < 3:
			c.live(user)
		case n < 5 && len(movers) < 6:
			p := c.rnd.Perm(len(c.names))
			movers = append(movers, &someone{user: user, from: c.names[p[0]], to: c.names[p[1]], next: c.leave})
		case n == 5 && len(movers) > 0 && c.rnd.IntN(2) == 0:
			i := c.rnd.IntN(len(movers))
			movers = slices.Delete(movers, i, i+1)
			c.seen["killed"]++
		case n == 6:
			c.back(user)
		case n == 7:
			c.fold(user)
		case n <= 9 && len(c.sent) > 0:
			recent := c.sent[max(0, len(c.sent)-[]int{12, 50, len(c.sent)}[c.rnd.IntN(3)]):]
			recent[c.rnd.IntN(len(recent))]()
		case len(movers) > 0:
			i := c.rnd.IntN(len(movers))
			if movers[i].next(movers[i]); movers[i].next == nil {
				movers = slices.Delete(movers, i, i+1)
			}
		}
		c.holds("a step")
	}
}

// fold has some of a user's bookings leave for the archive of a cell that knows it, jobs that have ended first.
func (c *cells) fold(user string) {
	w := c.by[c.names[c.rnd.IntN(len(c.names))]]
	v := w.m.View()
	segment := fmt.Sprint("s", v.Index())
	in := ArchiveSegment{Key: segment, Bytes: 9, SHA256: segmentHash(segment), Jobs: 1 << 20, Stretches: 1}
	gone := ArchiveJobs{Segment: in}
	for j := range v.Jobs(user, Mark{}) {
		if len(gone.Jobs) < maxArchived && c.rnd.IntN(2) == 0 {
			gone.Jobs = append(gone.Jobs, RecordHash{j.ID, sha256.Sum256(v.JobRecord(j.ID))})
		}
	}
	v.Close()
	must(w, PutObject{Object: Object{Bucket: ArchiveBucket, Key: segment, Upload: "up", Size: 9, SHA256: in.SHA256, Nodes: []string{"n1"}}})
	c.seen["archived"] += must(w, gone).Archived
	v = w.m.View()
	u, _ := v.User(user)
	rows, _ := v.Foldable(u, v.Wall(), 50)
	if u.moves() {
		rows = 1 + c.rnd.IntN(3) // it is asked for, and refused
	}
	old := FoldLedger{Segment: in}
	if rows > 0 {
		old.Stretches = []Stretch{file(v, user, rows)}
	}
	v.Close()
	if a := must(w, old); a.Folded > 0 {
		c.seen["folded"]++
	} else if u.moves() && (len(a.Kept) != 1 || a.Kept[0].Why != BondMove) {
		c.t.Fatalf("a user between two cells: %+v", a)
	}
}

// back takes a move back, and half of the time the other cell does not hear of it.
func (c *cells) back(user string) {
	from := c.names[c.rnd.IntN(len(c.names))]
	m, r := tell(c, from, LeaveUser{User: user, Back: true})
	if r != nil {
		return
	}
	c.seen["taken back"]++
	if c.rnd.IntN(2) == 0 {
		_, _ = tell(c, m.Cell, SettleUser{User: user, From: from, Epoch: m.Epoch, Index: m.Index, Back: true})
	}
}

// end brings everybody to the west, whoever is there already there and back, and holds the ledgers against what was booked.
func (c *cells) end() {
	for user := range c.total {
		for try := 0; c.home(user) == "" || c.away(user) == Leaving; try++ { // somebody goes on with what was begun
			if try == 3 {
				c.t.Fatalf("nobody can end the move of %s", user)
			}
			for _, from := range c.names {
				v := c.by[from].m.View()
				m, _ := v.CellMove(user)
				v.Close()
				if m.State == MoveLeaving || m.State == MoveLeft {
					c.through(&someone{user: user, from: from, to: m.Cell, next: c.leave})
				}
			}
		}
		home := c.home(user)
		if home == "west" {
			home = "east"
			c.through(&someone{user: user, from: "west", to: home, next: c.leave})
		}
		c.through(&someone{user: user, from: home, to: "west", next: c.leave})
		v := c.by["west"].m.View()
		u, _ := v.User(user)
		if u.Away != "" || u.Credits != c.total[user] {
			c.t.Errorf("%s could not be brought to the west: %+v", user, u)
		}
		grants, sum := 0, int64(0)
		for e, err := range v.WholeLedger(user, Mark{}, filedStretch) {
			if err != nil {
				c.t.Fatal(err)
			}
			if sum += e.Amount; e.Type == "grant" {
				grants++
			}
		}
		if sum != c.total[user] {
			c.t.Errorf("the whole ledger of %s comes to %d, it has %d", user, sum, c.total[user])
		}
		v.Close()
		if grants != c.booked[user] {
			c.t.Errorf("%s was granted %d times, its ledger says %d", user, c.booked[user], grants)
		}
	}
}

func (c *cells) away(user string) Away {
	v := c.by[c.home(user)].m.View()
	defer v.Close()
	u, _ := v.User(user)
	return u.Away
}

// through moves a user without anything between.
func (c *cells) through(s *someone) {
	for _, j := range c.open[s.user] {
		must(c.by[c.home(s.user)], CancelJob{User: s.user, Job: j.ID})
	}
	c.open[s.user] = nil
	for s.next != nil {
		s.next(s)
		c.holds("a step without anything between")
	}
}
