package main

import (
	"bytes"
	"strings"
	"testing"
	"time"

	"stoker/proof/timeline"
)

// TestMutants_report: the table and the picture say who noticed each mistake and how soon, and of which one nobody did.
func TestMutants_report(t *testing.T) {
	fates := []fate{
		{mutant: mutant{Name: "refund-twice", Breaks: "a job's end is refunded twice", File: "fsm/job.go", Old: "once", New: "twice"}, found: []string{"TestProof_machine"},
			took: 190 * time.Millisecond, without: 3 * time.Second},
		{mutant: mutant{Name: "lease-read", Breaks: "a leader believes in itself", File: "node/read.go", Old: "ask", New: "believe"}, took: 2 * time.Second},
	}
	var b bytes.Buffer
	tellMutants(&b, fates, 2)
	for _, want := range []string{
		"# Mutants: 1 of 2 found", "--jobs 2", "| refund-twice | a job's end is refunded twice | fsm/job.go | TestProof_machine | 0.19 s | 3.00 s |",
		"| lease-read | a leader believes in itself | node/read.go | **nobody** | 2.00 s |", "-ask\n+believe",
	} {
		if !strings.Contains(b.String(), want) {
			t.Errorf("the table says nothing of %q:\n%s", want, &b)
		}
	}
	picture := mutantsPicture(fates).SVG()
	for _, want := range []string{
		"Mutants: 1 of 2 found", ">refund-twice<", "twice: found by TestProof_machine", timeline.Teal, ">lease-read<", "SURVIVED: a leader believes in itself", timeline.Red,
	} {
		if !strings.Contains(picture, want) {
			t.Errorf("the picture says nothing of %q:\n%s", want, picture)
		}
	}
}
