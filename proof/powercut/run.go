package powercut

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"stoker/cli/local"
	"stoker/cli/setup"
	"stoker/client"
)

// run is one run of the command.
type run struct {
	*Command
	dir  string
	out  io.Writer
	dice *rand.Rand

	trip   *trip
	config string // folder of the node that was traced
	trace  []call
	disk   *replay // after the whole trace

	cuts     int
	fates    map[string]int // images, by what became of pages
	present  int            // images in which the request on its way was there
	absent   int            // … was not
	resent   int            // requests that were sent again after the start
	pictures int            // that were read and compared
	started  []time.Duration
	wrong    []string
	took     time.Duration
}

// node is the id of the one that is traced.
const theNode = "n1"

func (r *run) all(ctx context.Context) error {
	if why := local.CannotInject(); why != "" {
		return errors.New(why)
	}
	began := time.Now()
	defer func() { r.took = time.Since(began) }()
	r.dice = rand.New(rand.NewPCG(r.Seed, 1))
	r.fates = map[string]int{}
	var err error
	if r.Binary == "" {
		r.Binary = filepath.Join(r.dir, "stoker")
		if text, err := exec.CommandContext(ctx, "go", "build", "-overlay", r.Overlay, "-o", r.Binary, "stoker").CombinedOutput(); err != nil {
			return fmt.Errorf("go build (call it from the module's root, or name a --binary): %w\n%s", err, text)
		}
	}
	if r.Binary, err = filepath.Abs(r.Binary); err != nil {
		return err
	}
	check, disk, err := r.drive(ctx)
	if err != nil {
		return err
	}
	if err := r.understand(check); err != nil {
		return err
	}
	return r.cut(ctx, disk)
}

// drive founds a node, traces it on its trip, and kills it. It gives the folder as it was before, twice.
func (r *run) drive(ctx context.Context) (check, disk *node, err error) {
	nodes, err := quietPort()
	if err != nil {
		return nil, nil, err
	}
	nodes[0].LogStore = r.LogStore
	made, err := setup.Found(setup.Plan{Nodes: nodes, Out: filepath.Join(r.dir, "traced")})
	if err != nil {
		return nil, nil, err
	}
	r.config = filepath.Dir(made.Config(theNode))
	if err := unlimited(made.Config(theNode)); err != nil {
		return nil, nil, err
	}
	if check, err = load(r.config); err != nil {
		return nil, nil, err
	}
	if disk, err = load(r.config); err != nil {
		return nil, nil, err
	}
	where, err := client.LoadOperator(made.Operator)
	if err != nil {
		return nil, nil, err
	}
	where.Patience = 30 * time.Second
	api, err := client.New(where)
	if err != nil {
		return nil, nil, err
	}
	if err := os.MkdirAll(filepath.Dir(r.prefix()), 0o700); err != nil {
		return nil, nil, err
	}
	r.trip = &trip{
		api: api, where: where, base: where.Endpoints[0], dice: rand.New(rand.NewPCG(r.Seed, 2)), http: &http.Client{}, out: r.out,
	}
	defer r.trip.http.CloseIdleConnections()
	// The node stops in order and starts again in the middle, and is killed at the end.
	for _, leg := range []struct {
		begin func(context.Context) error
		until int
		end   func(*local.Process) error
	}{
		{r.trip.depart, r.Requests / 2, func(p *local.Process) error { return p.Stop(ctx) }},
		{r.trip.rest, r.Requests, func(p *local.Process) error { p.Kill(); return nil }},
	} {
		if err := r.leg(ctx, made.Config(theNode), func(p *local.Process) error {
			if err := leg.begin(ctx); err != nil {
				return err
			}
			if err := r.trip.travel(ctx, leg.until); err != nil {
				return err
			}
			return leg.end(p)
		}); err != nil {
			return nil, nil, err
		}
	}
	return check, disk, nil
}

// quietPort is a place for the node at ports that the kernel gives nobody by itself: it is started hundreds of times, and between two
// of them another process could have the port.
func quietPort() (nodes []setup.Node, err error) {
	for range 20 {
		if nodes, err = local.InOrder(1, fmt.Sprintf("127.0.0.1:%d", 20_000+rand.IntN(10_000))); err == nil {
			return nodes, nil
		}
	}
	return nil, err
}

