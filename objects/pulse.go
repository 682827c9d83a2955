package objects

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"
)

// A store outside is asked for a sign of life when somebody wants to know and
// nobody asked lately.
const (
	pulseLife = 10 * time.Second
	pulseWait = 2 * time.Second
)

// pulse is what was last heard of a store outside.
type pulse struct {
	mu   sync.Mutex
	at   time.Time
	last error
}

func (p *pulse) note(err error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.at, p.last = time.Now(), err
}

// heard is the last word, if it is fresh.
func (p *pulse) heard() (err error, fresh bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.last, !p.at.IsZero() && time.Since(p.at) < pulseLife
}

// Trouble says why the store cannot be used; "" when it can. It takes two
// seconds at most.
func (o *Outside) Trouble(ctx context.Context) string {
	err, fresh := o.pulse.heard()
	if !fresh {
		ctx, cancel := context.WithTimeout(ctx, pulseWait)
		defer cancel()
		there, failed := o.core.BucketExists(ctx, o.bucket)
		err = failed
		if err == nil && !there {
			err = errors.New("there is no such bucket")
		}
		o.pulse.note(err)
	}
	if err == nil {
		return ""
	}
	return fmt.Sprintf("%s cannot be used: %s", o, reason(err))
}
