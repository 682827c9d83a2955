package user

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"time"

	"stoker/client"
)

// Mover moves a user from one cell to another. It keeps nothing: the two clusters know how far a move is, and whoever runs it again
// goes on from there.
type Mover struct {
	From, To   *client.Operator
	User       string
	CancelOpen bool
	Patience   time.Duration                                // for the user's open jobs
	Objects    func(ctx context.Context, from string) error // copies the user's pictures; nil: they stay
	Out        io.Writer
}

// jobsEvery is how often open jobs are asked for.
const jobsEvery = time.Second

// Move moves the user, or goes on with a move that was broken off.
func (m Mover) Move(ctx context.Context) error {
	from, to, err := m.cells(ctx)
	if err != nil {
		return err
	}
	move, err := m.From.LeaveUser(ctx, m.User, to)
	if err != nil {
		return err
	}
	if move.State == client.MoveLeaving {
		if move, err = m.bring(ctx, from, move); err != nil {
			return err
		}
	}
	if _, err := m.To.SettleUser(ctx, m.User, from, move); err != nil {
		return err
	}
	fmt.Fprintf(m.Out, "%s lives in cell %s now, with %d credits and all %d rows of its ledger.\n", m.User, to, move.Credits, move.Entries)
	return nil
}

// Back takes a move back that is not decided.
func (m Mover) Back(ctx context.Context) error {
	from, to, err := m.cells(ctx)
	if err != nil {
		return err
	}
	move, err := m.stay(ctx, from)
	if err != nil {
		return err
	}
	if move.Cell != to {
		return fmt.Errorf("%s stays in cell %s; it was on its way to cell %s, not to %s: call this once more with --to that cell's operator file, so that it knows", m.User, from, move.Cell, to)
	}
	fmt.Fprintf(m.Out, "%s stays in cell %s; cell %s knows.\n", m.User, from, to)
	return nil
}

func (m Mover) stay(ctx context.Context, from string) (client.CellMove, error) {
	move, err := m.From.StayUser(ctx, m.User)
	if err != nil {
		return move, err
	}
	_, err = m.To.SettleUser(ctx, m.User, from, move)
	if client.Is(err, "NOT_FOUND") || client.Is(err, "MOVE_CONFLICT") { // it had not begun there
		err = nil
	}
	return move, err
}

func (m Mover) cells(ctx context.Context) (from, to string, err error) {
	if from, err = m.From.ClusterID(ctx); err != nil {
		return "", "", err
	}
	if to, err = m.To.ClusterID(ctx); err != nil {
		return "", "", fmt.Errorf("the cell that it moves to: %w", err)
	}
	if from == to {
		return "", "", fmt.Errorf("both are the cluster %s: --to names the operator file of the cell that the user moves to", from)
	}
	return from, to, nil
}

// bring copies all that the user has, and has the cell that it leaves decide.
func (m Mover) bring(ctx context.Context, from string, move client.CellMove) (client.CellMove, error) {
	if err := m.jobsEnd(ctx); err != nil {
		return move, err
	}
	part, cursor, err := m.From.Departure(ctx, m.User, "", 0)
	if err != nil {
		return move, err
	}
	has, err := m.To.ArriveUser(ctx, m.User, part)
	if err != nil {
		return move, m.refused(ctx, from, err)
	}
	for cursor != "" {
		if part, cursor, err = m.From.Departure(ctx, m.User, cursor, has.Entries); err != nil {
			return move, err
		}
		if has, err = m.To.ArriveUser(ctx, m.User, part); err != nil {
			return move, m.refused(ctx, from, err)
		}
	}
	if m.Objects != nil {
		if err := m.Objects(ctx, from); err != nil {
			return move, err
		}
	}
	return m.From.LeftUser(ctx, m.User, move.Move, has)
}

// refusals are the answers of a cell that does not want a part, and never will.
var refusals = []int{http.StatusConflict, http.StatusBadRequest, http.StatusRequestEntityTooLarge}

// refused takes a move back that the other cell does not want: nothing is decided, and nobody shall wait for it.
func (m Mover) refused(ctx context.Context, from string, why error) error {
	var no *client.Error
	if !errors.As(why, &no) || !slices.Contains(refusals, no.Status) {
		return why
	}
	if _, err := m.stay(ctx, from); err != nil {
		return errors.Join(why, err)
	}
	return fmt.Errorf("the cell that it was to move to says no, and it stays where it was: %w", why)
}

// jobsEnd waits for the user's open jobs, or cancels them.
func (m Mover) jobsEnd(ctx context.Context) error {
	if m.CancelOpen {
		if err := m.cancel(ctx); err != nil {
			return err
		}
	}
	late, tick := time.NewTimer(m.Patience), time.NewTicker(jobsEvery)
	defer late.Stop()
	defer tick.Stop()
	for told := 0; ; {
		u, err := m.From.User(ctx, m.User)
		if err != nil || u.ConcurrentJobs == 0 {
			return err
		}
		if u.ConcurrentJobs != told {
			told = u.ConcurrentJobs
			fmt.Fprintf(m.Out, "%s can do nothing new. Waiting for its %d open jobs …\n", m.User, told)
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-late.C:
			return fmt.Errorf("%s still has %d open jobs, and can do nothing new: the same command goes on waiting, --cancel-open cancels them, --back takes the move back", m.User, told)
		case <-tick.C:
		}
	}
}

func (m Mover) cancel(ctx context.Context) error {
	for _, status := range []client.Status{client.Created, client.Uploaded, client.Queued, client.Running} {
		for q := (client.JobQuery{User: m.User, Status: status}); ; {
			page, err := m.From.Jobs(ctx, q)
			if err != nil {
				return err
			}
			for _, j := range page.Jobs {
				if _, err := m.From.CancelJob(ctx, j.JobID); err != nil && !client.Is(err, client.CodeTransition) { // it has just ended
					return err
				}
			}
			if q.Cursor = page.Next; q.Cursor == "" {
				break
			}
		}
	}
	return nil
}
