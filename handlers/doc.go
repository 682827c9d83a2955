// Package handlers speaks the wire contract: it turns an HTTP request into one
// command or one read, and the answer into the envelope.
//
// There are only a few nouns. The table in routes.go is the whole API on a
// page. A [Server] holds the port. A call is one request on its way: who asks,
// until when, with which body. A stream is a job's history as it grows, sent as
// Server-Sent Events or over a WebSocket; what workers say of their progress is
// shown beside it and is in no history. openapi.json says all of it to
// machines, and a test holds it against the table.
//
// A handler is a sentence: decode, one node.Apply or one node.Read, render. It
// checks only the shape of what came in (types, lengths, characters); whether
// the thing may happen is decided by fsm, once, for all nodes.
//
// # Invariants
//
//   - Every answer of a JSON route is the envelope, also those of a wrong path, a
//     wrong method, a request that does not parse and a panic. Objects answer as S3.
//   - Somebody else's job or rule is answered exactly as one that does not exist.
//   - Nothing that a handler keeps points into fasthttp's buffers: they are used
//     again as soon as the handler returns.
//   - No JSON body over [Config.MaxBody] is held in memory, whatever its
//     Content-Length says; an object's body is never held at all.
//   - Tokens and presigned URLs are made when an answer is rendered. They are in
//     no command, no record and no log line.
//   - A token that is revoked opens nothing more. An operator's is looked up in
//     what the cluster has acknowledged, on every request; only a look (GET) on a
//     node that has no leader is answered by what the node knows, which may be
//     before the revocation, and shows no more than what was true then. A worker's
//     is looked up in a state at most workerTrust old. A user's, and the token keys,
//     are looked up in the node's own state, and again in every command and
//     every linearizable read: a revoked user changes nothing from the entry on that
//     revokes it, and sees at most a node that was told ?consistency=stale and is behind.
//   - What is limited is counted in the node's memory, which a flood cannot fill.
//   - Under more writes than the log takes, those let in are answered in time and
//     the others are refused at once, by the node that they ask, before anything is
//     done for them (turnaway.go): the requests that wait are bounded (crowd.go),
//     and so are connections (gate.go). Reads, polls and operators are not refused.
//   - A user that lives in another cell is answered 421 with the cell's name, whatever it asks, and a sign-in that is answered out of
//     an Idempotency-Key record is asked again where its user is: nobody gets a token of a cell that it has left.
//   - A refusal for want of scope, or of a good token, writes no entry.
//   - A shutdown cancels what is parked (polls, streams) and lets what was sent to
//     the log have its answer.
//   - A request's id and trace go with everything that is done for it, to whichever
//     node. Each request is one count, by its line of the table, and one line of the
//     log; those that were turned away are one line a second together.
//
// # Why not …
//
//   - a trace for each poll: workers ask all the time and mostly for nothing. What a
//     worker does for a job is in the job's trace, which the message told it.
//   - the JWT library's own key set and validation: they accept every algorithm a
//     key may have and say in one error what the contract tells apart in three.
//     jwt.go pins HS256 first and then asks the library for the signature.
//   - one place for limits that all nodes share: each request would wait for it, and
//     without it nothing could be let in. Three nodes let through three times as much.
//   - blocking an address for its wrong tokens: behind it may be a hundred workers,
//     of which one has the wrong one. Tokens that were good here go on.
//   - the text of a new token made here: an answer that is lost would have to be
//     given again, and so the text be kept. Whoever asks makes it and sends the hash.
//   - the plan in the token: it would be right until the operator changes it.
//   - events pushed from the machine to the stream: a slow reader would have to
//     block the machine or lose some. The machine only says "job j changed"; the
//     stream reads the history from where it is, so it can be neither out of
//     order nor incomplete, and resumes on any node.
//   - unknown members refused in requests: the app and the worker in the field may
//     send more than we read. A known member of a wrong type is refused.
//   - one route for `/{bucket}/{key}`: it would swallow the API's own paths and
//     turn every 405 into a missing bucket. The configured bucket is a static path.
package handlers
