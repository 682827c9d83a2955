// Command proof is harder on Stoker than anything it will meet: go run ./proof COMMAND, from the module's root.
//
// What somebody should believe of Stoker ("no acknowledged write is lost, no credit is spent twice, no item is counted twice")
// they can have shown by a command of this program. docs/proof/README.md says which command shows what, and holds the reports
// of long runs. CI runs each command for a short, bounded time.
//
// # Invariants
//
//   - A command exits 0 only if it looked and nothing was violated.
//   - Chance comes from a seed, which is printed with the command line that replays it, as far as it can be replayed.
//   - A report gives only figures that were measured in its own run.
//   - Nothing is left behind but what --out names.
//
// # Why not …
//
//   - … a command of stoker itself, beside `stoker bench`? Its checkers and models would make the binary that operators run larger.
//   - … everything in tests? A test runs for as long as one is ready to wait for it each time, prints nothing while it does, and is
//     no front door. But what needs a package's insides, or testing/synctest, is a test of that package with flags, and the
//     command runs it: there is one model of the machine, not two.
package main
