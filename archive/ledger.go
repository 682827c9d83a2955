package archive

import (
	"context"
	"iter"

	"stoker/fsm"
)

// Stretch reads bookings that have left the state of the view, oldest first. A
// segment that cannot be read is an *Unreadable.
func (a *Archive) Stretch(v *fsm.View, want fsm.BroughtForward) (list []fsm.LedgerEntry, err error) {
	s, ok := v.Segment(want.Segment)
	if !ok {
		return nil, &Unreadable{fsm.ArchiveSegment{Number: want.Segment}, errMissing}
	}
	err = a.with(v, s, func(f file) error {
		d, err := a.directory(s, f)
		if err != nil {
			return err
		}
		at, ok := d.findStretch(want.User, want.Mark())
		if !ok {
			return errMissing
		}
		block, err := f.unpack(d.Blocks[at.Block])
		if err != nil {
			return err
		}
		list, err = at.parse(block, want)
		return err
	})
	return list, err
}

// Bookings gives all bookings of the archive in the view, segment by segment; with a
// user those of that one, with a number those of one segment. A segment that cannot be
// read is an error in between; the others follow it. ctx ends the walk.
func (a *Archive) Bookings(ctx context.Context, v *fsm.View, user string, segment uint64) iter.Seq2[fsm.ArchivedBooking, error] {
	walk := a.bySegment(ctx, v, segment)
	if user != "" {
		walk = a.byUser(ctx, v, user)
	}
	return func(yield func(fsm.ArchivedBooking, error) bool) {
		for in, list := range walk {
			for _, e := range list.entries {
				if !yield(fsm.ArchivedBooking{LedgerEntry: e, Segment: in}, nil) {
					return
				}
			}
			if list.err != nil && !yield(fsm.ArchivedBooking{Segment: in}, list.err) {
				return
			}
		}
	}
}

// booked is what was read, and why not all of it.
type booked struct {
	entries []fsm.LedgerEntry
	err     error
}

func (a *Archive) byUser(ctx context.Context, v *fsm.View, user string) iter.Seq2[uint64, booked] {
	return func(yield func(uint64, booked) bool) {
		for f := range v.BroughtForward(user) {
			if ctx.Err() != nil {
				yield(f.Segment, booked{err: ctx.Err()})
				return
			}
			list, err := a.Stretch(v, f)
			if !yield(f.Segment, booked{list, err}) {
				return
			}
		}
	}
}

func (a *Archive) bySegment(ctx context.Context, v *fsm.View, segment uint64) iter.Seq2[uint64, booked] {
	return func(yield func(uint64, booked) bool) {
		for s := range v.Segments() {
			if segment != 0 && s.Number != segment || s.Folded == 0 {
				continue
			}
			if ctx.Err() != nil {
				yield(s.Number, booked{err: ctx.Err()})
				return
			}
			list, err := a.bookings(ctx, v, s)
			if !yield(s.Number, booked{list, err}) {
				return
			}
		}
	}
}

// bookings reads those that have moved into a segment.
func (a *Archive) bookings(ctx context.Context, v *fsm.View, s fsm.ArchiveSegment) (list []fsm.LedgerEntry, err error) {
	err = a.with(v, s, func(f file) error {
		list = nil
		return each(ctx, f, func(d directory) []stretch { return d.Stretches }, stretch.where, func(one stretch) bool {
			in, ok := v.Forward(one.User, one.last())
			return ok && in.Segment == s.Number
		}, func(one stretch, block []byte) error {
			want, _ := v.Forward(one.User, one.last())
			entries, err := one.parse(block, want)
			list = append(list, entries...)
			return err
		})
	})
	return list, err
}

// parse reads the bookings and holds them against what the state says of them.
func (s stretch) parse(block []byte, want fsm.BroughtForward) ([]fsm.LedgerEntry, error) {
	raw, err := s.cut(block)
	if err != nil {
		return nil, err
	}
	list, err := fsm.ParseStretch(raw)
	if err != nil {
		return nil, err
	}
	if last := list[len(list)-1]; len(list) != want.Rows || last.User != want.User || last.Mark() != want.Mark() || last.Balance != want.Balance {
		return nil, errDamaged
	}
	return list, nil
}
