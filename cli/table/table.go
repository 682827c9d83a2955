package table

import (
	"context"
	"errors"
	"fmt"
	"io"

	"github.com/spf13/cobra"
)

// Table is a command line.
type Table struct {
	Name  string // of the program
	About string // what it is, for the help
	// Commands are pointers to structs of commands.
	Commands []any
	// Run runs the command that a line names: a pointer to its struct, filled in.
	Run func(command any) error
	// Offer completes what the tag complete:"KIND" is on: it says what there is, each perhaps with a tab and a description behind it.
	// The command is filled in as far as the line goes. A kind that begins with a dot is that of files with this ending, which the shell
	// knows, and is not asked for. Nil offers nothing.
	Offer func(kind string, command any) []string
	Out   io.Writer // for help and completion
	Err   io.Writer
}

// Usage is a line that is none of the table's.
type Usage struct {
	Command string // whose help says more
	Err     error
}

func (u *Usage) Error() string { return u.Err.Error() }

func (u *Usage) Unwrap() error { return u.Err }

// line is one command line on its way.
type line struct {
	*Table
	root  *command
	ran   bool  // what fails from here on is no wrong usage
	wrong error // what a line that asks for help says, which can return none
}

// Execute carries out a line: it prints help, answers a shell's question, or runs a command. What is wrong with the line itself is a
// *[Usage]; what Run returns comes back as it is.
func (t *Table) Execute(ctx context.Context, args []string) error {
	l, root := t.build()
	root.SetArgs(append([]string{}, args...)) // nil would be the process's own
	at, err := root.ExecuteContextC(ctx)
	if err == nil {
		err = l.wrong
	}
	if err != nil && !l.ran && !errors.As(err, new(*Usage)) {
		return &Usage{Command: at.CommandPath(), Err: err}
	}
	return err
}

// Script writes what makes a shell complete this program's lines.
func (t *Table) Script(w io.Writer, shell string) error {
	_, root := t.build()
	switch shell {
	case "bash":
		return root.GenBashCompletionV2(w, true)
	case "zsh":
		return root.GenZshCompletion(w)
	case "fish":
		return root.GenFishCompletion(w, true)
	case "powershell":
		return root.GenPowerShellCompletionWithDesc(w)
	}
	return fmt.Errorf("no completion for %q", shell)
}

// build reads the table and makes cobra commands of it.
func (t *Table) build() (*line, *cobra.Command) {
	l := &line{Table: t, root: &command{name: t.Name, help: t.About}}
	for _, structure := range t.Commands {
		l.root.read(structure)
	}
	root := l.cobra(l.root)
	root.SilenceErrors, root.SilenceUsage = true, true
	root.CompletionOptions.DisableDefaultCmd = true
	root.CompletionOptions.SetDefaultShellCompDirective(cobra.ShellCompDirectiveNoFileComp)
	root.SetOut(t.Out)
	root.SetErr(t.Err)
	root.SetFlagErrorFunc(wrongFlag)
	root.PersistentFlags().BoolP("help", "h", false, "Show this help.")
	root.SetHelpCommand(&cobra.Command{Use: "help", Short: "Show the help of a command.", RunE: func(_ *cobra.Command, args []string) error {
		of, rest, err := root.Find(args)
		if err == nil && len(rest) > 0 {
			err = unexpected(of, rest[0])
		}
		if err != nil {
			return &Usage{Command: t.Name, Err: err}
		}
		return of.Help()
	}})
	return l, root
}
