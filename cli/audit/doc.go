// Package audit shows what operators did, and writes it out for whoever keeps records.
//
// # Invariants
//
//   - An export is complete and in order, or ends with an error: oldest first, each row once.
//   - What operators wrote is printed through show.Plain; in an export it stands as it is.
package audit