// leg runs a traced node for a while.
func (r *run) leg(ctx context.Context, config string, during func(*local.Process) error) error {
	line := append(tracer(r.prefix()), r.Binary, "serve", "--config", config)
	// The tap makes the process end, for us, when strace has ended too: both hold the pipe.
	p, err := local.Launch(local.Command{Name: "the traced node", Path: line[0], Args: line[1:], Log: filepath.Join(r.dir, "traced.log"), Tap: io.Discard})
	if err != nil {
		return err
	}
	defer p.Kill()
	if err := during(p); err != nil {
		return errors.Join(err, p.Failure(), ctx.Err())
	}
	return nil
}

func (r *run) prefix() string { return filepath.Join(r.dir, "trace", "thread") }

// unlimited takes the limits off how much one address may ask.
func unlimited(config string) error {
	text, err := os.ReadFile(config)
	if err != nil {
		return err
	}
	limits := "requests_per_second = -1\nuser_requests_per_second = -1\nsignups_per_minute = -1 "
	return os.WriteFile(config, []byte(strings.Replace(string(text), "signups_per_minute = 60", limits, 1)), 0o600)
}

// understand reads the trace and holds it against the folder that the node left.
func (r *run) understand(root *node) (err error) {
	if r.trace, err = readTrace(r.prefix()); err != nil {
		return err
	}
	r.disk = &replay{base: r.config, root: root, at: map[int]int64{}}
	for _, e := range moments(r.trace) {
		if err := r.disk.play(e); err != nil {
			return fmt.Errorf("play the trace: %w", err)
		}
	}
	whole := filepath.Join(r.dir, "whole")
	if err := root.image(whole, everything, r.dice); err != nil {
		return err
	}
	if err := same(r.config, whole); err != nil {
		return fmt.Errorf("the trace does not say what the folder holds: %w", err)
	}
	fmt.Fprintf(r.out, "traced  %d requests: %d calls, %d syncs, %d bytes written; the trace says what the folder holds\n",
		len(r.trip.steps), r.disk.Calls, r.disk.Syncs, r.disk.Bytes)
	return os.RemoveAll(whole)
}

// cut plays the trace again and looks at an image at each sync that was chosen.
func (r *run) cut(ctx context.Context, root *node) error {
	disk := &replay{base: r.config, root: root, at: map[int]int64{}}
	chosen := r.chosen()
	nth, last := 0, time.Now()
	for _, e := range moments(r.trace) {
		if e.sync && disk.file(e.call) != nil {
			if chosen[nth] {
				if err := r.point(ctx, root, e, nth); err != nil {
					return err
				}
				if time.Since(last) > 5*time.Second {
					last = time.Now()
					fmt.Fprintf(r.out, "cut     %5d of %d; %d wrong; a node is back after %s in the middle\n",
						r.cuts, len(chosen), len(r.wrong), middle(r.started).Round(time.Millisecond))
				}
			}
			nth++
		}
		if err := disk.play(e); err != nil {
			return err
		}
	}
	return nil
}

// chosen are numbers of syncs, one from each of as many equal stretches.
func (r *run) chosen() map[int]bool {
	out := map[int]bool{}
	n := r.disk.Syncs
	points := r.Points
	if points == 0 || points > n {
		points = n
	}
	for i := range points {
		from, to := i*n/points, (i+1)*n/points
		out[from+r.dice.IntN(to-from)] = true
	}
	return out
}

// point has the power go at the end of a sync, before it holds.
func (r *run) point(ctx context.Context, root *node, e effect, nth int) error {
	f := fates[r.cuts%len(fates)]
	r.cuts++
	r.fates[f.name]++
	dir := filepath.Join(r.dir, "image")
	if err := os.RemoveAll(dir); err != nil {
		return err
	}
	if err := root.image(filepath.Join(dir, theNode), f, r.dice); err != nil {
		return err
	}
	wrong, err := r.examine(ctx, dir, e.at)
	if err != nil {
		return err
	}
	if wrong == "" {
		return nil
	}
	told := r.told(e.at)
	kept := filepath.Join(r.dir, fmt.Sprintf("wrong-%d", nth))
	wrong = fmt.Sprintf("sync %d (%s of %s), %d answers received, %s reached the disk: %s; image in %s", nth, e.call.name,
		strings.TrimPrefix(e.call.args[0].path, r.config+"/"), told, f.name, wrong, kept)
	r.wrong = append(r.wrong, wrong)
	fmt.Fprintf(r.out, "WRONG   %s\n", wrong)
	if err := os.Rename(dir, kept); err != nil {
		return err
	}
	if len(r.wrong) >= 10 {
		return errors.New("ten images were wrong: that is enough")
	}
	return nil
}

