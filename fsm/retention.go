package fsm

import (
	"fmt"
	"strings"
	"time"

	"stoker/store"
)

// Retention says how long objects are kept, and the records of jobs in the state.
// The zero value keeps everything for ever, which is what clusters have that began
// before there was one.
type Retention struct {
	Inputs   Keep         `cbor:"1,keyasint" json:"inputs"`
	Outputs  Keep         `cbor:"2,keyasint" json:"outputs"`
	Previews Keep         `cbor:"3,keyasint" json:"previews"`
	Prefixes []PrefixKeep `cbor:"4,keyasint,omitempty" json:"prefixes,omitempty"` // of what belongs to no job

	Records Keep `cbor:"5,keyasint,omitzero" json:"records,omitzero"` // of jobs: then they move to the archive, see ArchiveJobs
}

// Keep is how long a job's objects of one kind stay after its end, in ns of
// machine clock, by how it ended; 0 is for ever. A dead item's picture stays in
// any case as long as the item is listed and may be kicked.
type Keep struct {
	Done     int64 `cbor:"1,keyasint,omitempty" json:"done"`
	Failed   int64 `cbor:"2,keyasint,omitempty" json:"failed"`
	Canceled int64 `cbor:"3,keyasint,omitempty" json:"canceled"`
}

// PrefixKeep is how long objects stay whose keys begin with Prefix, after they
// were put; of several that fit the longest prefix counts.
type PrefixKeep struct {
	Prefix string `cbor:"1,keyasint" json:"prefix"`
	For    int64  `cbor:"2,keyasint" json:"for"` // ns
}

// leastKeep is the shortest that anything may be kept: a client that was told of
// the end must have the time to come for the result.
const leastKeep = int64(time.Minute)

// defaultRetention forgets a job's pictures a month after its end, and moves its
// records to the archive two months later.
func defaultRetention() *Retention {
	month := int64(30 * 24 * time.Hour)
	all := Keep{Done: month, Failed: month, Canceled: month}
	return &Retention{Inputs: all, Outputs: all, Previews: all, Records: Keep{Done: 3 * month, Failed: 3 * month, Canceled: 3 * month}}
}

// flaws collects what cannot be meant.
func (r *Retention) flaws(f *flaws) {
	if r == nil {
		return
	}
	for _, kind := range []string{"inputs", "outputs", "previews", "records"} { // in order: a map's is chance
		k, ofObjects := r.kinds()[kind]
		if !ofObjects {
			k = r.Records
		}
		for _, one := range []struct {
			name string
			is   int64
		}{{"done", k.Done}, {"failed", k.Failed}, {"canceled", k.Canceled}} {
			f.unless(one.is == 0 || one.is >= leastKeep && one.is <= century, "retention."+kind+"."+one.name, "must be a minute or more, or 0s for ever")
		}
	}
	seen := map[string]bool{}
	f.unless(len(r.Prefixes) <= maxPrefixes, "retention.prefixes", "at most %d are possible", maxPrefixes)
	for i, p := range r.Prefixes {
		at := fmt.Sprintf("retention.prefixes[%d]", i)
		kind, _, inside := strings.Cut(p.Prefix, "/")
		_, ofJobs := r.kinds()[kind]
		f.text(p.Prefix, 1, 200, at+".prefix")
		f.unless(!inside || !ofJobs, at+".prefix", "%s are kept by their job's end: set retention.%s", kind, kind)
		f.unless(p.For >= leastKeep && p.For <= century, at+".for", "must be a minute or more; leave the prefix out for ever")
		f.unless(!seen[p.Prefix], at+".prefix", "%q is there twice", p.Prefix)
		seen[p.Prefix] = true
	}
}

func (r Retention) kinds() map[string]Keep {
	return map[string]Keep{"inputs": r.Inputs, "outputs": r.Outputs, "previews": r.Previews}
}

