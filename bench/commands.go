package bench

// Commands is `stoker bench`.
type Commands struct {
	Create     Create     `cmd:"" help:"Measure POST /jobs: debits, jobs and upload URLs a second, beside etcd."`
	Callback   Callback   `cmd:"" help:"Measure results of one item each."`
	Grants     Grants     `cmd:"" help:"Measure work taken and reported, beside JetStream."`
	Lifecycle  Lifecycle  `cmd:"" help:"Measure whole lives of jobs, from creation to result."`
	Read       Read       `cmd:"" help:"Measure GET /jobs/{id} on any node."`
	Mixed      Mixed      `cmd:"" help:"Measure ten reads to each write."`
	Check      Check      `cmd:"" help:"Hold each scenario's speed against what was recorded."`
	Growth     Growth     `cmd:"" help:"Measure what history costs: jobs created and read with many finished ones in the store, sizes, memory, restart."`
	CatchUp    CatchUp    `cmd:"" help:"Measure what those who write notice of a follower that comes back far behind."`
	QueueSim   QueueSim   `cmd:"" help:"Simulate an hour of users and GPUs against the scheduler: fairness, affinity, starvation."`
	Queue      Queue      `cmd:"" help:"Measure what an item takes from its commit to one of thousands of parked workers."`
	Objects    Objects    `cmd:"" help:"Measure pictures through the object store beside another S3 server: MB/s, memory, ratio."`
	Failover   Failover   `cmd:"" help:"Strike the leader under load and measure what clients see."`
	QueueChaos QueueChaos `cmd:"" help:"Kill workers, leaders and whole clusters for minutes, then prove that nothing was lost or done twice."`

	Bare        Bare        `cmd:"" name:"bare-server" hidden:"" help:"The server that does nothing, which others are measured beside."`
	ChaosWorker ChaosWorker `cmd:"" hidden:"" help:"A worker of queue-chaos."`
}
