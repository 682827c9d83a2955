package importer

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/ncruces/go-sqlite3"

	"stoker/client"
)

// A part for the cluster has at most so many rows and bytes, but for a single job of more items.
const (
	partRows   = 200
	partBytes  = 256 << 10
	partEvents = 150 // of one user; its further events are a continuation
)

// Options say how to import.
type Options struct {
	DryRun     bool              // say what would come of it
	CancelOpen bool              // bring jobs that have not ended as canceled
	Strict     bool              // write nothing if anything cannot be understood
	Plans      map[string]string // the other stack's → ours
}

// run is one import on its way.
type run struct {
	Options
	dump     *Dump
	operator *client.Operator
	report   *Report
	progress *Progress

	part  client.Import
	users []user // in part
	jobs  []job  // in part
	rows  int
	bytes int

	taken []string        // users that were imported now
	would map[string]bool // users that would be, in a dry run
}

// Import brings a dump over. The report is of use also when an error comes with it: it tells what had been done by then.
func Import(ctx context.Context, d *Dump, o *client.Operator, opt Options, p *Progress) (report *Report, err error) {
	r := &run{Options: opt, dump: d, operator: o, report: newReport(), progress: p, would: map[string]bool{}}
	r.report.DryRun = opt.DryRun
	defer guard(&err)
	open, told, err := d.Open()
	if err != nil {
		return r.report, err
	}
	if open > 0 && !opt.CancelOpen {
		return r.report, fmt.Errorf("%d jobs are still open in the other stack (%s): let them finish there and export again; or --open cancel brings them as canceled and refunds what was not done", open, told)
	}
	if opt.Strict {
		if err := r.strict(); err != nil {
			return r.report, err
		}
	}
	r.report.Notes = append(r.report.Notes, d.Notes...)
	p.Begin("users", d.Count("users"), false)
	if err := d.users(r.report, opt.Plans, func(u user) error { return r.addUser(ctx, u) }); err != nil {
		return r.report, err
	}
	if err := r.flush(ctx); err != nil {
		return r.report, err
	}
	if err := r.compare(ctx); err != nil {
		return r.report, err
	}
	p.Begin("jobs", d.Count("jobs_log"), false)
	if err := d.jobs(r.report, func(j job) error { return r.addJob(ctx, j) }); err != nil {
		return r.report, err
	}
	return r.report, r.flush(ctx)
}

// strict reads everything once without sending it.
func (r *run) strict() error {
	look := newReport()
	if err := errors.Join(
		r.dump.users(look, r.Plans, func(user) error { return nil }),
		r.dump.jobs(look, func(job) error { return nil }),
	); err != nil {
		return err
	}
	if len(look.Problems) > 0 {
		r.report.Problems, r.report.More = look.Problems, look.More
		return fmt.Errorf("%d rows cannot be understood, and --strict was given: nothing was written", len(look.Problems)+look.More)
	}
	return nil
}

func (r *run) addUser(ctx context.Context, u user) error {
	if len(u.Events) > partEvents {
		if err := r.flush(ctx); err != nil {
			return err
		}
		return r.sendLong(ctx, u)
	}
	if err := r.room(ctx, 1+len(u.Rules)+len(u.Events), u.OldUser); err != nil {
		return err
	}
	r.part.Users, r.users = append(r.part.Users, u.OldUser), append(r.users, u)
	return nil
}

func (r *run) addJob(ctx context.Context, j job) error {
	if err := r.room(ctx, 1+len(j.Items), j.OldJob); err != nil {
		return err
	}
	r.part.Jobs, r.jobs = append(r.part.Jobs, j.OldJob), append(r.jobs, j)
	return nil
}

// room sends what there is if one more does not fit.
func (r *run) room(ctx context.Context, rows int, what any) error {
	text, err := json.Marshal(what)
	if err != nil {
		return err
	}
	if r.rows > 0 && (r.rows+rows > partRows || r.bytes+len(text) > partBytes) {
		if err := r.flush(ctx); err != nil {
			return err
		}
	}
	r.rows, r.bytes = r.rows+rows, r.bytes+len(text)
	return nil
}

