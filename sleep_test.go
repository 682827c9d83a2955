package main

import (
	"go/ast"
	"go/token"
	"path"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// TestHouse_noSleep: a test waits for what it waits for. Only in a bubble of testing/synctest, where time passes when everybody
// waits, may it sleep: in a function given to synctest.Test, to a function that hands it on to there (inCluster), or in a helper
// that is called from such places alone.
func TestHouse_noSleep(t *testing.T) {
	folders := map[string][]source{}
	for _, s := range sources(t) {
		if s.test() {
			folders[path.Dir(s.path)] = append(folders[path.Dir(s.path)], s)
		}
	}
	sleeps := 0
	for _, files := range folders {
		f := folder{files: files, starters: []string{"synctest.Test"}}
		f.learn()
		sleeps += f.check(t)
	}
	if sleeps < 50 {
		t.Errorf("found only %d sleeps", sleeps)
	}
}

// folder is the tests of one folder.
type folder struct {
	files    []source
	starters []string // functions whose function arguments run in a bubble
}

// learn finds the functions that hand a function of their own caller on into a bubble.
func (f *folder) learn() {
	for known := 0; known < len(f.starters); {
		known = len(f.starters)
		f.each(func(_ source, d *ast.FuncDecl) {
			takes := slices.ContainsFunc(d.Type.Params.List, func(p *ast.Field) bool { _, is := p.Type.(*ast.FuncType); return is })
			if takes && d.Recv == nil && !slices.Contains(f.starters, d.Name.Name) && len(f.bubbles(d)) > 0 {
				f.starters = append(f.starters, d.Name.Name)
			}
		})
	}
}

// each visits all functions.
func (f *folder) each(visit func(source, *ast.FuncDecl)) {
	for _, s := range f.files {
		for _, d := range s.syntax.Decls {
			if d, ok := d.(*ast.FuncDecl); ok && d.Body != nil {
				visit(s, d)
			}
		}
	}
}

// bubbles are the function literals in a function that run in one.
func (f *folder) bubbles(d *ast.FuncDecl) (all []*ast.FuncLit) {
	ast.Inspect(d, func(n ast.Node) bool {
		call, ok := n.(*ast.CallExpr)
		if !ok || !slices.Contains(f.starters, nameOf(call.Fun)) {
			return true
		}
		for _, arg := range call.Args {
			if lit, ok := arg.(*ast.FuncLit); ok {
				all = append(all, lit)
			}
		}
		return true
	})
	return all
}

// check complains of each sleep that may be outside a bubble, and counts all.
func (f *folder) check(t *testing.T) (sleeps int) {
	outside := func(d *ast.FuncDecl, n ast.Node) bool {
		return !slices.ContainsFunc(f.bubbles(d), func(b *ast.FuncLit) bool { return b.Pos() <= n.Pos() && n.End() <= b.End() })
	}
	blame := map[string][]string{} // functions that must be called in bubbles, and for which sleeps
	f.each(func(s source, d *ast.FuncDecl) {
		for _, n := range sleepsIn(d) {
			sleeps++
			if outside(d, n) {
				blame[called(d)] = append(blame[called(d)], s.path+":"+strconv.Itoa(s.line(n)))
			}
		}
	})
	for known := 0; known < len(blame); {
		known = len(blame)
		f.each(func(s source, d *ast.FuncDecl) {
			ast.Inspect(d.Body, func(n ast.Node) bool {
				name := ""
				switch n := n.(type) {
				case *ast.SelectorExpr:
					name = "." + n.Sel.Name
				case *ast.Ident:
					name = n.Name
				}
				if blame[name] != nil && blame[called(d)] == nil && outside(d, n) {
					blame[called(d)] = blame[name]
				}
				return true
			})
		})
	}
	for name, at := range blame {
		if strings.HasPrefix(name, "Test") || strings.HasPrefix(name, "Benchmark") || strings.HasPrefix(name, "Fuzz") {
			t.Errorf("%s sleeps, outside of synctest, at %v", name, at)
		}
	}
	return sleeps
}

// called is what a call of a function looks like: f, or .f for a method of whatever type.
func called(d *ast.FuncDecl) string {
	if d.Recv != nil {
		return "." + d.Name.Name
	}
	return d.Name.Name
}

// sleepsIn are calls of time.Sleep, and receives from time.After that are no case of a select.
func sleepsIn(d *ast.FuncDecl) (all []ast.Node) {
	ast.Inspect(d, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.CommClause:
			for _, s := range n.Body {
				ast.Inspect(s, func(n ast.Node) bool { all = append(all, sleep(n)...); return true })
			}
			return false
		default:
			all = append(all, sleep(n)...)
		}
		return true
	})
	return all
}

func sleep(n ast.Node) []ast.Node {
	switch n := n.(type) {
	case *ast.CallExpr:
		if nameOf(n.Fun) == "time.Sleep" {
			return []ast.Node{n}
		}
	case *ast.UnaryExpr:
		if call, ok := n.X.(*ast.CallExpr); ok && n.Op == token.ARROW && nameOf(call.Fun) == "time.After" {
			return []ast.Node{n}
		}
	}
	return nil
}

// nameOf is f or pkg.f.
func nameOf(e ast.Expr) string {
	switch e := e.(type) {
	case *ast.Ident:
		return e.Name
	case *ast.SelectorExpr:
		if x, ok := e.X.(*ast.Ident); ok {
			return x.Name + "." + e.Sel.Name
		}
	}
	return ""
}
