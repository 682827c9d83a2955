package node

import (
	"fmt"
	"strings"

	armon "github.com/armon/go-metrics"
	sink "github.com/armon/go-metrics/prometheus"
	"github.com/prometheus/client_golang/prometheus"
)

// RaftMetrics has Raft's own metrics arrive at a registry. Raft tells them to
// one place in the process, whatever node they are of (and that place is
// armon/go-metrics, unless it is built with the tag hashicorpmetrics): call it
// once, in a process that runs one node. Durations are in milliseconds.
func RaftMetrics(r prometheus.Registerer) error {
	s, err := sink.NewPrometheusSinkFrom(sink.PrometheusOpts{
		Registerer: r, Name: "stoker_raft",
		SummaryDefinitions: raftSummaries, CounterDefinitions: raftCounters,
	})
	if err != nil {
		return fmt.Errorf("node: raft's metrics: %w", err)
	}
	c := armon.DefaultConfig("")
	c.EnableHostname, c.EnableRuntimeMetrics, c.FilterDefault = false, false, false
	for _, d := range raftSummaries {
		c.AllowedPrefixes = append(c.AllowedPrefixes, strings.Join(d.Name, "."))
	}
	for _, d := range raftCounters {
		c.AllowedPrefixes = append(c.AllowedPrefixes, strings.Join(d.Name, "."))
	}
	if _, err := armon.NewGlobal(c, s); err != nil {
		return fmt.Errorf("node: raft's metrics: %w", err)
	}
	return nil
}

func raftName(name string) []string { return strings.Split("raft."+name, ".") }

// What of Raft's metrics is of use beside the node's own. The rest is dropped.
var (
	raftSummaries = []sink.SummaryDefinition{
		{Name: raftName("commitTime"), Help: "On the leader: ms from an entry's dispatch to its commit."},
		{Name: raftName("leader.lastContact"), Help: "On the leader: ms since it last had the word of a quorum."},
		{Name: raftName("leader.dispatchLog"), Help: "On the leader: ms to write entries to its own log."},
		{Name: raftName("rpc.appendEntries.storeLogs"), Help: "On a follower: ms to write entries to its own log."},
		{Name: raftName("rpc.installSnapshot"), Help: "On a follower: ms to take a snapshot."},
		{Name: raftName("snapshot.takeSnapshot"), Help: "ms to take a snapshot, all in all."},
		{Name: raftName("compactLogs"), Help: "ms to truncate the log below a snapshot."},
		{Name: raftName("candidate.electSelf"), Help: "ms to ask all others for their vote."},
	}
	raftCounters = []sink.CounterDefinition{
		{Name: raftName("state.leader"), Help: "How often this node came to lead."},
		{Name: raftName("state.candidate"), Help: "How often this node stood for election."},
		{Name: raftName("state.follower"), Help: "How often this node came to follow."},
		{Name: raftName("transition.heartbeat_timeout"), Help: "How often this node heard of no leader for too long."},
		{Name: raftName("transition.leader_lease_timeout"), Help: "How often this node, as leader, heard of no quorum for too long."},
	}
)
