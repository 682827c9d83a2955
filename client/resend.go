package client

import (
	"context"
	"errors"
	"fmt"
)

// resend delivers what earlier lives left in the spool, until ctx ends. An error means that the cluster refuses this worker
// altogether.
func (s *shift) resend(ctx context.Context) error {
	all, err := s.spool.left()
	if err != nil {
		s.log.Error("left in the spool", "err", err)
	}
	for _, o := range all {
		receipt, err := s.queue.Results(ctx, o.Lease, o.Results...)
		var refused *Error
		switch {
		case err == nil:
			s.log.Info("spooled results delivered", "lease", o.Lease, "processed", receipt.Processed, "duplicates", receipt.Duplicates)
		case Is(err, CodeLeaseLost):
			s.log.Warn("spooled results came too late", "lease", o.Lease, "items", len(o.Results))
		case ctx.Err() != nil:
			return nil
		case errors.As(err, &refused) && (refused.Status == 401 || refused.Status == 403):
			return fmt.Errorf("worker %s: %w", s.worker.ID, err)
		case errors.As(err, &refused) && refused.Status < 500:
			s.log.Error("spooled results refused", "lease", o.Lease, "err", err)
		default:
			s.log.Error("spooled results not delivered", "lease", o.Lease, "err", err)
			continue // the next life may have more luck
		}
		if err := s.spool.drop(o.Lease); err != nil {
			s.log.Error("the spool does not work", "err", err)
		}
	}
	return nil
}
