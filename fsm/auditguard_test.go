package fsm

import "stoker/store"

// guarded: what expires has its deadline, and the audit log has one for its oldest row.
func (a *auditor) guarded(seen map[timerKind]map[store.Key]int) {
	var mortal []store.Key
	for k, t := range tokens.Scan(a.v, "") {
		if (t.Until != 0) != (t.Expires != 0) {
			a.failf("token %q expires at %d and is kept until %d", t.Name, t.Expires, t.Until)
		}
		if t.Until != 0 {
			a.expect(t.Until, tokenOld, k)
			mortal = append(mortal, k)
		}
	}
	one(a, "token", seen[tokenOld], mortal)
	mortal = nil
	for k, s := range secrets.Scan(a.v, "") {
		if s.Until != 0 {
			a.expect(s.Until, secretOld, k)
			mortal = append(mortal, k)
		}
	}
	one(a, "secret", seen[secretOld], mortal)
	mortal = nil
	last := int64(0)
	for k, r := range audits.Scan(a.v, "") {
		if mortal == nil {
			a.expect(r.Until, auditOld, "")
			mortal = []store.Key{""}
		}
		if k != auditKey(r.Index, r.Ordinal) || r.Until < last {
			a.failf("audit row %+v at key %q behind one that goes at %d", r, k, last)
		}
		last = r.Until
	}
	one(a, "audit log", seen[auditOld], mortal)
	if t, ok := a.v.Trust(); ok {
		want := 2 // the old key signs until the new one does, and goes when it is believed no more
		if t.Phase == Settled {
			want = 1
		}
		s, signs := a.v.SigningCA()
		if n := secrets.Len(a.v, store.Str(UseCA)); n != want || !signs || (s.ID == AuthorityID(t.CA)) != (t.Phase != Trusting) {
			a.failf("%s: %d CA keys, want %d; %s signs (%v)", t.Phase, n, want, s.ID, signs)
		}
	}
}
