package setup

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/rand"
	"time"

	"stoker/pki"
)

// caPurpose is what the sealed CA key is bound to. A running cluster opens it under the same name.
const caPurpose = "ca"

// pair makes a node's certificate and key, PEM.
func pair(ca *pki.Authority, n Node, now time.Time) (cert, key []byte, err error) {
	signed, key, err := ca.Issue(n.ID, []string{n.Host}, now, pki.NodeLife)
	if err != nil {
		return nil, nil, err
	}
	return pki.EncodeCerts(signed), key, nil
}

// seal is the CA's private key (PKCS #8 PEM) under the seal key: nonce, then ciphertext and tag.
func seal(ca *pki.Authority, sealKey []byte) ([]byte, error) {
	plain, err := ca.KeyPEM()
	if err != nil {
		return nil, err
	}
	block, err := aes.NewCipher(sealKey)
	if err != nil {
		return nil, err
	}
	aead, err := cipher.NewGCM(block)
	if err != nil {
		return nil, err
	}
	nonce := make([]byte, aead.NonceSize())
	rand.Read(nonce) // never fails: it ends the process instead
	return aead.Seal(nonce, nonce, plain, []byte(caPurpose)), nil
}
