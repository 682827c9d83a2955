package archive

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"net"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"stoker/backup"
	"stoker/fsm"
	"stoker/node"
	"stoker/objects"
	"stoker/pki"
)

// TestBackup: a backup with blobs has the segments, and the jobs and bookings are found
// in a restored cluster. One without names them among what is missing, and the restored
// cluster says so when it is asked for such a job or booking, and goes on.
func TestBackup(t *testing.T) {
	m := newCluster(t, 1)[0]
	apply(m, fsm.SignIn{NewID: "u1"})
	m.canceled("u1", 0, 5)
	m.granted("u1", 20)
	m.keeper(10 * time.Hour).mustRound(t)
	m.canceled("u1", 5, 6)
	s, _ := m.view().Segment(1)
	o, _ := m.view().Object(fsm.ArchiveBucket, s.Key)
	for mode, missing := range map[backup.Blobs]bool{backup.Included: false, backup.Referenced: true} {
		pinned, err := backup.Pin(t.Context(), m.node, m.store, mode)
		if err != nil {
			t.Fatal(err)
		}
		var file bytes.Buffer
		if err := pinned.Write(t.Context(), &file); err != nil {
			t.Fatal(err)
		}
		pinned.Close()
		if r, err := backup.Verify(bytes.NewReader(file.Bytes()), t.TempDir()); err != nil || r.Check.Archived != 5 || r.Check.Folded != 30 || r.Check.Segments != 2 {
			t.Errorf("%s: %+v %v", mode, r.Check, err)
		}
		p := backup.Plan{Nodes: []backup.Target{{ID: "m7", Data: filepath.Join(t.TempDir(), "data")}}, SealKeys: [][]byte{sealKey}, Now: time.Now()}
		p.Begin.AdminTokens = [][32]byte{sha256.Sum256([]byte("another"))}
		r, err := backup.Restore(bytes.NewReader(file.Bytes()), p)
		if err != nil || slices.Contains(r.Missing, objects.BlobOf(o)) != missing {
			t.Fatalf("%s: %+v %v", mode, r.Missing, err)
		}
		anew := restarted(t, "m7", p.Nodes[0].Data)
		j, ok, err := anew.archive.Job(anew.view(), jobName(2))
		var unreadable *Unreadable
		if !ok || missing != errors.As(err, &unreadable) || !missing && j.Job.ID != jobName(2) {
			t.Errorf("%s: %+v %v %v", mode, j, ok, err)
		}
		read := 0
		for _, err = range anew.view().WholeLedger("u1", fsm.Mark{}, anew.archive.Stretch) {
			read++
		}
		if missing != errors.As(err, &unreadable) || !missing && (err != nil || read != 33) {
			t.Errorf("%s: %d bookings, %v", mode, read, err)
		}
		if _, ok := anew.view().Job(jobName(5)); !ok {
			t.Errorf("%s: a job of the state is gone", mode)
		}
	}
}

// restarted is a node on a data folder that is there already.
func restarted(t *testing.T, id, dir string) *member {
	t.Helper()
	ca, err := pki.NewAuthority(time.Now())
	if err != nil {
		t.Fatal(err)
	}
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	m := &member{t: t, id: id, dir: dir}
	if err := m.start([]node.Member{{ID: id, Addr: ln.Addr().String(), HTTP: "127.0.0.1:1"}}, certify(t, ca, id), ln, 1); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(m.stop)
	if err := m.node.Ready(t.Context()); err != nil {
		t.Fatal(err)
	}
	return m
}
