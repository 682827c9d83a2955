package store

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
)

// MakeDir makes a folder, and those above it that are missing, and has all of their names be durable. What is synced in a folder
// whose own name is not may be gone after a power cut, as POSIX has it; and a node without its folder is a new node.
func MakeDir(dir string) error {
	above := filepath.Dir(dir)
	if above != dir {
		if _, err := os.Stat(above); errors.Is(err, fs.ErrNotExist) {
			if err := MakeDir(above); err != nil {
				return err
			}
		}
	}
	if err := os.Mkdir(dir, 0o700); err != nil && !errors.Is(err, fs.ErrExist) {
		return fmt.Errorf("store: %w", err)
	}
	switch s, err := os.Stat(dir); {
	case err != nil:
		return fmt.Errorf("store: %w", err)
	case !s.IsDir():
		return fmt.Errorf("store: %s is not a folder", dir)
	}
	return syncDir(above)
}