// flush sends the part and counts what became of it.
func (r *run) flush(ctx context.Context) error {
	if r.rows == 0 {
		return nil
	}
	r.part.DryRun = r.DryRun
	users, jobs, err := r.operator.Import(ctx, r.part)
	if client.Is(err, client.CodeBodyTooLarge) && len(r.users)+len(r.jobs) == 1 { // by itself: the others go on
		f := []client.Fate{{Result: "refused", Code: client.CodeBodyTooLarge, Message: "with its items or rules it is larger than a request may be"}}
		users, jobs, err = slices.Repeat(f, len(r.users)), slices.Repeat(f, len(r.jobs)), nil
	}
	if err != nil {
		return err
	}
	if len(users) != len(r.users) || len(jobs) != len(r.jobs) {
		return errors.New("the cluster answered for others than it was asked about")
	}
	for i, f := range users {
		if f.Result == "there" && f.Next > 0 { // an earlier run was broken off within it
			if err := r.sendLong(ctx, r.users[i]); err != nil {
				return err
			}
			continue
		}
		r.countUser(r.users[i], f)
	}
	for i, f := range jobs {
		r.countJob(r.jobs[i], f)
	}
	r.progress.Add(int64(len(users) + len(jobs)))
	r.part, r.users, r.jobs, r.rows, r.bytes = client.Import{}, nil, nil, 0, 0
	return nil
}

// sendLong sends a user whose events are too many for one part, from where the cluster has them.
func (r *run) sendLong(ctx context.Context, u user) error {
	all, overall := u.Events, client.Fate{}
	for from := 0; ; {
		next := min(from+partEvents, len(all))
		u.From, u.More, u.Events = from, next < len(all), all[from:next]
		if from > 0 {
			u.Rules = nil
		}
		fates, _, err := r.operator.Import(ctx, client.Import{DryRun: r.DryRun, Users: []client.OldUser{u.OldUser}})
		if err != nil {
			return err
		}
		f := fates[0]
		if overall.Result == "" || f.Result == "imported" || f.Result == "refused" {
			overall = f
		}
		if f.Next <= from || f.Next > len(all) || r.DryRun || f.Result == "refused" {
			break
		}
		from = f.Next
	}
	u.Events = all
	r.countUser(u, overall)
	return nil
}

func (r *run) countUser(u user, f client.Fate) {
	t := r.report.Tables
	t["users"].add(f.Result, 1)
	t["rules"].add(f.Result, u.rules)
	t["billing_events"].add(f.Result, u.events)
	switch f.Result {
	case "imported":
		r.report.Credits.Imported += u.Credits
		r.taken = append(r.taken, u.ID)
		r.would[u.ID] = r.DryRun
	case "there":
	default:
		r.report.problem(Problem{Table: "users", Row: text(u.row), ID: u.ID, Why: because(f)})
	}
}

func (r *run) countJob(j job, f client.Fate) {
	if r.would[j.User] && f.Result == "refused" && f.Code == "NOT_FOUND" {
		f.Result = "imported" // its user would be here by then
	}
	t := r.report.Tables
	t["jobs_log"].add(f.Result, 1)
	t["job_items_log"].add(f.Result, j.items)
	switch f.Result {
	case "imported":
		r.report.Credits.Refunded += j.Refund
	case "there":
	default:
		r.report.problem(Problem{Table: "jobs_log", Row: text(j.row), ID: j.ID, Why: because(f)})
	}
}

func because(f client.Fate) string {
	if f.Code == "" {
		return f.Result + ": " + f.Message
	}
	return f.Code + ": " + f.Message
}

// compare asks the cluster what the users have that were imported now.
func (r *run) compare(ctx context.Context) error {
	if r.DryRun {
		return nil
	}
	sum := int64(0)
	for all := r.taken; len(all) > 0; {
		some := all[:min(len(all), 500)]
		all = all[len(some):]
		ids := make([]string, len(some))
		for i, id := range some {
			ids[i] = sqlite3.Quote(id)
		}
		rows, err := r.operator.SQL(ctx, client.SQLQuery{SQL: "SELECT coalesce(sum(credits), 0) FROM users WHERE id IN (" + strings.Join(ids, ",") + ")"})
		if err != nil {
			return err
		}
		row, err := rows.Next()
		if err := errors.Join(err, rows.Close()); err != nil && !errors.Is(err, io.EOF) {
			return err
		}
		n, err := whole(row[0])
		if err != nil {
			return err
		}
		sum += n
	}
	r.report.Credits.Cluster = &sum
	return nil
}
