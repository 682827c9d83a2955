package backup

import (
	"fmt"
	"io"
	"time"

	"github.com/jedib0t/go-pretty/v6/table"
	"github.com/jedib0t/go-pretty/v6/text"

	"stoker/cli/show"
	"stoker/client"
)

// Archive is a backup that was read to its end.
type Archive struct {
	File      string    `json:"file"`
	Bytes     int64     `json:"bytes"`
	SHA256    string    `json:"sha256"`
	ClusterID string    `json:"cluster_id"`
	Epoch     uint64    `json:"epoch"`
	Index     uint64    `json:"index"`
	Hash      string    `json:"hash"` // the machine's running hash at Index
	Node      string    `json:"node"`
	Version   string    `json:"version"`
	CreatedAt time.Time `json:"created_at"`

	Blobs     string   `json:"blobs"` // include or reference
	BlobCount int      `json:"blob_count"`
	BlobBytes int64    `json:"blob_bytes"`
	Missing   []string `json:"missing"` // blobs that no node had

	State *State `json:"state,omitempty"` // of one whose state was restored and looked at
}

// State counts what a backup's state holds.
type State struct {
	Users, Jobs, Items, Ledger, Objects int
	Archived                            int `json:",omitempty"` // jobs that have left the state for its archive
	Folded                              int `json:",omitempty"` // ledger entries, likewise
	Credits                             int64
}

// Describe says what an archive holds.
func Describe(w io.Writer, a Archive) {
	fmt.Fprintf(w, "cluster %s, epoch %d, entry %d, hash %.16s…\nwritten by %s (%s) on %s\n",
		a.ClusterID, a.Epoch, a.Index, a.Hash, a.Node, a.Version, a.CreatedAt.UTC().Format(time.RFC3339))
	switch {
	case a.BlobCount == 0:
		fmt.Fprintln(w, "no pictures: no record refers to any")
	case a.Blobs == "reference":
		fmt.Fprintf(w, "%d pictures of %s are referenced, not included: keep the nodes' blob folders\n", a.BlobCount, Size(a.BlobBytes))
	default:
		fmt.Fprintf(w, "%d pictures of %s are included\n", a.BlobCount-len(a.Missing), Size(a.BlobBytes))
	}
	if n := len(a.Missing); n > 0 {
		fmt.Fprintf(w, "%d pictures could not be had from any node; the first: %s\n", n, a.Missing[0])
	}
	if s := a.State; s != nil {
		fmt.Fprintf(w, "%d users with %d credits, as %d ledger entries say; %d jobs of %d pictures; %d objects\n",
			s.Users, s.Credits, s.Ledger, s.Jobs, s.Items, s.Objects)
		if s.Archived > 0 || s.Folded > 0 {
			fmt.Fprintf(w, "%d more jobs and %d more ledger entries in the archive of finished jobs\n", s.Archived, s.Folded)
		}
	}
}

// Size is a number of bytes for people.
func Size(n int64) string {
	const step = 1024
	f, unit := float64(n), 0
	for f >= step && unit < 4 {
		f, unit = f/step, unit+1
	}
	if unit == 0 {
		return fmt.Sprintf("%d B", n)
	}
	return fmt.Sprintf("%.1f %ciB", f, "KMGT"[unit-1])
}

// Table lists what the schedule made.
func Table(w io.Writer, b client.Backups, now time.Time) {
	switch {
	case b.Schedule == "" && len(b.Backups) == 0:
		fmt.Fprintln(w, "No schedule: set backup_schedule and backup_to in every node's stoker.toml. `stoker backup --out FILE` makes one now.")
		return
	case b.Schedule == "":
		fmt.Fprintln(w, "No schedule on the node that answered.")
	default:
		fmt.Fprintf(w, "Schedule: %s.\n", b.Schedule)
	}
	if b.AgeS == nil {
		fmt.Fprintln(w, "There is no backup yet.")
	} else {
		fmt.Fprintf(w, "The last one began %s ago.\n", show.Age(show.Seconds(*b.AgeS)))
	}
	if len(b.Backups) == 0 {
		return
	}
	t := show.Table(w, "id", "age", "entry", "size", "pictures", "node", "where")
	t.SetColumnConfigs([]table.ColumnConfig{{Number: 7, WidthMax: 70, WidthMaxEnforcer: text.WrapSoft}})
	for _, e := range b.Backups {
		where := e.Place + "/" + e.File
		if e.Error != "" {
			where = "failed: " + e.Error
		}
		pictures := fmt.Sprint(e.Blobs)
		if e.Missing > 0 {
			pictures += fmt.Sprintf(" (%d missing)", e.Missing)
		}
		t.AppendRow(table.Row{e.ID, show.Age(now.Sub(e.At)), e.Index, Size(e.Bytes), pictures, show.Plain(e.Node), show.Plain(where)})
	}
	t.Render()
}
