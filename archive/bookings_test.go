package archive

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"stoker/fsm"
)

// ledgers fails unless everybody's whole ledger, in the state and in the archive, comes to
// the credits, each booking once and in order; and unless the walk over the archive
// has the same bookings as the ledgers.
func (m *member) ledgers(v *fsm.View) {
	m.t.Helper()
	behind := 0
	for u := range v.AllUsers() {
		sum, last, n := int64(0), fsm.Mark{}, 0
		for e, err := range v.LedgerSince(u.ID, fsm.Mark{}, m.archive.Stretch) {
			if sum += e.Amount; err != nil || !e.Mark().Follows(last) || e.Balance != sum {
				m.t.Errorf("%s: %s has %+v behind %v, the sum is %d; %v", m.id, u.ID, e, last, sum, err)
			}
			last, n = e.Mark(), n+1
		}
		for range v.Ledger(u.ID, fsm.Mark{}) {
			n--
		}
		if behind += n; sum != u.Credits {
			m.t.Errorf("%s: %s has %d credits, the whole ledger says %d", m.id, u.ID, u.Credits, sum)
		}
	}
	for b, err := range m.archive.Bookings(m.t.Context(), v, "", 0) {
		if behind--; err != nil || b.Segment == 0 {
			m.t.Errorf("%s: %+v %v", m.id, b, err)
		}
	}
	if behind != 0 {
		m.t.Errorf("%s: %d bookings that ledgers have are not in the walk over the archive", m.id, behind)
	}
}

// granted books so many times one credit.
func (m *member) granted(user string, times int) {
	m.t.Helper()
	for i := range times {
		apply(m, fsm.GrantCredits{User: user, Amount: 1, Reason: fmt.Sprint("gift ", i)})
	}
}

func (m *member) ledgerOf(user string) (out []fsm.LedgerEntry) {
	m.t.Helper()
	for e, err := range m.view().WholeLedger(user, fsm.Mark{}, m.archive.Stretch) {
		if err != nil {
			m.t.Fatal(err)
		}
		out = append(out, e)
	}
	return out
}

// TestBookings: old bookings leave with the jobs that they are of, and without any
// job; everybody's ledger reads as before. Few ones, and the newest, stay.
func TestBookings(t *testing.T) {
	m := newCluster(t, 1)[0]
	for _, user := range []string{"u1", "u2", "u3"} {
		apply(m, fsm.SignIn{NewID: user})
	}
	m.canceled("u1", 0, 20)
	m.granted("u2", 700) // more than a stretch
	m.granted("u3", leastFold-1)
	apply(m, fsm.CreateJob{User: "u1", ID: "open", Preset: "interior", Items: 1})
	m.granted("u1", 30)
	before := map[string][]fsm.LedgerEntry{}
	for _, user := range []string{"u1", "u2", "u3"} {
		before[user] = m.ledgerOf(user)
	}

	m.keeper(59 * time.Minute).mustRound(t)
	if n := SizesOf(m.view()); n != (Sizes{}) {
		t.Fatalf("archived too early: %+v", n)
	}
	k := m.keeper(67 * time.Minute)
	k.mustRound(t)
	if n := SizesOf(m.view()); n.Segments != 2 || n.Jobs != 20 || n.Bookings != 41+700 {
		t.Errorf("archived %+v", n)
	}
	m.whole(21)
	for user, want := range before {
		if got := m.ledgerOf(user); !slices.Equal(got, want) {
			t.Errorf("%s had %d bookings, now %d", user, len(want), len(got))
		}
	}
	// Pages that begin anywhere go on into the archive.
	for i, e := range before["u2"] {
		for next, err := range m.view().WholeLedger("u2", e.Mark(), m.archive.Stretch) {
			if err != nil || next != before["u2"][i+1] {
				t.Fatalf("behind %+v comes %+v, %v", e, next, err)
			}
			break
		}
	}

	k.mustRound(t)
	if n := SizesOf(m.view()); n.Segments != 2 {
		t.Errorf("with nothing more to be moved: %+v", n)
	}
	m.granted("u2", 20)
	m.keeper(70 * time.Minute).mustRound(t)
	if n := SizesOf(m.view()); n.Segments != 3 || n.Bookings != 41+720 {
		t.Errorf("archived %+v", n)
	}
	m.whole(21)
}

// TestBookings_lostLeader: a leader that is lost between the segment and the entry
// leaves a file behind. The next one deletes it and writes its own.
func TestBookings_lostLeader(t *testing.T) {
	c := newCluster(t, 3)
	first := c.leader(t)
	apply(first, fsm.SignIn{NewID: "u1"})
	first.granted("u1", 40)
	k := first.keeper(10 * time.Hour)
	k.wrote = first.stop
	if _, err := k.round(t.Context()); err == nil {
		t.Fatal("a node that has stopped moves bookings")
	}
	rest := slices.DeleteFunc(slices.Clone(c), func(m *member) bool { return m == first })
	next := rest.leader(t)
	if n, left := SizesOf(next.view()), next.view().LooseSegments(); n.Bookings != 0 || len(left) != 1 {
		t.Fatalf("archived %+v, left behind: %+v", n, left)
	}
	next.whole(0)
	next.keeper(10 * time.Hour).mustRound(t)
	if n, left := SizesOf(next.view()), next.view().LooseSegments(); n.Bookings != 40 || n.Segments != 1 || len(left) != 0 {
		t.Errorf("archived %+v, left behind: %+v", n, left)
	}
	for _, m := range rest {
		m.whole(0)
	}
}

