package judge

import (
	"testing"
	"time"
)

// at gives an operation its interval.
func at(call, ret int64, o Op) Op {
	o.Call, o.Return = call, ret
	return o
}

func account() Account { return Account{User: "u", Credits: 10, MaxJobs: 1, MaxRules: 2, MaxItems: 10} }

// life is a job from its order to its end, one operation after the other: 10 credits, of which 2 are spent and 1 comes back.
func life() []Op {
	return []Op{
		at(1, 2, Op{Kind: Create, Amount: 2, Job: "j"}),
		at(3, 4, Op{Kind: ReadMe, Credits: 8, Active: 1}),
		at(5, 6, Op{Kind: Upload, Job: "j", Idx: 0}),
		at(5, 7, Op{Kind: Upload, Job: "j", Idx: 1}),
		at(8, 9, Op{Kind: Confirm, Job: "j"}),
		at(10, 11, Op{Kind: Execute, Job: "j"}),
		at(12, 13, Op{Kind: ReadJob, Jobs: []JobSeen{{ID: "j", Status: "queued", Items: "pp"}}}),
		at(1, 20, Op{Kind: Lease, Job: "j", Results: []Result{{Idx: 0}, {Idx: 1}}}),
		at(21, 22, Op{Kind: Report, Job: "j", Results: []Result{{Idx: 0, Done: true}}, Processed: 1, Status: "running"}),
		at(23, 24, Op{Kind: Callback, Job: "j", Results: []Result{{Idx: 1}}, Processed: 1}),
		at(25, 26, Op{Kind: ReadJobs, Jobs: []JobSeen{{ID: "j", Status: "done", Done: 1, Failed: 1}}}),
		at(27, 28, Op{Kind: ReadMe, Credits: 9}),
	}
}

func verdict(t *testing.T, ops ...Op) Verdict {
	t.Helper()
	return Linearizable(History{account(), ops}, time.Minute)
}

func TestJudge_AWholeLifeIsSound(t *testing.T) {
	if got := verdict(t, life()...); got != Sound {
		t.Error(got)
	}
}

// Each of these was never so of a machine that does one thing after the other.
func TestJudge_FindsWhatIsPlanted(t *testing.T) {
	for what, ops := range map[string][]Op{
		"a stale read": {
			at(1, 2, Op{Kind: Grant, Amount: 5, Credits: 15}),
			at(3, 4, Op{Kind: ReadMe, Credits: 10}),
		},
		"a read that goes back": {
			at(1, 9, Op{Kind: Grant, Amount: 5, Code: Unknown}),
			at(2, 3, Op{Kind: ReadMe, Credits: 15}),
			at(4, 5, Op{Kind: ReadMe, Credits: 10}),
		},
		"a lost write": {
			at(1, 2, Op{Kind: Create, Amount: 2, Job: "j"}),
			at(3, 4, Op{Kind: ReadJobs}),
		},
		"a lost job that is asked for": {
			at(1, 2, Op{Kind: Create, Amount: 2, Job: "j"}),
			at(3, 4, Op{Kind: ReadJob, Code: "JOB_NOT_FOUND"}),
		},
		"a double debit": {
			at(1, 2, Op{Kind: Create, Amount: 2, Job: "j"}),
			at(3, 4, Op{Kind: ReadMe, Credits: 6, Active: 1}),
		},
		"a write that was refused as never done, and was done": {
			at(1, 2, Op{Kind: Grant, Amount: 5, Code: "UNAVAILABLE"}),
			at(3, 4, Op{Kind: ReadMe, Credits: 15}),
		},
		"an effect of a request that was sent after it was seen": {
			at(1, 2, Op{Kind: ReadMe, Credits: 15}),
			at(3, 4, Op{Kind: Grant, Amount: 5, Code: Unknown}),
		},
		"a limit that was passed": {
			at(1, 2, Op{Kind: Create, Amount: 1, Job: "j"}),
			at(3, 4, Op{Kind: Create, Amount: 1, Job: "k"}),
		},
		"a refusal without its reason": {
			at(1, 2, Op{Kind: Create, Amount: 2, Code: "INSUFFICIENT_CREDITS"}),
		},
		"a rule that comes back": {
			at(1, 2, Op{Kind: MakeRule, Rule: "r"}),
			at(3, 4, Op{Kind: DropRule, Rule: "r"}),
			at(5, 6, Op{Kind: ReadRules, Rules: []string{"r"}}),
		},
		"an item that is counted twice": append(life()[:10],
			at(25, 26, Op{Kind: Callback, Job: "j", Results: []Result{{Idx: 0, Done: true}}, Processed: 1})),
		"a refund that comes twice": append(life()[:11],
			at(27, 28, Op{Kind: ReadMe, Credits: 10})),
		"an item handed out when it is final": append(life()[:11],
			at(27, 28, Op{Kind: Lease, Job: "j", Results: []Result{{Idx: 0}}})),
		"a job that goes back": append(life()[:9],
			at(23, 24, Op{Kind: ReadJob, Jobs: []JobSeen{{ID: "j", Status: "queued", Done: 1, Items: "dp"}}})),
	} {
		if got := verdict(t, ops...); got != Violated {
			t.Errorf("%s is %s", what, got)
		}
	}
}

// What nobody knows may have happened, and may not have.
func TestJudge_LeavesOpenWhatIsUnknown(t *testing.T) {
	for _, credits := range []int64{10, 15} {
		if got := verdict(t, at(1, 2, Op{Kind: Grant, Amount: 5, Code: Unknown}), at(3, 4, Op{Kind: ReadMe, Credits: credits})); got != Sound {
			t.Errorf("%d credits are %s", credits, got)
		}
	}
	late := []Op{
		at(1, 2, Op{Kind: Grant, Amount: 5, Code: Unknown}),
		at(3, 4, Op{Kind: ReadMe, Credits: 10}),
		at(5, 6, Op{Kind: ReadMe, Credits: 15}),
	}
	if got := verdict(t, late...); got != Sound {
		t.Errorf("a write that took its time is %s", got)
	}
}

// Fifty callbacks for one item at once are decided, one of them counted or none known to be.
func TestJudge_FiftyCallbacks(t *testing.T) {
	for _, counted := range []int{1, 2} {
		ops := life()[:8]
		for i := range 50 {
			o := Op{Kind: Callback, Job: "j", Results: []Result{{Idx: 1}}}
			if i < counted {
				o.Processed = 1
			}
			if i%7 == 6 {
				o.Code = Unknown
			}
			ops = append(ops, at(21+int64(i%3), 40+int64(i), o))
		}
		ops = append(ops, at(100, 101, Op{Kind: ReadMe, Credits: 8, Active: 1}))
		want := map[int]Verdict{1: Sound, 2: Violated}[counted]
		if got := verdict(t, ops...); got != want {
			t.Errorf("%d that counted: %s, want %s", counted, got, want)
		}
	}
}
