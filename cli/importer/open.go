package importer

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"github.com/ncruces/go-sqlite3"

	"stoker/cli/sql"
)

// The tables that are read, and the columns of each. Those with a star must be there.
var schema = map[string][]string{
	"users":          {"id*", "created_at", "plan*", "credits*", "auth_provider", "email", "device_hash"},
	"rules":          {"id*", "user_id*", "name", "preset_id*", "concepts_json", "protect_json", "created_at", "updated_at"},
	"jobs_log":       {"job_id*", "user_id*", "created_at", "finished_at", "status*", "preset", "rule_id", "concepts_json", "protect_json", "params_json", "cost_estimate", "error"},
	"job_items_log":  {"job_id*", "idx*", "status*", "input_key", "output_key", "error"},
	"billing_events": {"id", "user_id*", "type", "amount*", "ref", "created_at"},
}

// tableOrder is the order in which tables are told of.
var tableOrder = []string{"users", "rules", "billing_events", "jobs_log", "job_items_log"}

// Dump is what another stack has exported.
type Dump struct {
	Notes []string // what a reader should know of it

	db     *sqlite3.Conn
	folder string // ours, thrown away on Close
	has    map[string]bool
	where  map[string]string // by table: what names a row in a report
}

// Open reads a dump: an SQLite file, or SQL as `wrangler d1 export` and `sqlite3 .dump` write it. Close it.
func Open(ctx context.Context, path string) (d *Dump, err error) {
	folder, err := os.MkdirTemp("", "stoker-import-")
	if err != nil {
		return nil, err
	}
	d = &Dump{folder: folder, has: map[string]bool{}, where: map[string]string{}}
	defer func() {
		if err != nil {
			err = errors.Join(err, d.Close())
		}
	}()
	f, err := os.Open(path)
	if err != nil {
		return d, err
	}
	defer f.Close()
	in := bufio.NewReaderSize(f, 1<<20)
	head, err := in.Peek(16)
	if err != nil && !errors.Is(err, io.EOF) {
		return d, err
	}
	own := filepath.Join(folder, "dump.db")
	if string(head) == "SQLite format 3\x00" {
		if err := copyOf(ctx, path, own); err != nil {
			return d, fmt.Errorf("%s: %w", path, err)
		}
	}
	if d.db, err = sqlite3.Open(own); err != nil {
		return d, err
	}
	d.db.SetInterrupt(ctx)
	if err := d.db.Exec("PRAGMA journal_mode = off; PRAGMA synchronous = off; PRAGMA foreign_keys = off"); err != nil {
		return d, err
	}
	if string(head) != "SQLite format 3\x00" {
		if err := d.run(in); err != nil {
			return d, fmt.Errorf("%s: %w", path, err)
		}
	}
	return d, d.survey()
}

// Close throws our copy away.
func (d *Dump) Close() error {
	var err error
	if d.db != nil {
		err = d.db.Close()
	}
	return errors.Join(err, os.RemoveAll(d.folder))
}

// copyOf makes a file of our own of an SQLite file, with what its log holds.
func copyOf(ctx context.Context, path, own string) error {
	db, err := sqlite3.OpenFlags(path, sqlite3.OPEN_READONLY)
	if err != nil {
		return err
	}
	db.SetInterrupt(ctx)
	return errors.Join(db.Exec("VACUUM INTO "+sqlite3.Quote(own)), db.Close())
}

// run executes a dump's statements. Triggers are left out: they have had their effect there. A statement that fails and is of none of
// our tables is noted, and no more.
func (d *Dump) run(in io.Reader) error {
	err := d.db.SetAuthorizer(func(action sqlite3.AuthorizerActionCode, _, _, _, _ string) sqlite3.AuthorizerReturnCode {
		if action == sqlite3.AUTH_ATTACH {
			return sqlite3.AUTH_DENY // no dump reaches another file
		}
		return sqlite3.AUTH_OK
	})
	if err != nil {
		return err
	}
	buffer, text, trigger, failed := make([]byte, 1<<20), "", false, 0
	for ended := false; !ended; {
		n, err := in.Read(buffer)
		if ended = errors.Is(err, io.EOF); err != nil && !ended {
			return err
		}
		statements, rest := sql.Split(text + string(buffer[:n]))
		if text = rest; ended && rest != "" {
			statements = append(statements, rest)
		}
		for _, one := range statements {
			if trigger || hasPrefix(one, "CREATE TRIGGER") {
				trigger = !strings.EqualFold(one, "END")
				continue
			}
			if err := d.db.Exec(one); err != nil {
				if table := ofOurs(one); table != "" || failed == 0 && d.none() {
					return fmt.Errorf("statement %.120q: %w", one, err)
				}
				failed++
			}
		}
	}
	if failed > 0 {
		d.Notes = append(d.Notes, fmt.Sprintf("%d statements of tables that are not imported could not be run", failed))
	}
	return nil
}

