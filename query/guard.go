package query

import (
	"slices"
	"strings"

	"github.com/ncruces/go-sqlite3"
)

// What one statement may take. Its memory is a mapping of its own (see doc.go).
const (
	maxMemory = 128 << 20 // bytes: sorts, groups, intermediate tables
	maxValue  = 4 << 20   // bytes of one value
	MaxSQL    = 100_000   // bytes of the statement
)

// opening are the words that a statement may begin with.
var opening = []string{"SELECT", "WITH", "VALUES", "EXPLAIN"}

// guard shuts a connection: from here on it reads its tables and nothing else.
func guard(c *sqlite3.Conn) error {
	for limit, most := range map[sqlite3.LimitCategory]int{
		sqlite3.LIMIT_LENGTH: maxValue, sqlite3.LIMIT_SQL_LENGTH: MaxSQL, sqlite3.LIMIT_COLUMN: 500,
		sqlite3.LIMIT_EXPR_DEPTH: 200, sqlite3.LIMIT_COMPOUND_SELECT: 100, sqlite3.LIMIT_VDBE_OP: 250_000,
		sqlite3.LIMIT_FUNCTION_ARG: 100, sqlite3.LIMIT_ATTACHED: 0, sqlite3.LIMIT_LIKE_PATTERN_LENGTH: 1000,
		sqlite3.LIMIT_VARIABLE_NUMBER: 0, sqlite3.LIMIT_TRIGGER_DEPTH: 1, sqlite3.LIMIT_WORKER_THREADS: 0,
	} {
		c.Limit(limit, most)
	}
	// Temporary tables in memory: what does not fit fails, and nothing reaches the disk.
	if err := c.Exec("PRAGMA temp_store = memory; PRAGMA query_only = on; PRAGMA trusted_schema = off"); err != nil {
		return err
	}
	return c.SetAuthorizer(allow)
}

// allow lets a statement read. Everything else is refused when it is compiled.
func allow(do sqlite3.AuthorizerActionCode, _, name, _, _ string) sqlite3.AuthorizerReturnCode {
	switch do {
	case sqlite3.AUTH_SELECT, sqlite3.AUTH_READ, sqlite3.AUTH_RECURSIVE:
		return sqlite3.AUTH_OK
	case sqlite3.AUTH_FUNCTION:
		if !slices.Contains(closed, strings.ToLower(name)) {
			return sqlite3.AUTH_OK
		}
	}
	return sqlite3.AUTH_DENY
}

// closed are functions that reach beyond the statement.
var closed = []string{"load_extension", "readfile", "writefile", "edit", "fts3_tokenizer", "zipfile", "sqlar_compress"}

// verb is the first word of a statement in capitals, comments passed over.
func verb(sql string) string {
	for {
		sql = strings.TrimLeft(sql, " \t\r\n\f;(\ufeff")
		switch {
		case strings.HasPrefix(sql, "--"):
			_, sql, _ = strings.Cut(sql, "\n")
		case strings.HasPrefix(sql, "/*"):
			_, sql, _ = strings.Cut(sql[2:], "*/")
		default:
			end := strings.IndexFunc(sql, func(r rune) bool { return (r|0x20) < 'a' || (r|0x20) > 'z' })
			if end < 0 {
				end = len(sql)
			}
			return strings.ToUpper(sql[:end])
		}
	}
}
