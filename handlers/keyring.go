package handlers

import (
	"context"
	"fmt"

	"stoker/fsm"
	"stoker/node"
)

// useJWT is the use of the secrets that tokens are signed with, and the purpose
// that they are sealed for.
const useJWT = "jwt"

// legacySecret is the operator's secret that tokens without kid are verified with:
// the key of the stack that was here before. Nothing is signed with it.
const legacySecret = "jwt-legacy"

// keyring opens the replicated token keys. Which there are is read from the
// node's own state each time, so that a key counts from the entry that adds it
// to the one that drops it; only the unsealing is remembered, by the node.
type keyring struct{ node *node.Node }

// legacy gives the key of tokens without kid, errForged when there is none. It is
// read as the cluster has it, so that one that was deleted opens nothing more on any node.
func (k *keyring) legacy(ctx context.Context) ([]byte, error) {
	v, err := k.node.Read(ctx, node.Linearizable)
	if err != nil {
		return nil, err
	}
	defer v.Close()
	s, ok := v.Secret(legacySecret)
	if !ok {
		return nil, errForged
	}
	return k.open(node.SecretPurpose(legacySecret), s)
}

// secret gives the key of an id, errForged when there is none.
func (k *keyring) secret(ctx context.Context, kid string) ([]byte, error) {
	if kid == "" {
		return k.legacy(ctx)
	}
	// The node's own state first: it costs nothing, and a key that is missing
	// there may just not have arrived yet.
	for _, how := range []node.Consistency{node.Stale, node.Linearizable} {
		s, ok, err := k.find(ctx, how, kid)
		if err != nil {
			return nil, err
		}
		if ok {
			return k.open(useJWT, s)
		}
	}
	return nil, errForged
}

// newest gives the key to sign with: the last one added, the same on every node.
func (k *keyring) newest(ctx context.Context) (kid string, secret []byte, err error) {
	var last fsm.Secret
	for _, how := range []node.Consistency{node.Stale, node.Linearizable} {
		secrets, err := k.list(ctx, how)
		if err != nil {
			return "", nil, err
		}
		for _, s := range secrets {
			if s.CreatedAt > last.CreatedAt || s.CreatedAt == last.CreatedAt && s.ID > last.ID {
				last = s
			}
		}
		if last.ID != "" {
			secret, err := k.open(useJWT, last)
			return last.ID, secret, err
		}
	}
	return "", nil, fsm.Refuse(fsm.Unavailable, "the cluster has not begun yet; try again in a moment")
}

func (k *keyring) find(ctx context.Context, how node.Consistency, kid string) (s fsm.Secret, ok bool, err error) {
	v, err := k.node.Read(ctx, how)
	if err != nil {
		return s, false, err
	}
	defer v.Close()
	s, ok = v.SecretOf(useJWT, kid)
	return s, ok, nil
}

func (k *keyring) list(ctx context.Context, how node.Consistency) ([]fsm.Secret, error) {
	v, err := k.node.Read(ctx, how)
	if err != nil {
		return nil, err
	}
	defer v.Close()
	return v.Secrets(useJWT), nil
}

func (k *keyring) open(purpose string, s fsm.Secret) ([]byte, error) {
	secret, err := k.node.Unseal(purpose, s.Sealed)
	if err != nil {
		return nil, fmt.Errorf("token key %s: %w", s.ID, err)
	}
	return secret, nil
}