func (k Keep) after(s Status) int64 {
	switch s {
	case Done:
		return k.Done
	case Failed:
		return k.Failed
	}
	return k.Canceled
}

// of is how long what belongs to no job is kept.
func (r Retention) of(key string) int64 {
	best := PrefixKeep{}
	for _, p := range r.Prefixes {
		if strings.HasPrefix(key, p.Prefix) && len(p.Prefix) > len(best.Prefix) {
			best = p
		}
	}
	return best.For
}

// retention is what is in force, nil where everything is kept.
func (tx *Tx) retention() *Retention {
	if tx.level() < 3 {
		return nil
	}
	return tx.current().Retention
}

// keepFor sets the deadline of an object that was just recorded and belongs to
// no job. Those of a job get theirs when it ends.
func keepFor(tx *Tx, o Object) {
	r := tx.retention()
	if r == nil || o.Bucket == ArchiveBucket {
		return
	}
	if kind, job, _, ofJob := parseKey(o.Key); ofJob {
		if j, ok := jobs.Get(tx, store.Str(job)); ok && j.brings(o) {
			keepBrought(tx, r, j, kind, o)
		}
		return
	}
	if d := r.of(o.Key); d > 0 {
		setTimer(tx, tx.now()+d, objectOld, objectKey(o.Bucket, o.Key).Str(o.Upload))
	}
}

// keepOf sets the deadlines of a job's objects, at its end.
func keepOf(tx *Tx, j Job) {
	r := tx.retention()
	if r == nil {
		return
	}
	for _, k := range []struct {
		kind timerKind
		keep Keep
	}{{inputsOld, r.Inputs}, {outputsOld, r.Outputs}, {previewsOld, r.Previews}} {
		if d := k.keep.after(j.Status); d > 0 {
			setTimer(tx, tx.now()+d, k.kind, itemKey(j.ID, 0))
		}
	}
}

// forgetStep is how many items' objects one timer forgets.
const forgetStep = 64

// forgetKind makes what a timer does whose ref is an item of a job that has
// ended: it forgets the objects of one kind from that item on, and leaves the
// rest to a timer that is due at once.
func forgetKind(kind timerKind, key func(Job, int) string) func(*Tx, store.Key) {
	return func(tx *Tx, ref store.Key) {
		id, rest := ref.PopStr()
		from, _ := rest.PopUint()
		j, ok := jobs.Get(tx, store.Str(id))
		if !ok {
			return
		}
		bucket := tx.current().Bucket
		to := min(int(from)+forgetStep, j.Total)
		for i := int(from); i < to; i++ {
			if d, listed := dead.Get(tx, itemKey(id, i)); listed && kind == inputsOld {
				// Whoever kicks it needs the picture. The letter's own timer is first.
				setTimer(tx, max(d.Due, tx.now()), pictureOld, itemKey(id, i))
				continue
			}
			objects.Delete(tx.Tx, objectKey(bucket, key(j, i)))
		}
		if to < j.Total {
			setTimer(tx, tx.now(), kind, itemKey(id, to))
		}
	}
}

// forgetPicture forgets the picture of an item that was dead when its job's
// pictures went.
func forgetPicture(tx *Tx, ref store.Key) {
	id, rest := ref.PopStr()
	idx, _ := rest.PopUint()
	if j, ok := jobs.Get(tx, store.Str(id)); ok {
		objects.Delete(tx.Tx, objectKey(tx.current().Bucket, j.InputKey(int(idx))))
	}
}

// forgetObject forgets an upload, unless another one has its key by now.
func forgetObject(tx *Tx, ref store.Key) {
	bucket, rest := ref.PopStr()
	key, rest := rest.PopStr()
	upload, _ := rest.PopStr()
	if o, ok := objects.Get(tx, objectKey(bucket, key)); ok && o.Upload == upload {
		objects.Delete(tx.Tx, objectKey(bucket, key))
	}
}
