package node

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/rand"
	"errors"
	"fmt"
)

// Secrets rest in the replicated state sealed with the cluster's seal key:
// AES-256-GCM, a random nonce of 12 bytes in front, bound to what they are for.

// Seal seals plain for a purpose; only Unseal with the same purpose opens it.
func (n *Node) Seal(purpose string, plain []byte) ([]byte, error) {
	return Seal(n.cfg.SealKey, purpose, plain)
}

// Unseal opens what Seal sealed on any node with the same key.
func (n *Node) Unseal(purpose string, sealed []byte) ([]byte, error) {
	return Unseal(n.cfg.SealKey, purpose, sealed)
}

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
