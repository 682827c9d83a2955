package powercut

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
)

const (
	pageSize = 4096 // what a page cache writes back at a time
	sector   = 512  // what a device writes whole, or not at all
)

// node is a file or a folder, with what of it is durable and what was done to it since. A folder's entries are durable when the
// folder was synced, as POSIX has it, whatever was done to the file.
type node struct {
	folder  bool
	content content          // durable, of a file
	changes []*change        // of a file, not durable yet
	entries map[string]*node // durable, of a folder
	moves   []*move          // of a folder, not durable yet
	now     map[string]*node // of a folder: entries as processes see them
	size    int64            // of a file, as processes see it
	shelved string           // of a file: where what is durable of it stands on the shelf; "": nowhere
}

func newFolder() *node {
	return &node{folder: true, entries: map[string]*node{}, now: map[string]*node{}}
}

// content is the bytes of a file. A page that is missing is zeros; a page's bytes are never changed, only replaced.
type content struct {
	size  int64
	pages map[int64][]byte
}

// change is a write, or a new size.
type change struct {
	end  int64 // when it was done, ns; 0: never
	off  int64
	data []byte // nil: the file has a new size, off
}

// move is a change of entries: of one folder, or of two when something is renamed from one to the other.
type move struct {
	end   int64
	edits []edit
	done  bool // it is durable
}

type edit struct {
	in   *node
	name string
	to   *node // nil: the name is gone
}

func (c content) clone() content {
	return content{size: c.size, pages: maps.Clone(c.pages)}
}

func (c *content) resize(size int64) {
	if size < c.size {
		for n := range c.pages {
			switch {
			case n*pageSize >= size:
				delete(c.pages, n)
			case (n+1)*pageSize > size:
				page := bytes.Clone(c.pages[n])
				clear(page[size-n*pageSize:])
				c.pages[n] = page
			}
		}
	}
	c.size = size
}

func (c *content) write(off int64, data []byte) {
	if c.pages == nil {
		c.pages = map[int64][]byte{}
	}
	c.size = max(c.size, off+int64(len(data)))
	for len(data) > 0 {
		n, at := off/pageSize, off%pageSize
		take := min(int64(len(data)), pageSize-at)
		page := make([]byte, pageSize)
		copy(page, c.pages[n])
		copy(page[at:], data[:take])
		c.pages[n] = page
		off, data = off+take, data[take:]
	}
}

func (c *content) apply(ch *change) {
	if ch.data == nil {
		c.resize(ch.off)
		return
	}
	c.write(ch.off, ch.data)
}

// sync makes durable what was done to a file or folder before start.
func (n *node) sync(start int64) {
	keep := n.changes[:0:0]
	for _, ch := range n.changes {
		if ch.end == 0 || ch.end > start {
			keep = append(keep, ch)
			continue
		}
		n.content.apply(ch)
		n.shelved = ""
	}
	n.changes = keep
	for _, m := range slices.Clone(n.moves) {
		if m.end != 0 && m.end <= start {
			m.settle()
		}
	}
}

// settle makes a move durable, after what came before it in all its folders: a journal keeps the order.
func (m *move) settle() {
	if m.done {
		return
	}
	m.done = true
	for _, e := range m.edits {
		before := e.in.moves[:max(slices.Index(e.in.moves, m), 0)]
		for _, other := range slices.Clone(before) {
			other.settle()
		}
	}
	for _, e := range m.edits {
		put(e.in.entries, e)
		e.in.moves = slices.DeleteFunc(e.in.moves, func(x *move) bool { return x == m })
	}
}

func put(entries map[string]*node, e edit) {
	if e.to == nil {
		delete(entries, e.name)
		return
	}
	entries[e.name] = e.to
}

// fate says what becomes of what was not durable when the power went.
type fate struct {
	name string
	// pages of one write; given how many there are, which of them reached the disk
	pages func(dice *rand.Rand) func(page int64) bool
	torn  bool // the last page that did, did in part
}

// everything is what a process sees.
var everything = fate{name: "everything", pages: func(*rand.Rand) func(int64) bool { return func(int64) bool { return true } }}

var fates = []fate{
	everything,
	{name: "nothing", pages: func(*rand.Rand) func(int64) bool { return func(int64) bool { return false } }},
	{name: "a random half of the pages", pages: func(d *rand.Rand) func(int64) bool { return func(int64) bool { return d.IntN(2) == 0 } }},
	{name: "nearly all pages", pages: func(d *rand.Rand) func(int64) bool { return func(int64) bool { return d.IntN(8) > 0 } }},
	{name: "hardly any page", pages: func(d *rand.Rand) func(int64) bool { return func(int64) bool { return d.IntN(8) == 0 } }},
	{name: "a random half, and torn pages", torn: true, pages: func(d *rand.Rand) func(int64) bool { return func(int64) bool { return d.IntN(2) == 0 } }},
}

