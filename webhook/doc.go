// Package webhook tells endpoints outside what happens: signed POST requests, at
// least once for each event, from wherever the leader is.
//
// There are only a few nouns. A [Sender] runs on each node and works where the
// leader is. It has a lane for each webhook of the settings: one that reads the
// feed from where the webhook stands, posts what it is to be told, and says in the
// log how far it came. A [Message] is one event, a [Poster] the client that posts it.
//
// # Invariants
//
//   - What a lane knows is in the log or may be forgotten: the place in the feed moves
//     behind an event only in the entry that has it arrived or makes it a delivery,
//     and both name what was posted before. So whoever leads next goes on, and
//     posts again what was under way.
//   - A lane holds nothing back for another one's sake.
//   - An event's id and body are the same however often it is posted.
//   - Events of one job are posted one after the other, in order, unless one of them
//     fails: then the later ones go first. Those of different jobs are posted side by side.
//   - An address is judged when the connection to it is made, after every look-up:
//     what a name leads to when the settings are checked says nothing about later.
//   - No redirect is followed, no proxy of the environment is asked, and of an answer
//     only its status is kept.
//
// # Why not …
//
//   - the names of the receivers checked at deploy time: a name may lead elsewhere a
//     second later, and that is how one gets at what only this network can reach.
//   - one queue row for each event: the feed has it already (see package fsm).
//   - a lane that stops when one event fails: a receiver that has a flaw with one job
//     would hear of no other.
//   - every node a share of the webhooks: whoever leads has the newest state, and one
//     place at a time keeps the order.
//   - asymmetric signatures (v1a): a receiver of its own cluster's events shares a
//     secret easily, and every library knows v1.
package webhook
