package main

import (
	"bytes"
	"go/ast"
	"go/build"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// rooms says what each room may import of the others. Imports point down:
// handlers, queue and query, node, fsm, store; objects and webhook stand beside and may use
// node, and backup and archive that and objects; client and cli see the cluster from outside. pki is certificates alone.
// bench and proof measure and attack all of it.
var rooms = map[string][]string{
	"handlers": {"query", "queue", "node", "fsm", "store", "objects", "backup", "archive", "webhook"},
	"webhook":  {"node", "fsm", "store"},
	"backup":   {"objects", "node", "fsm", "store"},
	"archive":  {"objects", "node", "fsm"},
	"queue":    {"node", "fsm", "store"},
	"query":    {"fsm", "store"},
	"node":     {"fsm", "store", "pki"},
	"fsm":      {"store"},
	"store":    {},
	"pki":      {},
	"objects":  {"node", "fsm", "store"},
	"client":   {},
	"cli":      {"client", "pki"},
	"bench":    {"fsm", "store", "client", "cli"},
	"proof":    {"fsm", "store", "client", "cli", "bench"},
}

// programs are the rooms that are commands of their own, outside of the binary that ships.
var programs = []string{"proof"}

// source is one Go file of this module.
type source struct {
	path   string // with slashes, from the module's root
	room   string // first part of the path, "" for the root
	lines  int
	syntax *ast.File
	files  *token.FileSet
}

func (s source) test() bool { return strings.HasSuffix(s.path, "_test.go") }

// imports maps the names that a file calls packages by to their paths.
func (s source) imports() map[string]string {
	out := map[string]string{}
	for _, spec := range s.syntax.Imports {
		p, _ := strconv.Unquote(spec.Path.Value)
		name := path.Base(p)
		if v, ok := strings.CutPrefix(name, "v"); ok && v != "" && strings.Trim(v, "0123456789") == "" {
			name = path.Base(path.Dir(p)) // math/rand/v2
		}
		if spec.Name != nil {
			name = spec.Name.Name
		}
		out[name] = p
	}
	return out
}

func (s source) line(n ast.Node) int { return s.files.Position(n.Pos()).Line }

// sources parses every Go file of the module.
func sources(t *testing.T) []source {
	t.Helper()
	var all []source
	err := filepath.WalkDir(".", func(file string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		name := d.Name()
		if d.IsDir() {
			if file != "." && (name[0] == '.' || name[0] == '_' || name == "testdata") {
				return fs.SkipDir
			}
			return nil
		}
		if !strings.HasSuffix(name, ".go") {
			return nil
		}
		raw, err := os.ReadFile(file)
		if err != nil {
			return err
		}
		s := source{path: filepath.ToSlash(file), lines: bytes.Count(raw, []byte("\n")), files: token.NewFileSet()}
		if room, _, inside := strings.Cut(s.path, "/"); inside {
			s.room = room
		}
		if s.syntax, err = parser.ParseFile(s.files, file, raw, parser.SkipObjectResolution); err != nil {
			return err
		}
		all = append(all, s)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if len(all) < 50 {
		t.Fatalf("found only %d Go files", len(all))
	}
	return all
}

// TestHouse_imports: imports point down the list of rooms, in the code that ships.
func TestHouse_imports(t *testing.T) {
	seen := map[string]bool{}
	for _, s := range sources(t) {
		if seen[path.Dir(s.path)] || s.room == "" {
			continue
		}
		seen[path.Dir(s.path)] = true
		below, known := rooms[s.room]
		if !known {
			t.Errorf("%s: the house has no room %q; it has a small top level on purpose", s.path, s.room)
			continue
		}
		pkg, err := build.ImportDir(path.Dir(s.path), 0)
		if err != nil {
			if _, empty := err.(*build.NoGoError); empty {
				continue // only tests
			}
			t.Fatal(err)
		}
		for _, imported := range pkg.Imports {
			inner, ours := strings.CutPrefix(imported, "stoker/")
			if !ours {
				continue
			}
			if room, _, _ := strings.Cut(inner, "/"); room != s.room && !slices.Contains(below, room) {
				t.Errorf("%s imports %s; it may import %v", pkg.Dir, imported, below)
			}
		}
	}
}

// TestHouse_pure: the machine has no clock, no chance, no network, no goroutine
// and no floating point.
func TestHouse_pure(t *testing.T) {
	forbidden := []string{"math/rand", "math/rand/v2", "crypto/rand", "net", "net/http", "os", "os/exec", "syscall"}
	clocks := []string{"Now", "Since", "Until", "Sleep", "After", "AfterFunc", "Tick", "NewTimer", "NewTicker"}
	for _, s := range sources(t) {
		if s.room != "fsm" || s.test() {
			continue
		}
		imports := s.imports()
		for _, p := range imports {
			if slices.Contains(forbidden, p) {
				t.Errorf("%s imports %s: what is not in the entry is not equal on all nodes", s.path, p)
			}
		}
		ast.Inspect(s.syntax, func(n ast.Node) bool {
			switch n := n.(type) {
			case *ast.GoStmt:
				t.Errorf("%s:%d starts a goroutine", s.path, s.line(n))
			case *ast.SelectStmt:
				t.Errorf("%s:%d selects: which case comes first is chance", s.path, s.line(n))
			case *ast.Ident:
				if n.Name == "float64" || n.Name == "float32" {
					t.Errorf("%s:%d uses floating point", s.path, s.line(n))
				}
			case *ast.SelectorExpr:
				if x, ok := n.X.(*ast.Ident); ok && imports[x.Name] == "time" && slices.Contains(clocks, n.Sel.Name) {
					t.Errorf("%s:%d reads the clock with time.%s", s.path, s.line(n), n.Sel.Name)
				}
			}
			return true
		})
	}
}

// TestHouse_files: a file holds one idea, and a package is named after it.
func TestHouse_files(t *testing.T) {
	const most = 400
	for _, s := range sources(t) {
		if s.lines >= most {
			t.Errorf("%s has %d lines; split it before it has %d", s.path, s.lines, most)
		}
		names := append(strings.Split(path.Dir(s.path), "/"), s.syntax.Name.Name)
		for _, vague := range []string{"util", "utils", "common", "pkg", "misc", "helpers", "internal"} {
			if slices.Contains(names, vague) {
				t.Errorf("%s: %q says nothing", s.path, vague)
			}
		}
	}
}

// TestHouse_doc: each room says what it is, what must hold and why it is so.
func TestHouse_doc(t *testing.T) {
	for room := range rooms {
		raw, err := os.ReadFile(filepath.Join(room, "doc.go"))
		if err != nil {
			t.Error(err)
			continue
		}
		begins := "// Package " + room + " "
		if slices.Contains(programs, room) {
			begins = "// Command " + room + " "
		}
		for _, part := range []string{begins, "Invariants", "Why not"} {
			if !bytes.Contains(raw, []byte(part)) {
				t.Errorf("%s/doc.go says nothing of %q", room, part)
			}
		}
	}
}

// TestHouse_noSkip: a test that does not run proves nothing.
func TestHouse_noSkip(t *testing.T) {
	for _, s := range sources(t) {
		ast.Inspect(s.syntax, func(n ast.Node) bool {
			if sel, ok := n.(*ast.SelectorExpr); ok && s.test() {
				if x, ok := sel.X.(*ast.Ident); ok && x.Name == "t" && strings.HasPrefix(sel.Sel.Name, "Skip") {
					t.Errorf("%s:%d skips", s.path, s.line(n))
				}
			}
			return true
		})
	}
}

// TestHouse_tags: a tag of a flag or command that package table does not know would say what is not so.
func TestHouse_tags(t *testing.T) {
	known := strings.Fields("arg cmd complete default embed enum env group help hidden name optional metavar prefix required short type xor")
	pair := regexp.MustCompile(`(\w+):("(?:[^"\\]|\\.)*")`)
	seen := 0
	for _, s := range sources(t) {
		if s.test() || !slices.Contains([]string{"cli", "bench", "proof", ""}, s.room) {
			continue
		}
		ast.Inspect(s.syntax, func(n ast.Node) bool {
			f, ok := n.(*ast.Field)
			if !ok || f.Tag == nil || !strings.Contains(f.Tag.Value, `help:"`) {
				return true
			}
			for _, tag := range pair.FindAllStringSubmatch(f.Tag.Value, -1) {
				seen++
				if !slices.Contains(known, tag[1]) {
					t.Errorf("%s:%d: tag %s; cli/table knows %v", s.path, s.line(n), tag[1], known)
				}
			}
			return true
		})
	}
	if seen < 500 {
		t.Errorf("only %d tags were looked at", seen)
	}
}
