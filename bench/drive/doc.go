// Package drive drives a system with clients and says how long each operation took.
//
// There are two ways to drive. [Closed] has so many clients, each of which does the next thing when the last one is done: it
// finds what a system can carry. [Open] begins so many things a second whether or not earlier ones are done: it finds what
// users see at a given traffic. What both measure is a [Run].
//
// # Invariants
//
//   - Every operation that began in the measured time is counted, with the time it took, whenever it ended.
//   - In an open run the time of an operation counts from when it was due, not from when a client was free for it: a system
//     that stalls is charged for those who would have come meanwhile (Tene, "How NOT to Measure Latency").
//   - The first error ends a run. A figure of operations that failed is no figure.
//
// # Why not …
//
//   - … an HDR histogram? A run has some hundred thousand operations; all their times fit in a few MB, and percentiles of
//     all of them are exact.
//   - … vegeta, wrk, k6? An operation here is several calls that need each other's answers, and the checks of them.
package drive
