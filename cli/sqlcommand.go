package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"time"

	"golang.org/x/term"

	"stoker/cli/show"
	"stoker/cli/sql"
	"stoker/client"
)

// sqlCommand is `stoker sql`.
type sqlCommand struct {
	operatorFlags
	Statement string        `arg:"" optional:"" help:"A SELECT, WITH, VALUES or EXPLAIN; several with semicolons between."`
	File      string        `metavar:"FILE" help:"Read the statements from a file; - is the standard input."`
	Shell     bool          `help:"Ask one statement after the other; .help says what else."`
	JSON      bool          `name:"json" xor:"form" help:"Print an array of objects."`
	CSV       bool          `name:"csv" xor:"form" help:"Print CSV with a heading."`
	Stale     bool          `help:"Ask the node's own state: it may be behind the others, and no leader is asked how far."`
	Timeout   time.Duration `default:"10s" help:"How long a statement may take, at most 60s."`
	Limit     int           `default:"10000" help:"Rows after which an answer is cut, at most 1000000."`
}

// Help shows how to call it.
func (*sqlCommand) Help() string {
	return `  stoker sql "SELECT status, count(*) FROM jobs_log GROUP BY status"
  stoker sql --csv "SELECT * FROM billing_events WHERE user_id = 'u_42'" > ledger.csv
  stoker sql --file report.sql --json
  stoker sql --shell
  stoker sql "SELECT * FROM schema WHERE table_name = 'jobs_log'"

The tables are the replicated state itself, as of one moment that has seen everything acknowledged before. Nothing can be changed.`
}

// Run asks what was given, or opens the shell.
func (c *sqlCommand) Run(s *shell) error {
	given := 0
	for _, some := range []bool{c.Statement != "", c.File != "", c.Shell} {
		if some {
			given++
		}
	}
	terminal := false
	if f, ok := s.in.(*os.File); ok {
		terminal = term.IsTerminal(int(f.Fd()))
	}
	if given > 1 {
		return errors.New("sql: one of a statement, --file and --shell")
	}
	if given == 0 && terminal {
		return errors.New(`sql: what is to be asked? stoker sql "SELECT * FROM users LIMIT 5", or --file, or --shell`)
	}
	cluster, err := c.dial()
	if err != nil {
		return err
	}
	defer cluster.Close()
	console := &sqlConsole{shell: s, ask: c, operator: cluster.Operator(), mode: c.mode(), stale: c.Stale}
	switch {
	case c.Statement != "":
		return console.script(c.Statement)
	case c.File != "":
		text, err := s.read(c.File)
		if err != nil {
			return fmt.Errorf("sql: %w", err)
		}
		return console.script(text)
	case terminal:
		return console.converse()
	}
	return console.listen(s.in)
}

func (c *sqlCommand) mode() sql.Mode {
	switch {
	case c.JSON:
		return sql.JSONMode
	case c.CSV:
		return sql.CSVMode
	}
	return sql.TableMode
}

// read reads a file; - is the standard input.
func (s *shell) read(path string) (string, error) {
	var text []byte
	var err error
	if path == "-" {
		text, err = io.ReadAll(s.in)
	} else {
		text, err = os.ReadFile(path)
	}
	return string(text), err
}

// sqlConsole asks statements and shows their answers.
type sqlConsole struct {
	*shell
	ask      *sqlCommand
	operator *client.Operator
	mode     sql.Mode
	stale    bool
}

// script asks all statements of a text, and stops at the first that fails.
func (c *sqlConsole) script(text string) error {
	statements, rest := sql.Split(text)
	if rest != "" {
		statements = append(statements, rest)
	}
	if len(statements) == 0 {
		return errors.New("sql: there is no statement")
	}
	for _, statement := range statements {
		if err := c.show(c.ctx, statement); err != nil {
			return err
		}
	}
	return nil
}

// show asks one statement and prints its answer.
func (c *sqlConsole) show(ctx context.Context, statement string) error {
	rows, err := c.open(ctx, statement)
	if err != nil {
		return err
	}
	defer rows.Close()
	if err := sql.Print(c.out, c.mode, rows); err != nil {
		return sqlAdvice(err)
	}
	if c.mode == sql.TableMode || c.mode == sql.LineMode {
		c.notef("%s; %s read, %.1f ms, entry %d\n", show.Count(rows.End.Rows, "row"), show.Count(rows.End.Read, "row"), rows.End.TookMS, rows.Index)
	}
	if rows.End.Truncated {
		c.notef("There are more: the answer was cut after %d (--limit).\n", rows.End.Rows)
	}
	return nil
}

func (c *sqlConsole) open(ctx context.Context, statement string) (*client.SQLRows, error) {
	rows, err := c.operator.SQL(ctx, client.SQLQuery{SQL: statement, Timeout: c.ask.Timeout, MaxRows: c.ask.Limit, Stale: c.stale})
	if err != nil {
		return nil, sqlAdvice(err)
	}
	return rows, nil
}

// sqlAdvice leaves of a refusal what whoever wrote the statement needs.
func sqlAdvice(err error) error {
	var e *client.Error
	if errors.As(err, &e) && (e.Code == "SQL_ERROR" || e.Code == "SQL_READ_ONLY" || e.Code == "SQL_LIMIT") {
		return errors.New(e.Message)
	}
	return advise(err, nil)
}
