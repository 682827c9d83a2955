// Package appfile is stoker.app.toml: the app's configuration as people write it, keep it in Git and deploy it.
//
// [Read] takes a file into what travels, [Write] makes the one text that stands for a configuration, and [Diff] compares two
// configurations by their texts.
//
// # Invariants
//
//   - What Write wrote, Read reads as the same configuration: deploying what was pulled changes nothing.
//   - Two configurations that mean the same have the same text, byte by byte; a diff shows no noise.
//   - A key that is not known, or a value of the wrong kind, is an error with file and line. Whether the values make sense is the
//     cluster's to say, and where they stand in the file is told again by [Locate].
//
// # Why not …
//
//   - … judge here too? Then a newer cluster's rules would be an older binary's; `stoker deploy --dry-run` asks the cluster.
//   - … write with the TOML library? It cannot say what a key is for, nor keep the order in which people read.
//   - … diff by hand? go-udiff is what gopls uses, kept by Charm, without dependencies, 30 KB in the binary.
package appfile
