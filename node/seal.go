package node

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"sync"

	"stoker/fsm"
)

// Secrets rest in the replicated state sealed with the cluster's seal key:
// AES-256-GCM, a random nonce of 12 bytes in front, bound to what they are for.
//
// A node may hold several seal keys. It opens with any of them and seals with the
// one that the machine names (see Rekey); before the first Rekey that is the
// oldest it holds, which the cluster was founded with. So a new key is first
// given to all nodes, where it does nothing, and then taken into use at once.

// Seal seals plain for a purpose; only Unseal with the same purpose opens it.
func (n *Node) Seal(purpose string, plain []byte) ([]byte, error) {
	sealed, _, err := n.SealFor(purpose, plain)
	return sealed, err
}

// SealFor is Seal that says with which key, for commands that are refused when
// it is in force no more.
func (n *Node) SealFor(purpose string, plain []byte) (sealed []byte, key string, err error) {
	v := n.machine.View()
	key = v.SealKey()
	v.Close()
	with, err := n.sealKey(key)
	if err == nil {
		sealed, err = Seal(with, purpose, plain)
	}
	return sealed, key, err
}

// Unseal opens what Seal sealed on any node with the same key. What it opened it
// remembers: a request's keys are sealed rows. Nobody may change what it gives.
func (n *Node) Unseal(purpose string, sealed []byte) ([]byte, error) {
	return n.opened.get(purpose, sealed, func() ([]byte, error) {
		plain, err := Unseal(n.cfg.SealKey, purpose, sealed)
		for _, older := range n.cfg.OldSealKeys {
			if err == nil {
				break
			}
			plain, err = Unseal(older, purpose, sealed)
		}
		return plain, err
	})
}

// openedLimit is how many secrets a node remembers before it forgets all of them.
const openedLimit = 256

// opened is secrets by purpose and sealed form, which names the key as well.
type opened struct {
	mu    sync.Mutex
	known map[string][]byte
}

func (o *opened) get(purpose string, sealed []byte, open func() ([]byte, error)) ([]byte, error) {
	name := purpose + "\x00" + string(sealed)
	o.mu.Lock()
	defer o.mu.Unlock()
	if plain, ok := o.known[name]; ok {
		return plain, nil
	}
	plain, err := open()
	if err != nil {
		return nil, err
	}
	if o.known == nil || len(o.known) >= openedLimit {
		o.known = map[string][]byte{}
	}
	o.known[name] = plain
	return plain, nil
}

// sealKey finds the key that the machine names; "": the cluster's first.
func (n *Node) sealKey(id string) ([]byte, error) {
	all := n.sealKeys()
	if id == "" {
		return all[len(all)-1], nil
	}
	for _, key := range all {
		if sealKeyID(key) == id {
			return key, nil
		}
	}
	return nil, fmt.Errorf("node: the cluster's secrets are sealed with key %s, which this node's seal_key file does not hold; copy the file of another node", id)
}

// sealKeys are those this node holds, newest first.
func (n *Node) sealKeys() [][]byte { return append([][]byte{n.cfg.SealKey}, n.cfg.OldSealKeys...) }

// sealKeyID names a key without telling it.
func sealKeyID(key []byte) string {
	sum := sha256.Sum256(append([]byte("stoker seal key\n"), key...))
	return hex.EncodeToString(sum[:8])
}

// purposeOf says what a secret of the machine is sealed for. An operator's is
// bound to its name, so that none passes for another.
func purposeOf(use, id string) string {
	switch use {
	case fsm.UseNamed:
		return SecretPurpose(id)
	case fsm.UseKey:
		return KeyPurpose(id)
	}
	return use
}

// KeyPurpose is what the secret of an operator's access key is sealed for.
func KeyPurpose(id string) string { return fsm.UseKey + "/" + id }

// SecretPurpose is what an operator's secret is sealed for.
func SecretPurpose(name string) string { return fsm.UseNamed + "/" + name }

// Seal seals without a running node: Genesis is made of sealed secrets.
func Seal(key []byte, purpose string, plain []byte) ([]byte, error) {
	aead, err := sealer(key)
	if err != nil {
		return nil, err
	}
	nonce := make([]byte, aead.NonceSize(), aead.NonceSize()+len(plain)+aead.Overhead())
	rand.Read(nonce) // never fails: it ends the process instead
	return aead.Seal(nonce, nonce, plain, []byte(purpose)), nil
}

// Unseal opens what Seal sealed.
func Unseal(key []byte, purpose string, sealed []byte) ([]byte, error) {
	aead, err := sealer(key)
	if err != nil {
		return nil, err
	}
	if len(sealed) < aead.NonceSize() {
		return nil, errors.New("node: a sealed secret is too short")
	}
	nonce, box := sealed[:aead.NonceSize()], sealed[aead.NonceSize():]
	plain, err := aead.Open(nil, nonce, box, []byte(purpose))
	if err != nil {
		return nil, fmt.Errorf("node: a secret for %q does not open: this node's seal key is not the one it was sealed with", purpose)
	}
	return plain, nil
}

func sealer(key []byte) (cipher.AEAD, error) {
	if len(key) != 32 {
		return nil, fmt.Errorf("node: the seal key has %d bytes, needs 32", len(key))
	}
	block, err := aes.NewCipher(key)
	if err != nil {
		return nil, err
	}
	return cipher.NewGCM(block)
}
