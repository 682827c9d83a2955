package powercut

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"golang.org/x/sync/errgroup"

	"stoker/cli/local"
)

// cut plays the trace again and looks at an image at each sync that was chosen. Images are made one after the other, as the dice say, and
// nodes are started on several of them at a time: most of what a start takes is waiting.
func (r *run) cut(ctx context.Context, root *node) error {
	disk := &replay{base: r.config, root: root, at: map[int]int64{}}
	r.blobs = &shelf{dir: filepath.Join(r.dir, "blobs")}
	if err := os.MkdirAll(r.blobs.dir, 0o700); err != nil {
		return err
	}
	free := make(chan *visitor, r.Jobs)
	for i := range r.Jobs {
		v, err := newVisitor(r.trip.where, fmt.Sprintf("127.0.1.%d", i+1))
		if err != nil {
			return err
		}
		free <- v
	}
	chosen := r.chosen()
	r.began = time.Now()
	under, ctx := errgroup.WithContext(ctx)
	nth := 0
	for _, e := range moments(r.trace) {
		if e.sync && disk.file(e.call) != nil {
			if chosen[nth] {
				p := point{nth: nth, e: e, fate: fates[r.cuts%len(fates)]}
				r.cuts++
				r.fates[p.fate.name]++
				select {
				case p.visitor = <-free:
				case <-ctx.Done():
					return under.Wait()
				}
				if err := r.paint(root, &p); err != nil {
					return errors.Join(err, under.Wait())
				}
				under.Go(func() error {
					defer func() { free <- p.visitor }()
					return r.judge(ctx, p, len(chosen))
				})
			}
			nth++
		}
		if err := disk.play(e); err != nil {
			return errors.Join(err, under.Wait())
		}
	}
	return errors.Join(under.Wait(), r.blobs.check())
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

// point is the end of a sync, before it holds, at which the power goes.
type point struct {
	nth     int // of the trace
	e       effect
	fate    fate
	visitor *visitor // of the node that is started on the image
	dir     string   // of the image
}

// paint makes the image.
func (r *run) paint(root *node, p *point) error {
	p.dir = filepath.Join(r.dir, "image-"+p.visitor.host)
	if err := os.RemoveAll(p.dir); err != nil {
		return err
	}
	home := filepath.Join(p.dir, theNode)
	if err := root.image(home, p.fate, r.dice, r.blobs); err != nil {
		return err
	}
	config := filepath.Join(home, "stoker.toml")
	text, err := os.ReadFile(config)
	if err != nil {
		return err
	}
	return os.WriteFile(config, bytes.ReplaceAll(text, []byte(loopback), []byte(p.visitor.host)), 0o600)
}

// judge looks at an image and books what came of it.
func (r *run) judge(ctx context.Context, p point, of int) error {
	one := finding{}
	wrong, err := r.examine(ctx, p, &one)
	if err != nil {
		return err
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.finding.add(one)
	r.looked = append(r.looked, looked{point: p, back: one.back, wrong: wrong})
	if wrong != "" {
		kept := filepath.Join(r.dir, fmt.Sprintf("wrong-%d", p.nth))
		wrong = fmt.Sprintf("%s, %d answers received: %s; image in %s", r.about(p), r.told(p.e.at), wrong, kept)
		r.wrong = append(r.wrong, wrong)
		fmt.Fprintf(r.out, "WRONG   %s\n", wrong)
		if err := os.Rename(p.dir, kept); err != nil {
			return err
		}
		if len(r.wrong) >= 10 {
			return errors.New("ten images were wrong: that is enough")
		}
	}
	if time.Since(r.said) > 5*time.Second {
		r.said = time.Now()
		left := time.Duration(float64(time.Since(r.began)) / float64(len(r.looked)) * float64(of-len(r.looked)))
		fmt.Fprintf(r.out, "cut     %5d of %d; %d wrong; a node is back after %s in the middle; %s to go\n",
			len(r.looked), of, len(r.wrong), middle(r.backs()).Round(time.Millisecond), left.Round(time.Second))
	}
	return nil
}

// about says in words when the power went, and what became of what was not durable.
func (r *run) about(p point) string {
	return fmt.Sprintf("sync %d (%s of %s), %s reached the disk", p.nth, p.e.call.name, r.synced(p), p.fate.name)
}

// synced is the file whose sync it is, or the folder, below the node's own.
func (r *run) synced(p point) string { return strings.TrimPrefix(p.e.call.args[0].path, r.config+"/") }

// looked is an image that was looked at: the time until its node was back, 0 if it never was, and what was wrong.
type looked struct {
	point
	back  time.Duration
	wrong string
}

// backs are the times until nodes were back.
func (r *run) backs() (all []time.Duration) {
	for _, l := range r.looked {
		if l.back > 0 {
			all = append(all, l.back)
		}
	}
	return all
}

// finding is what was seen of images.
type finding struct {
	present  int           // images in which the request on its way was there
	absent   int           // … was not
	resent   int           // requests that were sent again after the start
	pictures int           // that were read and compared
	back     time.Duration // of one image: until its node had started
}

func (f *finding) add(o finding) {
	f.present, f.absent, f.resent, f.pictures = f.present+o.present, f.absent+o.absent, f.resent+o.resent, f.pictures+o.pictures
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
func (r *run) examine(ctx context.Context, p point, f *finding) (wrong string, err error) {
	at, v := p.e.at, p.visitor
	cluster, err := local.Open(p.dir, r.Binary)
	if err != nil {
		return "", err
	}
	defer cluster.Kill()
	began := time.Now()
	if err := cluster.Start(ctx); err != nil {
		return fmt.Sprintf("it does not start: %v", err), ctx.Err()
	}
	f.back = time.Since(began)
	defer v.leave()

	now, err := look(ctx, v.api)
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
		f.present++
	case now == must:
		if open != nil {
			f.absent++
		}
	default:
		wrong = fmt.Sprintf("its state is not that after %s, by %v", r.name(told-1), now.differ(must))
		if open != nil {
			wrong += fmt.Sprintf(", nor after %s, by %v", r.name(told), now.differ(open.after))
		}
		return wrong, nil
	}
	if wrong, err = r.readable(ctx, v, told, f); wrong != "" || err != nil {
		return wrong, err
	}
	if open == nil && told > 0 {
		open = r.trip.steps[told-1]
	}
	return r.again(ctx, v, open, now, f)
}

func (r *run) name(i int) string {
	if i < 0 {
		return "its first start"
	}
	return fmt.Sprintf("request %d (%s)", i, r.trip.steps[i].about)
}

// readable reads the last pictures that were acknowledged.
func (r *run) readable(ctx context.Context, v *visitor, told int, f *finding) (wrong string, err error) {
	const look = 3
	for i, n := told-1, 0; i >= 0 && n < look; i-- {
		for _, k := range r.trip.steps[i].kept {
			n++
			req, err := http.NewRequestWithContext(ctx, http.MethodGet, k.url, nil)
			if err != nil {
				return "", err
			}
			res, err := v.http.Do(req)
			if err != nil {
				return "", err
			}
			data, err := io.ReadAll(res.Body)
			res.Body.Close()
			if err != nil || res.StatusCode != http.StatusOK || sha256.Sum256(data) != k.sum {
				return fmt.Sprintf("a picture of %s cannot be read as it was: %d, %d bytes, %v", r.name(i), res.StatusCode, len(data), err), nil
			}
			f.pictures++
		}
	}
	return "", nil
}

// again sends the request that was on its way, or the last one that was answered, under its key: it must have one effect.
func (r *run) again(ctx context.Context, v *visitor, s *step, before view, f *finding) (wrong string, err error) {
	if s == nil || s.key == "" {
		return "", nil
	}
	f.resent++
	done := before == s.after
	for range 2 {
		data, status, err := v.send(ctx, s)
		if err != nil {
			return "", err
		}
		if status >= 300 {
			return fmt.Sprintf("%s, sent again, is answered %d %s", s.about, status, data), nil
		}
		now, err := look(ctx, v.api)
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
