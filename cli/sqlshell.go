package cli

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"path/filepath"
	"slices"
	"strings"

	"github.com/peterh/liner"

	"stoker/cli/sql"
)

const (
	promptFirst = "stoker> "
	promptMore  = "   ...> "
)

// listen takes statements from what is no terminal. An error ends it, as in a script.
func (c *sqlConsole) listen(in io.Reader) error {
	lines := bufio.NewScanner(in)
	lines.Buffer(nil, 1<<20)
	pending := ""
	for lines.Scan() {
		rest, end, err := c.take(c.ctx, pending, lines.Text())
		if err != nil || end {
			return err
		}
		pending = rest
	}
	if err := lines.Err(); err != nil {
		return fmt.Errorf("sql: %w", err)
	}
	if strings.TrimSpace(pending) == "" {
		return nil
	}
	return c.script(pending)
}

// converse talks with a person, whose mistakes and Ctrl-C end a statement and not the shell.
func (c *sqlConsole) converse() error {
	line := liner.NewLiner()
	defer line.Close()
	line.SetCtrlCAborts(true)
	line.SetMultiLineMode(true)
	keep := remember(line)
	defer keep()
	words := c.words()
	line.SetWordCompleter(func(text string, at int) (string, []string, string) { return complete(words, text, at) })
	c.printf("Read-only SQL over the replicated state. A statement ends with a semicolon; .help says what else, .quit ends.\n")
	pending := ""
	for {
		prompt := promptFirst
		if pending != "" {
			prompt = promptMore
		}
		text, err := line.Prompt(prompt)
		switch {
		case errors.Is(err, liner.ErrPromptAborted):
			pending = ""
			continue
		case errors.Is(err, io.EOF):
			c.printf("\n")
			return nil
		case err != nil:
			return fmt.Errorf("sql: %w", err)
		}
		if strings.TrimSpace(text) != "" {
			line.AppendHistory(text)
		}
		// Ctrl-C ends what is being asked; the command's own context may have ended by an earlier one.
		ctx, stop := signal.NotifyContext(context.WithoutCancel(c.ctx), os.Interrupt)
		rest, end, err := c.take(ctx, pending, text)
		gone := ctx.Err() != nil
		stop()
		switch {
		case gone:
			c.notef("interrupted\n")
		case err != nil:
			c.notef("%v\n", err)
		case end:
			return nil
		}
		pending = rest
	}
}

// take is one line: a command that begins with a point, or a piece of a statement. What is not ended yet comes back as rest.
func (c *sqlConsole) take(ctx context.Context, pending, line string) (rest string, end bool, err error) {
	if pending == "" && strings.HasPrefix(strings.TrimSpace(line), ".") {
		end, err = c.command(ctx, strings.Fields(line))
		return "", end, err
	}
	statements, rest := sql.Split(pending + line + "\n")
	for _, s := range statements {
		if err := c.show(ctx, s); err != nil {
			return "", false, err
		}
	}
	return rest, false, nil
}

const shellHelp = `.tables            the tables
.schema [TABLE]    their columns
.mode [MODE]       how answers look: table, json, csv, line
.stale on|off      ask the node's own state, which may be behind
.read FILE         ask the statements of a file
.quit              end
`

// command carries out a command of the shell.
func (c *sqlConsole) command(ctx context.Context, words []string) (end bool, err error) {
	argument := ""
	if len(words) > 1 {
		argument = strings.TrimSuffix(words[1], ";")
	}
	switch words[0] {
	case ".quit", ".exit":
		return true, nil
	case ".help":
		c.printf("%s", shellHelp)
	case ".tables":
		return false, c.schema(ctx, func(w io.Writer, s sql.Schema) error { return s.Tables(w) })
	case ".schema":
		return false, c.schema(ctx, func(w io.Writer, s sql.Schema) error { return s.Print(w, argument) })
	case ".mode":
		switch {
		case argument == "":
			c.printf("%s\n", c.mode)
		case !slices.Contains(sql.Modes, sql.Mode(argument)):
			return false, fmt.Errorf(".mode %s: there are %v", argument, sql.Modes)
		default:
			c.mode = sql.Mode(argument)
		}
	case ".stale":
		if argument != "on" && argument != "off" {
			return false, errors.New(".stale on, or .stale off")
		}
		c.stale = argument == "on"
	case ".read":
		text, err := os.ReadFile(argument)
		if err != nil {
			return false, fmt.Errorf(".read: %w", err)
		}
		return false, c.script(string(text))
	default:
		return false, fmt.Errorf("there is no %s; .help says what there is", words[0])
	}
	return false, nil
}

func (c *sqlConsole) schema(ctx context.Context, print func(io.Writer, sql.Schema) error) error {
	rows, err := c.open(ctx, sql.SchemaStatement)
	if err != nil {
		return err
	}
	defer rows.Close()
	s, err := sql.ReadSchema(rows)
	if err != nil {
		return sqlAdvice(err)
	}
	return print(c.out, s)
}

// words are what Tab completes; none if the cluster cannot be asked now.
func (c *sqlConsole) words() []string {
	words := []string{".tables", ".schema", ".mode", ".stale", ".read", ".help", ".quit",
		"SELECT", "FROM", "WHERE", "GROUP BY", "ORDER BY", "LIMIT", "JOIN", "LEFT JOIN", "count(*)", "DISTINCT", "EXPLAIN QUERY PLAN"}
	known := c.schema(c.ctx, func(_ io.Writer, s sql.Schema) error {
		words = append(words, s.Words()...)
		return nil
	})
	if known != nil {
		c.notef("%v\n", known)
	}
	return words
}

// complete finishes the word before the cursor.
func complete(words []string, text string, at int) (head string, found []string, tail string) {
	from := strings.LastIndexAny(text[:at], " \t(,=") + 1
	if at == from {
		return text[:at], nil, text[at:]
	}
	for _, w := range words {
		if len(w) >= at-from && strings.EqualFold(w[:at-from], text[from:at]) {
			found = append(found, w)
		}
	}
	return text[:from], found, text[at:]
}

// remember reads the history of earlier shells, and gives what writes it again. Without a home there is none.
func remember(line *liner.State) (keep func()) {
	home, err := os.UserConfigDir()
	if err != nil {
		return func() {}
	}
	path := filepath.Join(home, "stoker", "sql_history")
	if f, err := os.Open(path); err == nil {
		_, _ = line.ReadHistory(f) // a broken history is no reason to refuse a shell
		f.Close()
	}
	return func() {
		if os.MkdirAll(filepath.Dir(path), 0o700) != nil {
			return
		}
		if f, err := os.OpenFile(path, os.O_CREATE|os.O_WRONLY|os.O_TRUNC, 0o600); err == nil {
			_, _ = line.WriteHistory(f)
			f.Close()
		}
	}
}
