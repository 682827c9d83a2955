package main

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// mutant is a mistake that somebody might make, and the check that has to find it. The table of all is in the files mutants_*.go.
type mutant struct {
	Name   string
	Breaks string // in words, what does not hold any more
	File   string // from the module's root
	Old    string // text that is there once
	New    string
	By     check
}

// check is some tests of a package.
type check struct {
	Package string   // fsm
	Run     string   // as go test -run
	Args    []string // "{overlay}" in one is the mutant's overlay, for tests that build the program themselves
}

// cuts is a short run of the power cuts.
var cuts = check{"proof/powercut", "^TestProof_powercut$", []string{"-powercut.points=120", "-powercut.overlay={overlay}"}}

// cutSegments is one of a node whose log is in segments.
var cutSegments = check{cuts.Package, cuts.Run, append([]string{"-powercut.log-store=wal"}, cuts.Args...)}

const overlayHere = "{overlay}"

// worlds is the machine simulation, as `proof machine --commands 40000` plays it.
var worlds = check{"fsm", "^TestProof_machine$", []string{"-machine.commands", "40000"}}

// String is how one makes the check oneself.
func (c check) String() string {
	line := "go test ./" + c.Package + " -run '" + c.Run + "'"
	args := slices.DeleteFunc(slices.Clone(c.Args), func(a string) bool { return strings.Contains(a, overlayHere) })
	if len(args) > 0 {
		line += " -args " + strings.Join(args, " ")
	}
	return line
}

// mutated gives the file's text with the mistake in it.
func (m mutant) mutated(source string) (string, error) {
	if n := strings.Count(source, m.Old); n != 1 {
		return "", fmt.Errorf("mutant %s: its text stands %d times in %s, and must stand there once: bring the mutant up to date, it is\n%s", m.Name, n, m.File, m.Old)
	}
	return strings.Replace(source, m.Old, m.New, 1), nil
}

// overlay writes what the compiler is to read in place of the mutant's file, and gives the file of the flag -overlay.
func (m mutant) overlay(dir string) (string, error) {
	source, err := os.ReadFile(m.File)
	if err != nil {
		return "", fmt.Errorf("mutant %s: %w", m.Name, err)
	}
	text, err := m.mutated(string(source))
	if err != nil {
		return "", err
	}
	original, err := filepath.Abs(m.File)
	if err != nil {
		return "", err
	}
	instead := filepath.Join(dir, "mutated.go")
	if err := os.WriteFile(instead, []byte(text), 0o600); err != nil {
		return "", err
	}
	list, err := json.Marshal(map[string]map[string]string{"Replace": {original: instead}})
	if err != nil {
		return "", err
	}
	file := filepath.Join(dir, "overlay.json")
	return file, os.WriteFile(file, list, 0o600)
}