// TestBookings_twoLeaders: of two leaders that both have a segment of the same bookings
// one moves them. What has been booked meanwhile stays.
func TestBookings_twoLeaders(t *testing.T) {
	m := newCluster(t, 1)[0]
	apply(m, fsm.SignIn{NewID: "u1"})
	m.granted("u1", 1200)
	k, other := m.keeper(10*time.Hour), m.keeper(10*time.Hour)
	k.wrote = func() {
		p, _, err := other.lookOn()
		if err == nil {
			err = other.write(t.Context(), &p.row, p.file)
		}
		if err == nil {
			_, err = other.fold(t.Context(), p)
		}
		if err != nil {
			t.Error(err)
		}
		m.granted("u1", 1)
	}
	k.mustRound(t)
	if n := SizesOf(m.view()); n.Segments != 1 || n.Bookings != 1200 || len(m.view().LooseSegments()) != 1 {
		t.Errorf("archived %+v", n)
	}
	m.whole(0)
}

// TestBookings_lostHalfway: a leader that is lost when some stretches of a ledger have
// moved leaves the others in the state, and the next one goes on with them.
func TestBookings_lostHalfway(t *testing.T) {
	m := newCluster(t, 1)[0]
	apply(m, fsm.SignIn{NewID: "u1"})
	m.granted("u1", 1200)
	leading, lost := context.WithCancel(t.Context())
	defer lost()
	k := m.keeper(10 * time.Hour)
	k.wrote = func() {
		m.node.Subscribe(func(fsm.Changes) {
			v := m.node.View()
			defer v.Close()
			if SizesOf(v).Bookings > 0 {
				lost()
			}
		})
	}
	if _, err := k.round(leading); err == nil {
		t.Fatal("a leader that was lost halfway has moved all of them")
	}
	if n := SizesOf(m.view()); n.Bookings == 0 || n.Bookings == 1200 {
		t.Fatalf("archived %+v", n)
	}
	m.whole(0)
	m.keeper(20 * time.Hour).mustRound(t)
	if n := SizesOf(m.view()); n.Bookings != 1200 {
		t.Errorf("archived %+v", n)
	}
	m.whole(0)
}

// TestBookings_damaged: a segment that cannot be read is named, and what is in the state or
// in other segments is read all the same.
func TestBookings_damaged(t *testing.T) {
	m := newCluster(t, 1)[0]
	apply(m, fsm.SignIn{NewID: "u1"})
	apply(m, fsm.SignIn{NewID: "u2"})
	m.granted("u1", 40)
	m.keeper(10 * time.Hour).mustRound(t)
	m.granted("u2", 40)
	m.keeper(20 * time.Hour).mustRound(t)
	s, _ := m.view().Segment(1)
	o, _ := m.view().Object(fsm.ArchiveBucket, s.Key)
	damage(t, m, o)
	read, failed := 0, 0
	for _, err := range m.archive.Bookings(t.Context(), m.view(), "", 0) {
		var unreadable *Unreadable
		if errors.As(err, &unreadable) && unreadable.Segment.Number == 1 {
			failed++
		} else {
			read++
		}
	}
	if read != 40 || failed != 1 {
		t.Errorf("%d bookings were read, %d segments not", read, failed)
	}
	read = 0
	for _, err := range m.view().WholeLedger("u1", fsm.Mark{}, m.archive.Stretch) {
		var unreadable *Unreadable
		if read++; read == 2 && !errors.As(err, &unreadable) {
			t.Errorf("behind the state's bookings comes %v", err)
		}
	}
	if read != 2 || len(m.ledgerOf("u2")) != 41 {
		t.Errorf("%d were read of the one, %d of the other", read, len(m.ledgerOf("u2")))
	}
}

// TestWalk: in steps of any size each user is found once, and no step looks further
// than to the end of one ledger.
func TestWalk(t *testing.T) {
	m := newCluster(t, 1)[0]
	for i := range 20 {
		user := fmt.Sprintf("u%02d", i)
		apply(m, fsm.SignIn{NewID: user})
		m.granted(user, i)
	}
	later := time.Now().Add(time.Hour).UnixNano()
	for _, most := range []int{1, 7, 50, 1000} {
		w, steps := walk{}, 1
		for ; !w.on(m.view(), later, most); steps++ {
			if steps > 20 {
				t.Fatal("it does not end")
			}
		}
		if !slices.Equal(w.found, []string{"u16", "u17", "u18", "u19"}) || w.rows != 16+17+18+19 || (most == 1) != (steps == 20) {
			t.Errorf("by %d rows in %d steps: %+v", most, steps, w)
		}
	}
}

// TestWalk_nearlyFull: where what is left of a segment is too little for anybody, the segment is full, and the next one begins
// behind the last user that was found.
func TestWalk_nearlyFull(t *testing.T) {
	m := newCluster(t, 1)[0]
	for i := range 10 {
		user := fmt.Sprintf("u%02d", i)
		apply(m, fsm.SignIn{NewID: user})
		m.granted(user, 24)
	}
	later := time.Now().Add(time.Hour).UnixNano()
	w, found := walk{room: 100}, 0
	for over := false; !over; {
		if over = w.on(m.view(), later, walkRows); !over && (!w.full() || len(w.found) != 4) {
			t.Fatalf("it stopped with %+v", w)
		}
		found += len(w.found)
		w = walk{after: w.after, room: 100}
	}
	if found != 10 {
		t.Errorf("%d users were found", found)
	}
}
