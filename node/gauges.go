package node

import (
	"slices"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"golang.org/x/sys/unix"

	"stoker/fsm"
	"stoker/store"
)

// gauges are what a scrape reads from the node: sizes, positions, members. It
// costs a few locks, a few stats of files and no walk through the state.
type gauges struct{ n *Node }

// reading is one gauge or counter without labels.
type reading struct {
	desc *prometheus.Desc
	kind prometheus.ValueType
	of   func(*look) float64
}

// look is what one scrape sees.
type look struct {
	Status
	leads        bool
	state        store.Stats
	free, disk   uint64
	room         room
	expires      time.Time
	found        Divergence
	level        uint64
	alarms       []fsm.Alarm
	backup       int64 // wall clock of the newest one, ns; 0: there is none
	backupFailed bool  // the newest attempt
}

func desc(name, help string, labels ...string) *prometheus.Desc {
	return prometheus.NewDesc(name, help, labels, nil)
}

func gauge(name, help string, of func(*look) float64) reading {
	return reading{desc(name, help), prometheus.GaugeValue, of}
}

func counter(name, help string, of func(*look) float64) reading {
	return reading{desc(name, help), prometheus.CounterValue, of}
}

var readings = []reading{
	gauge("stoker_is_leader", "1 on the node that leads.", func(l *look) float64 { return one(l.leads) }),
	gauge("stoker_has_leader", "1 while this node knows a leader.", func(l *look) float64 { return one(l.Leader != "") }),
	gauge("stoker_term", "Raft's term.", func(l *look) float64 { return float64(l.Term) }),
	gauge("stoker_last_log_index", "The last entry in this node's log.", func(l *look) float64 { return float64(l.LastLog) }),
	gauge("stoker_commit_index", "The last entry this node knows to be committed.", func(l *look) float64 { return float64(l.Commit) }),
	gauge("stoker_applied_index", "The last entry this node's machine has applied.", func(l *look) float64 { return float64(l.Index) }),
	gauge("stoker_epoch", "The cluster's epoch: one more after each restore.", func(l *look) float64 { return float64(l.Epoch) }),
	gauge("stoker_log_bytes", "Size of log and snapshots.", func(l *look) float64 { return float64(l.LogBytes) }),
	gauge("stoker_state_bytes", "Size of the state's file.", func(l *look) float64 { return float64(l.Bytes) }),
	gauge("stoker_state_free_bytes", "Bytes of the state's file that are gaps. It is written anew when half of it is.", func(l *look) float64 { return float64(l.state.FreeBytes) }),
	gauge("stoker_state_unflushed_bytes", "Bytes of the state that are in memory and not in the file yet.", func(l *look) float64 { return float64(l.state.Unflushed) }),
	gauge("stoker_state_views", "Open views of the state.", func(l *look) float64 { return float64(l.state.Views) }),
	counter("stoker_state_flushes_total", "Flushes of the state into its file.", func(l *look) float64 { return float64(l.state.Flushes) }),
	counter("stoker_state_flush_rows_total", "Rows that they wrote.", func(l *look) float64 { return float64(l.state.FlushRows) }),
	counter("stoker_state_flush_bytes_total", "Bytes that they wrote.", func(l *look) float64 { return float64(l.state.FlushSize) }),
	counter("stoker_state_flush_seconds_total", "Time that they took.", func(l *look) float64 { return l.state.FlushTime.Seconds() }),
	gauge("stoker_disk_free_bytes", "Free bytes on the disk of the data folder.", func(l *look) float64 { return float64(l.free) }),
	gauge("stoker_disk_room", "What the disk can take: 2 ample; 1 low, the node does not want to lead; 0 full, nothing is appended to the log.", func(l *look) float64 { return float64(full - l.room) }),
	gauge("stoker_disk_bytes", "Size of that disk.", func(l *look) float64 { return float64(l.disk) }),
	gauge("stoker_certificate_expiry_timestamp_seconds", "When this node's certificate for the cluster port ends, in seconds since 1970.", func(l *look) float64 { return float64(l.expires.Unix()) }),
	gauge("stoker_feature_level", "The cluster's feature level: what its commands may be and do.", func(l *look) float64 { return float64(l.level) }),
	gauge("stoker_backup_timestamp_seconds", "When the newest backup that the schedule made began, in seconds since 1970; 0 if there is none.", func(l *look) float64 { return float64(l.backup) / 1e9 }),
	gauge("stoker_backup_failed", "1 if the newest attempt of the schedule made no backup.", func(l *look) float64 { return one(l.backupFailed) }),
	counter("stoker_state_hashes_compared_total", "Hashes of other members' states that were compared with this node's.", func(l *look) float64 { return float64(l.found.Compared) }),
	counter("stoker_state_hash_mismatches_total", "Those of them that were not this node's. It must stay 0.", func(l *look) float64 { return float64(l.found.Mismatches) }),
	counter("stoker_state_scrubs_total", "Walks through this node's own rows.", func(l *look) float64 { return float64(l.found.Scrubs) }),
	counter("stoker_state_scrubs_rotten_total", "Those that found a row to be wrong. It must stay 0.", func(l *look) float64 { return float64(l.found.Rotten) }),
}

