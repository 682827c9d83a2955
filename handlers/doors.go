package handlers

import (
	"context"
	"crypto/sha256"
	"crypto/subtle"
	"maps"
	"net/http"
	"sync"
	"time"

	"stoker/fsm"
	"stoker/node"
)

const (
	// workerTrust is how long after this node was last known to be current a
	// worker's token is looked up in its own state. It bounds how long a revoked
	// one goes on working on a node that is behind.
	workerTrust = time.Second
	// lookPatience is how long a look (a GET of an operator) waits for the leader
	// to say whether its token was revoked. Without a leader it is answered all
	// the same: that is when somebody must see what goes on.
	lookPatience = time.Second
	// callbackSecret is the operator's secret that workers may show instead of a token.
	callbackSecret = "callback"
)

// doors finds out whose a token is. It is looked up by its SHA-256: how long the
// comparison takes tells of the hash at most, and a hash cannot be approached
// byte by byte.
type doors struct {
	node *node.Node

	mu      sync.Mutex
	current time.Time              // this node's state held all that was acknowledged by then
	used    map[[32]byte]time.Time // tokens that opened something here
	sealed  string                 // the callback secret as it was opened last
	opened  [32]byte               // its SHA-256
}

func newDoors(n *node.Node) *doors { return &doors{node: n, used: map[[32]byte]time.Time{}} }

// operator finds an operator's token. What it may do is the caller's to decide.
//
// The state is the cluster's and not this node's own: a node that is behind may
// not have heard yet that the token was revoked.
func (d *doors) operator(c *call, token string) (fsm.Token, bool, error) {
	sum := sha256.Sum256([]byte(token))
	if err := d.guess(c, sum); err != nil {
		return fsm.Token{}, false, err
	}
	ctx, cancel := context.Context(c), context.CancelFunc(func() {})
	looks := c.method() == http.MethodGet
	if looks {
		ctx, cancel = context.WithTimeout(ctx, lookPatience)
	}
	defer cancel()
	v, err := d.fresh(ctx)
	if err != nil && looks {
		v, err = begun(d.node.View())
	}
	if err != nil {
		return fsm.Token{}, false, err
	}
	defer v.Close()
	t, ok := v.Token(sum)
	ok = ok && t.Kind == fsm.AdminToken
	if ok {
		d.use(sum)
	}
	return t, ok, nil
}

// worker finds the holder of a worker token that is good, "" if there is none.
func (d *doors) worker(c *call, token string) (holder string, err error) {
	sum := sha256.Sum256([]byte(token))
	if err := d.guess(c, sum); err != nil {
		return "", err
	}
	d.mu.Lock()
	trusted := time.Since(d.current) < workerTrust
	d.mu.Unlock()
	if trusted {
		v := d.node.View()
		defer v.Close()
		if holder, err = d.workerIn(v, sum); holder != "" || err != nil {
			return holder, err
		}
	} // else, and when it is missing here, it may just not have arrived yet
	v, err := d.fresh(c)
	if err != nil {
		return "", err
	}
	defer v.Close()
	return d.workerIn(v, sum)
}

func (d *doors) workerIn(v *fsm.View, sum [32]byte) (string, error) {
	if t, ok := v.Token(sum); ok && t.Kind == fsm.WorkerToken && !t.Expired(time.Now()) {
		d.use(sum)
		return t.Holder(), nil
	}
	s, ok := v.Secret(callbackSecret)
	if !ok {
		return "", nil
	}
	want, err := d.open(s)
	if err != nil || subtle.ConstantTimeCompare(want[:], sum[:]) == 0 {
		return "", err
	}
	d.use(sum)
	return fsm.SecretHolder(callbackSecret), nil
}

// still says whether a worker's token is good in this node's own state, which is
// what guests hear of.
func (d *doors) still(sum [32]byte) bool {
	v := d.node.View()
	defer v.Close()
	holder, err := d.workerIn(v, sum)
	return err == nil && holder != ""
}

// open gives the hash of the callback secret; the unsealing is remembered.
func (d *doors) open(s fsm.Secret) ([32]byte, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.sealed == string(s.Sealed) {
		return d.opened, nil
	}
	plain, err := d.node.Unseal(node.SecretPurpose(callbackSecret), s.Sealed)
	if err != nil {
		return [32]byte{}, err
	}
	d.sealed, d.opened = string(s.Sealed), sha256.Sum256(plain)
	return d.opened, nil
}

// fresh gives a view of all that was acknowledged.
func (d *doors) fresh(ctx context.Context) (*fsm.View, error) {
	began := time.Now()
	v, err := d.node.Read(ctx, node.Linearizable)
	if err != nil {
		return nil, err
	}
	if v, err = begun(v); err != nil {
		return nil, err
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.current.Before(began) {
		d.current = began
	}
	return v, nil
}

// begun closes a view of a cluster without its first entry, in which every token is a stranger's: who comes in those moments is not
// wrong, but early.
func begun(v *fsm.View) (*fsm.View, error) {
	if v.Epoch() != 0 {
		return v, nil
	}
	v.Close()
	return nil, fsm.Refuse(fsm.Unavailable, "the cluster has not begun yet; try again")
}

// guess refuses a token that was never good here, from an address that has tried
// too many. Those that were go on: a worker with a wrong token must not lock out
// the others behind the same router.
func (d *doors) guess(c *call, sum [32]byte) error {
	d.mu.Lock()
	_, known := d.used[sum]
	d.mu.Unlock()
	if known {
		return nil
	}
	return c.mayGuess()
}

func (d *doors) use(sum [32]byte) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.used[sum] = time.Now()
}

// uses gives when each of the tokens was last used on this node, and forgets
// the others.
func (d *doors) uses(of map[[32]byte]fsm.Token) map[[32]byte]time.Time {
	d.mu.Lock()
	defer d.mu.Unlock()
	maps.DeleteFunc(d.used, func(sum [32]byte, _ time.Time) bool {
		_, is := of[sum]
		return !is && sum != d.opened
	})
	return maps.Clone(d.used)
}
