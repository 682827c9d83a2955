// Package cli is the command line of Stoker: everything an operator does, and nothing that a node needs to run.
//
// One struct, commands, is the command table: package table makes parser, help, environment and completion from it, so a command is
// declared once, as a struct with a Run method, and cannot be in the help without being there. cobra is under it, and is told nothing
// anywhere else: its own way would spread the same over constructors. `serve` is handed in by main as a [Hooks] value, since running a
// node needs the inner rooms.
//
//	table/    the command line out of the table, on cobra
//	config/   stoker.toml, the environment and the flags of `serve`
//	setup/    founds a cluster: keys, certificates, tokens, folders
//	local/    nodes as processes on this machine
//	status/   what `stoker status` shows
//	queue/    what `stoker queue` shows
//	worker/   what `stoker worker list` shows
//	importer/ what `stoker import` brings over
//	sql/      how `stoker sql` and `stoker export` read, show and keep answers
//	user/     what `stoker user` shows
//	webhook/  what `stoker webhook` shows
//	show/     how all of these look
//	picture/  the sample worker's edits and the demo's rooms
//	demo/     `stoker demo`
//
// # Invariants
//
//   - Nothing here imports the server's node, queue, fsm, store, objects or handlers. A cluster is spoken to through package client, as anyone would.
//   - Results go to standard output; progress, hints and errors to standard error. Exit codes: 0 done, 1 failed, 2 wrong usage.
//   - Flags win over STOKER_ variables, which win over files.
//   - The first Ctrl-C or SIGTERM ends a command in order, the second at once.
//   - An error is one line that says what to do next.
//   - No token is taken as a flag: command lines are readable by everybody on the machine.
//
// # Why not …
//
//   - … a configuration file for the operator's preferences? operator.toml opens a cluster; everything else is a flag.
package cli
