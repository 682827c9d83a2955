package node

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"
)

// quarantineName is the file in the data folder of a node whose state cannot be
// trusted. While it is there the node does not start: a supervisor that starts it
// again must not give it back its vote and its readers.
const quarantineName = "quarantine.json"

// quarantined is what the file says.
type quarantined struct {
	Index     uint64    `json:"index"`      // the first entry known to be touched
	LastEqual uint64    `json:"last_equal"` // the last one known to be right; 0: not known
	Why       string    `json:"why"`
	At        time.Time `json:"at"`
}

func (q quarantined) err(dir string) error {
	return fmt.Errorf("node: this node is in quarantine since %s: %s. Its data cannot be trusted. Remove the node from the cluster, wipe %s and join it again under a new id (docs/upgrades.md). Only if you know that the others are the ones that were wrong, delete %s",
		q.At.UTC().Format(time.RFC3339), q.Why, dir, filepath.Join(dir, quarantineName))
}

// quarantine ends this node, for good. What it holds stays for those who look.
func (n *Node) quarantine(q quarantined) {
	err := q.err(n.cfg.Dir)
	if werr := writeQuarantine(n.cfg.Dir, q); werr != nil {
		err = errors.Join(err, werr)
	}
	n.cfg.Exit(err)
}

func writeQuarantine(dir string, q quarantined) error {
	b, err := json.MarshalIndent(q, "", "  ")
	if err == nil {
		err = os.WriteFile(filepath.Join(dir, quarantineName), b, 0o600)
	}
	if err == nil {
		err = syncDir(dir)
	}
	if err != nil {
		return fmt.Errorf("write the quarantine: %w", err)
	}
	return nil
}

// readQuarantine is the error that keeps a node in quarantine from starting.
func readQuarantine(dir string) error {
	b, err := os.ReadFile(filepath.Join(dir, quarantineName))
	if errors.Is(err, os.ErrNotExist) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("node: read the quarantine: %w", err)
	}
	q := quarantined{Why: "its file does not say why"}
	if err := json.Unmarshal(b, &q); err != nil {
		q.Why = "its file cannot be read: " + err.Error()
	}
	return q.err(dir)
}
