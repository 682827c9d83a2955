package judge

import (
	"fmt"
	"slices"
	"strings"
)

// state is a user with its jobs and rules. It is never changed, only replaced.
type state struct {
	credits int64
	jobs    []jobState // sorted by id
	rules   []string   // sorted
	key     string     // says the same as all of the above
}

// jobState is a job. Its status is one of the letters c u q r, and D F C at the end.
type jobState struct {
	id     string
	status byte
	inputs uint64 // a bit for each input that is there
	items  string // p d f c
}

const ended = "DFC"

func (j jobState) open() bool { return !strings.ContainsRune(ended, rune(j.status)) }

// working says whether the job takes results.
func (j jobState) working() bool { return j.status == 'q' || j.status == 'r' }

func (j jobState) count(what byte) int { return strings.Count(j.items, string(what)) }

func (j jobState) whole() bool { return j.inputs == 1<<len(j.items)-1 }

// statusOf is a letter's word in the API.
var statusOf = map[byte]string{'c': "created", 'u': "uploaded", 'q': "queued", 'r': "running", 'D': "done", 'F': "failed", 'C': "canceled"}

// seal gives the state its key.
func (s state) seal() state {
	var b strings.Builder
	fmt.Fprintf(&b, "%d", s.credits)
	for _, j := range s.jobs {
		fmt.Fprintf(&b, "|%s%c%x%s", j.id, j.status, j.inputs, j.items)
	}
	for _, r := range s.rules {
		b.WriteString("/" + r)
	}
	s.key = b.String()
	return s
}

func (s state) active() (n int) {
	for _, j := range s.jobs {
		if j.open() {
			n++
		}
	}
	return n
}

func (s state) find(id string) (jobState, bool) {
	for _, j := range s.jobs {
		if j.id == id {
			return j, true
		}
	}
	return jobState{}, false
}

// with replaces a job, or adds it.
func (s state) with(j jobState) state {
	s.jobs = slices.Clone(s.jobs)
	if at := slices.IndexFunc(s.jobs, func(o jobState) bool { return o.id == j.id }); at >= 0 {
		s.jobs[at] = j
	} else {
		s.jobs = append(s.jobs, j)
		slices.SortFunc(s.jobs, func(a, b jobState) int { return strings.Compare(a.id, b.id) })
	}
	return s.seal()
}

// end takes a job to its end, whose open items become what; the price of all that is not done comes back.
func (s state) end(j jobState, status, what byte) state {
	j.status, j.items = status, strings.ReplaceAll(j.items, "p", string(what))
	s.credits += int64(len(j.items) - j.count('d'))
	return s.with(j)
}

// conclude makes an item final, and ends the job with the last one.
func (s state) conclude(j jobState, idx int, what byte) state {
	j.items = j.items[:idx] + string(what) + j.items[idx+1:]
	if j.status == 'q' {
		j.status = 'r'
	}
	switch {
	case j.count('p') > 0:
		return s.with(j)
	case j.count('d') > 0:
		return s.end(j, 'D', 'f')
	}
	return s.end(j, 'F', 'f')
}

func (s state) withRule(id string) state {
	s.rules = append(slices.Clone(s.rules), id)
	slices.Sort(s.rules)
	return s.seal()
}

func (s state) withoutRule(id string) state {
	s.rules = slices.DeleteFunc(slices.Clone(s.rules), func(r string) bool { return r == id })
	return s.seal()
}
