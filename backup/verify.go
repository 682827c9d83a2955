package backup

import (
	"fmt"
	"io"
	"os"

	"stoker/fsm"
	"stoker/node"
	"stoker/objects"
)

// Report is what Verify found.
type Report struct {
	Contents
	Check fsm.Check
	Index uint64 // of the state that was restored
	Hash  string
}

// Verify reads a whole archive, restores its state into a folder of its own
// below tmp ("": the system's), and looks at every row of it. The error says what
// is wrong; without one the archive can be restored.
func Verify(r io.Reader, tmp string) (Report, error) {
	s, err := stage(tmp)
	if err != nil {
		return Report{}, err
	}
	defer s.Close()
	var report Report
	report.Contents, err = Read(r, Visitor{State: s.load})
	if err != nil {
		return report, err
	}
	report.Check = s.found
	report.Index, report.Hash = s.rest.Identity()
	return report, s.listed(report.Contents)
}

// staged is the state of an archive, restored beside everything else.
type staged struct {
	dir   string
	rest  *node.AtRest
	found fsm.Check
}

func stage(tmp string) (*staged, error) {
	dir, err := os.MkdirTemp(tmp, "stoker-state-")
	if err != nil {
		return nil, fmt.Errorf("backup: %w", err)
	}
	s := &staged{dir: dir}
	if s.rest, err = node.OpenAtRest(dir); err != nil {
		os.RemoveAll(dir)
		return nil, err
	}
	return s, nil
}

// Close removes it. What cannot be removed lies in a folder for such things.
func (s *staged) Close() {
	_ = s.rest.Close()
	_ = os.RemoveAll(s.dir)
}

// load restores the state and holds it against the manifest and the rules.
func (s *staged) load(m Manifest, r io.Reader) error {
	if err := s.rest.Load(r); err != nil {
		return err
	}
	v := s.rest.View()
	defer v.Close()
	if err := m.differs(v); err != nil {
		return err
	}
	var err error
	if s.found, err = v.Check(); err != nil {
		return err
	}
	if n := len(s.found.Wrong) + s.found.More; n > 0 {
		return fmt.Errorf("%d things in the state do not add up; the first: %s", n, s.found.Wrong[0])
	}
	return nil
}

// listed: each blob that the state refers to is in the list.
func (s *staged) listed(c Contents) error {
	v := s.rest.View()
	defer v.Close()
	for o := range v.Objects() {
		if sum, ok := c.list[objects.BlobOf(o)]; !ok || sum != fmt.Sprintf("%x", o.SHA256) {
			return fmt.Errorf("backup: the record of %s refers to blob %s, which is not in %s with that hash", o.Key, objects.BlobOf(o), listName)
		}
	}
	return nil
}