// told is how many answers had been received by then.
func (r *run) told(at int64) int {
	n := slices.IndexFunc(r.trip.steps, func(s *step) bool { return s.told > at })
	if n < 0 {
		return len(r.trip.steps)
	}
	return n
}

// examine starts a node on an image and compares. What is wrong is said in words.
func (r *run) examine(ctx context.Context, dir string, at int64) (wrong string, err error) {
	cluster, err := local.Open(dir, r.Binary)
	if err != nil {
		return "", err
	}
	defer cluster.Kill()
	began := time.Now()
	if err := cluster.Start(ctx); err != nil {
		return fmt.Sprintf("it does not start: %v", err), ctx.Err()
	}
	r.started = append(r.started, time.Since(began))
	defer r.trip.http.CloseIdleConnections()
	defer r.trip.api.Close()

	now, err := look(ctx, r.trip.api)
	if err != nil {
		return "", err
	}
	told := r.told(at)
	must := r.trip.first
	if told > 0 {
		must = r.trip.steps[told-1].after
	}
	var open *step // on its way
	if told < len(r.trip.steps) && r.trip.steps[told].sent <= at {
		open = r.trip.steps[told]
	}
	switch {
	case open != nil && now == open.after && now != must:
		r.present++
	case now == must:
		if open != nil {
			r.absent++
		}
	default:
		wrong = fmt.Sprintf("its state is not that after %s, by %v", r.name(told-1), now.differ(must))
		if open != nil {
			wrong += fmt.Sprintf(", nor after %s, by %v", r.name(told), now.differ(open.after))
		}
		return wrong, nil
	}
	if wrong, err = r.readable(ctx, told); wrong != "" || err != nil {
		return wrong, err
	}
	if open == nil && told > 0 {
		open = r.trip.steps[told-1]
	}
	return r.again(ctx, open, now)
}

func (r *run) name(i int) string {
	if i < 0 {
		return "its first start"
	}
	return fmt.Sprintf("request %d (%s)", i, r.trip.steps[i].about)
}

// readable reads the last pictures that were acknowledged.
func (r *run) readable(ctx context.Context, told int) (wrong string, err error) {
	const look = 3
	for i, n := told-1, 0; i >= 0 && n < look; i-- {
		for _, k := range r.trip.steps[i].kept {
			n++
			req, err := http.NewRequestWithContext(ctx, http.MethodGet, k.url, nil)
			if err != nil {
				return "", err
			}
			res, err := r.trip.http.Do(req)
			if err != nil {
				return "", err
			}
			data, err := io.ReadAll(res.Body)
			res.Body.Close()
			if err != nil || res.StatusCode != http.StatusOK || sha256.Sum256(data) != k.sum {
				return fmt.Sprintf("a picture of %s cannot be read as it was: %d, %d bytes, %v", r.name(i), res.StatusCode, len(data), err), nil
			}
			r.pictures++
		}
	}
	return "", nil
}

// again sends the request that was on its way, or the last one that was answered, under its key: it must have one effect.
func (r *run) again(ctx context.Context, s *step, before view) (wrong string, err error) {
	if s == nil || s.key == "" {
		return "", nil
	}
	r.resent++
	done := before == s.after
	for range 2 {
		data, status, err := r.trip.send(ctx, s)
		if err != nil {
			return "", err
		}
		if status >= 300 {
			return fmt.Sprintf("%s, sent again, is answered %d %s", s.about, status, data), nil
		}
		now, err := look(ctx, r.trip.api)
		if err != nil {
			return "", err
		}
		if done != (now == before) {
			return fmt.Sprintf("%s, sent again, has changed %v; it was there already: %v", s.about, now.differ(before), done), nil
		}
		before, done = now, true
	}
	return "", nil
}

func middle(all []time.Duration) time.Duration {
	if len(all) == 0 {
		return 0
	}
	sorted := slices.Sorted(slices.Values(all))
	return sorted[len(sorted)/2]
}
