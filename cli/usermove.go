package cli

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/minio/minio-go/v7/pkg/credentials"

	"stoker/cli/importer"
	"stoker/cli/show"
	"stoker/cli/user"
	"stoker/client"
)

// userMove is `stoker user move`.
type userMove struct {
	operatorFlags
	User           string        `arg:"" complete:"user" help:"User id, u_…"`
	To             string        `required:"" metavar:"FILE" complete:".toml" help:"operator.toml of the cell that the user moves to."`
	CancelOpen     bool          `help:"Cancel the user's open jobs, which refunds what is not done, instead of waiting for them."`
	Wait           time.Duration `default:"1h" metavar:"DURATION" help:"How long to wait for open jobs (${default})."`
	WithoutObjects bool          `help:"Leave the user's pictures where they are: its jobs come along, their results do not."`
	Back           bool          `help:"Take a move back that is not decided: the user stays where it was."`
}

// Help shows how to call it.
func (*userMove) Help() string {
	return `  stoker user move u_abc --to east/operator.toml
  stoker user move u_abc --to east/operator.toml --back

The user can do nothing new until it is over. Its plan, credits, whole ledger, rules, ended jobs and their pictures come along; there is
never a moment at which a credit could be spent in both cells. If it is broken off, by Ctrl-C or because a node was lost, the same
command goes on where it was; stoker user show says in either cell how far it is. docs/cells.md says what the app sees of it.`
}

// Run moves the user.
func (c *userMove) Run(s *shell) error {
	if err := userID(c.User); err != nil {
		return err
	}
	from, err := c.dial()
	if err != nil {
		return err
	}
	defer from.Close()
	there, err := client.LoadOperator(c.To)
	if err != nil {
		return err
	}
	to, err := client.New(there)
	if err != nil {
		return err
	}
	defer to.Close()
	m := user.Mover{From: from.Operator(), To: to.Operator(), User: c.User, CancelOpen: c.CancelOpen, Patience: c.Wait, Out: s.out}
	if !c.WithoutObjects {
		m.Objects = func(ctx context.Context, _ string) error { return c.objects(ctx, s, m.From, m.To, there) }
	}
	if c.Back {
		return advise(m.Back(s.ctx), knownUsers)
	}
	err = advise(m.Move(s.ctx), knownUsers)
	if s.ctx.Err() != nil {
		return errors.New("the move was broken off; the same command goes on where it was, --back takes it back if it is not decided")
	}
	return err
}

// objects copies the user's pictures, with keys that live as long as the copy.
func (c *userMove) objects(ctx context.Context, s *shell, from, to *client.Operator, there client.Cluster) error {
	here, err := c.cluster()
	if err != nil {
		return err
	}
	name := "move of " + c.User + " " + rand.Text()[:8] // one that was killed has left its own
	old, endOld, err := moveKey(ctx, from, name, "read", here)
	if err != nil {
		return err
	}
	defer endOld()
	fresh, endNew, err := moveKey(ctx, to, name, "read-write", there)
	if err != nil {
		return err
	}
	defer endNew()
	p := importer.NewProgress(s.err, false)
	defer p.Close()
	jobs := &arrivedJobs{to: to, known: map[string]bool{}}
	old.Only = jobs.has
	for _, kind := range []string{"inputs/", "outputs/", "previews/"} {
		old.Prefix = kind + c.User + "/"
		done, err := importer.Copy(ctx, old, fresh, false, p)
		if err != nil {
			return fmt.Errorf("copy %s: %w", old.Prefix, err)
		}
		if done.Failed > 0 {
			return fmt.Errorf("%d of %d pictures under %s could not be copied, as %s: %s; nothing is decided: the same command tries again, --without-objects leaves them",
				done.Failed, done.Found, old.Prefix, done.Failures[0].Key, done.Failures[0].Why)
		}
	}
	if jobs.left > 0 {
		s.printf("%s stay where they are: their jobs are in an archive, of either cell.\n", show.Count(jobs.left, "picture"))
	}
	return nil
}

// arrivedJobs knows which jobs' pictures a cell takes: those of jobs that are in its state. A job that is in the old cell's archive has
// not come along, and one that is in the new cell's has its pictures no more.
type arrivedJobs struct {
	to    *client.Operator
	known map[string]bool
	left  int // pictures
}

func (a *arrivedJobs) has(ctx context.Context, key string) (bool, error) {
	parts := strings.Split(key, "/")
	if len(parts) != 4 { // KIND/USER/JOB/FILE
		return true, nil
	}
	in, ok := a.known[parts[2]]
	if !ok {
		j, err := a.to.Job(ctx, parts[2])
		if err != nil && !client.Is(err, "JOB_NOT_FOUND") {
			return false, err
		}
		in = err == nil && j.Archived == nil
		a.known[parts[2]] = in
	}
	if !in {
		a.left++
	}
	return in, nil
}

// moveKey makes an access key of a cluster, a way to use it, and the end of it.
func moveKey(ctx context.Context, o *client.Operator, name, access string, where client.Cluster) (b importer.Bucket, end func(), err error) {
	secret, key, at, err := o.CreateKey(ctx, client.NewKey{Name: name, Access: access, Life: keyLife})
	if err != nil {
		return b, nil, err
	}
	end = func() {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), adminPatience)
		defer cancel()
		_ = o.RevokeKey(ctx, key.Name) // it ends by itself in two days
	}
	b.Name = at.Bucket
	if b.Client, err = s3At(at.Endpoint, at.Region, credentials.NewStaticV4(key.AccessKey, secret, ""), where); err != nil {
		end()
	}
	return b, end, err
}
