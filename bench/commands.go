package bench

// Commands is `stoker bench`.
type Commands struct {
	QueueSim   QueueSim   `cmd:"" help:"Simulate an hour of users and GPUs against the scheduler: fairness, affinity, starvation."`
	Queue      Queue      `cmd:"" help:"Measure what an item takes from its commit to one of thousands of parked workers."`
	Objects    Objects    `cmd:"" help:"Measure pictures through the object store beside another S3 server: MB/s, memory, ratio."`
	Failover   Failover   `cmd:"" help:"Strike the leader under load and measure what clients see."`
	QueueChaos QueueChaos `cmd:"" help:"Kill workers, leaders and whole clusters for minutes, then prove that nothing was lost or done twice."`

	ChaosWorker ChaosWorker `cmd:"" hidden:"" help:"A worker of queue-chaos."`
}
