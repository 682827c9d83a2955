package backup

import (
	"encoding/hex"
	"fmt"
	"time"

	"stoker/fsm"
	"stoker/objects"
)

// Format is the version of the archive that this program writes and reads.
const Format = 1

// The members of an archive, in this order; the blobs come before the end.
const (
	manifestName = "manifest.json"
	stateName    = "state.snapshot"
	listName     = "blobs.sha256" // as sha256sum writes it: `sha256sum -c` checks an unpacked archive
	blobFolder   = "blobs/"
	endName      = "end.json"
)

// Blobs says whether the pictures are in the archive.
type Blobs string

// The two ways.
const (
	Included   Blobs = "include"   // each blob that a record refers to
	Referenced Blobs = "reference" // their names and hashes only: the files must come from elsewhere
)

// ParseBlobs reads what a flag or a configuration says; "" is Included.
func ParseBlobs(text string) (Blobs, error) {
	switch b := Blobs(text); b {
	case "":
		return Included, nil
	case Included, Referenced:
		return b, nil
	}
	return "", fmt.Errorf("blobs %q: write %s or %s", text, Included, Referenced)
}

// Manifest is the first member: what the archive holds, before any of it.
type Manifest struct {
	Format    int       `json:"format"`
	ClusterID string    `json:"cluster_id"`
	Epoch     uint64    `json:"epoch"`
	Index     uint64    `json:"index"` // of the last entry in the state
	Clock     int64     `json:"clock"` // of the machine there, ns
	Wall      time.Time `json:"wall"`  // when that entry was made
	Hash      string    `json:"hash"`  // the machine's running hash there
	Node      string    `json:"node"`  // that wrote the archive
	Version   string    `json:"version"`
	CreatedAt time.Time `json:"created_at"`

	State Part      `json:"state"`
	List  Part      `json:"blob_list"`
	Blobs BlobsPart `json:"blobs"`
}

// Part is a member of the archive.
type Part struct {
	Bytes  int64  `json:"bytes"`
	SHA256 string `json:"sha256"`
}

// BlobsPart is what the records refer to; whether it is there, Mode says.
type BlobsPart struct {
	Mode  Blobs `json:"mode"`
	Count int   `json:"count"`
	Bytes int64 `json:"bytes"`
}

// End is the last member: an archive without it was cut.
type End struct {
	Manifest string   `json:"manifest_sha256"`
	Missing  []string `json:"missing"` // blobs that no node could give; their records are in the state
}

// describe fills in what a view says of itself.
func describe(v *fsm.View) Manifest {
	sum := v.Hash()
	return Manifest{
		Format: Format, ClusterID: v.ClusterID(), Epoch: v.Epoch(), Index: v.Index(), Clock: v.Clock(),
		Wall: time.Unix(0, v.Wall()).UTC(), Hash: hex.EncodeToString(sum[:]),
	}
}

// differs says in which word two descriptions of a state are not the same.
func (m Manifest) differs(v *fsm.View) error {
	is := describe(v)
	for _, d := range []struct{ what, says, is any }{
		{"cluster_id", m.ClusterID, is.ClusterID}, {"epoch", m.Epoch, is.Epoch}, {"index", m.Index, is.Index},
		{"clock", m.Clock, is.Clock}, {"hash", m.Hash, is.Hash},
	} {
		if d.says != d.is {
			return fmt.Errorf("%s says %s %v, the state has %v", manifestName, d.what, d.says, d.is)
		}
	}
	return nil
}

// blob is a file that records refer to.
type blob struct {
	name   objects.Blob
	object fsm.Object // one of its records
}

// line is a blob in the list.
func (b blob) line() string {
	return fmt.Sprintf("%x  %s%s\n", b.object.SHA256, blobFolder, b.name)
}
