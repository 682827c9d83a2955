package cli

import (
	"fmt"
	"os"
	"time"

	"golang.org/x/term"

	"stoker/cli/show"
	"stoker/cli/sql"
)

// exportCommand is `stoker export`.
type exportCommand struct {
	operatorFlags
	SQLite string `name:"sqlite" required:"" metavar:"FILE" help:"The SQLite file to write."`
	Force  bool   `help:"Replace the file if it is there."`
	Stale  bool   `help:"Take the state of the node that answers, which may be behind."`
}

// Help shows how to call it.
func (*exportCommand) Help() string {
	return `  stoker export --sqlite cluster.db
  sqlite3 cluster.db "SELECT plan, count(*) FROM users GROUP BY plan"

The file holds the tables of "stoker sql", all of one entry of the log, which the table stoker_export names. It holds no keys and
no tokens, and it is no backup: "stoker backup" makes what a cluster can be restored from.`
}

// Run streams the tables into the file.
func (c *exportCommand) Run(s *shell) error {
	if _, err := os.Lstat(c.SQLite); err == nil && !c.Force {
		return fmt.Errorf("export: %s: %w", c.SQLite, sql.ErrExists) // before anything is asked for
	}
	cluster, err := c.dial()
	if err != nil {
		return err
	}
	defer cluster.Close()
	export, err := cluster.Operator().SQLExport(s.ctx, c.Stale)
	if err != nil {
		return advise(err, nil)
	}
	defer export.Close()
	seen, done := s.rowsSeen(time.Now)
	err = sql.Save(s.ctx, c.SQLite, c.Force, export, seen)
	done()
	if err != nil {
		return fmt.Errorf("export: %w", err)
	}
	s.printf("%s: %s in %s, as of entry %d.\n", c.SQLite, show.Count(export.End.Rows, "row"), show.Count(len(export.Tables), "table"), export.Index)
	return nil
}

// rowsSeen shows on a terminal which table is coming, a few times a second.
func (s *shell) rowsSeen(now func() time.Time) (seen func(table string, rows int), done func()) {
	f, ok := s.err.(*os.File)
	if !ok || !term.IsTerminal(int(f.Fd())) {
		return func(string, int) {}, func() {}
	}
	last := time.Time{}
	seen = func(table string, rows int) {
		if now().Sub(last) < 200*time.Millisecond {
			return
		}
		last = now()
		fmt.Fprintf(f, "\r\x1b[K%s: %s", show.Plain(table), show.Count(rows, "row"))
	}
	return seen, func() { fmt.Fprint(f, "\r\x1b[K") }
}
