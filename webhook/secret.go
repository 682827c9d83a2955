package webhook

import (
	"context"
	"errors"
	"fmt"

	"stoker/node"
)

// badSecret is a secret that is there and cannot sign.
type badSecret struct {
	name string
	why  error
}

func (b *badSecret) Error() string { return fmt.Sprintf("the secret %s: %v", b.name, b.why) }

// isDefinite says whether a secret could not be opened whoever tries. A cluster that
// is without a leader for a moment says nothing about it.
func isDefinite(err error) bool {
	return !errors.Is(err, node.ErrUnavailable) && !errors.Is(err, context.Canceled) && !errors.Is(err, context.DeadlineExceeded)
}