func hasPrefix(text, prefix string) bool {
	return len(text) >= len(prefix) && strings.EqualFold(text[:len(prefix)], prefix)
}

// ofOurs names the table that a statement begins with, if it is one of ours.
func ofOurs(statement string) string {
	head := statement[:min(len(statement), 120)]
	for _, table := range tableOrder {
		for _, before := range []string{" ", `"`, "`", "["} {
			if strings.Contains(head, before+table) {
				return table
			}
		}
	}
	return ""
}

func (d *Dump) none() bool {
	for range d.rows("SELECT 1 FROM sqlite_schema LIMIT 1") {
		return false
	}
	return true
}

// unarchive puts the rows that a cluster of ours had archived back where they were, should this be its export: bookings, and the
// row that stood for them, and jobs with their items.
func (d *Dump) unarchive() error {
	for _, t := range [][2]string{{"archived_billing_events", "billing_events"}, {"archived_jobs", "jobs_log"}, {"archived_items", "job_items_log"}} {
		var columns []string
		for row := range d.rows("SELECT a.name FROM pragma_table_info(?) a JOIN pragma_table_info(?) b ON a.name = b.name", t[0], t[1]) {
			columns = append(columns, text(row[0]))
		}
		if len(columns) == 0 {
			continue
		}
		if t[1] == "billing_events" {
			if err := d.db.Exec("DELETE FROM billing_events WHERE type = 'brought-forward'"); err != nil {
				return err
			}
		}
		list := strings.Join(columns, ", ")
		if err := d.db.Exec(fmt.Sprintf("INSERT INTO %s(%s) SELECT %s FROM %s", t[1], list, list, t[0])); err != nil {
			return fmt.Errorf("take back %s: %w", t[0], err)
		}
	}
	return nil
}

// survey finds out which of our tables and columns there are, and makes them quick to look up.
func (d *Dump) survey() error {
	if err := d.unarchive(); err != nil {
		return err
	}
	for _, table := range tableOrder {
		there := map[string]bool{}
		for row := range d.rows("SELECT lower(name) FROM pragma_table_info(?)", table) {
			there[text(row[0])] = true
		}
		if len(there) == 0 {
			if table == "users" {
				return errors.New("there is no table users: is this the export of the old stack's database? `wrangler d1 export NAME --remote --output dump.sql` makes one")
			}
			d.Notes = append(d.Notes, "there is no table "+table)
			continue
		}
		d.has[table] = true
		var absent []string
		for _, column := range schema[table] {
			name, needed := strings.CutSuffix(column, "*")
			d.has[table+"."+name] = there[name]
			if needed && !there[name] {
				return fmt.Errorf("table %s has no column %s", table, name)
			}
			if !there[name] {
				absent = append(absent, name)
			}
		}
		if len(absent) > 0 {
			d.Notes = append(d.Notes, fmt.Sprintf("table %s has no column %s", table, strings.Join(absent, ", ")))
		}
		d.where[table] = "rowid"
		if s, _, err := d.db.Prepare("SELECT rowid FROM " + table); err != nil {
			d.where[table] = "NULL" // WITHOUT ROWID
		} else if err := s.Close(); err != nil {
			return err
		}
	}
	for _, index := range [][2]string{{"rules", "user_id"}, {"billing_events", "user_id"}, {"billing_events", "ref"}, {"job_items_log", "job_id"}, {"jobs_log", "job_id"}} {
		if d.has[index[0]+"."+index[1]] {
			if err := d.db.Exec(fmt.Sprintf("CREATE INDEX stoker_%s_%s ON %s(%s)", index[0], index[1], index[0], index[1])); err != nil {
				return err
			}
		}
	}
	return nil
}

// Count is how many rows a table has; 0 if it is not there.
func (d *Dump) Count(table string) int64 {
	if !d.has[table] {
		return 0
	}
	for row := range d.rows("SELECT count(*) FROM " + table) {
		n, _ := row[0].(int64)
		return n
	}
	return 0
}
