// Stoker takes batches of photos from a phone app and has GPUs work on them: one
// replicated machine on three VMs, in one binary. See README.md.
package main

import (
	"os"

	"stoker/cli"
)

func main() {
	os.Exit(cli.Run(os.Args[1:], cli.Hooks{Serve: serve, Version: version()}))
}
