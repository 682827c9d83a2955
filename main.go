// Stoker takes batches of photos from a phone app and has GPUs work on them: one
// replicated machine on three VMs, in one binary. See README.md.
package main

import (
	"os"

	"stoker/bench"
	"stoker/cli"
	_ "stoker/cli/slack"
)

// benchCommand is `stoker bench`; it stands here since it drives the inner rooms.
type benchCommand struct {
	Bench bench.Commands `cmd:"" group:"Measure" help:"Measure and torment a cluster made for it."`
}

func main() {
	os.Exit(cli.Run(os.Args[1:], cli.Hooks{Serve: serve, Join: join, Sign: sign, Archives: archives, Version: version(), More: []any{&benchCommand{}}}))
}
