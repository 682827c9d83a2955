package node

import (
	"errors"
	"os"
	"path/filepath"
	"sync"
	"testing/synctest"
)

// powerCut takes the power from machines, all at the same instant, and gives what
// brings them back. What they had not synced is gone, what was on its way to them
// or from them is lost, and nobody hears what their programs go on to say.
//
// bbolt syncs each commit, and in a bubble a commit takes no time: what the files
// hold while everybody waits is what was synced. So they are copied then, before
// the programs are ended, which write more: the state's last flush, entries that
// waited before a gate. A node comes back with a state that is up to a second
// behind its log, and its log ends with its last append or, where a gate was shut
// before, without it.
//
// What this does not show is a commit in whose middle the power goes, some of its
// pages written and others not. With torn the state is cut off somewhere as well,
// which no disk does that keeps its word; a node has to notice.
func (w *world) powerCut(torn bool, ids ...string) (mend func()) {
	w.hit(ids...)
	synctest.Wait()
	var off []*Node
	for _, id := range ids {
		n := w.take(id)
		if n == nil {
			continue
		}
		off = append(off, n)
		w.state.Lock()
		w.lost[n] = true
		w.state.Unlock()
		if err := os.CopyFS(w.image(n), os.DirFS(n.cfg.Dir)); err != nil {
			w.wrongf("copy the files of %s: %v", id, err)
		}
	}
	var down sync.WaitGroup
	for _, n := range off {
		w.net.unplug(n.cfg.ID)
		w.gates.set(n.cfg.ID, gate{})
		down.Go(func() { n.stop.Do(func() { n.shutdown() }) })
	}
	down.Wait()
	for _, n := range off {
		if err := errors.Join(os.RemoveAll(n.cfg.Dir), os.Rename(w.image(n), n.cfg.Dir)); err != nil {
			w.wrongf("put the files of %s back: %v", n.cfg.ID, err)
		}
		if torn {
			w.tear(n)
		}
		w.net.plug(n.cfg.ID)
	}
	return w.rise
}

func (w *world) image(n *Node) string { return filepath.Join(w.dir, "images", n.cfg.ID) }

// tear cuts a node's state off behind its first page.
func (w *world) tear(n *Node) {
	files, err := filepath.Glob(filepath.Join(n.cfg.Dir, stateDir, "*.bolt"))
	if err != nil || len(files) != 1 {
		w.wrongf("the state of %s: %v, %v", n.cfg.ID, files, err)
		return
	}
	info, err := os.Stat(files[0])
	if err == nil {
		page := int64(os.Getpagesize())
		err = os.Truncate(files[0], page+w.dice.Int64N(info.Size()-page))
	}
	if err != nil {
		w.wrongf("tear the state of %s: %v", n.cfg.ID, err)
	}
}
