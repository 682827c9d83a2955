//go:build python && unix

package acceptance

import (
	"encoding/json"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"stoker/client"
	"stoker/fsm"
)

// What runs out of memory is done at another attempt, after the cause's back-off: whether the function says so, or its process
// was killed without a word. The worker lives on with fresh processes.
func TestPythonQueue_OutOfMemory(t *testing.T) {
	t.Parallel()
	f := farm(t)
	a := f.hand(t, "a", "--slots", "3")
	u, job := f.job(t, "ok", "big", "huge")
	a.says(t, "picture 1 oom")
	a.says(t, "picture 2 oom")
	made := f.made(t, u, job)
	says(t, made[1:], "made by a, attempt 2 of 1", "made by a, attempt 2 of 1")
	if w := f.listed(t, "a"); w.State != client.WorkerActive || w.Done != 3 || w.Failed != 2 || w.Lost != 0 {
		t.Errorf("the worker is listed as %+v", w)
	}
	u.credits(t, 7)
}

// A message that is too much for its process_job comes again picture by picture.
func TestPythonQueue_OutOfMemoryTogether(t *testing.T) {
	t.Parallel()
	f := farm(t)
	u, job := f.job(t, "ok", "ok", "ok") // there before the worker, so that they share its lease
	a := f.hand(t, "a", "--slots", "3", "--handler", "hands:process_job", "--bridge")
	a.says(t, "3 pictures given back: oom")
	says(t, f.made(t, u, job), slices.Repeat([]string{"made by a, attempt 2 of 1"}, 3)...)
	if w := f.listed(t, "a"); w.State != client.WorkerActive || w.Done != 3 || w.Lost != 0 {
		t.Errorf("the worker is listed as %+v", w)
	}
	u.credits(t, 7)
}

// A cancel reaches functions that run: one is told and returns, the other's process is killed. The job is refunded, and the
// worker takes the next.
func TestPythonQueue_CancelWhileRunning(t *testing.T) {
	t.Parallel()
	f := farm(t)
	a := f.hand(t, "a", "--slots", "2")
	u, job := f.job(t, "listens", "deaf")
	polite, deaf := a.gpu(t, "listens"), a.gpu(t, "deaf")
	if j := u.job(t, 0, job); j.Status != client.Running {
		t.Fatalf("the job is %s", j.Status)
	}
	if err := u.any.Cancel(t.Context(), job); err != nil {
		t.Fatal(err)
	}
	canceled := time.Now()
	a.says(t, "was told")
	told := time.Since(canceled)
	eventually(t, "the deaf function's process is killed", func() bool { return gone(deaf) })
	killed := time.Since(canceled)
	t.Logf("told after %s, killed after %s", told, killed)
	if told > 10*time.Second || killed > 12*time.Second { // well under a second, and half of one more, on a machine that has nothing else to do
		t.Errorf("told after %s, killed after %s", told, killed)
	}
	if j := u.job(t, 0, job); j.Status != client.Canceled {
		t.Errorf("the job is %s", j.Status)
	}
	u.credits(t, 10)

	v, next := f.job(t, "ok", "ok")
	for _, made := range f.made(t, v, next) {
		if !strings.HasPrefix(made, "made by a, attempt 1 ") {
			t.Errorf("the next result says %q", made)
		}
	}
	if gone(polite) {
		t.Error("the process whose function returned was killed as well")
	}
	if w := f.listed(t, "a"); w.Lost != 0 || w.Leases != 0 {
		t.Errorf("the worker is listed as %+v", w)
	}
}

