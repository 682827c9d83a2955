package sql

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"github.com/ncruces/go-sqlite3"

	"stoker/client"
)

// ErrExists is what Save says of a file that is there already.
var ErrExists = errors.New("the file exists; --force replaces it")

// Save makes an SQLite file of an export, over an older one only with force. seen is told the table and how many of its rows
// have come, now and then.
func Save(ctx context.Context, path string, force bool, from *client.SQLExport, seen func(table string, rows int)) (err error) {
	if _, err := os.Lstat(path); err == nil && !force {
		return fmt.Errorf("%s: %w", path, ErrExists)
	}
	draft, err := os.CreateTemp(filepath.Dir(path), "."+filepath.Base(path)+".*")
	if err != nil {
		return err
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, os.Remove(draft.Name()))
		}
	}()
	if err := draft.Close(); err != nil {
		return err
	}
	if err := fill(ctx, draft.Name(), from, seen); err != nil {
		return err
	}
	return settle(draft.Name(), path, force)
}

// settle gives the whole file its name.
func settle(draft, path string, force bool) error {
	f, err := os.Open(draft)
	if err != nil {
		return err
	}
	if err := errors.Join(f.Sync(), f.Close()); err != nil {
		return err
	}
	if force {
		err = os.Rename(draft, path)
	} else if err = os.Link(draft, path); err == nil { // fails where somebody else was quicker
		err = os.Remove(draft)
	}
	if err != nil {
		return err
	}
	dir, err := os.Open(filepath.Dir(path))
	if err != nil {
		return err
	}
	return errors.Join(dir.Sync(), dir.Close())
}

// seenEvery is how many rows pass between two words about the progress.
const seenEvery = 1000

func fill(ctx context.Context, path string, from *client.SQLExport, seen func(string, int)) (err error) {
	db, err := sqlite3.Open(path)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, db.Close()) }()
	db.SetInterrupt(ctx)
	// Until the file has its name nobody else knows it, and one that is torn is thrown away.
	if err := db.Exec("PRAGMA journal_mode = off; PRAGMA synchronous = off; BEGIN"); err != nil {
		return err
	}
	var w writer
	defer func() { err = errors.Join(err, w.close()) }()
	for _, t := range from.Tables {
		if err := db.Exec(create(t)); err != nil {
			return fmt.Errorf("table %s: %w", t.Name, err)
		}
	}
	for rows := 0; ; rows++ {
		name, row, err := from.Next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return err
		}
		if name != w.table {
			rows = 0
			if err := w.begin(db, name, from.Tables); err != nil {
				return err
			}
		}
		if err := w.write(row); err != nil {
			return fmt.Errorf("table %s: %w", name, err)
		}
		if rows%seenEvery == 0 {
			seen(name, rows)
		}
	}
	if err := w.close(); err != nil {
		return err
	}
	for _, t := range from.Tables {
		for _, x := range indexes(t) {
			if err := db.Exec(x); err != nil {
				return err
			}
		}
	}
	about := fmt.Sprintf(`CREATE TABLE stoker_export(epoch INTEGER, log_index INTEGER); INSERT INTO stoker_export VALUES (%d, %d); COMMIT`, from.Epoch, from.Index)
	return db.Exec(about)
}

func create(t client.SQLTable) string {
	var b strings.Builder
	fmt.Fprintf(&b, "CREATE TABLE %s(", name(t.Name))
	for _, c := range t.Columns {
		fmt.Fprintf(&b, "%s %s, ", name(c.Name), name(c.Type))
	}
	keys := make([]string, len(t.Key))
	for i, k := range t.Key {
		keys[i] = name(k)
	}
	fmt.Fprintf(&b, "PRIMARY KEY(%s))", strings.Join(keys, ", "))
	return b.String()
}

// indexes are those that the cluster has too, and a few that a file on a disk needs instead of memory.
func indexes(t client.SQLTable) []string {
	var all []string
	for _, c := range t.Columns {
		switch c.Name {
		case "user_id", "job_id", "status", "created_at":
			if t.Key[0] != c.Name {
				all = append(all, fmt.Sprintf("CREATE INDEX %s ON %s(%s)", name(t.Name+"_"+c.Name), name(t.Name), name(c.Name)))
			}
		}
	}
	return all
}

// name quotes what came from the cluster.
func name(n string) string { return sqlite3.QuoteIdentifier(n) }

// writer puts rows into one table after the other.
type writer struct {
	table string
	into  *sqlite3.Stmt
}

func (w *writer) begin(db *sqlite3.Conn, table string, all []client.SQLTable) error {
	if err := w.close(); err != nil {
		return err
	}
	for _, t := range all {
		if t.Name != table {
			continue
		}
		var err error
		w.table = table
		w.into, _, err = db.Prepare("INSERT INTO " + name(table) + " VALUES (?" + strings.Repeat(", ?", len(t.Columns)-1) + ")")
		return err
	}
	return fmt.Errorf("the export has rows of a table %q that it does not tell of", table)
}

func (w *writer) write(row []any) error {
	if n := w.into.BindCount(); n != len(row) {
		return fmt.Errorf("a row of %d values for %d columns", len(row), n)
	}
	for i, v := range row {
		var err error
		switch v := v.(type) {
		case nil:
			err = w.into.BindNull(i + 1)
		case string:
			err = w.into.BindText(i+1, v)
		case int64:
			err = w.into.BindInt64(i+1, v)
		case float64:
			err = w.into.BindFloat(i+1, v)
		case []byte:
			err = w.into.BindBlob(i+1, v)
		default:
			err = fmt.Errorf("a value of type %T", v)
		}
		if err != nil {
			return err
		}
	}
	return w.into.Exec()
}

func (w *writer) close() error {
	if w.into == nil {
		return nil
	}
	into := w.into
	w.table, w.into = "", nil
	return into.Close()
}
