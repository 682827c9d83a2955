package importer

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"stoker/client"
)

// job is a row of jobs_log with its items.
type job struct {
	client.OldJob
	row   any
	items int // rows
}

// endings and open are the words of other stacks for where a job or an item stands.
var (
	endings = map[string]client.Status{
		"done": client.Done, "completed": client.Done, "complete": client.Done, "success": client.Done, "succeeded": client.Done,
		"failed": client.Failed, "error": client.Failed, "canceled": client.Canceled, "cancelled": client.Canceled, "expired": client.Canceled,
	}
	open = []string{"created", "uploaded", "pending", "queued", "running", "processing"}
)

// Open counts the jobs that had not ended, by their status.
func (d *Dump) Open() (n int, told string, err error) {
	defer guard(&err)
	if !d.has["jobs_log"] {
		return 0, "", nil
	}
	var parts []string
	for row := range d.rows("SELECT lower(status), count(*) FROM jobs_log GROUP BY lower(status)") {
		if slices.Contains(open, text(row[0])) {
			count, _ := row[1].(int64)
			n += int(count)
			parts = append(parts, fmt.Sprintf("%d %s", count, text(row[0])))
		}
	}
	return n, strings.Join(parts, ", "), nil
}

// inOrder gives the jobs' ids, the oldest first: the cluster lists jobs in the order in which it heard of them.
func (d *Dump) inOrder(r *Report) []string {
	type line struct {
		id string
		at time.Time
	}
	var all []line
	seen := map[string]bool{}
	for row := range d.rows(d.columns("jobs_log")) {
		r.Tables["jobs_log"].Read++
		id := text(row[1])
		switch at, _, err := when(row[3]); {
		case id == "" || seen[id]:
			r.refuse("jobs_log", row[0], row[1], errors.New("it has no id, or there is another one of this id"))
		case err != nil && d.has["jobs_log.created_at"]:
			r.refuse("jobs_log", row[0], row[1], fmt.Errorf("created_at: %w", err))
		default:
			seen[id] = true
			all = append(all, line{id, at})
		}
	}
	slices.SortStableFunc(all, func(a, b line) int { return a.at.Compare(b.at) })
	ids := make([]string, len(all))
	for i, l := range all {
		ids[i] = l.id
	}
	return ids
}

// jobs reads all jobs with their items.
func (d *Dump) jobs(r *Report, yield func(job) error) error {
	if !d.has["jobs_log"] {
		return nil
	}
	for _, id := range d.inOrder(r) {
		for row := range d.rows(d.columns("jobs_log")+" WHERE job_id = ? LIMIT 1", id) {
			j, err := d.job(r, row)
			if err != nil {
				r.refuse("jobs_log", row[0], row[1], err)
				r.Tables["job_items_log"].add("refused", j.items)
				continue
			}
			if err := yield(j); err != nil {
				return err
			}
		}
	}
	if c, all := r.Tables["job_items_log"], int(d.Count("job_items_log")); all > c.Read {
		r.note("%d rows of job_items_log are of jobs that were not understood or are not in the dump", all-c.Read)
		c.add("refused", all-c.Read)
		c.Read = all
	}
	return nil
}

func (d *Dump) job(r *Report, row []any) (j job, err error) {
	j.row, j.ID, j.User, j.Preset = row[0], text(row[1]), text(row[2]), cmp.Or(text(row[6]), "unknown")
	j.Rule, j.Error = text(row[7]), text(row[12])
	word := strings.ToLower(text(row[5]))
	ending, ended := endings[word]
	if j.Status = ending; !ended {
		if j.Status = client.Canceled; !slices.Contains(open, word) {
			return j, fmt.Errorf("status: %s is none that is known", told(row[5]))
		}
		j.Error = cmp.Or(j.Error, "it was "+word+" when it was brought over")
	}
	if err := j.times(r, row); err != nil {
		return j, err
	}
	if j.Concepts, err = concepts(row[8]); err != nil {
		return j, err
	}
	if j.Protect, err = names(row[9]); err != nil {
		return j, err
	}
	var params struct {
		Items    int    `json:"item_count"`
		Template string `json:"output_template"`
	}
	if s := text(row[10]); s != "" {
		if err := json.Unmarshal([]byte(s), &params); err != nil {
			return j, fmt.Errorf("params_json: %w", err)
		}
	}
	j.Template = params.Template
	least := 0
	if !ended {
		least = min(max(params.Items, 0), mostItems)
	}
	d.itemsOf(r, &j, least)
	j.agree(r)
	cost := int64(0)
	if row[11] != nil {
		if cost, err = whole(row[11]); err != nil || cost < 0 {
			return j, fmt.Errorf("cost_estimate: %s is no number of credits", told(row[11]))
		}
	}
	d.price(&j, cost, ended)
	return j, nil
}

