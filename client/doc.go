// Package client speaks to a Stoker cluster for the three who do: an app ([App]), a GPU worker ([Worker], or [Queue] for its
// bare calls) and an operator ([Operator]). It knows the wire contract and nothing of the server's insides.
//
// There are only a few types. [Cluster] says where the nodes are, [Client] holds the connections and the patience, App,
// Operator, Queue and Worker are what the three may ask, [Error] is every refusal, [Session] is read-your-writes.
//
// # Invariants
//
//   - One call is one effect. A mutating call of an app or an operator makes one Idempotency-Key and sends every attempt with
//     it, to whichever node; so a lost connection, a 503 and an OUTCOME_UNKNOWN may all be followed by another attempt. A
//     worker's poll carries a poll_id for the same purpose; its results are final once by the contract.
//   - A refusal is returned, never repeated: no 4xx is tried again but 429 RATE_LIMITED, which is about this client's pace.
//     CONCURRENCY_LIMIT and QUEUE_FULL describe the cluster's state and are the caller's to decide on. The one exception is a
//     read token of another epoch, which the session drops before it asks once more (see [Session]).
//   - A client stays with the node that answers and leaves one that does not. A round visits each node once without waiting;
//     only between rounds it waits, with full jitter (https://aws.amazon.com/blogs/architecture/exponential-backoff-and-jitter/),
//     never less than a Retry-After asks for.
//   - No call outlives its context's deadline; without one, its patience is [Cluster.Patience]. When the next wait would pass
//     the deadline, the last answer is returned at once instead of after it.
//   - A picture is streamed in both directions and never held in memory. Each attempt of an upload reads the source at its own
//     offsets, so an abandoned attempt that still reads cannot disturb the next.
//   - An event stream yields each event once and in order: a cut is continued on another node from the last whole event.
//   - A worker says nothing under a lease that it lost, reports an item at most as one outcome, and gives back what it does
//     not finish.
//   - With a spool, a result is on disk before it is sent and until the cluster has taken or refused it. What an earlier life left
//     is sent before the session is opened, because with a new boot the cluster takes the old leases back.
//   - Every lease is renewed from its grant to its last word by one parked control (or heartbeats, where there is none), whatever
//     its handlers do; but no handler keeps a lease alive beyond its execution budget.
//   - A directive is obeyed by whichever answer it comes. A worker that is drained stays and asks again; one told to exit goes.
//
// # Why not …
//
//   - … retry a 500? It is a defect, which the next attempt meets again, or an effect that cannot be undone by asking twice.
//     Objects are the exception: PUT and GET of a key are the same however often they happen, and outside S3s send 500 for "busy".
//   - … ask all nodes at once and take the first answer? It triples the load in the moment a cluster has least to spare.
//   - … resolve the leader and talk to it alone? Every node serves everything; knowing the leader would be one more thing to be stale.
//   - … sign presigned URLs again for another host? The client has no key. The signature covers the Host header, and nodes accept
//     any member's advertised host; so the same URL is dialled at another endpoint with its own Host header kept. A URL whose
//     host is no endpoint of this cluster (a public_url, an outside S3) is only ever dialled as it is written.
//   - … io.ReadSeeker for uploads? net/http may still read a body after the attempt failed; a shared position would corrupt the
//     next one. io.ReaderAt has no position.
//   - … send Idempotency-Key on worker calls? The contract scopes it to users; poll_id, the fence and "final once" do that work
//     there without a record per heartbeat.
//   - … keep the parked control and ask a second one for a new lease? Then there would be as many as leases. It is cut and asked anew,
//     for all; several grants within 50 ms cut it once. Progress, which comes more often, goes beside it and does not park.
//   - … a new boot_id per process? One per Run: what an earlier Run of the same process held is as dead as after a crash.
//   - … start an item's execution budget with its handler? Items of one lease queue up at one GPU; see budget.
//   - … lock the spool's folder? Two workers in one would send each other's results, which counts nothing twice; only the loss of
//     power at the wrong moment could then cost one of them a result, and costs it an item's time.
//   - … treat an unmarked handler error as final? Attempts are bounded by the queue, and most unmarked errors are the machine's
//     fault, not the picture's; [BadInput] is for those that are.
package client
