package table

import (
	"errors"
	"fmt"
	"os"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

// cobra makes a cobra command of a row, and of those below it.
func (l *line) cobra(c *command) *cobra.Command {
	acts := c.acting()
	made := &cobra.Command{Use: c.name, Short: c.help, Hidden: c.hidden}
	made.Args = func(cmd *cobra.Command, args []string) error { return c.take(cmd, args) }
	made.RunE = func(*cobra.Command, []string) error {
		l.ran = true
		return l.Run(acts.target)
	}
	made.SetHelpFunc(func(cmd *cobra.Command, _ []string) {
		if word := cmd.Flags().Arg(0); word != "" && len(c.children) > 0 {
			l.wrong = unexpected(cmd, word) // help of what is not there
			return
		}
		c.show(l.Out)
	})
	made.ValidArgsFunction = l.completeArgument(acts)
	if acts != nil {
		acts.declare(made.Flags())
		acts.mark(made)
		made.PreRunE = func(cmd *cobra.Command, _ []string) error { return acts.check(cmd.Flags()) }
		l.completeFlags(made, acts)
	}
	for _, child := range c.children {
		made.AddCommand(l.cobra(child))
	}
	return made
}

// declare makes the flags known.
func (c *command) declare(set *pflag.FlagSet) {
	set.SortFlags = false
	for _, p := range c.pick(false) {
		f := &pflag.Flag{Name: p.name, Shorthand: p.short, Usage: p.text(), Value: p.value(), Hidden: p.hidden}
		if p.isBool() {
			f.NoOptDefVal = "true"
		}
		set.AddFlag(f)
	}
}

// sides are the flags that exclude each other, by the name that they share.
func (c *command) sides() map[string][]*param {
	sides := map[string][]*param{}
	for _, p := range c.params {
		if p.xor != "" {
			sides[p.xor] = append(sides[p.xor], p)
		}
	}
	return sides
}

// mark tells cobra, and so completion, what goes together.
func (c *command) mark(made *cobra.Command) {
	for _, p := range c.pick(false) {
		if p.required && p.xor == "" {
			if err := made.MarkFlagRequired(p.name); err != nil {
				panic(err) // it was declared
			}
		}
	}
	for _, side := range c.sides() {
		var names []string
		required := false
		for _, p := range side {
			names, required = append(names, p.name), required || p.required
		}
		made.MarkFlagsMutuallyExclusive(names...)
		if required {
			made.MarkFlagsOneRequired(names...)
		}
	}
}

// take fills in the arguments of a line.
func (c *command) take(cmd *cobra.Command, args []string) error {
	acts := c.acting()
	if acts == nil {
		if len(args) > 0 {
			return unexpected(cmd, args[0])
		}
		var names []string
		for _, child := range c.children {
			if !child.hidden {
				names = append(names, child.name)
			}
		}
		return fmt.Errorf("%s what? %s", c.name, orList(names))
	}
	for _, p := range acts.pick(true) {
		v := p.value()
		switch {
		case len(args) == 0 && !p.optional:
			return fmt.Errorf("%s is missing: %s", p.said(), p.text())
		case len(args) == 0:
			return nil
		}
		n := 1
		if p.slice() {
			n = len(args)
		}
		for _, arg := range args[:n] {
			if err := v.Set(arg); err != nil {
				return fmt.Errorf("%s %s: %w", p.said(), arg, err)
			}
		}
		args = args[n:]
	}
	if len(args) > 0 {
		return unexpected(cmd, args[0])
	}
	return nil
}

// check lays the environment under the flags and says what is missing or too much.
func (c *command) check(set *pflag.FlagSet) error {
	if err := c.environment(set); err != nil {
		return err
	}
	sides := c.sides()
	var missing []string
	for _, p := range c.pick(false) {
		var given, all []string
		of := []*param{p}
		if p.xor != "" {
			of = sides[p.xor]
		}
		for _, one := range of {
			all = append(all, one.said()+"="+one.place())
			if set.Changed(one.name) {
				given = append(given, one.said())
			}
		}
		if len(given) > 1 {
			return fmt.Errorf("%s exclude each other", strings.Join(given, " and "))
		}
		if p.required && len(given) == 0 && p == of[0] {
			missing = append(missing, strings.Join(all, " or "))
		}
	}
	if len(missing) > 0 {
		return fmt.Errorf("%s is missing", strings.Join(missing, ", "))
	}
	return nil
}

// environment fills in flags that were not given from the variables that they name.
func (c *command) environment(set *pflag.FlagSet) error {
	for _, p := range c.pick(false) {
		text := os.Getenv(p.env)
		if p.env == "" || text == "" || set.Changed(p.name) {
			continue
		}
		if err := set.Set(p.name, text); err != nil {
			var wrong *pflag.InvalidValueError
			if errors.As(err, &wrong) {
				err = wrong.Unwrap()
			}
			return fmt.Errorf("%s=%s (for %s): %w", p.env, text, p.said(), err)
		}
	}
	return nil
}

// unexpected is a word that is no command, nor an argument.
func unexpected(cmd *cobra.Command, word string) error {
	var names []string
	for _, child := range cmd.Commands() {
		if !child.Hidden {
			names = append(names, child.Name())
		}
	}
	return fmt.Errorf("unexpected argument %s%s", word, didYouMean(word, "", names))
}

// wrongFlag says in this program's words what pflag found.
func wrongFlag(cmd *cobra.Command, err error) error {
	var unknown *pflag.NotExistError
	var lonely *pflag.ValueRequiredError
	var wrong *pflag.InvalidValueError
	switch {
	case errors.As(err, &unknown):
		if letters := unknown.GetSpecifiedShortnames(); letters != "" {
			if strings.Trim(letters, "0123456789") == "" {
				return fmt.Errorf("unknown flag -%s; before a negative number write --", letters)
			}
			return fmt.Errorf("unknown flag -%s", letters)
		}
		var names []string
		cmd.Flags().VisitAll(func(f *pflag.Flag) { names = append(names, f.Name) })
		name := unknown.GetSpecifiedName()
		return fmt.Errorf("unknown flag --%s%s", name, didYouMean(name, "--", names))
	case errors.As(err, &lonely):
		return fmt.Errorf("--%s needs a value", lonely.GetFlag().Name)
	case errors.As(err, &wrong):
		return fmt.Errorf("--%s %s: %w", wrong.GetFlag().Name, wrong.GetValue(), wrong.Unwrap())
	}
	return err
}

// didYouMean names what a word is near to. cobra knows the measure, but applies it to commands alone.
func didYouMean(word, prefix string, names []string) string {
	all := cobra.Command{SuggestionsMinimumDistance: min(2, len(word)/2)}
	for _, name := range names {
		all.AddCommand(&cobra.Command{Use: name, Run: func(*cobra.Command, []string) {}})
	}
	near := all.SuggestionsFor(word)
	for i := range near {
		near[i] = prefix + near[i]
	}
	if len(near) == 0 {
		return ""
	}
	return ", did you mean " + orList(near) + "?"
}
