package fsm

import (
	"fmt"
	"slices"

	"stoker/store"
)

// Explanation says what a job waits for.
type Explanation struct {
	Job      Job
	Ready    int        // its items in the ready queue
	Backoff  int        // its items that wait for their back-off
	Position int        // of its first ready item, from 1; 0: nothing of it is ready
	ETA      int64      // ns until its first ready item is granted, at the rate of the last minute; -1: nobody knows
	Reason   string     // in words
	Leases   []LeaseRow // who holds items of it
	Timer    int64      // machine clock of its own deadline, 0: none
	Retry    int64      // machine clock at which the first back-off ends, 0: none
}

// How many users, and earlier items of the job's own, are looked at for a
// position: every read of a waiting job asks for one.
const (
	explainUsers = 1000
	explainItems = 1000
)

// Explain looks at one job.
func (v *View) Explain(id string) (Explanation, bool) {
	j, ok := jobs.Get(v, store.Str(id))
	if !ok {
		return Explanation{}, false
	}
	e := Explanation{Job: j, ETA: -1, Timer: j.Deadline}
	for _, it := range items.Scan(v, store.Str(id)) {
		switch it.Place {
		case Ready:
			e.Ready++
		case Scheduled:
			if e.Backoff++; e.Retry == 0 || it.ReadyAt < e.Retry {
				e.Retry = it.ReadyAt
			}
		case Leased:
			l, ok := leases.Get(v, store.Uint(it.Fence))
			if ok && !slices.ContainsFunc(e.Leases, func(o LeaseRow) bool { return o.Fence == l.Fence }) {
				e.Leases = append(e.Leases, l)
			}
		}
	}
	if e.Ready > 0 {
		e.Position = 1 + v.ahead(j)
		if v.meta.Rate > 0 {
			e.ETA = int64(e.Position) * rateWindow / v.meta.Rate
		}
	}
	e.Reason = v.reason(j, e)
	return e, true
}

// ahead estimates how many items are granted before the job's first: the user's
// own earlier ones, and for each of those, and for it, what the other users
// receive meanwhile by the weight of their class.
func (v *View) ahead(j Job) int {
	own := 0
	for k := range ready.Scan(v, store.Str(j.Preset).Str(j.User)) {
		if parseReady(k).job == j.ID || own == explainItems {
			break
		}
		own++
	}
	mine, _ := shares.Get(v, store.Str(j.User))
	s := v.Settings()
	users := map[string]int64{} // of a class
	var others []share
	for _, o := range shares.Scan(v, "") {
		if len(others) == explainUsers {
			break
		}
		if o.Waiting[j.Preset] > 0 {
			users[o.Class]++
			if o.User != j.User {
				others = append(others, o)
			}
		}
	}
	weight := func(class string) int64 { return max(s.Plans[class].Weight, 1) * 1000 / max(users[class], 1) }
	n := own
	for _, o := range others {
		turns := int64(own+1) * weight(o.Class) / max(weight(mine.Class), 1)
		if o.Class == mine.Class && o.VTime > mine.VTime {
			turns--
		}
		n += int(min(max(turns, 0), int64(o.Waiting[j.Preset])))
	}
	return n
}

// reason says in words what the job waits for.
func (v *View) reason(j Job, e Explanation) string {
	mine, _ := shares.Get(v, store.Str(j.User))
	switch {
	case j.Status.Ended():
		return "the job has ended"
	case j.Status == Created:
		return "it waits for its pictures to be uploaded and confirmed"
	case j.Status == Uploaded:
		return "it waits to be executed"
	case e.Ready == 0 && len(e.Leases) > 0:
		return "all of it that may run now is in workers' hands"
	case e.Ready == 0:
		return "its items wait for their back-off"
	case paused(v, j.Preset):
		return fmt.Sprintf("the operator has paused preset %s", j.Preset)
	case !v.served(j.Preset):
		return fmt.Sprintf("no worker has preset %s", j.Preset)
	case mine.Leased >= mine.Max:
		return fmt.Sprintf("%d items of this user are in workers' hands, as many as plan %s allows", mine.Leased, mine.Class)
	}
	return "it waits for its turn"
}

// served says whether a worker that was here lately takes the preset.
func (v *View) served(preset string) bool {
	for _, w := range workers.Scan(v, "") {
		here := w.SeenAt+workerGone > v.Clock() || leasesByWorker.Len(v, store.Str(w.ID)) > 0
		if w.State == WorkerActive && here && !slices.Contains(w.Missing, preset) &&
			(Want{Presets: w.Presets}).takes(preset) {
			return true
		}
	}
	return false
}
