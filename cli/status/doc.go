// Package status reads a cluster's state through the operator's API and shows it as a table.
//
// # Invariants
//
//   - A field that the cluster does not send is shown as its zero value, and one that this binary does not know is ignored:
//     a tool of one version reads a cluster of another.
//   - [Status.Raw] is the cluster's own JSON, byte for byte: what --json prints does not depend on what this package knows.
//   - At most one member is shown as the leader: the one that the node that answers takes for it.
//
// # Why not …
//
//   - … ask every node? The node that answers knows what the others said last and how long ago; asking all would only be slower
//     when one of them is the trouble.
package status
