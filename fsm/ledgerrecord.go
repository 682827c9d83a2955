package fsm

import "stoker/store"

// StretchRecord is the record of a stretch of a ledger, some bookings of one user in
// order: rows as in a job's record. It is what goes into a segment of the archive.
type StretchRecord struct {
	Raw      []byte
	Rows     int
	Last     Mark  // the last booking
	From, To int64 // when the earliest and the latest were made, wall clock, ns
}

// ledgerRecord gives the record of the user's oldest bookings in the state, so many
// of them, or all where there are fewer.
func ledgerRecord(r store.Reader, user string, rows int) (b []byte) {
	for k, raw := range ledger.Raw(r, store.Str(user)) {
		if rows == 0 {
			break
		}
		b = appendRow(b, ledger.Name(), k, raw)
		rows--
	}
	return b
}

// LedgerRecords cuts the user's oldest bookings in the state, so many of them, into
// records of at most so many bookings and bytes each, in order. One booking is a
// record however large it is.
func (v *View) LedgerRecords(user string, rows, most, size int) (out []StretchRecord) {
	for k, raw := range ledger.Raw(v, store.Str(user)) {
		if rows == 0 {
			break
		}
		rows--
		row := appendRow(nil, ledger.Name(), k, raw)
		e, _ := ledger.Get(v, k)
		if n := len(out); n == 0 || out[n-1].Rows == most || len(out[n-1].Raw)+len(row) > size {
			out = append(out, StretchRecord{From: e.At, To: e.At})
		}
		last := &out[len(out)-1]
		last.Raw, last.Rows, last.Last = append(last.Raw, row...), last.Rows+1, e.Mark()
		last.From, last.To = min(last.From, e.At), max(last.To, e.At)
	}
	return out
}

// ParseStretch reads a record. Rows of other tables are passed over.
func ParseStretch(raw []byte) (out []LedgerEntry, err error) {
	err = parseRows(raw, func(table string, raw []byte) error {
		if table != ledger.Name() {
			return nil
		}
		var e LedgerEntry
		err := decoder.Unmarshal(raw, &e)
		out = append(out, e)
		return err
	})
	if err == nil && len(out) == 0 {
		err = errRecord
	}
	return out, err
}
