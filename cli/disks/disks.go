// Package disks shows how the objects' files are on the nodes' disks.
//
// # Invariants
//
//   - What cannot be had any more is named first.
//   - A node that does not answer has its line, too.
//
// # Why not …
//
//   - one sum over all nodes? Each holds copies of the same objects; the sum says nothing.
package disks

import (
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/jedib0t/go-pretty/v6/table"

	"stoker/cli/backup"
	"stoker/cli/show"
	"stoker/client"
)

// Table shows every node, and below it what somebody has to look at.
func Table(w io.Writer, d client.Disks, now time.Time) {
	t := show.Table(w, "node", "blobs", "size", "missing", "rotten", "lost", "to remove", "room", "disk free", "compared", "read again")
	for _, n := range d.Nodes {
		if n.Error != "" {
			t.AppendRow(table.Row{show.Plain(n.ID), "does not answer: " + show.Plain(n.Error)})
			continue
		}
		t.AppendRow(table.Row{
			show.Plain(n.ID), n.Blobs, backup.Size(n.Bytes), n.Missing, n.Rotten, n.Lost, n.Unreferenced,
			backup.Size(n.Room), backup.Size(n.Free), ago(n.Walked, now), scrubbed(n, now),
		})
	}
	t.Render()
	copies := "every node, three at most"
	if d.Replicas > 0 {
		copies = show.Count(d.Replicas, "node")
	}
	fmt.Fprintf(w, "Each object comes to be held by %s.\n", copies)
	for _, n := range d.Nodes {
		if n.Lost > 0 {
			fmt.Fprintf(w, "%s finds no good copy of %s on any node: %s. What is left is in blobs/rotten/ of the nodes' data folders, or in a backup.\n",
				show.Plain(n.ID), show.Count(n.Lost, "object"), show.Plain(strings.Join(n.LostKeys, ", ")))
		}
		if n.Error == "" && n.Room == 0 {
			fmt.Fprintf(w, "%s takes no more uploads: its disk is nearly full, or blobs_max_gb is reached.\n", show.Plain(n.ID))
		}
	}
}

func ago(at, now time.Time) string {
	if at.IsZero() {
		return "not yet"
	}
	return show.Age(now.Sub(at)) + " ago"
}

func scrubbed(n client.Disk, now time.Time) string {
	if s := n.Scrub; s.Ended.Before(s.Began) {
		return fmt.Sprintf("now, %s so far", backup.Size(s.Read))
	}
	return ago(n.Scrub.Ended, now)
}