func (j *job) times(r *Report, row []any) (err error) {
	var form string
	j.CreatedAt = time.Unix(0, 0).UTC()
	if row[3] != nil {
		if j.CreatedAt, form, err = when(row[3]); err != nil {
			return fmt.Errorf("created_at: %w", err)
		}
		r.found("jobs_log.created_at", form)
	}
	if j.FinishedAt = j.CreatedAt; row[4] != nil && text(row[4]) != "" {
		if j.FinishedAt, form, err = when(row[4]); err != nil {
			return fmt.Errorf("finished_at: %w", err)
		}
		r.found("jobs_log.finished_at", form)
	}
	if j.FinishedAt.Before(j.CreatedAt) {
		r.note("some jobs have ended before they began: both are when they began")
		j.FinishedAt = j.CreatedAt
	}
	return nil
}

// mostItems is what a job may have in the cluster.
const mostItems = 10_000

// itemsOf reads a job's items, least of them at least. One that has not ended, or is not there, ends as its job did.
func (d *Dump) itemsOf(r *Report, j *job, least int) {
	left := client.OldItem{Status: client.Failed, Error: "the other stack did not say what became of it"}
	if j.Status == client.Canceled {
		left = client.OldItem{Status: client.Canceled}
	}
	grow := func(n int) {
		for len(j.Items) < n {
			j.Items = append(j.Items, left)
		}
	}
	grow(least)
	if !d.has["job_items_log"] {
		return
	}
	ours := map[string]func(int) string{
		"inputs":  func(i int) string { return fmt.Sprintf("inputs/%s/%s/%d.jpg", j.User, j.ID, i) },
		"outputs": func(i int) string { return fmt.Sprintf("outputs/%s/%s/%d_result.png", j.User, j.ID, i) },
	}
	foreign := func(kind string, i int, key string) string {
		if key == ours[kind](i) {
			return ""
		}
		return key
	}
	for row := range d.rows(d.columns("job_items_log")+" WHERE job_id = ?", j.ID) {
		r.Tables["job_items_log"].Read++
		n, err := whole(row[2])
		if err != nil || n < 0 || n >= mostItems {
			r.refuse("job_items_log", row[0], row[1], fmt.Errorf("idx: %s is no number of an item", told(row[2])))
			continue
		}
		i := int(n)
		grow(i + 1)
		word := strings.ToLower(text(row[3]))
		status, ended := endings[word]
		if !ended && !slices.Contains(open, word) {
			r.refuse("job_items_log", row[0], row[1], fmt.Errorf("status: %s is none that is known", told(row[3])))
			continue
		}
		j.items++
		it := client.OldItem{Status: status, Input: foreign("inputs", i, text(row[4])), Error: text(row[6])}
		if !ended {
			it.Status, it.Error = left.Status, cmp.Or(it.Error, left.Error)
		}
		if it.Status == client.Done {
			it.Output = foreign("outputs", i, text(row[5]))
		}
		j.Items[i] = it
	}
}

// agree makes the job's end that of its items: done if one of them is, failed if none is.
func (j *job) agree(r *Report) {
	done := j.done()
	switch {
	case j.Status == client.Failed && done > 0:
		j.Status = client.Done
		r.note("some jobs had failed with pictures that are done: here such a job is done")
	case j.Status == client.Done && done == 0 && len(j.Items) > 0:
		j.Status = client.Failed
		r.note("some jobs were done without a picture that is: here such a job has failed")
	}
}

func (j *job) done() (n int64) {
	for _, it := range j.Items {
		if it.Status == client.Done {
			n++
		}
	}
	return n
}

// price says what an item has cost and, of a job that had not ended, what is to be given back: what the ledger says was paid for it,
// or where it says nothing the estimate, but for what is done.
func (d *Dump) price(j *job, cost int64, ended bool) {
	paid, said := int64(0), false
	if !ended && d.has["billing_events.ref"] {
		for row := range d.rows("SELECT amount FROM billing_events WHERE ref = ? AND user_id = ?", j.ID, j.User) {
			if n, err := whole(row[0]); err == nil {
				paid, said = paid-n, true
			}
		}
	}
	if !said {
		paid = cost
	}
	if n := int64(len(j.Items)); n > 0 {
		j.Price = cmp.Or(cost, max(paid, 0)) / n
	}
	if !ended {
		j.Refund = max(paid-j.done()*j.Price, 0)
	}
}
