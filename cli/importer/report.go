package importer

import (
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"

	"github.com/jedib0t/go-pretty/v6/table"

	"stoker/cli/show"
)

// Report is what became of a dump.
type Report struct {
	DryRun   bool                      `json:"dry_run"`
	Tables   map[string]*Count         `json:"tables"`
	Credits  Credits                   `json:"credits"`
	Times    map[string]map[string]int `json:"times"` // by column, the forms that times were found in
	Notes    []string                  `json:"notes"`
	Problems []Problem                 `json:"problems"` // the first of them
	More     int                       `json:"more_problems"`
	Objects  *Copied                   `json:"objects,omitempty"`
}

// Count is what became of a table's rows. Rows that were not understood are refused.
type Count struct {
	Read     int `json:"read"`
	Imported int `json:"imported"`
	There    int `json:"there"`
	Conflict int `json:"conflict"`
	Refused  int `json:"refused"`
}

// Credits are sums of users' credits.
type Credits struct {
	Dump     int64  `json:"dump"`     // of all users that were understood
	Imported int64  `json:"imported"` // of those that were imported now, as the dump has them
	Cluster  *int64 `json:"cluster"`  // of those, as the cluster has them; nil: not asked
	Refunded int64  `json:"refunded"` // for jobs that were canceled, behind that
	Adjusted int    `json:"adjusted"` // users whose events do not come to their credits
}

// Problem is a row that was not imported, or not as it is.
type Problem struct {
	Table string `json:"table"`
	Row   string `json:"row,omitempty"` // rowid
	ID    string `json:"id,omitempty"`
	Why   string `json:"why"`
}

// problemsShown bounds Problems: a dump that is wrong is wrong everywhere.
const problemsShown = 20

func newReport() *Report {
	r := &Report{Tables: map[string]*Count{}, Times: map[string]map[string]int{}, Notes: []string{}, Problems: []Problem{}}
	for _, t := range tableOrder {
		r.Tables[t] = &Count{}
	}
	return r
}

func (r *Report) problem(p Problem) {
	if len(r.Problems) == problemsShown {
		r.More++
		return
	}
	r.Problems = append(r.Problems, p)
}

// refuse counts a row that cannot be understood.
func (r *Report) refuse(table string, row, id any, why error) {
	r.Tables[table].Refused++
	r.problem(Problem{Table: table, Row: text(row), ID: text(id), Why: why.Error()})
}

func (r *Report) note(format string, args ...any) {
	if n := fmt.Sprintf(format, args...); !slices.Contains(r.Notes, n) {
		r.Notes = append(r.Notes, n)
	}
}

func (r *Report) found(column, form string) {
	if r.Times[column] == nil {
		r.Times[column] = map[string]int{}
	}
	r.Times[column][form]++
}

func (c *Count) add(result string, n int) {
	switch result {
	case "imported":
		c.Imported += n
	case "there":
		c.There += n
	case "conflict":
		c.Conflict += n
	default:
		c.Refused += n
	}
}

// Failed says whether something of the dump is not in the cluster.
func (r *Report) Failed() bool {
	for _, c := range r.Tables {
		if c.Conflict+c.Refused > 0 {
			return true
		}
	}
	return r.Credits.Cluster != nil && *r.Credits.Cluster != r.Credits.Imported || r.Objects != nil && r.Objects.Failed > 0
}

// Print tells it; of a copy of objects alone only that.
func (r *Report) Print(w io.Writer) {
	if r.Tables != nil {
		r.printRows(w)
	}
	if r.Objects != nil {
		r.Objects.print(w)
	}
	r.printProblems(w)
}

func (r *Report) printRows(w io.Writer) {
	imported := "imported"
	if r.DryRun {
		imported = "would be imported"
	}
	t := show.Table(w, "table", "read", imported, "there already", "in conflict", "refused")
	for _, name := range tableOrder {
		c := r.Tables[name]
		t.AppendRow(table.Row{name, c.Read, c.Imported, c.There, c.Conflict, c.Refused})
	}
	t.Render()
	fmt.Fprintf(w, "Credits: %d in the dump, %d of the users that were imported", r.Credits.Dump, r.Credits.Imported)
	switch at := r.Credits.Cluster; {
	case at == nil:
		fmt.Fprint(w, ".\n")
	case *at == r.Credits.Imported:
		fmt.Fprintf(w, ", and %d that they have here: equal.\n", *at)
	default:
		fmt.Fprintf(w, ", and %d that they have here: NOT EQUAL. Did they use this cluster meanwhile? `stoker user ledger` tells.\n", *at)
	}
	if r.Credits.Refunded > 0 {
		fmt.Fprintf(w, "%d credits were refunded behind that, for jobs that were still open.\n", r.Credits.Refunded)
	}
	if r.Credits.Adjusted > 0 {
		fmt.Fprintf(w, "The events of %s do not come to the credits: a row of type import says so in the ledger of each.\n", show.Count(r.Credits.Adjusted, "user"))
	}
	for _, column := range slices.Sorted(maps.Keys(r.Times)) {
		var forms []string
		for _, form := range slices.Sorted(maps.Keys(r.Times[column])) {
			forms = append(forms, fmt.Sprintf("%s (%d)", form, r.Times[column][form]))
		}
		fmt.Fprintf(w, "%s is %s.\n", column, strings.Join(forms, ", "))
	}
	for _, n := range r.Notes {
		fmt.Fprintf(w, "Note: %s.\n", show.Plain(n))
	}
}

func (r *Report) printProblems(w io.Writer) {
	if len(r.Problems) == 0 {
		return
	}
	t := show.Table(w, "table", "rowid", "id", "why")
	for _, p := range r.Problems {
		t.AppendRow(table.Row{p.Table, p.Row, show.Plain(p.ID), show.Plain(p.Why)})
	}
	t.Render()
	if r.More > 0 {
		fmt.Fprintf(w, "And %d more.\n", r.More)
	}
}
