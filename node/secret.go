package node

import (
	"context"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"

	"stoker/fsm"
)

// ErrNoSecret: nobody has put a secret of that name.
var ErrNoSecret = errors.New("node: no such secret")

// Secret opens a secret that an operator put (`stoker secret put`), as it is
// now: the read is linearizable, so that a value that was replaced after a leak
// is not used again.
func (n *Node) Secret(ctx context.Context, name string) ([]byte, error) {
	v, err := n.Read(ctx, Linearizable)
	if err != nil {
		return nil, err
	}
	defer v.Close()
	s, ok := v.Secret(name)
	if !ok {
		return nil, fmt.Errorf("%w: `stoker secret put %s` puts it", ErrNoSecret, name)
	}
	return n.Unseal(SecretPurpose(name), s.Sealed)
}

// rekeyTries bounds how often secrets may change under a Rekey.
const rekeyTries = 5

// Rekey puts every secret of the cluster under the newest key that this node
// holds, if it is that of all members. It names the key and counts the secrets that
// were under another one. When it has answered, older keys open nothing any more.
func (n *Node) Rekey(ctx context.Context, opts ...Option) (key string, resealed int, err error) {
	key = sealKeyID(n.cfg.SealKey)
	if err := n.allHold(ctx, key); err != nil {
		return key, 0, err
	}
	for range rekeyTries {
		var all []fsm.Resealed
		var done bool
		if all, done, err = n.reseal(ctx, key); err != nil || done {
			return key, 0, err
		}
		_, err = Apply(ctx, n, fsm.Rekey{SealKey: key, Secrets: all}, opts...)
		if r, ok := asRefusal(err); !ok || r.Code != fsm.Unavailable {
			return key, len(all), err
		}
	}
	return key, 0, err
}

// reseal seals every secret anew with this node's newest key. done: they are
// under it.
func (n *Node) reseal(ctx context.Context, key string) (all []fsm.Resealed, done bool, err error) {
	v, err := n.Read(ctx, Linearizable)
	if err != nil {
		return nil, false, err
	}
	defer v.Close()
	done = v.SealKey() == key
	for use, secrets := range v.AllSecrets() {
		for _, s := range secrets {
			if len(s.Sealed) == 0 {
				continue
			}
			plain, err := Unseal(n.cfg.SealKey, purposeOf(use, s.ID), s.Sealed)
			if err != nil {
				done = false
				plain, err = n.Unseal(purposeOf(use, s.ID), s.Sealed)
			}
			if err != nil {
				return nil, false, fmt.Errorf("secret %s/%s: %w", use, s.ID, err)
			}
			sealed, err := Seal(n.cfg.SealKey, purposeOf(use, s.ID), plain)
			if err != nil {
				return nil, false, err
			}
			all = append(all, fsm.Resealed{Use: use, ID: s.ID, Was: sha256.Sum256(s.Sealed), Sealed: sealed})
		}
	}
	return all, done, nil
}

// allHold refuses a key that is not the newest of every member, also when one is
// down just now: it could not open its secrets when it comes back, or has been
// given a newer key that is meant.
func (n *Node) allHold(ctx context.Context, key string) error {
	var lack []string
	for _, m := range n.Members() {
		if m.ID == n.cfg.ID {
			continue
		}
		var ids []string
		b, err := n.ask(ctx, m.ID, pathSealKeys, nil)
		if err == nil {
			err = json.Unmarshal(b, &ids)
		}
		switch {
		case err != nil:
			lack = append(lack, m.ID+" does not answer")
		case !slices.Contains(ids, key):
			lack = append(lack, m.ID+" lacks it")
		case ids[0] != key:
			lack = append(lack, m.ID+" holds a newer one, "+ids[0])
		}
	}
	if lack == nil {
		return nil
	}
	r := fsm.Refuse(fsm.ValidationFailed, "the newest seal key must be on top of every member's seal_key file before secrets go under it; for %s, which is on top here: %s. Restart each node with it, one after the other",
		key, strings.Join(lack, ", "))
	r.Fields = []fsm.Field{{Field: "seal_key", Reason: strings.Join(lack, ", ")}}
	return r
}

func (n *Node) serveSealKeys(w http.ResponseWriter, _ *http.Request) {
	var ids []string
	for _, key := range n.sealKeys() {
		ids = append(ids, sealKeyID(key))
	}
	json.NewEncoder(w).Encode(ids)
}
