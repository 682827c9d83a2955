package powercut

import (
	"cmp"
	"fmt"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
)

// replay plays a trace on a disk in memory.
type replay struct {
	base string // the folder that is watched
	root *node
	at   map[int]int64 // a descriptor's position; the kernel knows the path of each, but not where in the file it stands

	Calls, Writes, Syncs int
	Bytes                int64
}

// effect is what happens at one moment: a call begins, or a sync has returned.
type effect struct {
	at   int64
	call *call
	sync bool
}

// moments orders what a trace does. A write may reach the disk from the moment it begins; a sync holds from when it has returned.
func moments(calls []call) []effect {
	out := make([]effect, 0, len(calls))
	for i := range calls {
		c := &calls[i]
		switch c.name {
		case "fsync", "fdatasync":
			if c.end != 0 && c.result == 0 {
				out = append(out, effect{c.end, c, true})
			}
		case "openat", "creat": // the descriptor is there when it has returned
			out = append(out, effect{cmp.Or(c.end, c.start), c, false})
		default:
			out = append(out, effect{c.start, c, false})
		}
	}
	slices.SortStableFunc(out, func(a, b effect) int { return cmp.Compare(a.at, b.at) })
	return out
}

// inside gives a path's parts below the folder that is watched.
func (r *replay) inside(path string) ([]string, bool) {
	rel, err := filepath.Rel(r.base, path)
	if err != nil || rel == ".." || strings.HasPrefix(rel, "../") {
		return nil, false
	}
	if rel == "." {
		return nil, true
	}
	return strings.Split(rel, "/"), true
}

// find is what processes see under a path; nil if nothing.
func (r *replay) find(parts []string) *node {
	n := r.root
	for _, p := range parts {
		if n == nil || !n.folder {
			return nil
		}
		n = n.now[p]
	}
	return n
}

// paths resolves a call's texts, each relative to the descriptor before it.
func (c *call) paths() (out []string) {
	dir := ""
	for _, a := range c.args {
		switch a.kind {
		case descriptor:
			dir = a.path
		case text:
			p := string(a.text)
			if !filepath.IsAbs(p) {
				p = filepath.Join(dir, p)
			}
			out = append(out, filepath.Clean(p))
		}
	}
	return out
}

// file is the file of a call's first descriptor, if it is in the folder.
func (r *replay) file(c *call) *node {
	if len(c.args) == 0 || c.args[0].kind != descriptor || c.args[0].path == "" {
		return nil
	}
	parts, ok := r.inside(c.args[0].path)
	if !ok {
		return nil
	}
	return r.find(parts)
}

// number is a call's argument as a number.
func (c *call) number(i int) (int64, error) {
	if i >= len(c.args) {
		return 0, fmt.Errorf("%s: argument %d is missing", c.name, i)
	}
	n, err := strconv.ParseInt(c.args[i].word, 0, 64)
	if err != nil {
		return 0, fmt.Errorf("%s: argument %d: %w", c.name, i, err)
	}
	return n, nil
}

func (c *call) data() (out []byte) {
	for _, a := range c.args {
		if a.kind == text {
			out = append(out, a.text...)
		}
	}
	return out
}

// failed says that a call returned and did nothing. One that never returned may have done something.
func (c *call) failed() bool { return c.end != 0 && c.result < 0 }

// play has one effect happen.
func (r *replay) play(e effect) error {
	c := e.call
	if c.failed() {
		return nil
	}
	switch c.name {
	case "openat", "creat":
		return r.open(c)
	case "close":
		return nil
	case "lseek":
		if n := r.file(c); n != nil {
			r.at[c.args[0].fd] = c.result
		}
		return nil
	case "write", "writev", "pwrite64", "pwritev", "pwritev2":
		return r.write(c)
	case "ftruncate":
		n := r.file(c)
		if n == nil {
			return nil
		}
		size, err := c.number(1)
		n.change(c, &change{off: size})
		n.size = size
		r.Calls++
		return err
	case "fallocate":
		return r.allocate(c)
	case "mkdir", "mkdirat", "rename", "renameat", "renameat2", "unlink", "unlinkat", "rmdir", "link", "linkat":
		return r.move(c)
	case "fsync", "fdatasync":
		if n := r.file(c); n != nil {
			n.sync(c.start)
			r.Calls++
			r.Syncs++
		}
		return nil
	}
	for _, a := range c.args {
		path := a.path
		if a.kind == text {
			path = string(a.text)
		}
		if _, ok := r.inside(path); ok && path != "" {
			return fmt.Errorf("%s of %s: this call is not understood here; teach replay.go", c.name, path)
		}
	}
	return nil
}