// after gives what a file holds after its changes met their fate. Of several writes to one page, the first ones may be there and the
// last ones not.
func (n *node) after(f fate, dice *rand.Rand) content {
	c := n.content.clone()
	arrives := f.pages(dice)
	lost := map[int64]bool{}
	for _, ch := range n.changes {
		if ch.data == nil {
			if arrives(-1) {
				c.resize(ch.off)
			}
			continue
		}
		for off, data := ch.off, ch.data; len(data) > 0; {
			at := off / pageSize
			take := min(int64(len(data)), (at+1)*pageSize-off)
			piece := data[:take]
			off, data = off+take, data[take:]
			if lost[at] || !arrives(at) {
				lost[at] = true
				continue
			}
			if f.torn && dice.IntN(4) == 0 {
				piece = piece[:min(int64(dice.IntN(pageSize/sector))*sector, take)]
				lost[at] = true // nothing later came
			}
			if len(piece) > 0 {
				c.write(off-take, piece)
			}
		}
	}
	return c
}

// image writes a folder as it is after the power went and everything that was not durable met its fate.
// Files that are not written again are taken from the shelf, if there is one.
func (n *node) image(to string, f fate, dice *rand.Rand, from *shelf) error {
	return (&picture{fate: f, dice: dice, arrives: f.pages(dice), shelf: from, stopped: map[*node]bool{}, came: map[*move]bool{}}).folder(n, to)
}

// picture is one image in the making.
type picture struct {
	fate    fate
	dice    *rand.Rand
	arrives func(int64) bool
	shelf   *shelf
	stopped map[*node]bool // folders of which a change was lost: all later ones are
	came    map[*move]bool // decided
}

// arrived decides about a move, after those before it in its folders.
func (p *picture) arrived(m *move) bool {
	if came, decided := p.came[m]; decided {
		return came
	}
	p.came[m] = false // a move is never before itself
	for _, e := range m.edits {
		for _, other := range e.in.moves[:max(slices.Index(e.in.moves, m), 0)] {
			p.arrived(other)
		}
	}
	came := p.arrives(-1)
	for _, e := range m.edits {
		came = came && !p.stopped[e.in]
	}
	for _, e := range m.edits {
		p.stopped[e.in] = p.stopped[e.in] || !came
	}
	p.came[m] = came
	return came
}

func (p *picture) folder(n *node, to string) error {
	if err := os.MkdirAll(to, 0o700); err != nil {
		return err
	}
	entries := maps.Clone(n.entries)
	for _, m := range n.moves {
		if !p.arrived(m) {
			continue
		}
		for _, e := range m.edits {
			if e.in == n {
				put(entries, e)
			}
		}
	}
	for _, name := range slices.Sorted(maps.Keys(entries)) {
		it, path := entries[name], filepath.Join(to, name)
		if it.folder {
			if err := p.folder(it, path); err != nil {
				return err
			}
			continue
		}
		if p.shelf != nil && filepath.Base(filepath.Dir(filepath.Dir(path))) == blobFolder && len(it.changes) == 0 {
			if err := p.shelf.put(it, path); err != nil {
				return err
			}
			continue
		}
		if err := it.after(p.fate, p.dice).save(path); err != nil {
			return err
		}
	}
	return nil
}

func (c content) save(path string) error {
	f, err := os.OpenFile(path, os.O_CREATE|os.O_WRONLY|os.O_TRUNC, 0o600)
	if err != nil {
		return err
	}
	defer f.Close()
	if err := f.Truncate(c.size); err != nil {
		return err
	}
	// A write for each stretch of pages: there are thousands of them, and as many images.
	var run []byte
	numbers := slices.Sorted(maps.Keys(c.pages))
	for i, n := range numbers {
		run = append(run, c.pages[n][:min(pageSize, c.size-n*pageSize)]...)
		if i+1 < len(numbers) && numbers[i+1] == n+1 {
			continue
		}
		if _, err := f.WriteAt(run, min((n+1)*pageSize, c.size)-int64(len(run))); err != nil {
			return err
		}
		run = run[:0]
	}
	return f.Close()
}

// load reads a folder, all of it durable.
func load(dir string) (*node, error) {
	n := newFolder()
	all, err := os.ReadDir(dir)
	if err != nil {
		return nil, err
	}
	for _, e := range all {
		path := filepath.Join(dir, e.Name())
		var it *node
		if e.IsDir() {
			if it, err = load(path); err != nil {
				return nil, err
			}
		} else {
			data, err := os.ReadFile(path)
			if err != nil {
				return nil, err
			}
			it = &node{size: int64(len(data))}
			it.content.write(0, data)
		}
		n.entries[e.Name()], n.now[e.Name()] = it, it
	}
	return n, nil
}

// same compares two folders on the disk, byte by byte.
func same(a, b string) error {
	seen := map[string]bool{}
	for _, root := range []string{a, b} {
		err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
			if err != nil {
				return err
			}
			name, err := filepath.Rel(root, path)
			if err != nil || d.IsDir() || seen[name] {
				return err
			}
			seen[name] = true
			x, errA := os.ReadFile(filepath.Join(a, name))
			y, errB := os.ReadFile(filepath.Join(b, name))
			if err := errors.Join(errA, errB); err != nil {
				return err
			}
			if !bytes.Equal(x, y) {
				return fmt.Errorf("%s differs (%d and %d bytes)", name, len(x), len(y))
			}
			return nil
		})
		if err != nil {
			return err
		}
	}
	return nil
}
