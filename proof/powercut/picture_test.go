package powercut

import (
	"strings"
	"testing"
	"time"

	"stoker/proof/timeline"
)

// The picture has a lane for each file, each cut or several together, and what was wrong with words.
func TestRun_picture(t *testing.T) {
	s := &script{t: t, dir: "/n1"}
	s.do("fdatasync(3‹data/raft/raft.db›)", "0")
	s.do("fsync(4‹data/blobs/tmp/draft-17›)", "0")
	s.do("fsync(4‹data/blobs/a2/bd›)", "0")
	r := &run{Command: &Command{Seed: 7, LogStore: "boltdb"}, config: "/n1", trace: s.out, disk: &replay{Syncs: 3}, cuts: 3,
		trip: &trip{steps: []*step{{told: s.out[1].start}}}}
	for i := range s.out {
		r.looked = append(r.looked, looked{point: point{nth: i, e: effect{at: s.out[i].start, call: &s.out[i]}, fate: fates[0]}, back: 30 * time.Millisecond})
	}
	r.looked[1].wrong, r.looked[1].back = "it does not start", 0
	r.wrong = []string{r.looked[1].wrong}
	picture := r.picture().SVG()
	for _, want := range []string{
		"Power cuts at 3 moments, 1 of them wrong", "seed 7", ">raft/raft.db<", ">drafts of blobs<", ">folders of blobs<", timeline.Red,
		"sync 0 (fdatasync of data/raft/raft.db), everything reached the disk", "sync 1 (fsync of data/blobs/tmp/draft-17), everything reached the disk: it does not start",
	} {
		if !strings.Contains(picture, want) {
			t.Errorf("the picture says nothing of %q:\n%s", want, picture)
		}
	}
	if len(r.backs()) != 2 || middle(r.backs()) != 30*time.Millisecond {
		t.Errorf("back after %v", r.backs())
	}
}

// Many cuts of one file become as many strokes as can be seen, and a wrong one among them stays red.
func TestRun_pictureOfMany(t *testing.T) {
	s := &script{t: t, dir: "/n1"}
	s.do("fdatasync(3‹data/raft/raft.db›)", "0")
	r := &run{Command: &Command{}, config: "/n1", trace: s.out, disk: &replay{}, trip: &trip{}}
	for i := range 10 * mostCuts {
		l := looked{point: point{nth: i, e: effect{at: s.out[0].start + int64(i)*1e6, call: &s.out[0]}}}
		if i == 4711 {
			l.wrong = "a credit is missing"
		}
		r.looked = append(r.looked, l)
	}
	bars := r.picture().Lanes[0].Bars
	red := 0
	for _, b := range bars {
		if b.Colour == timeline.Red && strings.Contains(b.Says, "a credit is missing") {
			red++
		}
	}
	if len(bars) != mostCuts || red != 1 {
		t.Errorf("%d strokes, %d red", len(bars), red)
	}
}
