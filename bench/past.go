package bench

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"time"

	"golang.org/x/sync/errgroup"

	"stoker/bench/drive"
	"stoker/client"
)

// past is the finished jobs that were brought to a cluster.
type past struct {
	rig   *rig
	Items int `json:"items"` // of each job
	Jobs  int `json:"jobs"`
}

// jobsEach is how many finished jobs a user has.
const jobsEach = 100

// together is how many rows one call may bring: users, jobs and items (client.Import).
const together = 500

// pastName is the file of a cluster's folder that says what was brought to it.
const pastName = "past.json"

// openPast says what a cluster has been brought already, if it was kept.
func openPast(r *rig, items int) (*past, error) {
	p := &past{rig: r, Items: items}
	text, err := os.ReadFile(filepath.Join(r.bed.dir, pastName))
	if errors.Is(err, fs.ErrNotExist) {
		return p, nil
	}
	if err == nil {
		err = json.Unmarshal(text, p)
	}
	if err == nil && p.Items != items {
		err = fmt.Errorf("the jobs that are kept in %s have %d pictures each: give --items %[2]d, or another folder", r.bed.dir, p.Items)
	}
	return p, err
}

// bring makes it n jobs, and does nothing if there are as many. They ended a day before, each an hour apart from the user's next.
func (p *past) bring(ctx context.Context, n int) error {
	all, ctx := errgroup.WithContext(ctx)
	all.SetLimit(4)
	op := p.rig.api.Operator()
	for u := p.Jobs / jobsEach; u < n/jobsEach; u++ {
		all.Go(func() error { return p.one(ctx, op, u) })
	}
	if err := all.Wait(); err != nil {
		return err
	}
	p.Jobs = max(p.Jobs, n)
	text, err := json.Marshal(p)
	if err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(p.rig.bed.dir, pastName), text, 0o600)
}

// one brings a user and its jobs.
func (p *past) one(ctx context.Context, op *client.Operator, u int) error {
	id := pastUser(u)
	ended := time.Now().Add(-24 * time.Hour)
	rows := client.Import{Users: []client.OldUser{{ID: id, Plan: "free", CreatedAt: ended.Add(-jobsEach * time.Hour), DeviceHash: id}}}
	size := 1
	for j := range jobsEach {
		job := client.OldJob{
			ID: pastJob(u, j), User: id, Status: client.Done, Preset: preset, Price: 1,
			Concepts:  map[string]client.Concept{concept: {Action: "recolor", Value: "white"}},
			CreatedAt: ended.Add(time.Duration(j-jobsEach) * time.Hour), FinishedAt: ended.Add(time.Duration(j-jobsEach)*time.Hour + time.Minute),
		}
		for range p.Items {
			job.Items = append(job.Items, client.OldItem{Status: client.Done})
		}
		rows.Jobs = append(rows.Jobs, job)
		if size += 1 + p.Items; size+1+p.Items > together || j == jobsEach-1 {
			if err := imported(ctx, op, rows); err != nil {
				return err
			}
			rows, size = client.Import{}, 0
		}
	}
	return nil
}

// pastScenario reads finished jobs of users from all of the past.
type pastScenario struct{ *past }

func (pastScenario) name() string   { return "read of finished jobs" }
func (pastScenario) bare() bareCall { return bareCall{"GET", nil, jobAnswer} }

// readers is how many users' jobs are read, at most: a hundred times as many jobs.
const readers = 500

func (s pastScenario) prepare(ctx context.Context, r *rig, _ int) (drive.Do, int, error) {
	users := s.Jobs / jobsEach
	n := min(users, readers)
	tokens := make([]string, n)
	all, ctx := errgroup.WithContext(ctx)
	all.SetLimit(16)
	for i := range n {
		all.Go(func() error {
			in, err := r.api.App("").SignIn(ctx, pastUser(i*users/n)) // whose device it is
			tokens[i] = in.Token
			return err
		})
	}
	if err := all.Wait(); err != nil {
		return nil, 0, err
	}
	return func(_ context.Context, client int) error {
		i := rand.IntN(n)
		_, err := r.wire.exchange(client%len(r.wire.hosts), "GET", "/jobs/"+pastJob(i*users/n, rand.IntN(jobsEach)), tokens[i], nil)
		return err
	}, 0, nil
}

func pastUser(n int) string { return fmt.Sprintf("past-%d", n) }

func pastJob(user, n int) string { return fmt.Sprintf("past-%d-%d", user, n) }

// imported brings rows, all of which must have been taken.
func imported(ctx context.Context, op *client.Operator, rows client.Import) error {
	users, jobs, err := op.Import(ctx, rows)
	for _, fate := range slices.Concat(users, jobs) {
		if err == nil && fate.Result != "imported" && fate.Result != "there" {
			err = fmt.Errorf("%s: %s: %s", fate.ID, fate.Result, fate.Message)
		}
	}
	return err
}