// The operator drains a worker: what it holds goes to another without an attempt burned, and its parked poll is answered, so that
// it knows. Resumed, it works again.
func TestPythonQueue_Drain(t *testing.T) {
	t.Parallel()
	f := farm(t)
	a := f.hand(t, "a")
	u, held := f.job(t, "listens:a")
	a.gpu(t, "listens")
	b := f.hand(t, "b")
	f.up(t, b)
	f.stoker(t, "worker", "drain", "a", "--why", "a new driver")
	a.says(t, "was told")
	says(t, f.made(t, u, held), "made by b, attempt 1 of 1")
	if w := f.listed(t, "a"); w.State != client.WorkerDraining || w.Why != "a new driver" || w.Leases != 0 || w.Faults != 0 {
		t.Errorf("drained, it is listed as %+v", w)
	}
	u.credits(t, 9)

	f.stoker(t, "worker", "drain", "b") // it is idle, and its poll is parked for 30 s
	drained := time.Now()
	b.says(t, "the cluster's directive: drain")
	if took := time.Since(drained); took > 5*time.Second {
		t.Errorf("the parked poll was answered after %s", took)
	}
	u, waiting := f.job(t, "ok")
	f.stoker(t, "worker", "resume", "a")
	says(t, f.made(t, u, waiting), "made by a, attempt 1 of 1")
	if w := f.listed(t, "a"); w.State != client.WorkerActive || w.Why != "" {
		t.Errorf("resumed, it is listed as %+v", w)
	}
}

// What one worker has no model for goes to another, and the first is not asked for it again.
func TestPythonQueue_ModelMissing(t *testing.T) {
	t.Parallel()
	f := farm(t)
	a := f.hand(t, "a")
	u, job := f.job(t, "missing:a")
	a.says(t, "picture 0 model_missing")
	if w := f.listed(t, "a"); !slices.Equal(w.Missing, []string{"interior"}) || w.State != client.WorkerActive || w.Faults != 0 {
		t.Errorf("the worker is listed as %+v", w)
	}
	f.up(t, f.hand(t, "b"))
	says(t, f.made(t, u, job), "made by b, attempt 2 of 1")
	u, job = f.job(t, "ok", "ok", "ok")
	says(t, f.made(t, u, job), slices.Repeat([]string{"made by b, attempt 1 of 1"}, 3)...)
	u.credits(t, 7)
}

// Three faults in a row put one worker of three into quarantine: it gets no more work, until somebody resumes it.
func TestPythonQueue_Quarantine(t *testing.T) {
	t.Parallel()
	f := farm(t)
	b, c := f.hand(t, "b"), f.hand(t, "c")
	u, gated := f.job(t, "gate:one", "gate:one") // the fleet are those that were granted something
	b.gpu(t, "gate")
	c.gpu(t, "gate")
	a := f.hand(t, "a")
	v, broken := f.job(t, "broken:a", "broken:a", "broken:a")
	eventually(t, "the worker is in quarantine", func() bool { return f.listed(t, "a").State == client.WorkerQuarantined })
	if w := f.listed(t, "a"); w.Why != "3 faults in a row, the last: transient" || w.Faults != 3 || w.Done != 0 {
		t.Errorf("the worker is listed as %+v", w)
	}
	a.says(t, "the cluster's directive: drain")
	w, wanted := f.job(t, "ok", "ok") // only a is free, and may not
	if j := w.job(t, 0, wanted); j.Status != client.Queued {
		t.Errorf("the job is %s while one worker is in quarantine and two are busy", j.Status)
	}
	f.open(t, "one")
	f.made(t, u, gated)
	for _, made := range append(f.made(t, v, broken), f.made(t, w, wanted)...) {
		if strings.Contains(made, "by a") {
			t.Errorf("a result says %q", made)
		}
	}
	if w := f.listed(t, "a"); w.State != client.WorkerQuarantined || w.Done != 0 {
		t.Errorf("the worker is listed as %+v", w)
	}
	v.credits(t, 7)

	u, gated = f.job(t, "gate:two", "gate:two")
	eventually(t, "the others are busy", func() bool { return f.listed(t, "b").Leases+f.listed(t, "c").Leases == 2 })
	v, last := f.job(t, "ok")
	f.stoker(t, "worker", "resume", "a")
	says(t, f.made(t, v, last), "made by a, attempt 1 of 1")
	f.open(t, "two")
	f.made(t, u, gated)
}

