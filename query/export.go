package query

import (
	"context"

	"stoker/fsm"
)

// Rows gives every row of the table to take, which may end the walk with an
// error. The values are those of Rows.Next, in the order of the columns. take must
// not keep the row.
func (t *Table) Rows(ctx context.Context, v *fsm.View, archive Archive, take func(row []any) error) (err error) {
	s := &session{ctx: ctx, view: v, archive: archive}
	row := make([]any, len(t.Columns))
	var rows source
	if err := s.sound(func() { rows = t.open(s, 0, "") }); err != nil {
		return err
	}
	defer rows.close()
	for {
		more := false
		err := s.sound(func() {
			if more = rows.next(); !more {
				return
			}
			for i := range row {
				row[i] = rows.value(i)
			}
		})
		if err != nil || !more {
			return err
		}
		if s.visited%alive == 0 && ctx.Err() != nil {
			return ctx.Err()
		}
		if err := take(row); err != nil {
			return err
		}
	}
}
