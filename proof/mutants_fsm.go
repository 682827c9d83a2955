package main

// fsmMutants are mistakes in the rules.
var fsmMutants = []mutant{
	{
		Name: "fence-unchecked", Breaks: "a worker that has lost its lease reports an item that is another one's by now",
		File: "fsm/report.go", Old: "if it.final() || it.Fence != c.Fence {", New: "if it.final() {", By: worlds,
	},
	{
		Name: "callback-fence-unchecked", Breaks: "so does a callback",
		File: "fsm/report.go", Old: "case c.Fence != 0 && it.Fence != c.Fence:", New: "case false:", By: worlds,
	},
	{
		Name: "refund-twice", Breaks: "a job's end is refunded twice",
		File: "fsm/job.go", Old: `		book(tx, &u, "refund", refund, j.ID)
`, New: `		book(tx, &u, "refund", refund, j.ID)
		book(tx, &u, "refund", refund, j.ID)
`, By: worlds,
	},
	{
		Name: "refund-of-what-was-done", Breaks: "a job's end gives back what its finished pictures cost",
		File: "fsm/job.go", Old: "refund := int64(j.Total-j.Done) * j.Price", New: "refund := int64(j.Total) * j.Price", By: worlds,
	},
	{
		Name: "debit-without-ledger", Breaks: "credits are taken and no ledger says so",
		File: "fsm/jobsteps.go", Old: `		book(tx, &u, "debit", -cost, c.ID)
`, New: `		u.Credits -= cost
`, By: worlds,
	},
	{
		Name: "idempotency-forgotten", Breaks: "a request that is repeated under its Idempotency-Key is done again",
		File: "fsm/idem.go", Old: "if o.Refusal != nil && o.Refusal.passing() {", New: "if true {", By: worlds,
	},
	{
		Name: "applied-twice", Breaks: "a proposal that is sent again is applied again",
		File: "fsm/origin.go", Old: "	return answers.Get(tx, key.Uint(p.Seq))\n", New: "	return Outcome{}, false\n", By: worlds,
	},
	{
		Name: "floor-forgotten", Breaks: "a late copy of a proposal that was given up is applied",
		File: "fsm/origin.go", Old: "	if p.Seq < o.Floor {\n", New: "	if false {\n", By: worlds,
	},
	{
		Name: "fence-reused", Breaks: "a restored cluster hands out fences that workers of the old one hold",
		File: "fsm/epoch.go", Old: "	tx.m.Fence += fenceJump\n", New: "	tx.m.Fence = 0\n", By: worlds,
	},
	{
		Name: "final-twice", Breaks: "a callback changes an item that is final",
		File: "fsm/report.go", Old: "	case it.final():\n		return CalledBack{}, nil\n", New: "", By: worlds,
	},
	{
		Name: "slot-not-freed", Breaks: "an ended job goes on counting against its user",
		File: "fsm/job.go", Old: "	u.ActiveJobs--\n", New: "", By: worlds,
	},
	{
		Name: "deadline-missing", Breaks: "a job that goes on has no timer that would end it",
		File: "fsm/job.go", Old: "		setTimer(tx, j.Deadline, jobDeadline, store.Str(j.ID))\n", New: "", By: worlds,
	},
	{
		Name: "time-runs-back", Breaks: "a new leader with a slow clock turns the machine's time back",
		File: "fsm/machine.go", Old: "tx.m.Clock = max(tx.m.Clock, b.Stamp)", New: "tx.m.Clock = b.Stamp", By: worlds,
	},
	{
		Name: "deposed-leader-believed", Breaks: "a leader that is none any more ends leases",
		File: "fsm/giveback.go", Old: "	if c.Term != tx.term {\n", New: "	if false {\n", By: worlds,
	},
	{
		Name: "output-without-its-fence", Breaks: "a stale worker's upload is staged for another one's result",
		File: "fsm/object.go", Old: "case o.Fence == 0 || it.Fence != o.Fence:", New: "case o.Fence == 0 || it.Idx < 0:", By: worlds,
	},
	{
		Name: "ready-twice", Breaks: "an item that was granted stays in the queue, and is granted again",
		File: "fsm/lane.go", Old: "		ready.Delete(tx.Tx, readyKey(j, it.Idx))\n", New: "", By: worlds,
	},
	{
		Name: "archived-unread", Breaks: "a job leaves the state although the segment has another record of it",
		File: "fsm/archive.go", Old: "if sha256.Sum256(jobRecord(tx, j.ID)) != one.SHA256 {", New: "if len(jobRecord(tx, j.ID)) == 0 {",
		By: check{"fsm", "^TestTranscripts$", nil},
	},
	{
		Name: "folded-unread", Breaks: "bookings leave the state although the segment has another record of them",
		File: "fsm/fold.go", Old: "if f.Rows < c.Rows || sha256.Sum256(ledgerRecord(tx, u.ID, c.Rows)) != c.SHA256 {", New: "if f.Rows < c.Rows || sha256.Sum256(nil) == c.SHA256 {",
		By: check{"fsm", "^TestTranscripts$", nil},
	},
	{
		Name: "folded-unbalanced", Breaks: "bookings that do not add up leave the state, and what is wrong is out of sight",
		File: "fsm/fold.go", Old: "if balance += e.Amount; e.Balance != balance {", New: "if balance += e.Amount; false {", By: check{"fsm", "^TestFoldLedger_wrong$", nil},
	},
	{
		Name: "folded-on-the-move", Breaks: "bookings leave the state while two cells count them",
		File: "fsm/fold.go", Old: "	if u.moves() {\n		return f, BondMove\n	}\n", New: "", By: check{"fsm", "^TestCells_|^TestTranscripts$", nil},
	},
	{
		Name: "answers-out-of-the-hash", Breaks: "two nodes that answer differently have one running hash",
		File: "fsm/machine.go", Old: "		sum.Write(outcomes[i].Encode())\n", New: "		_ = outcomes[i].Encode()\n",
		By: check{"fsm", "^TestGolden$|^TestHash_", nil},
	},
	{
		Name: "moved-and-kept", Breaks: "a user that is moved to another cell keeps its credits in the one that it has left",
		File: "fsm/leave.go", Old: "	u.Away = Left\n", New: "", By: check{"fsm", "^TestCells_", nil},
	},
	{
		Name: "settled-undecided", Breaks: "a user begins to live in the cell that it comes to before the other one has let it go",
		File: "fsm/arrive.go", Old: "	u.Away, u.Plan, u.Revoked = Arriving, c.Head.Plan, false\n", New: "	u.Away, u.Plan, u.Revoked = \"\", c.Head.Plan, false\n",
		By: check{"fsm", "^TestCells_", nil},
	},
	{
		Name: "stale-arrival", Breaks: "what was sent long ago takes the place of a user that is between two cells, who is lost",
		File: "fsm/arrive.go", Old: "		if known && c.stale(m, u) {\n", New: "		if false {\n", By: check{"fsm", "^TestCells_|^TestTranscripts$", nil},
	},
	{
		Name: "ledger-twice", Breaks: "a part of a ledger that is sent again is booked again",
		File: "fsm/arrive.go", Old: "	if c.Behind == rows {\n", New: "	if true {\n", By: check{"fsm", "^TestCells_|^TestTranscripts$", nil},
	},
}