// short gives leases that are lost soon. The first contact is short as well: the leader looks for leases that ran out no earlier
// than it planned to when they were granted.
func short(s *fsm.Settings) { s.LeaseTTL, s.FirstContact = int64(2*time.Second), int64(3*time.Second) }

// A picture that kills every worker that touches it is dead at the third, refunded, and listed with who it was; what was beside
// it in the job is done.
func TestPythonQueue_Poison(t *testing.T) {
	t.Parallel()
	f := newFarm(t, startWith(t, 1, short))
	u, job := f.job(t, "poison", "ok")
	for life, name := range []string{"a", "b", "a"} { // the last waits for the back-off of 20 s
		h := f.hand(t, name)
		select {
		case <-h.Ended():
		case <-time.After(patience):
			t.Fatalf("life %d, of worker %s, does not end", life, name)
		}
		h.gpu(t, "poison")
	}
	eventually(t, "the job ends", func() bool { return u.job(t, 0, job).Status.Terminal() })
	const reason = "3 leases with it were lost"
	j := u.job(t, 0, job)
	if j.Status != client.Done || j.DoneItems != 1 || j.FailedItems != 1 || j.Items[0].Error != reason {
		t.Errorf("the job is %+v", j)
	}
	u.credits(t, 9)
	if rows := u.ledger(t, 0); count(rows, "refund", job) != 1 {
		t.Errorf("ledger %+v, want one refund", rows)
	}
	var said struct{ Dead []client.DeadItem }
	if err := json.Unmarshal(f.stoker(t, "queue", "dead", "--json"), &said); err != nil {
		t.Fatal(err)
	}
	want := []string{"a: lease lost", "b: lease lost", "a: lease lost"}
	if len(said.Dead) != 1 || said.Dead[0].JobID != job || said.Dead[0].Idx != 0 || said.Dead[0].User != u.id ||
		said.Dead[0].Reason != reason || !slices.Equal(said.Dead[0].Errors, want) {
		t.Errorf("the dead are %+v, want item 0 of %s with errors %q", said.Dead, job, want)
	}
	if w := f.listed(t, "a"); w.Lost != 2 {
		t.Errorf("worker a is listed as %+v", w)
	}
}

// A worker that is stopped for longer than its lease lives, all of it, wakes up, goes on, and is refused; what another made stands.
func TestPythonQueue_StoppedBeyondItsLease(t *testing.T) {
	t.Parallel()
	f := newFarm(t, startWith(t, 1, short))
	a := f.hand(t, "a")
	u, job := f.job(t, "asleep:a")
	gpu := a.gpu(t, "asleep")
	a.says(t, "holds it")
	groups := []int{a.Pid(), gpu} // the supervisor with its control process, and the GPU process
	signal := func(s syscall.Signal) {
		for _, group := range groups {
			if err := syscall.Kill(-group, s); err != nil {
				t.Fatal(err)
			}
		}
	}
	signal(syscall.SIGSTOP)
	f.hand(t, "b")
	made := f.made(t, u, job)
	if len(made) != 1 || !strings.HasPrefix(made[0], "made by b, ") {
		t.Errorf("the results say %q", made)
	}
	f.open(t, "awake")
	signal(syscall.SIGCONT)
	a.says(t, "is no longer ours")
	f.stoker(t, "worker", "drain", "b")
	v, next := f.job(t, "ok")
	says(t, f.made(t, v, next), "made by a, attempt 1 of 1")
	says(t, f.made(t, u, job), made...)
	u.credits(t, 9)
	if w := f.listed(t, "a"); w.Lost < 1 || w.Done != 1 { // a machine that stands still for two seconds loses it one's lease once more
		t.Errorf("the worker that slept is listed as %+v", w)
	}
}
