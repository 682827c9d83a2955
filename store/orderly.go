package store

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"time"
)

// orderlyName is a file that says: the state's file was closed in order, and was of this identity then. While a store is
// open it is not there. Open need not read a file that it speaks for, which takes a second for 600 MB.
const orderlyName = "state.closed"

// leaveOrderly writes it beside the state's file at path, to which nobody writes any more and which is still locked. The file's
// time is set back first: clocks of file systems are coarse, and whatever is written to the file from now on has to show.
func leaveOrderly(path string) error {
	if err := withdraw(filepath.Dir(path)); err != nil { // who changes the file now is no process of ours
		return err
	}
	past := time.Now().Add(-time.Minute)
	if err := os.Chtimes(path, past, past); err != nil {
		return err
	}
	is, err := identity(path)
	if err != nil {
		return err
	}
	dir := filepath.Dir(path)
	f, err := os.OpenFile(filepath.Join(dir, orderlyName), os.O_CREATE|os.O_TRUNC|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	_, err = f.WriteString(is)
	if err := errors.Join(err, f.Sync(), f.Close()); err != nil {
		return err
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

// identity is what changes when a file does: its size, its time, and bbolt's two meta pages, one of which each commit writes.
// fdatasync need not bring a file's time to the disk.
func identity(path string) (string, error) {
	f, err := os.Open(path)
	if err != nil {
		return "", err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return "", err
	}
	metas := sha256.New()
	if _, err := io.CopyN(metas, f, int64(2*os.Getpagesize())); err != nil {
		return "", err
	}
	return fmt.Sprintf("%d bytes, changed %d, meta pages %x\n", info.Size(), info.ModTime().UnixNano(), metas.Sum(nil)), nil
}
