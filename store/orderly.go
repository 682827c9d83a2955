package store

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"
)

// orderlyName is a file that says: the state's file was closed in order, and was of this size and time then. While a store is
// open it is not there. Open need not read a file that it speaks for, which takes a second for 600 MB.
const orderlyName = "state.closed"

// leaveOrderly writes it, once the state's file is closed. The file's time is set back first: clocks of file systems are coarse,
// and whatever is written to the file from now on has to show.
func leaveOrderly(dir string) error {
	path := filepath.Join(dir, stateName)
	past := time.Now().Add(-time.Minute)
	if err := os.Chtimes(path, past, past); err != nil {
		return fmt.Errorf("store: close: %w", err)
	}
	is, err := identity(path)
	if err != nil {
		return fmt.Errorf("store: close: %w", err)
	}
	f, err := os.OpenFile(filepath.Join(dir, orderlyName), os.O_CREATE|os.O_TRUNC|os.O_WRONLY, 0o600)
	if err != nil {
		return fmt.Errorf("store: close: %w", err)
	}
	_, err = f.WriteString(is)
	if err := errors.Join(err, f.Sync(), f.Close()); err != nil {
		return fmt.Errorf("store: close: %w", err)
	}
	return syncDir(dir)
}

// takeOrderly says whether the state's file is as it was left in order, and takes that word away, durably: from here on it may
// not be.
func takeOrderly(dir string) (bool, error) {
	path := filepath.Join(dir, orderlyName)
	was, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	if err != nil {
		return false, fmt.Errorf("store: open: %w", err)
	}
	if err := os.Remove(path); err != nil {
		return false, fmt.Errorf("store: open: %w", err)
	}
	if err := syncDir(dir); err != nil {
		return false, err
	}
	is, err := identity(filepath.Join(dir, stateName))
	return err == nil && is == string(was), nil
}

// identity is what changes when a file does.
func identity(path string) (string, error) {
	info, err := os.Stat(path)
	if err != nil {
		return "", err
	}
	return fmt.Sprintf("%d bytes, changed %d\n", info.Size(), info.ModTime().UnixNano()), nil
}
