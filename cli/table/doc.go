// Package table makes a command line of a table of commands: a struct whose fields are commands, themselves structs, whose fields are
// flags and arguments. What each is stands in its tags; cobra (github.com/spf13/cobra) parses, and knows the shells.
//
//	type commands struct {
//		Job jobCommand `cmd:"" group:"Jobs and users" help:"List and show jobs."`
//	}
//	type jobCommand struct {
//		List jobList `cmd:"" default:"withargs" help:"List them."` // what plain `job` does
//	}
//	type jobList struct {
//		Status []string `enum:"open,ended" env:"JOB_STATUS" help:"Only these."`
//		Limit  int      `short:"n" default:"50" help:"How many (${default})."`
//	}
//
// Tags of a command: cmd, name, help, group, hidden, default:"withargs". Its struct may have a method Help() string, which is shown below
// the usage: lines that are indented stand as they are, the others are wrapped. A command without a group is in that of the one before.
//
// Tags of a flag: name (the field's, in-dashes), short, help, default, metavar, enum:"a,b", env, group, hidden, required, type
// (existingfile, existingdir or path), xor:"NAME" (at most one of those that say NAME; if one of them is required, one it must be), complete
// (what the shell offers: see [Table.Offer]). An argument is arg:"", and optional:"" if it may be left out; one that is a slice takes the rest.
// Structs without a name, and those that say embed:"", lend their fields, under prefix:"…" if they say so.
//
// Fields are strings, booleans, numbers, durations, what unmarshals text, pointers to these (nil: not given), and slices of these,
// which take commas and repetition.
//
// # Invariants
//
//   - Flags win over variables, which win over defaults.
//   - A table that is wrong in itself panics when it is read, which every test of a command does.
//   - Nothing is on its way to a command before the whole line is right: all else is [Usage].
//   - No method is looked for by name: see below.
//
// # Why not …
//
//   - … kong, which reads such a table by itself? It calls reflect.Value.MethodByName with names that it computes. A linker that sees
//     this must keep every exported method of every type: the program was 41.8 MB instead of 32.7 for it. cobra takes care not to, and
//     so does this package, which finds Run and Help by interfaces. Hence no cobra templates: text/template does the same as kong.
//   - … cobra alone? A command would be declared in a constructor, its flags in another place, its checks in a third, and in the help
//     could be what is not there.
//   - … cobra's own checks of required and exclusive flags? They are set, since completion knows them, but their words are for
//     programmers; [command.check] comes first.
package table
