package fsm

import (
	"slices"

	"stoker/store"
)

// QueueLine is the ready work of one class and preset.
type QueueLine struct {
	Class  string
	Preset string
	Depth  int   // ready items
	Oldest int64 // ns the oldest has waited
}

// QueueLines lists what is ready, by class and preset.
func (v *View) QueueLines() []QueueLine {
	depth := map[[2]string]int{}
	for _, s := range shares.Scan(v, "") {
		for preset, n := range s.Waiting {
			depth[[2]string{s.Class, preset}] += n
		}
	}
	var out []QueueLine
	for key, n := range depth {
		line := QueueLine{Class: key[0], Preset: key[1], Depth: n}
		for _, item := range aged.Scan(v, store.Str(line.Preset).Str(line.Class)) {
			line.Oldest = v.Clock() - item.Since
			break
		}
		out = append(out, line)
	}
	slices.SortFunc(out, func(a, b QueueLine) int {
		if a.Class != b.Class {
			return compare(a.Class, b.Class)
		}
		return compare(a.Preset, b.Preset)
	})
	return out
}

func compare(a, b string) int {
	switch {
	case a < b:
		return -1
	case a > b:
		return 1
	}
	return 0
}

// Grantable is the number of ready items by preset, without the presets of which
// nobody may be granted anything now: paused, or all with as much in work as
// their plan allows. Of what it names, not all need be grantable.
func (v *View) Grantable() map[string]int {
	out := map[string]int{}
	for preset, n := range v.meta.Waiting {
		if !paused(v, preset) && grantable(v, preset) {
			out[preset] = n
		}
	}
	return out
}

// Paused lists the presets that nobody is granted for now; "*" is all.
func (v *View) Paused() []string { return pausedNow(v) }

// Workers lists the workers that have been here in the last day.
func (v *View) Workers() []Worker { return values(workers.Scan(v, "")) }

// Worker finds a worker.
func (v *View) Worker(id string) (Worker, bool) { return workers.Get(v, store.Str(id)) }

// WorkerLeases lists the leases a worker holds.
func (v *View) WorkerLeases(id string) []LeaseRow {
	return values(leasesByWorker.Scan(v, store.Str(id)))
}

// Holds says whether a lease is still the worker's. One that this view is too old
// to know is.
func (v *View) Holds(worker string, fence uint64) bool {
	l, ok := v.Lease(fence)
	return fence > v.Fence() || ok && !l.Lost() && l.Worker == worker
}

// DeadLetters lists dead items after one of them (job "": from the first).
func (v *View) DeadLetters(job string, idx, limit int) []DeadLetter {
	after := store.Key("")
	if job != "" {
		after = itemKey(job, idx)
	}
	out := []DeadLetter{}
	for _, d := range dead.ScanAfter(v, "", after) {
		if len(out) == limit {
			break
		}
		out = append(out, d)
	}
	return out
}

// Why a worker that polls gets nothing although work is ready.
const (
	skipPreset  = "preset"        // it does not take the preset
	skipMissing = "model_missing" // it reported that it has not what the preset needs
	skipPaused  = "paused"        // the operator has paused the preset
	skipCapped  = "capped"        // the users with this work have as much leased as their plan allows
	skipWarm    = "warm"          // the work waits a moment for a worker that has its preset loaded
)

// Skipped counts the ready items that a worker is not granted, by reason.
func (v *View) Skipped(w Want) map[string]int {
	known, _ := workers.Get(v, store.Str(w.Worker))
	out := map[string]int{}
	if known.State != WorkerActive {
		out[string(known.State)] = 0 // said also when nothing is ready
	}
	for preset, n := range v.meta.Waiting {
		switch {
		case known.State != WorkerActive:
			out[string(known.State)] += n
		case !w.takes(preset):
			out[skipPreset] += n
		case slices.Contains(known.Missing, preset):
			out[skipMissing] += n
		case paused(v, preset):
			out[skipPaused] += n
		case !grantable(v, preset):
			out[skipCapped] += n
		default:
			out[skipWarm] += n
		}
	}
	return out
}

// grantable says whether any user with ready work of the preset is below its cap.
func grantable(r store.Reader, preset string) bool {
	for range fair.Scan(r, store.Str(preset)) {
		return true
	}
	return false
}

// Classes gives the number of ready items of each class.
func (v *View) Classes() map[string]int {
	out := map[string]int{}
	for _, c := range classes.Scan(v, "") {
		out[c.Name] = c.Waiting
	}
	return out
}

// Oldest is for how long the oldest ready item of a class and preset has waited,
// in ns of the machine's clock; 0 if there is none.
func (v *View) Oldest(class, preset string) int64 {
	for _, item := range aged.Scan(v, store.Str(preset).Str(class)) {
		return v.Clock() - item.Since
	}
	return 0
}
