// Package pki is the cluster's own certificates: a CA that signs nothing but
// nodes, and what a node's certificate must hold. `stoker init` makes the first
// ones with it, a running cluster all later ones. A join token names the CA by its
// fingerprint, so it is made here too.
//
// # Invariants
//
//   - A node's certificate opens the cluster port by its role, the URI
//     stoker://node/<id>, and by nothing else: a node may move, and a certificate
//     of another role opens nothing, whoever signed it.
//   - Of a request only the key is taken, and only if the request proves that its
//     sender has it. Id, role, names and dates are the signer's.
//   - A certificate never outlives its CA.
//   - A CA can sign no other CA.
//
// # Why not …
//
//   - … a PKI that exists, ACME or Vault? Three machines and one port are no
//     reason to run one; who has one can replace the files.
//   - … Ed25519? Everything that reads certificates knows P-256.
//   - … revocation lists? A removed member is turned away by its id, which is
//     never used again, and a key that leaked with a member it belongs to; the CA
//     itself can be replaced at any time.
package pki
