package config

import (
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"strings"
)

// Secrets is what the configuration points at, decoded. Certificate and key are not among it: they change while a node runs, and
// it reads and writes them itself.
type Secrets struct {
	SealKey     []byte   // 32 bytes, the newest
	OldSealKeys [][]byte // what the file holds below it
	AdminToken  [32]byte
	WorkerToken [32]byte
	SealedCA    []byte // nil where the configuration has none
}

// Secrets reads them. An error says which key names a file that is missing or broken.
func (c Config) Secrets() (s Secrets, err error) {
	text, err := os.ReadFile(c.SealKey)
	if err != nil {
		return Secrets{}, fmt.Errorf("seal_key: %w: copy the node's whole folder that `stoker init` wrote", err)
	}
	keys, err := ParseSealKeys(text)
	if err != nil {
		return Secrets{}, fmt.Errorf("seal_key: %s: %w", c.SealKey, err)
	}
	s.SealKey, s.OldSealKeys = keys[0], keys[1:]
	if c.Joined { // what follows is for a cluster that begins
		return s, nil
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

// ParseSealKeys reads a seal key file: a key a line, newest first; lines that begin with # are comments.
func ParseSealKeys(text []byte) (keys [][]byte, err error) {
	for line := range strings.Lines(string(text)) {
		if line = strings.TrimSpace(line); line == "" || line[0] == '#' {
			continue
		}
		key, err := hex.DecodeString(line)
		if err != nil || len(key) != 32 {
			return nil, errors.New("each line must hold 32 bytes as 64 hex digits")
		}
		keys = append(keys, key)
	}
	if keys == nil {
		return nil, errors.New("it holds no key: 32 bytes as 64 hex digits are needed")
	}
	return keys, nil
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