func (n *node) change(c *call, ch *change) {
	ch.end = c.end
	n.changes = append(n.changes, ch)
}

// open makes a file that is not there, empties one, and knows where the descriptor stands.
func (r *replay) open(c *call) error {
	paths := c.paths()
	if len(paths) == 0 || c.result < 0 {
		return nil
	}
	parts, ok := r.inside(paths[0])
	if !ok || len(parts) == 0 {
		return nil
	}
	flags := c.name
	for _, a := range c.args {
		if strings.HasPrefix(a.word, "O_") {
			flags = a.word
		}
	}
	n := r.find(parts)
	if n == nil {
		parent := r.find(parts[:len(parts)-1])
		if parent == nil || !parent.folder || !strings.Contains(flags, "O_CREAT") {
			return fmt.Errorf("%s was opened and is not known", paths[0])
		}
		n = &node{}
		r.edit(c, edit{parent, parts[len(parts)-1], n})
	} else if strings.Contains(flags, "O_TRUNC") && n.size > 0 {
		n.change(c, &change{})
		n.size = 0
	}
	r.at[int(c.result)] = 0
	if strings.Contains(flags, "O_APPEND") {
		r.at[int(c.result)] = n.size
	}
	return nil
}

func (r *replay) write(c *call) error {
	n := r.file(c)
	if n == nil || n.folder {
		return nil
	}
	data := c.data()
	if c.end != 0 {
		data = data[:min(int64(len(data)), c.result)]
	}
	fd := c.args[0].fd
	off := r.at[fd]
	if strings.HasPrefix(c.name, "pwrite") {
		at := len(c.args) - 1
		if c.name == "pwritev2" {
			at -= 2
		}
		var err error
		if off, err = c.number(at); err != nil {
			if c.end == 0 {
				return nil // the line ends before it
			}
			return err
		}
	} else {
		r.at[fd] = off + int64(len(data))
	}
	if len(data) == 0 {
		return nil
	}
	n.change(c, &change{off: off, data: data})
	n.size = max(n.size, off+int64(len(data)))
	r.Calls++
	r.Writes++
	r.Bytes += int64(len(data))
	return nil
}

func (r *replay) allocate(c *call) error {
	n := r.file(c)
	if n == nil {
		return nil
	}
	mode, err := c.number(1)
	off, err2 := c.number(2)
	size, err3 := c.number(3)
	if err != nil || err2 != nil || err3 != nil || mode != 0 {
		return fmt.Errorf("fallocate %v: this is not understood here; teach replay.go", c.args)
	}
	if off+size > n.size {
		n.size = off + size
		n.change(c, &change{off: n.size})
	}
	return nil
}

// edit changes entries of folders at once, for processes, and for the disk some time.
func (r *replay) edit(c *call, edits ...edit) {
	m := &move{end: c.end, edits: edits}
	for _, e := range edits {
		put(e.in.now, e)
		if len(e.in.moves) == 0 || e.in.moves[len(e.in.moves)-1] != m {
			e.in.moves = append(e.in.moves, m)
		}
	}
	r.Calls++
}

func (r *replay) move(c *call) error {
	var edits []edit
	var from *node
	for i, path := range c.paths() {
		parts, ok := r.inside(path)
		if !ok || len(parts) == 0 {
			return nil // elsewhere; nothing is moved in or out
		}
		parent, name := r.find(parts[:len(parts)-1]), parts[len(parts)-1]
		if parent == nil || !parent.folder {
			return fmt.Errorf("%s %s: its folder is not known", c.name, path)
		}
		switch {
		case strings.HasPrefix(c.name, "mkdir"):
			edits = append(edits, edit{parent, name, newFolder()})
		case strings.HasPrefix(c.name, "unlink"), c.name == "rmdir":
			edits = append(edits, edit{parent, name, nil})
		case i == 0: // rename and link have two
			from = parent.now[name]
			if strings.HasPrefix(c.name, "rename") {
				edits = append(edits, edit{parent, name, nil})
			}
		default:
			edits = append(edits, edit{parent, name, from})
		}
	}
	if len(edits) > 0 {
		r.edit(c, edits...)
	}
	return nil
}
