package table

import (
	"slices"
	"strings"

	"github.com/spf13/cobra"
)

// completeFlags says what the shell offers as values of flags. What is not said here completes to nothing, not to files.
func (l *line) completeFlags(made *cobra.Command, acts *command) {
	for _, p := range acts.pick(false) {
		if offer := l.offer(acts, p); offer != nil {
			if err := made.RegisterFlagCompletionFunc(p.name, offer); err != nil {
				panic(err) // it was declared, once
			}
		}
	}
}

// completeArgument says what the shell offers as arguments.
func (l *line) completeArgument(acts *command) cobra.CompletionFunc {
	return func(cmd *cobra.Command, args []string, begun string) ([]string, cobra.ShellCompDirective) {
		if acts == nil {
			return cobra.NoFileCompletions(cmd, args, begun)
		}
		places := acts.pick(true)
		at := len(args)
		if last := len(places) - 1; last >= 0 && places[last].slice() {
			at = min(at, last)
		}
		if at >= len(places) {
			return cobra.NoFileCompletions(cmd, args, begun)
		}
		if offer := l.offer(acts, places[at]); offer != nil {
			return offer(cmd, args, begun)
		}
		return cobra.NoFileCompletions(cmd, args, begun)
	}
}

// lower are the letters of a word that stands for itself in a metavar.
const lower = "abcdefghijklmnopqrstuvwxyz"

// offer is what completes a parameter; nil if nothing does.
func (l *line) offer(of *command, p *param) cobra.CompletionFunc {
	ending, isFile := strings.CutPrefix(p.complete, ".")
	places := strings.Split(p.metavar, "|")
	words := slices.DeleteFunc(slices.Clone(places), func(s string) bool { return s == "" || strings.Trim(s, lower) != "" })
	switch {
	case isFile:
		return cobra.FixedCompletions([]string{ending}, cobra.ShellCompDirectiveFilterFileExt)
	case p.complete != "":
		return func(cmd *cobra.Command, _ []string, begun string) ([]string, cobra.ShellCompDirective) {
			if l.Offer == nil || of.environment(cmd.Flags()) != nil {
				return cobra.NoFileCompletions(cmd, nil, begun)
			}
			var fitting []string
			for _, one := range l.Offer(p.complete, of.target) {
				if strings.HasPrefix(one, begun) {
					fitting = append(fitting, one)
				}
			}
			return fitting, cobra.ShellCompDirectiveNoFileComp | cobra.ShellCompDirectiveKeepOrder
		}
	case p.enum != nil:
		return cobra.FixedCompletions(p.choices(), cobra.ShellCompDirectiveNoFileComp)
	case p.kind == "existingdir", p.metavar == "DIR":
		return cobra.FixedCompletions(nil, cobra.ShellCompDirectiveFilterDirs)
	case p.kind != "", places[0] == "FILE", places[0] == "DIR":
		return cobra.FixedCompletions(nil, cobra.ShellCompDirectiveDefault)
	case len(words) > 0: // text|json, now|start|INDEX
		return cobra.FixedCompletions(words, cobra.ShellCompDirectiveNoFileComp)
	}
	return nil
}
