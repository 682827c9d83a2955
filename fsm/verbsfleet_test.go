package fsm

import (
	"fmt"
	"maps"
	"slices"
	"strings"
)

// session worker=w1 boot=b1 [id=s1] [presets=a,b]
func sessionVerb(_ *stage, w words) ([]act, error) {
	c := OpenSession{Session: w["id"], Worker: Worker{ID: w["worker"], Boot: w["boot"], Presets: w.list("presets"), Slots: 1}}
	return single(does(c, func(a SessionOpened) string {
		return fmt.Sprintf("directive=%s gave_back=%d", a.Worker.Directive(), a.GaveBack)
	}), nil)
}

// worker name=w1 state=draining [why=…]; no state is active.
func workerVerb(_ *stage, w words) ([]act, error) {
	c := SetWorker{Worker: w["name"], State: WorkerState(w["state"]), Why: w["why"]}
	return single(does(c, func(a Worker) string { return "directive=" + a.Directive() }), nil)
}

// pause [preset=interior]; resume takes it back.
func pauseVerb(_ *stage, w words) ([]act, error) {
	return single(does(PauseQueue{Preset: w["preset"], Paused: !w.has("undo")}, func(a QueuePaused) string {
		return "paused=" + strings.Join(a.Paused, ",")
	}), nil)
}

func purgeVerb(_ *stage, w words) ([]act, error) {
	n, err := w.integer("limit", 100)
	return single(does(PurgeQueue{Preset: w["preset"], User: w["user"], Limit: int(n)}, func(a Purged) string {
		if a.More {
			return fmt.Sprintf("jobs=%d and more", a.Jobs)
		}
		return fmt.Sprintf("jobs=%d", a.Jobs)
	}), err)
}

// kick job=j1 [item=0] new=j2
func kickVerb(_ *stage, w words) ([]act, error) {
	idx, err := w.integer("item", -1)
	return single(does(KickDead{Job: w["job"], Idx: int(idx), NewJob: w["new"]}, func(j Job) string {
		return fmt.Sprintf("%s retry_of=%s items=%d concepts=%v", j.Status, j.RetryOf, j.Total, j.Concepts)
	}), err)
}

func init() {
	maps.Copy(shows, map[string]func(*View, words) (string, error){
		"show-worker": showWorker, "show-dead": showDead, "show-queue": showQueue,
		"show-explain": showExplain, "show-skipped": showSkipped, "show-shares": showShares,
	})
}

func showWorker(v *View, w words) (string, error) {
	k, ok := v.Worker(w["name"])
	if !ok {
		return "unknown", nil
	}
	return fmt.Sprintf("%s directive=%s faults=%d done=%d failed=%d lost=%d gave_back=%d loaded=%s missing=%s leases=%d",
		tellState(k), k.Directive(), k.Faults, k.Done, k.Failed, k.Lost, k.Release,
		strings.Join(k.Loaded, ","), strings.Join(k.Missing, ","), len(v.WorkerLeases(k.ID))), nil
}

func showDead(v *View, w words) (string, error) {
	idx, err := w.integer("item", 0)
	var lines []string
	for _, d := range v.DeadLetters(w["job"], int(idx), 100) {
		lines = append(lines, fmt.Sprintf("%s/%d of %s: %s", d.Job, d.Idx, d.User, d.Reason))
		for _, e := range d.Errors {
			lines = append(lines, "- "+e)
		}
	}
	return strings.TrimSpace(fmt.Sprintf("%d lines\n%s", len(lines), strings.Join(lines, "\n"))), err
}

func showQueue(v *View, _ words) (string, error) {
	var lines []string
	for _, l := range v.QueueLines() {
		lines = append(lines, fmt.Sprintf("%s %s depth=%d oldest=%s", l.Class, l.Preset, l.Depth, clock(dawn+l.Oldest)))
	}
	return strings.TrimSpace(fmt.Sprintf("%d lines, paused=%s\n%s", len(lines), strings.Join(v.Paused(), ","), strings.Join(lines, "\n"))), nil
}

func showExplain(v *View, w words) (string, error) {
	e, ok := v.Explain(w["job"])
	if !ok {
		return "no such job", nil
	}
	line := fmt.Sprintf("ready=%d backoff=%d position=%d", e.Ready, e.Backoff, e.Position)
	if e.ETA >= 0 {
		line += " eta=" + clock(dawn+e.ETA)
	}
	if e.Timer != 0 {
		line += " ends=" + clock(e.Timer)
	}
	if e.Retry != 0 {
		line += " retry=" + clock(e.Retry)
	}
	for _, l := range e.Leases {
		line += fmt.Sprintf(" %s@%d", l.Worker, l.Fence)
	}
	return line + ": " + e.Reason, nil
}

func showSkipped(v *View, w words) (string, error) {
	skipped := v.Skipped(Want{Worker: w["worker"], Presets: w.list("presets")})
	var out []string
	for _, reason := range slices.Sorted(maps.Keys(skipped)) {
		out = append(out, fmt.Sprintf("%s=%d", reason, skipped[reason]))
	}
	return strings.Join(out, " "), nil
}

// showShares tells the virtual times, in credits.
func showShares(v *View, _ words) (string, error) {
	var out []string
	for _, c := range classes.Scan(v, "") {
		out = append(out, fmt.Sprintf("%s at %.2f", c.Name, float64(c.VTime)/tick))
	}
	for _, s := range shares.Scan(v, "") {
		out = append(out, fmt.Sprintf("%s at %.2f", s.User, float64(s.VTime)/tick))
	}
	return strings.Join(out, ", "), nil
}
