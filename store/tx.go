package store

// Tx is one batch's writes. It reads what it wrote. It is used by one goroutine
// and only inside the function that Update calls.
type Tx struct {
	layers
	walks int    // open walks that look at layers.live itself
	epoch uint64 // raised each time layers.live moves away from them
	wrote bool

	changed Digest // of the rows written, since TakeDigest
	watch   func(table string, k Key, was, is []byte)
	done    bool
}

func (tx *Tx) read() *layers {
	tx.check()
	return &tx.layers
}

// hold leaves the current overlay to the walk. The next write moves the
// transaction to a copy, which costs nothing until then, so that a loop may
// write into the table that it walks.
func (tx *Tx) hold() (layers, func()) {
	tx.check()
	tx.walks++
	epoch := tx.epoch
	l := tx.layers
	l.recent = nil // it follows what is written during the walk
	return l, func() {
		if tx.epoch == epoch {
			tx.walks--
		}
	}
}

// set writes one row; nil deletes it.
func (tx *Tx) set(key string, val []byte) {
	tx.check()
	if tx.walks > 0 {
		tx.live = tx.live.copy()
		tx.walks = 0
		tx.epoch++
	}
	if val == nil && tx.live.has(key) && !tx.beneath(key) {
		tx.live.remove(key)
	} else {
		tx.live.set(key, val)
	}
	tx.recent.set(key, val)
	tx.wrote = true
}

func (tx *Tx) check() {
	if tx.done {
		panic("store: Tx used after its Update returned")
	}
}
