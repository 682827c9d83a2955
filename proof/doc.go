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
//   - Nothing is left behind but what --out names, and an input that a fuzzer has found, in its package's testdata.
//   - A mutant whose text is not in its file any more, or that does not compile, fails the command as one that nobody noticed does.
//
// # Why not …
//
//   - … a command of stoker itself, beside `stoker bench`? Its checkers and models would make the binary that operators run larger.
//   - … everything in tests? A test runs for as long as one is ready to wait for it each time, prints nothing while it does, and is
//     no front door. But what needs a package's insides, or testing/synctest, is a test of that package with flags, and the
//     command runs it: there is one model of the machine, not two.
//   - … mutants behind a build tag, as hooks in the program? Each would be a place in the rules where a reader has to think what it is
//     for, a mistake could only be made where somebody had foreseen it, and the code that is checked would not be the code that
//     ships. The compiler can be given another text for a file (go build -overlay): the mistake then stands in a table, beside what it
//     breaks and who has to notice, and a test says so when the program has moved on. The one hook that there is (fsm/sabotage.go)
//     is for real processes that do wrong at a moment which a test chooses; no text of a file can say when.
//   - … a tool that makes mutants by itself, by the thousand, and takes days? Most of what such tools change is equivalent or trivial.
//     These are the mistakes that would lose a write, a credit or a picture.
package main
