package disks

import (
	"strings"
	"testing"
	"time"

	"stoker/client"
)

func TestTable(t *testing.T) {
	now := time.Unix(1e9, 0)
	n1 := client.Disk{ID: "n1", Blobs: 3, Bytes: 2048, Missing: 4, Rotten: 1, Lost: 1, LostKeys: []string{"inputs/u/j/0.jpg"}, Room: 1 << 30, Free: 2 << 30, Walked: now.Add(-time.Minute)}
	n1.Scrub.Began, n1.Scrub.Read = now, 1024
	n2 := client.Disk{ID: "n2", Walked: now}
	n2.Scrub.Began, n2.Scrub.Ended = now.Add(-2*time.Hour), now.Add(-time.Hour)
	var out strings.Builder
	Table(&out, client.Disks{Nodes: []client.Disk{n1, n2, {ID: "n3", Error: "timeout"}}}, now)
	for _, want := range []string{
		"2.0 KiB", "now, 1.0 KiB so far", "does not answer: timeout", "every node, three at most",
		"n1 finds no good copy of 1 object on any node: inputs/u/j/0.jpg", "n2 takes no more uploads",
	} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("%q is not in\n%s", want, out.String())
		}
	}
}