// What has a label: the node itself and each member it knows.
var (
	descNode   = desc("stoker_node_info", "1, with the node's id and the version of its binary.", "node", "version")
	descAlive  = desc("stoker_member_alive", "1 if the member has answered this node lately.", "member")
	descVoter  = desc("stoker_member_voter", "1 if the member has a vote.", "member")
	descLag    = desc("stoker_member_lag_entries", "Entries that the member's machine is behind the furthest one known.", "member")
	descAlarm  = desc("stoker_alarm", "1 while an alarm of the kind stands: nothing is spent then.", "kind")
	descOffset = desc("stoker_member_clock_offset_seconds", "The member's wall clock against this node's.", "member")
)

// Describe is for the registry.
func (g gauges) Describe(to chan<- *prometheus.Desc) {
	for _, r := range readings {
		to <- r.desc
	}
	for _, d := range []*prometheus.Desc{descNode, descAlive, descVoter, descLag, descOffset, descAlarm} {
		to <- d
	}
}

// Collect reads.
func (g gauges) Collect(to chan<- prometheus.Metric) {
	l := g.n.look()
	for _, r := range readings {
		to <- prometheus.MustNewConstMetric(r.desc, r.kind, r.of(l))
	}
	say := func(d *prometheus.Desc, value float64, labels ...string) {
		to <- prometheus.MustNewConstMetric(d, prometheus.GaugeValue, value, labels...)
	}
	say(descNode, 1, l.ID, l.Version)
	stands := slices.ContainsFunc(l.alarms, func(a fsm.Alarm) bool { return a.Kind == fsm.Divergence })
	say(descAlarm, one(stands), string(fsm.Divergence))
	for _, m := range l.Members {
		say(descAlive, one(m.Alive), m.ID)
		say(descVoter, one(m.Voter), m.ID)
		if m.Contact < 0 {
			continue // never heard of: nothing is known of its log and clock
		}
		say(descLag, float64(m.Lag), m.ID)
		say(descOffset, m.Offset.Seconds(), m.ID)
	}
}

func (n *Node) look() *look {
	l := &look{Status: n.Status()}
	_, l.leads = n.lead.current()
	l.state, l.found = n.machine.Stats(), n.Divergence()
	l.free, l.disk = n.cfg.disk(n.cfg.Dir)
	l.room, _ = n.space.last()
	l.expires = n.cfg.TLS.show().Leaf.NotAfter
	v := n.machine.View()
	defer v.Close()
	l.level, l.alarms = v.Level(), v.Alarms()
	if b, ok := v.LastBackup(); ok {
		l.backup = b.At
	}
	if all := v.Backups(); len(all) > 0 {
		l.backupFailed = all[0].Error != ""
	}
	return l
}

// diskSpace is what is free, to a process without privileges, and the size of the
// disk that a folder is on; zeros if the system does not say.
func diskSpace(dir string) (free, size uint64) {
	var fs unix.Statfs_t
	if unix.Statfs(dir, &fs) != nil {
		return 0, 0
	}
	return fs.Bavail * uint64(fs.Bsize), fs.Blocks * uint64(fs.Bsize)
}

func one(b bool) float64 {
	if b {
		return 1
	}
	return 0
}
