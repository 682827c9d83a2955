package fsm

import (
	"strconv"

	"stoker/store"
)

// Backup is one backup that the schedule made, or tried to make.
type Backup struct {
	Index   uint64 `cbor:"1,keyasint"` // of the entry that recorded it; with Ordinal its name
	Ordinal uint32 `cbor:"2,keyasint"`

	At    int64  `cbor:"3,keyasint"`           // wall clock when it began, ns
	Took  int64  `cbor:"4,keyasint"`           // ns
	Node  string `cbor:"5,keyasint"`           // that made it
	Place string `cbor:"6,keyasint"`           // folder or s3://bucket/prefix
	File  string `cbor:"7,keyasint,omitempty"` // its name there

	State  uint64 `cbor:"8,keyasint,omitempty"`  // the entry that its state is of
	Epoch  uint64 `cbor:"9,keyasint,omitempty"`  // of that state
	Bytes  int64  `cbor:"10,keyasint,omitempty"` // of the file
	SHA256 []byte `cbor:"11,keyasint,omitempty"` // of the file
	Blobs  int    `cbor:"12,keyasint,omitempty"` // in the file

	Missing int    `cbor:"13,keyasint,omitempty"` // blobs that no node had
	Error   string `cbor:"14,keyasint,omitempty"` // why there is no file
}

// ID is the backup's name on the wire.
func (b Backup) ID() string {
	return "bk_" + strconv.FormatUint(b.Index, 10) + "_" + strconv.FormatUint(uint64(b.Ordinal), 10)
}

var backups = store.NewTable[Backup]("backups") // (index, ordinal)

func backupKey(b Backup) store.Key { return store.Uint(b.Index).Uint(uint64(b.Ordinal)) }

// failuresKept is how many failed attempts stay listed.
const failuresKept = 16

// RecordBackup notes what came of an attempt, so that whoever leads next neither
// repeats nor skips it.
type RecordBackup struct {
	Backup Backup `cbor:"1,keyasint"`
}

func (c RecordBackup) apply(tx *Tx) (Backup, error) {
	b := c.Backup
	if (b.File == "") == (b.Error == "") {
		return b, invalid("backup", "has a file or an error")
	}
	if r := tooLong("backup", b.Node, b.Place, b.File, b.Error); r != nil {
		return b, r
	}
	b.Index, b.Ordinal = tx.position()
	backups.Put(tx.Tx, backupKey(b), b)
	kept := 0
	for k, old := range backups.Backward(tx, "", "") {
		if old.Error == "" {
			continue
		}
		if kept++; kept > failuresKept {
			backups.Delete(tx.Tx, k)
		}
	}
	return b, nil
}

// ForgetBackup takes a backup off the list once its file is deleted.
type ForgetBackup struct {
	Index   uint64 `cbor:"1,keyasint"`
	Ordinal uint32 `cbor:"2,keyasint"`
}

// BackupForgotten answers ForgetBackup.
type BackupForgotten struct{}

func (c ForgetBackup) apply(tx *Tx) (BackupForgotten, error) {
	backups.Delete(tx.Tx, backupKey(Backup{Index: c.Index, Ordinal: c.Ordinal}))
	return BackupForgotten{}, nil
}

// Backups lists what the schedule made and tried, newest first.
func (v *View) Backups() []Backup { return values(backups.Backward(v, "", "")) }

// LastBackup is the newest one that came to a file.
func (v *View) LastBackup() (Backup, bool) {
	for _, b := range backups.Backward(v, "", "") {
		if b.Error == "" {
			return b, true
		}
	}
	return Backup{}, false
}
