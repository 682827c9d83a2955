package query_test

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"stoker/fsm"
	"stoker/query"
)

// dawn is when the machine's clock begins, summer the wall clock then.
const (
	dawn   = int64(time.Hour)
	summer = int64(1_750_000_000) * int64(time.Second)
)

// house is a machine and the hand that feeds it entries.
type house struct {
	t       testing.TB
	machine *fsm.Machine
	index   uint64
	now     int64 // ns since dawn
}

func newHouse(t testing.TB) *house {
	t.Helper()
	m, err := fsm.Open(t.TempDir(), fsm.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := m.Close(); err != nil {
			t.Error(err)
		}
	})
	h := &house{t: t, machine: m}
	s := fsm.DefaultSettings()
	free := s.Plans["free"]
	free.MaxConcurrency, free.StartCredits = 10_000_000, 1_000_000_000
	s.Plans["free"] = free
	h.apply(fsm.Propose(fsm.Genesis{
		ClusterID: "c", JWTKeys: []fsm.Secret{{ID: "topsecretkey", Sealed: []byte("sealedbytes")}}, FirstSettings: s, Level: fsm.Level,
		AdminTokens: [][32]byte{{0xaa, 0xbb}},
	}))
	return h
}

func (h *house) apply(ps ...fsm.Proposal) {
	h.t.Helper()
	h.index++
	b := fsm.Batch{Stamp: dawn + h.now, Wall: summer + h.now, Proposals: ps}
	for i, o := range h.machine.Apply([]fsm.Entry{{Index: h.index, Term: 1, Data: b.Encode()}})[0] {
		if o.Refusal != nil {
			h.t.Fatalf("%s: %v", fsm.CommandName(ps[i].Kind), o.Refusal)
		}
	}
}

// furnish makes something of everything: two users, a rule, jobs in several states.
func (h *house) furnish() {
	h.t.Helper()
	wall := map[string]fsm.Concept{"Wall": {Action: "recolor", Value: "white"}}
	h.apply(fsm.Propose(fsm.SignIn{NewID: "u1", DeviceHash: "d1"}), fsm.Propose(fsm.SignIn{NewID: "u2"}))
	h.apply(fsm.Propose(fsm.CreateRule{User: "u1", ID: "r1", Name: "white", Preset: "interior", Concepts: wall}))
	h.now += int64(time.Second)
	h.apply(
		fsm.Propose(fsm.CreateJob{User: "u1", ID: "j1", Preset: "interior", Items: 2}),
		fsm.Propose(fsm.CreateJob{User: "u1", ID: "j2", Preset: "seller", Items: 1}),
		fsm.Propose(fsm.CreateJob{User: "u2", ID: "j3", Preset: "interior", Items: 3}))
	for i := range 2 {
		h.apply(fsm.Propose(fsm.PutObject{Object: fsm.Object{
			Bucket: "photos", Key: fsm.Job{ID: "j1", User: "u1"}.InputKey(i), Upload: "up", Size: 7, SHA256: []byte{1}, MD5: []byte{2}, Nodes: []string{"n1"},
		}}))
	}
	h.apply(
		fsm.Propose(fsm.ConfirmUpload{User: "u1", Job: "j1"}),
		fsm.Propose(fsm.ExecuteJob{User: "u1", Job: "j1", Rule: "r1", Template: "전후비교"}),
		fsm.Propose(fsm.CancelJob{User: "u2", Job: "j3"}))
	grant := fsm.Propose(fsm.GrantCredits{User: "u2", Amount: 5, Reason: "sorry"})
	grant.By, grant.RequestID = "admin ci", "req_1"
	h.apply(grant)
	h.apply(fsm.Propose(fsm.OpenSession{Worker: fsm.Worker{ID: "w1", Boot: "b1", Slots: 2, GPU: "L4"}, Session: "hushhush"}))
}

// answer is a statement's answer as one text: columns with | between, rows with lines.
type answer struct {
	columns []string
	rows    [][]any
	visited int64
}

func (a answer) String() string {
	var b strings.Builder
	for _, r := range a.rows {
		for i, v := range r {
			if i > 0 {
				b.WriteString("|")
			}
			if v == nil {
				v = "NULL"
			}
			fmt.Fprintf(&b, "%v", v)
		}
		b.WriteString("\n")
	}
	return b.String()
}

func (h *house) try(ctx context.Context, sql string) (answer, error) {
	h.t.Helper()
	v := h.machine.View()
	defer v.Close()
	return ask(ctx, v, sql)
}

func ask(ctx context.Context, v *fsm.View, sql string) (a answer, err error) {
	rows, err := query.Open(ctx, v, shelf, sql, query.Timeout)
	if err != nil {
		return a, err
	}
	defer rows.Close()
	a.columns = rows.Columns()
	for {
		row, ok, err := rows.Next()
		if err != nil || !ok {
			a.visited = rows.Visited()
			return a, err
		}
		a.rows = append(a.rows, row)
	}
}

func (h *house) ask(sql string) answer {
	h.t.Helper()
	a, err := h.try(h.t.Context(), sql)
	if err != nil {
		h.t.Fatalf("%s: %v", sql, err)
	}
	return a
}
