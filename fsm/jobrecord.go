package fsm

import (
	"encoding/binary"
	"errors"
	"fmt"
	"iter"

	"stoker/store"
)

// A job's record is all rows of a job, as they are in the state: what goes into a
// segment of the archive, and what is hashed to say that nothing has changed.
//
// It is a run of rows, each as table, key and value, each of these behind its
// length (a uvarint): the job's own row first, then its items, then its steps. Two
// nodes have the same bytes, since rows are encoded deterministically.

// JobRecord is a job's record, read.
type JobRecord struct {
	Job   Job
	Items []Item
	Steps []Event // in order
}

// jobTables are those with rows that are one job's, in the order of a record.
// What else names a job goes before it (dead letters, leases), or behind it: the
// ledger, which is its user's ([FoldLedger]), and objects, which retention forgets.
var jobTables = []interface {
	Name() string
	Raw(r store.Reader, prefix store.Key) iter.Seq2[store.Key, []byte]
	Delete(tx *store.Tx, k store.Key)
}{jobs, items, history}

// jobRecord gives a job's record; nil if there is no such job.
func jobRecord(r store.Reader, id string) []byte {
	if !jobs.Has(r, store.Str(id)) {
		return nil
	}
	var b []byte
	for _, t := range jobTables {
		for k, raw := range t.Raw(r, store.Str(id)) {
			b = appendRow(b, t.Name(), k, raw)
		}
	}
	return b
}

// appendRow puts a row behind those of a record.
func appendRow(b []byte, table string, k store.Key, raw []byte) []byte {
	for _, part := range [][]byte{[]byte(table), []byte(k), raw} {
		b = append(binary.AppendUvarint(b, uint64(len(part))), part...)
	}
	return b
}

// JobRecord gives a job's record; nil if the job is not in the state.
func (v *View) JobRecord(id string) []byte { return jobRecord(v, id) }

var errRecord = errors.New("fsm: this is no record of the archive")

// parseRows hands each row of a record to read.
func parseRows(raw []byte, read func(table string, raw []byte) error) error {
	for len(raw) > 0 {
		var row [3][]byte
		for i := range row {
			n, size := binary.Uvarint(raw)
			if size <= 0 || n > uint64(len(raw)-size) {
				return errRecord
			}
			row[i], raw = raw[size:size+int(n)], raw[size+int(n):]
		}
		if err := read(string(row[0]), row[2]); err != nil {
			return fmt.Errorf("%w: a row of %.40q: %w", errRecord, row[0], err)
		}
	}
	return nil
}

// ParseJobRecord reads a record. Rows of tables that it does not know are those of
// a newer version; they are passed over.
func ParseJobRecord(raw []byte) (JobRecord, error) {
	var out JobRecord
	if err := parseRows(raw, out.read); err != nil {
		return out, err
	}
	if out.Job.ID == "" {
		return out, errRecord
	}
	return out, nil
}

func (j *JobRecord) read(table string, raw []byte) error {
	switch table {
	case jobs.Name():
		return decoder.Unmarshal(raw, &j.Job)
	case items.Name():
		var it Item
		err := decoder.Unmarshal(raw, &it)
		j.Items = append(j.Items, it)
		return err
	case history.Name():
		var e Event
		err := decoder.Unmarshal(raw, &e)
		j.Steps = append(j.Steps, e)
		return err
	}
	return nil
}

// dropJob deletes all rows of a job.
func dropJob(tx *Tx, id string) {
	for _, t := range jobTables {
		for k := range t.Raw(tx, store.Str(id)) {
			t.Delete(tx.Tx, k)
		}
	}
}
