package config

import (
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"strings"
)

// Secrets is what the configuration points at: files' contents and decoded hashes.
type Secrets struct {
	CA, Cert, Key []byte // PEM
	SealKey       []byte // 32 bytes
	AdminToken    [32]byte
	WorkerToken   [32]byte
	SealedCA      []byte // nil where the configuration has none
}

// Secrets reads them. An error says which key names a file that is missing or broken.
func (c Config) Secrets() (s Secrets, err error) {
	for _, f := range []struct {
		key, path string
		to        *[]byte
	}{{"ca", c.CA, &s.CA}, {"cert", c.Cert, &s.Cert}, {"key", c.Key, &s.Key}, {"seal_key", c.SealKey, &s.SealKey}} {
		if *f.to, err = os.ReadFile(f.path); err != nil {
			return Secrets{}, fmt.Errorf("%s: %w: copy the node's whole folder that `stoker init` wrote", f.key, err)
		}
	}
	if s.SealKey, err = hex.DecodeString(strings.TrimSpace(string(s.SealKey))); err != nil || len(s.SealKey) != 32 {
		return Secrets{}, fmt.Errorf("seal_key: %s must hold 32 bytes as 64 hex digits", c.SealKey)
	}
	if s.AdminToken, err = parseHash(c.AdminTokenHash); err != nil {
		return Secrets{}, fmt.Errorf("admin_token_hash: %w", err)
	}
	if s.WorkerToken, err = parseHash(c.WorkerTokenHash); err != nil {
		return Secrets{}, fmt.Errorf("worker_token_hash: %w", err)
	}
	if s.SealedCA, err = hex.DecodeString(c.CAKeySealed); err != nil {
		return Secrets{}, fmt.Errorf("ca_key_sealed: %w", err)
	}
	return s, nil
}

// parseHash reads "sha256:" and 64 hex digits.
func parseHash(text string) (sum [32]byte, err error) {
	digits, ok := strings.CutPrefix(text, "sha256:")
	raw, err := hex.DecodeString(digits)
	if !ok || err != nil || len(raw) != len(sum) {
		return sum, errors.New("must be sha256: and 64 hex digits, as `stoker init` wrote it")
	}
	return [32]byte(raw), nil
}
