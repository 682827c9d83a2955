package store

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
)

// vouchedName is a file that says: since the machine was started, this very state file was found right, or was made, and this is
// what it was after the last flush. What a process has written stays whole when it is killed, for the kernel has it; only a power
// cut, or the disk, can take it. So while the same kernel runs, Open need not read a file that it speaks for. A file that was put
// in its place, or that was killed in the middle of a flush, is not what the word says, and is read.
//
// Open takes the word away, and who was let in by it gives no other before all rows were read (Vouch): a file that ends the
// process again and again is read at the second start. What bbolt has beside rows, the list of free pages and the keys in branches,
// no walk over the rows looks at: it is from the last flush, or the word does not fit.
const vouchedName = "state.vouched"

// Vouch says that all rows were read and are right, so that the next Open need not read them, should the process be killed.
func (s *Store) Vouch() error {
	s.commit.Lock() // the file keeps its name
	defer s.commit.Unlock()
	if err := s.failed(); err != nil {
		return err
	}
	s.trusted.Store(true)
	return s.speak()
}

// Trusted says whether all rows were read, or made, since the machine was started.
func (s *Store) Trusted() bool { return s.trusted.Load() }

// speak writes the word for the state's file as it is now, if it may. After an error it is silent until the next Vouch, and the
// next start may have to read the file: no harm. s.commit is held.
func (s *Store) speak() error {
	if !s.trusted.Load() {
		return nil
	}
	err := vouch(s.file.path)
	if s.failed() != nil { // it may have been withdrawn before it was written
		err = errors.Join(err, withdraw(s.dir))
	}
	if err != nil {
		s.trusted.Store(false)
		return errors.Join(err, withdraw(s.dir))
	}
	return nil
}

// mustSpeak is speak for those who go on whatever becomes of it.
func (s *Store) mustSpeak() {
	if err := s.speak(); err != nil {
		s.options.Logger.Warn("the state will be read at the next start, should this process be killed", "err", err)
	}
}

// vouch writes the word for the state's file at path. It need not be synced: it is worth nothing after a power cut.
func vouch(path string) error {
	word, err := wordFor(path)
	if err != nil || word == "" {
		return err
	}
	if err := os.WriteFile(filepath.Join(filepath.Dir(path), vouchedName), []byte(word), 0o600); err != nil {
		return fmt.Errorf("store: %w", err)
	}
	return nil
}

// wordFor is the word that speaks for the file at path as it is; empty where no word can.
func wordFor(path string) (string, error) {
	which := incarnation(path)
	if which == "" {
		return "", nil
	}
	is, err := identity(path)
	if err != nil {
		return "", fmt.Errorf("store: %w", err)
	}
	return which + is, nil
}

// takeVouched says whether there is such a word for the file in dir, and takes it away.
func takeVouched(dir string) (bool, error) {
	was, err := os.ReadFile(filepath.Join(dir, vouchedName))
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	if err != nil {
		return false, fmt.Errorf("store: open: %w", err)
	}
	if err := withdraw(dir); err != nil {
		return false, err
	}
	is, err := wordFor(filepath.Join(dir, stateName))
	return err == nil && is != "" && is == string(was), nil
}

// withdraw takes the word away.
func withdraw(dir string) error {
	if err := os.Remove(filepath.Join(dir, vouchedName)); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("store: %w", err)
	}
	return nil
}
