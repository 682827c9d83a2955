package queue

import (
	"github.com/prometheus/client_golang/prometheus"

	"stoker/fsm"
)

// gauges are what a scrape reads of the queue: the machine's half as this node
// has applied it, and the leader's half on the leader. It costs a walk over the
// live leases and the workers of the last day, and a look at each class and
// preset; never one over jobs, items or users.
type gauges struct{ q *Queue }

// everything is how the machine calls the pause of all presets.
const everything = "*"

func desc(name, help string, labels ...string) *prometheus.Desc {
	return prometheus.NewDesc(name, help, labels, nil)
}

var (
	descReady   = desc("stoker_queue_ready_items", "Items that could be handed out, by preset.", "preset")
	descClass   = desc("stoker_queue_class_ready_items", "The same by class, which is the user's plan.", "class")
	descOldest  = desc("stoker_queue_oldest_seconds", "For how long the oldest ready item of a class and preset has waited.", "class", "preset")
	descPaused  = desc("stoker_queue_paused", "1 for each preset that the operator has paused; * is all.", "preset")
	descLeases  = desc("stoker_leases", "Leases that workers hold.")
	descWorkers = desc("stoker_workers", "Workers of the last day, by state.", "state")
	descPolls   = desc("stoker_queue_waiting_polls", "Polls that wait for work; 0 unless this node leads.")
	descControl = desc("stoker_queue_parked_controls", "Control requests of workers that wait for news; 0 unless this node leads.")
)

// Describe is for the registry.
func (g gauges) Describe(to chan<- *prometheus.Desc) {
	for _, d := range []*prometheus.Desc{descReady, descClass, descOldest, descPaused, descLeases, descWorkers, descPolls, descControl} {
		to <- d
	}
}

// Collect reads.
func (g gauges) Collect(to chan<- prometheus.Metric) {
	say := func(d *prometheus.Desc, value float64, labels ...string) {
		to <- prometheus.MustNewConstMetric(d, prometheus.GaugeValue, value, labels...)
	}
	v := g.q.node.View()
	defer v.Close()
	set, classes := v.Settings(), v.Classes()
	presets := set.Presets
	for preset := range presets {
		say(descReady, float64(v.Waiting()[preset]), preset)
	}
	for class := range set.Plans {
		say(descClass, float64(classes[class]), class)
		for preset := range presets {
			say(descOldest, float64(v.Oldest(class, preset))/1e9, class, preset)
		}
	}
	paused := map[string]float64{everything: 0}
	for preset := range presets {
		paused[preset] = 0
	}
	for _, preset := range v.Paused() {
		paused[preset] = 1
	}
	for preset, is := range paused {
		say(descPaused, is, preset)
	}
	say(descLeases, float64(v.Live()))
	workers := map[fsm.WorkerState]int{fsm.WorkerActive: 0, fsm.WorkerDraining: 0, fsm.WorkerExiting: 0, fsm.WorkerQuarantined: 0}
	for _, w := range v.Workers() {
		workers[w.State]++
	}
	for state, n := range workers {
		if state == fsm.WorkerActive {
			state = "active"
		}
		say(descWorkers, float64(n), string(state))
	}
	polls, controls := 0, 0
	if b, _ := g.q.current(); b != nil {
		polls, controls = b.waiting()
	}
	say(descPolls, float64(polls))
	say(descControl, float64(controls))
}

// waiting counts what is parked at this broker.
func (b *broker) waiting() (polls, controls int) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, bells := range b.parked.workers {
		controls += len(bells)
	}
	return b.line.n, controls
}
