package drive

import "embed"

// Source is this package itself, for peers' programs, which are modules of their own and are driven just so.
//
//go:embed doc.go drive.go peer.go row.go
var Source embed.FS
