// Package route is what stands in front of several clusters: `stoker route`. Each cluster is a cell, with users of its own; the app
// knows one address, and the router sends it to the cell where its user lives.
//
//	config.go     cells.toml
//	directory.go  in which cell a device is at home, and where else it may have signed in before
//	signin.go     POST /auth/anon: finds the cell of a device, or has one make a user
//	router.go     everything else: by the token, which names the cluster that has signed it
//	cell.go       one cell's endpoints, the next one when one cannot be reached
//	memory.go     where devices were found that are not at home
//	answer.go     what the router says itself, in the API's own words
//
// # Invariants
//
//   - A router keeps nothing that another one could not find out: any number of them may run, and be lost, at any time.
//   - A device that has signed in anywhere is not made a second user while any cell where it may have signed in cannot be asked: it
//     is answered 503 and comes again. Who is new waits for no more cells than those that could know it.
//   - A request is sent to a second endpoint only if nothing of it can have come to the first.
//   - What goes through it is not read, but for the body of a sign-in (64 KiB at most) and the claims of a token. Tokens are not
//     verified: whoever forges an issuer is refused by the cell that it names.
//   - The operator's and the workers' paths are not routed: who uses them speaks to a cell and means that one.
//
// # Why not …
//
//   - … a room of the house? It stands outside of every cluster, as the commands do, and wants nothing of the inner rooms.
//   - … a table of devices? It would be one more thing to keep, to replicate and to lose. Rendezvous hashing (Thaler and Ravishankar,
//     1998) says where a new device goes, and a cell that a user has left says where it is.
//   - … ask every cell about a device that its home does not know? One cell that is down would end all sign-ups. Cells stand in the
//     file in the order that they were added in, and adding one takes devices only to the new one; so a device can only have been at
//     home in the few that were its home when they were the newest: about ln n of n.
//   - … redirect (307)? Apps in the field do not follow one with their token, and should not.
//   - … objects? URLs of objects name their cell's own address (public_url); bytes of pictures gain nothing by another hop.
package route
