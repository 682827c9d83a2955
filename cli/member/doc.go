// Package member shows the nodes of a cluster: who has a vote, who may fail, what a removal would do.
//
// # Invariants
//
//   - What it says of the whole is the cluster's own word (autopilot), not a second judgement made here.
//   - Before a member is removed it says what the cluster is afterwards.
//
// # Why not …
//
//   - … in package status? That is one page of everything for a first look; this is what decides whether a node may be taken away.
package member
