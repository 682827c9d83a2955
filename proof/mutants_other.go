package main

// otherMutants are mistakes in the rooms above and below.
var otherMutants = []mutant{
	{
		Name: "waiter-lost", Breaks: "a worker that was granted nothing is never thought of again",
		File: "queue/match.go", Old: "			b.line.refused(w, known, news)\n", New: "			_ = known\n			b.line.remove(w)\n",
		By: check{"queue", "^TestAffinity_WarmWorkersFirst$", nil},
	},
	{
		Name: "grant-lost", Breaks: "a grant that is on its way to a poll whose time is over reaches nobody",
		File: "queue/broker.go", Old: "		w.leaving = true\n		return false\n", New: "		w.leaving = true\n		return true\n",
		By: check{"queue", "^TestBroker_", nil},
	},
	{
		Name: "stock-not-taken", Breaks: "a new leader ends the leases of workers that have just been heard of",
		File: "queue/broker.go", Old: "		b.book.add(l, l.TTL)\n", New: "		b.book.add(l, 0)\n",
		By: check{"queue", "^TestLease_ANewLeader", nil},
	},
	{
		Name: "heartbeat-too-late", Breaks: "a heartbeat is answered with a lease that the machine is being told is over",
		File: "queue/book.go", Old: "if r == nil || r.named {", New: "if r == nil {",
		By: check{"queue", "^TestBook_", nil},
	},
	{
		Name: "last-words-forgotten", Breaks: "work is granted to a poll that is read after its worker has left",
		File: "queue/broker.go", Old: "	case b.over.said(p, now):\n", New: "	case b.over.said(p, now) && false:\n",
		By: check{"queue", "^TestBroker_", nil},
	},
	{
		Name: "flush-half", Breaks: "what was deleted comes back with a flush",
		File: "store/flush.go", Old: "				err = b.Delete(k)\n", New: "				err = nil\n",
		By: check{"store", "^TestStore_IsAMap$", []string{"-rapid.shrinktime", "1s"}},
	},
	{
		Name: "index-not-updated", Breaks: "an index keeps the place that a record has left",
		File: "store/index.go", Old: "		if !slices.Contains(to, p) {\n", New: "		if false {\n",
		By: check{"store", "^TestIndex_", nil},
	},
	{
		Name: "snapshot-without-its-tail", Breaks: "a snapshot lacks what was not flushed, and the log below it is cut",
		File: "store/snapshot.go", Old: "	if err := s.Flush(); err != nil {\n", New: "	if err := error(nil); err != nil {\n",
		By: check{"store", "^TestSnapshot_", nil},
	},
	{
		Name: "digest-adds-only", Breaks: "replicas that differ in a row that was overwritten are taken for equal",
		File: "store/table.go", Old: "		tx.changed.put(full, was, raw)\n", New: "		tx.changed.put(full, nil, raw)\n",
		By: check{"store", "^TestDigest", nil},
	},
	{
		Name: "torn-file-opened", Breaks: "a state file that lost unsynced pages is opened as if it were whole",
		File: "store/store.go", Old: "	if err := verify(path); err != nil {\n", New: "	if err := verify(path); err != nil && false {\n",
		By: check{"store", "^TestOpen_", nil},
	},
	{
		Name: "any-file-vouched-for", Breaks: "a state file that is not the one that was found right is opened unread",
		File: "store/vouched.go", Old: "return err == nil && is != \"\" && is == string(was), nil", New: "return err == nil && is != \"\" && len(was) > 0, nil",
		By: check{"store", "^TestVouched", nil},
	},
	{
		Name: "vouched-for-ever", Breaks: "a file that ends each process that opens it is never read",
		File: "store/store.go", Old: "	s.trusted.Store(orderly || !vouched)\n", New: "	s.trusted.Store(true)\n",
		By: check{"store", "^TestVouched", nil},
	},
	{
		Name: "one-copy", Breaks: "an upload is acknowledged that one node holds",
		File: "objects/put.go", Old: `		return fail(ServiceUnavailable, "no other node could take a copy; nothing was stored, try again")
`, New: "		return nil\n", By: check{"objects", "^TestCluster_SecondCopyFails$", nil},
	},
	{
		Name: "url-never-expires", Breaks: "a presigned URL is good for ever",
		File: "objects/attempt.go", Old: "case now.After(a.at.Add(time.Duration(expires) * time.Second)):", New: "case false:",
		By: check{"objects", "^TestRefused$", nil},
	},
	{
		Name: "signature-unchecked", Breaks: "whoever knows an access key's name may do what its secret allows",
		File: "objects/verify.go", Old: "if hmac.Equal([]byte(c.sign(key, a.stamp, a.scope)), a.signature) {", New: "if hmac.Equal([]byte(c.sign(key, a.stamp, a.scope)), []byte(c.sign(key, a.stamp, a.scope))) {",
		By: check{"objects", "^TestVerify_", nil},
	},
	{
		Name: "foreign-job-readable", Breaks: "a user reads another user's job",
		File: "handlers/jobat.go", Old: "return owner == c.user", New: "return owner != \"\"",
		By: check{"handlers", "^TestJob_SomebodyElsesIsNotFound$", nil},
	},
}
