package store

// recent is what a transaction looked up last, found or not. Most rows are read, judged and then written, and the write looks for
// the old row again; what is not there is looked for in every layer and down to a leaf of the file.
type recent struct {
	rows [8]struct {
		key string
		val []byte
		had bool
	}
	next int // the oldest
}

func (r *recent) get(key string) (val []byte, had, known bool) {
	for i := range r.rows {
		if e := &r.rows[i]; e.key == key {
			return e.val, e.had, true
		}
	}
	return nil, false, false
}

func (r *recent) add(key string, val []byte, had bool) {
	e := &r.rows[r.next]
	e.key, e.val, e.had = key, val, had
	r.next = (r.next + 1) % len(r.rows)
}

// set is told of each write; nil deletes.
func (r *recent) set(key string, val []byte) {
	for i := range r.rows {
		if e := &r.rows[i]; e.key == key {
			e.val, e.had = val, val != nil
			return
		}
	}
}
