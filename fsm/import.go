package fsm

import (
	"fmt"
	"regexp"
	"strings"

	"stoker/store"
)

// Import brings users and ended jobs over from the stack that the cluster
// replaces. Each of them is taken as a whole or not at all, and answered for
// itself: one that cannot be taken keeps no other away. Sent again it changes
// nothing, and what is here and did not come this way is never overwritten.
type Import struct {
	Users []OldUser `cbor:"1,keyasint,omitempty"`
	Jobs  []OldJob  `cbor:"2,keyasint,omitempty"` // behind the users, in the order they were created in
}

// Result is what became of one user or job of an Import.
type Result string

// The results.
const (
	Taken       Result = "imported"
	There       Result = "there"    // it came with an earlier Import
	Conflicting Result = "conflict" // something of that name is here that did not
	Refused     Result = "refused"
)

// Fate answers for one user or job.
type Fate struct {
	ID     string `cbor:"1,keyasint"`
	Result Result `cbor:"2,keyasint"`
	Code   Code   `cbor:"3,keyasint,omitempty"`
	Why    string `cbor:"4,keyasint,omitempty"` // of a conflict or a refusal, in words
	Next   int    `cbor:"5,keyasint,omitempty"` // of a user that is not whole: how many events it has; go on from there
}

// Imported answers Import, in the order that was asked in.
type Imported struct {
	Users []Fate `cbor:"1,keyasint,omitempty"`
	Jobs  []Fate `cbor:"2,keyasint,omitempty"`
}

// importRows bounds an entry: users, rules, events, jobs and items count. One job
// alone may have as many items as a plan can allow.
const importRows = 500

// importing is a user whose events have not all come yet. It may do nothing until
// they have: it is revoked.
type importing struct {
	Next int   `cbor:"1,keyasint"` // events taken
	Sum  int64 `cbor:"2,keyasint"` // of what was booked

	Revoked bool `cbor:"3,keyasint,omitempty"` // an operator has said so: it stays so when it is whole
}

var imports = store.NewTable[importing]("imports") // by user

func (c Import) apply(tx *Tx) (Imported, error) {
	if r := tx.begun(); r != nil {
		return Imported{}, r
	}
	if r := c.tooMuch(); r != nil {
		return Imported{}, r
	}
	var a Imported
	count := map[Result]int{}
	s := tx.current()
	for _, u := range c.Users {
		f, state := u.judge(tx, s)
		if f.Result == Taken {
			f.Next = u.take(tx, state)
		}
		a.Users = append(a.Users, f)
		count[f.Result]++
	}
	for _, j := range c.Jobs {
		f := j.judge(tx)
		if f.Result == Taken {
			j.take(tx, s)
		}
		a.Jobs = append(a.Jobs, f)
		count[f.Result]++
	}
	tx.deed = deed{Detail: fmt.Sprintf("%d users, %d jobs: %d imported, %d there, %d in conflict, %d refused",
		len(c.Users), len(c.Jobs), count[Taken], count[There], count[Conflicting], count[Refused])}
	return a, nil
}

func (c Import) tooMuch() *Refusal {
	n := len(c.Users) + len(c.Jobs)
	for _, u := range c.Users {
		n += len(u.Rules) + len(u.Events)
	}
	for _, j := range c.Jobs {
		n += len(j.Items)
	}
	alone := len(c.Users) == 0 && len(c.Jobs) == 1
	if n > importRows && !alone {
		return invalid("body", "%d rows are too many for one entry, at most %d are allowed: send less at once, and a user's further events as a continuation", n, importRows)
	}
	return nil
}

// Rehearse says what an Import would do now, and does nothing. A job whose user
// is not here is refused with NOT_FOUND also if the same Import brings the user.
func (v *View) Rehearse(c Import) (Imported, error) {
	if v.Level() < byKind[kindOf(c)].level {
		return Imported{}, TooEarly(Propose(c), v.Level())
	}
	if r := c.tooMuch(); r != nil {
		return Imported{}, r
	}
	var a Imported
	s := v.Settings()
	for _, u := range c.Users {
		f, _ := u.judge(v, &s)
		a.Users = append(a.Users, f)
	}
	for _, j := range c.Jobs {
		a.Jobs = append(a.Jobs, j.judge(v))
	}
	return a, nil
}

// oldID is what the id of a user, job or rule may be: the paths of the API and
// the keys of objects are made of them. saneOldID asks.
var oldID = regexp.MustCompile(`^[A-Za-z0-9_.-]{1,64}$`)

const idWords = "must have 1 to 64 of A-Z, a-z, 0-9 and . _ -, not dots alone"

// saneOldID leaves out what is no name but a place in a path: . and ..
func saneOldID(id string) bool { return oldID.MatchString(id) && strings.Trim(id, ".") != "" }

func refused(id string, r *Refusal) Fate {
	return Fate{ID: shorten(id), Result: Refused, Code: r.Code, Why: r.Message}
}

func inConflict(id, format string, args ...any) Fate {
	return Fate{ID: id, Result: Conflicting, Why: fmt.Sprintf(format, args...)}
}

// What the API takes in characters comes here in bytes: no user of ours may be too large to be brought over.
const (
	oldBytes = 4 * 500 // of a text
	oldNames = 200     // concepts, or protected names
)

// oldText refuses what is too long to be what it claims to be.
func oldText(concepts map[string]Concept, texts ...string) *Refusal {
	if len(concepts) > oldNames {
		return invalid("concepts", "has %d, at most %d are allowed", len(concepts), oldNames)
	}
	for name, c := range concepts {
		if max(len(name), len(c.Action), len(c.Value)) > oldBytes { // which one does not matter: the answer is equal
			return invalid("concepts", "a name, action or value has more than %d bytes", oldBytes)
		}
	}
	for _, text := range texts {
		if len(text) > oldBytes {
			return invalid("text", "%d bytes are too long, at most %d are allowed", len(text), oldBytes)
		}
	}
	return nil
}
