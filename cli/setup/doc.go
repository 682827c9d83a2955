// Package setup founds a cluster: a certificate authority, a certificate and a folder per node, a seal key, and the
// operator's tokens. `stoker init` uses it for machines far away, `stoker dev` and `stoker demo` for this one.
//
//	DIR/n1/stoker.toml  ca.crt  node.crt  node.key  seal.key     copy to the first machine, and so on
//	DIR/operator.toml                                            keep: it opens everything
//
// # Invariants
//
//   - Private files are 0600 and folders that hold them 0700, from the moment they exist.
//   - Nothing is overwritten unless Force says so, and a folder with a node's data never is: a new seal key would lock
//     its secrets up for good. Everything is checked before the first byte is written.
//   - The CA's private key is nowhere in plain. It leaves this package sealed with the seal key (AES-256-GCM, a random nonce of 12
//     bytes in front, additional data "ca"; the cluster's own sealing), and the first command carries it into the cluster.
//   - Tokens are in plain in operator.toml only; nodes get their SHA-256. They have 128 random bits or more, which is why a plain hash will do.
//
// # Why not …
//
//   - … ask for certificates? See package pki, which makes them.
//   - … put the tokens into stoker.toml? Whoever reads one node's file must not be able to act as the operator.
package setup
