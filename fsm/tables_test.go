package fsm

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"testing"

	"stoker/store"
)

// table is a table of this package, for tests that look at all of them.
type table struct {
	name        string
	bookkeeping bool // of the envelope (rule 3): written by refused proposals too
	dump        func(store.Reader) []byte
	record      reflect.Type
}

var tables = []table{
	kept("metas", metas), kept("origins", origins), kept("answers", answers), kept("idems", idems), kept("timers", timers),
	state("settings", settings), state("secrets", secrets), state("trusts", trusts), state("tokens", tokens), state("members", members),
	state("graves", graves), state("joinTokens", joinTokens), state("autopilots", autopilots),
	state("imports", imports), state("cellMoves", cellMoves),
	state("users", users), state("devices", devices), state("ledger", ledger), state("rules", rules),
	state("jobs", jobs), state("items", items), state("history", history), state("dead", dead),
	state("ready", ready), state("shares", shares), state("classes", classes), state("paces", paces), state("pauses", pauses), state("leases", leases), state("workers", workers),
	kept("audits", audits), kept("feed", feed),
	state("objects", objects), state("staged", staged), state("uploads", uploads), state("uploadParts", uploadParts),
	state("backups", backups), state("epochs", epochs),
	state("alarms", alarms),
	state("segments", segments), state("archived", archived), state("broughtForward", broughtForward),
	state("hooks", hooks), state("deliveries", deliveries),
}

func state[V any](name string, t *store.Table[V]) table {
	return table{name: name, record: reflect.TypeFor[V](), dump: func(r store.Reader) []byte {
		var b []byte
		for k, v := range t.Scan(r, "") {
			b = append(append(b, k...), encode(v)...)
		}
		return b
	}}
}

// kept is a table of the envelope. Of the timers only those of the envelope are;
// the audit ties the others to rows that are compared.
func kept[V any](name string, t *store.Table[V]) table {
	k := state(name, t)
	k.bookkeeping = true
	return k
}

// TestTables_listed fails when the package has a table that the tests do not look at.
func TestTables_listed(t *testing.T) {
	var declared []string
	inspect(t, func(n ast.Node) {
		spec, ok := n.(*ast.ValueSpec)
		if !ok || len(spec.Values) != 1 {
			return
		}
		call, ok := spec.Values[0].(*ast.CallExpr)
		if !ok {
			return
		}
		fun := call.Fun
		if generic, ok := fun.(*ast.IndexExpr); ok {
			fun = generic.X
		}
		if sel, ok := fun.(*ast.SelectorExpr); ok && sel.Sel.Name == "NewTable" {
			declared = append(declared, spec.Names[0].Name)
		}
	})
	var listed []string
	for _, table := range tables {
		listed = append(listed, table.name)
	}
	slices.Sort(declared)
	slices.Sort(listed)
	if !slices.Equal(declared, listed) {
		t.Errorf("the package has the tables\n%v\nthe tests look at\n%v", declared, listed)
	}
}

// declaredCodes are the values of all constants of type Code.
func declaredCodes(t *testing.T) []Code {
	var codes []Code
	inspect(t, func(n ast.Node) {
		spec, ok := n.(*ast.ValueSpec)
		if !ok {
			return
		}
		if id, ok := spec.Type.(*ast.Ident); !ok || id.Name != "Code" {
			return
		}
		for _, v := range spec.Values {
			s, err := strconv.Unquote(v.(*ast.BasicLit).Value)
			if err != nil {
				t.Fatal(err)
			}
			codes = append(codes, Code(s))
		}
	})
	return codes
}

// inspect walks the package's own source, tests excluded.
func inspect(t *testing.T, visit func(ast.Node)) {
	t.Helper()
	pkgs, err := parser.ParseDir(token.NewFileSet(), ".", func(f fs.FileInfo) bool {
		return !strings.HasSuffix(f.Name(), "_test.go")
	}, parser.SkipObjectResolution)
	if err != nil {
		t.Fatal(err)
	}
	for _, pkg := range pkgs {
		ast.Inspect(pkg, func(n ast.Node) bool {
			visit(n)
			return true
		})
	}
}
