// Package judge holds what clients saw of a cluster against what they may see: whether a history of operations is linearizable,
// and what must hold of the end of it.
//
// A history is of one user, with its jobs and rules: nothing that a user's operations read or write is another's. Linearizability
// is decided by porcupine (github.com/anishathalye/porcupine, MIT; Lowe's refinement of Wing and Gong's algorithm): its memory of
// states seen with the same operations done is what makes histories of hundreds of operations decidable, and is not a matter of ten lines.
//
// # Invariants
//
//   - An operation whose outcome is not known may have had its effect at any time from its call on, or never: its interval has no end.
//   - A refusal says something of the state only if its code does. One that says that nothing was written had no effect.
//   - What the cluster does by itself (a dead item) is an operation that the auditor adds, with the whole time that it may have
//     happened in as its interval.
//   - A verdict that could not be reached in time is not one that all is well.
package judge

import "math"

// Kind is what an operation does.
type Kind string

// The operations.
const (
	Grant    Kind = "grant"     // credits, or takes them
	Create   Kind = "create"    // a job
	Upload   Kind = "upload"    // an input
	Confirm  Kind = "confirm"   // that all are there
	Execute  Kind = "execute"   // a job
	Cancel   Kind = "cancel"    // a job
	Lease    Kind = "lease"     // items, by a worker
	Report   Kind = "report"    // results under a lease
	Callback Kind = "callback"  // one result, the old way
	MakeRule Kind = "make-rule" //
	DropRule Kind = "drop-rule" //
	Die      Kind = "die"       // an item that failed by itself, in the auditor's words

	ReadMe    Kind = "read-me"
	ReadJob   Kind = "read-job"
	ReadJobs  Kind = "read-jobs"
	ReadRules Kind = "read-rules"
)

// Unknown is the code of an operation whose outcome is not known. An empty code is an acknowledgement, any other a refusal's.
const Unknown = "?"

// Never is when an operation returns whose outcome is not known.
const Never = math.MaxInt64

// Result is what a worker says of an item.
type Result struct {
	Idx  int  `json:"idx"`
	Done bool `json:"done"` // else it failed
}

// JobSeen is a job as a read shows it.
type JobSeen struct {
	ID     string `json:"id"`
	Status string `json:"status"`
	Done   int    `json:"done"`
	Failed int    `json:"failed"`
	Items  string `json:"items,omitempty"` // a letter for each: p open, d done, f failed, c canceled
}

// Op is one operation: what was asked, when, and what came of it.
type Op struct {
	Kind   Kind   `json:"kind"`
	Client int    `json:"client"`
	Node   string `json:"node"` // that was asked last
	Call   int64  `json:"call"` // ns since the campaign began
	Return int64  `json:"return"`
	Code   string `json:"code"` // "": acknowledged

	Job     string   `json:"job,omitempty"` // of an acknowledged Create: its answer
	Rule    string   `json:"rule,omitempty"`
	Amount  int64    `json:"amount,omitempty"` // Grant: credits; Create: items
	Idx     int      `json:"idx,omitempty"`    // Upload, Die
	Results []Result `json:"results,omitempty"`

	Processed int       `json:"processed,omitempty"`
	Status    string    `json:"status,omitempty"` // Report: of the job
	Credits   int64     `json:"credits,omitempty"`
	Active    int       `json:"active,omitempty"`
	Slots     int       `json:"slots,omitempty"`
	Jobs      []JobSeen `json:"jobs,omitempty"`
	Rules     []string  `json:"rules,omitempty"`
}

// Reads says whether the operation can have no effect.
func (o *Op) Reads() bool {
	switch o.Kind {
	case ReadMe, ReadJob, ReadJobs, ReadRules:
		return true
	}
	return false
}

// Account is a user as it was before the history's first operation.
type Account struct {
	User     string `json:"user"`
	Credits  int64  `json:"credits"`
	MaxJobs  int    `json:"max_jobs"` // open at once
	MaxRules int    `json:"max_rules"`
	MaxItems int64  `json:"max_items"`
}

// History is what one user's clients and workers saw.
type History struct {
	Account Account `json:"account"`
	Ops     []Op    `json:"ops"`
}
