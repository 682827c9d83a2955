// Package hostile is `proof hostile`: clients that break HTTP's rules, or keep them so slowly that others should suffer, at one
// process of the very program that ships.
//
// A [Target] is a node and the limits that it is said to keep. [Target.Attack] has three parts, each of which is rows of a
// [Report]: requests that two parties could read in two ways ([Forms]), pipelines, and a siege, which is thousands of connections
// of every kind at the same time. While they stand, a bystander reads and writes through connections of its own.
//
// # Invariants
//
//   - An answer says which request it is to: each request that is sent bears an id of its own, and comes back under it. So what
//     was smuggled, or given to somebody else, is seen and not concluded.
//   - Every connection's end is waited for, until the limit that the node is said to keep, and counted.
//   - What could not be done here (too few descriptors, no /proc) is a line of the report.
//
// # Why not …
//
//   - … the client of package client, or net/http? They cannot be made to send what is wrong.
//   - … one kind of attack after the other? Each takes the whole limit, half a minute, and real ones come together.
package hostile
