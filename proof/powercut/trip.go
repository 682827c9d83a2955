package powercut

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"hash"
	"hash/fnv"
	"image"
	"image/color"
	"image/jpeg"
	"io"
	"math/rand/v2"
	"net/http"
	"slices"
	"time"

	"stoker/client"
)

// tables are what must be as it was. The others tell of nodes and of workers' looks, which a start renews.
var tables = []string{
	"users", "rules", "jobs_log", "job_items_log", "billing_events", "queue", "leases", "dead", "history", "objects", "settings",
}

// moving are columns of the cluster's own clock, which are told as moments of the wall clock: they are never twice the same.
var moving = []string{"deadline", "ready_since", "granted_at", "forgotten_at", "ready_at"}

// view is a digest of each table, in their order.
type view [11]uint64

// step is one request of the trip, what it was told, and the state then.
type step struct {
	about      string
	method     string
	url, token string
	key        string // Idempotency-Key; a step that has one may be sent again
	body       []byte
	picture    bool

	sent, told int64 // ns of the wall clock, before and after
	after      view
	kept       []kept // pictures that are readable from then on
}

// kept is a picture that was acknowledged.
type kept struct {
	url string
	sum [sha256.Size]byte
}

// trip goes through all that happens in Stoker's daily life, one request after the other, so that what must be there at any moment
// is known: the state after the last answer, or after the request that was on its way.
type trip struct {
	*visitor
	where client.Cluster
	base  string
	dice  *rand.Rand
	first view
	steps []*step
	users []*rider
	days  int // of a story
	out   io.Writer
	said  time.Time // when it last said how far it is
}

// rider is a user.
type rider struct{ id, token string }

var interior = map[string]any{"Wall": map[string]any{"action": "recolor", "value": "#aa8866"}}

// look digests the tables, all of one state. An export is one request, and so one line of the audit log; a statement for each table was
// eleven, and most of a node's syncs were theirs.
func look(ctx context.Context, api *client.Client) (v view, err error) {
	all, err := api.Operator().SQLExport(ctx, false)
	if err != nil {
		return v, fmt.Errorf("read the tables: %w", err)
	}
	defer all.Close()
	type digest struct {
		at    int   // in the view
		still []int // columns that are compared
		sum   hash.Hash64
	}
	digests := map[string]*digest{}
	for _, t := range all.Tables {
		at := slices.Index(tables, t.Name)
		if at < 0 {
			continue
		}
		d := &digest{at: at, sum: fnv.New64a()}
		for i, column := range t.Columns {
			if !slices.Contains(moving, column.Name) {
				d.still = append(d.still, i)
			}
		}
		digests[t.Name] = d
	}
	if len(digests) != len(tables) {
		return v, fmt.Errorf("of the tables %v there are %d", tables, len(digests))
	}
	for {
		table, row, err := all.Next()
		if err == io.EOF {
			break
		}
		if err != nil {
			return v, fmt.Errorf("read %s: %w", table, err)
		}
		if d := digests[table]; d != nil {
			for _, i := range d.still {
				fmt.Fprintf(d.sum, "%v\x00", row[i])
			}
			fmt.Fprintln(d.sum)
		}
	}
	for _, d := range digests {
		v[d.at] = d.sum.Sum64()
	}
	return v, nil
}

// differ names the tables in which two views differ.
func (v view) differ(other view) (out []string) {
	for i, name := range tables {
		if v[i] != other[i] {
			out = append(out, name)
		}
	}
	return out
}

// take sends a step of the trip, which must succeed, notes the state after it and decodes the answer.
func (t *trip) take(ctx context.Context, s *step, out any) error {
	s.sent = time.Now().UnixNano()
	data, status, err := t.send(ctx, s)
	s.told = time.Now().UnixNano()
	if err != nil || status >= 300 {
		return fmt.Errorf("%s: %d %s: %w", s.about, status, data, errors.Join(err, errors.New("each request of the trip must succeed")))
	}
	if s.after, err = look(ctx, t.api); err != nil {
		return err
	}
	t.steps = append(t.steps, s)
	if out == nil {
		return nil
	}
	return json.Unmarshal(data, out)
}

// call is a request of an app, a worker or the operator; an app's and the operator's can be sent again.
func (t *trip) call(ctx context.Context, about, method, path, token string, body, out any) error {
	s := &step{about: about, method: method, url: t.base + path, token: token}
	if body != nil {
		var err error
		if s.body, err = json.Marshal(body); err != nil {
			return err
		}
	}
	if token != t.where.WorkerToken {
		s.key = fmt.Sprintf("trip-%d", len(t.steps))
	}
	return t.take(ctx, s, out)
}

// upload puts a picture to a presigned URL.
func (t *trip) upload(ctx context.Context, about, url string) ([sha256.Size]byte, error) {
	body := t.picture()
	return sha256.Sum256(body), t.take(ctx, &step{about: about, method: http.MethodPut, url: url, body: body, picture: true}, nil)
}

// picture is a JPEG of a few kilobytes to a few hundred, each another one.
func (t *trip) picture() []byte {
	w, h := 32+t.dice.IntN(320), 32+t.dice.IntN(240)
	m := image.NewGray(image.Rect(0, 0, w, h))
	for i := range m.Pix {
		m.Pix[i] = uint8(t.dice.Uint32())
	}
	m.Set(0, 0, color.White)
	var out bytes.Buffer
	jpeg.Encode(&out, m, &jpeg.Options{Quality: 60 + t.dice.IntN(40)}) // into memory: it cannot fail
	return out.Bytes()
}

// depart notes the state at the beginning, and prepares it.
func (t *trip) depart(ctx context.Context) (err error) {
	if t.first, err = look(ctx, t.api); err != nil {
		return err
	}
	return t.longLeases(ctx)
}

// rest waits until the node is there again.
func (t *trip) rest(ctx context.Context) error {
	_, err := look(ctx, t.api)
	return err
}

// travel goes on until so many requests were answered, all told.
func (t *trip) travel(ctx context.Context, steps int) error {
	for len(t.steps) < steps {
		if len(t.users) == 0 || t.dice.IntN(8) == 0 {
			if err := t.join(ctx); err != nil {
				return err
			}
		}
		if err := t.story(ctx, t.users[t.dice.IntN(len(t.users))]); err != nil {
			return err
		}
		if time.Since(t.said) > 5*time.Second {
			t.said = time.Now()
			fmt.Fprintf(t.out, "traced  %5d of %d requests\n", len(t.steps), steps)
		}
	}
	return nil
}

// longLeases has leases live for an hour: nodes are started from images long after they were granted.
func (t *trip) longLeases(ctx context.Context) error {
	now, err := t.api.Operator().Settings(ctx)
	if err != nil {
		return err
	}
	now.Settings.Leases.TTL, now.Settings.Leases.FirstContact = "1h", "1h"
	return t.call(ctx, "deploy settings", http.MethodPost, "/admin/settings", t.where.AdminToken, map[string]any{"settings": now.Settings, "message": "long leases"}, nil)
}

func (t *trip) join(ctx context.Context) error {
	var in struct {
		UserID string `json:"user_id"`
		Token  string `json:"token"`
	}
	if err := t.call(ctx, "sign in", http.MethodPost, "/auth/anon", "", map[string]any{"device_hash": fmt.Sprintf("device-%d", len(t.users))}, &in); err != nil {
		return err
	}
	u := &rider{in.UserID, in.Token}
	t.users = append(t.users, u)
	if err := t.call(ctx, "set plan", http.MethodPut, "/admin/users/"+u.id+"/plan", t.where.AdminToken, map[string]any{"plan": "pro"}, nil); err != nil {
		return err
	}
	return t.grant(ctx, u)
}

func (t *trip) grant(ctx context.Context, u *rider) error {
	return t.call(ctx, "grant credits", http.MethodPost, "/admin/users/"+u.id+"/credits", t.where.AdminToken,
		map[string]any{"amount": 5 + t.dice.IntN(5), "reason": "trip"}, nil)
}

// story is a job from its order to its end, whatever that is, or something smaller.
func (t *trip) story(ctx context.Context, u *rider) error {
	t.days++
	if t.days%5 == 0 {
		return t.rule(ctx, u)
	}
	items := 1 + t.dice.IntN(2)
	if err := t.grant(ctx, u); err != nil {
		return err
	}
	var job struct {
		JobID string `json:"job_id"`
		URLs  []struct {
			Idx int    `json:"idx"`
			URL string `json:"url"`
		} `json:"presigned_urls"`
	}
	if err := t.call(ctx, "create job", http.MethodPost, "/jobs", u.token, map[string]any{"preset": "interior", "item_count": items}, &job); err != nil {
		return err
	}
	cancel := func() error {
		return t.call(ctx, "cancel job", http.MethodPost, "/jobs/"+job.JobID+"/cancel", u.token, map[string]any{}, nil)
	}
	end := t.dice.IntN(8)
	if end == 0 {
		return cancel()
	}
	sums := map[int][sha256.Size]byte{}
	for _, to := range job.URLs {
		sum, err := t.upload(ctx, "upload picture", to.URL)
		if err != nil {
			return err
		}
		sums[to.Idx] = sum
	}
	if err := t.call(ctx, "confirm upload", http.MethodPost, "/jobs/"+job.JobID+"/confirm-upload", u.token, map[string]any{}, nil); err != nil {
		return err
	}
	if err := t.call(ctx, "execute", http.MethodPost, "/jobs/"+job.JobID+"/execute", u.token, map[string]any{"concepts": interior}, nil); err != nil {
		return err
	}
	if end == 1 {
		return cancel()
	}
	l, err := t.lease(ctx, sums)
	if err != nil {
		return err
	}
	if end == 2 {
		if err := t.call(ctx, "release lease", http.MethodPost, "/queue/leases/"+l.ID+"/release", t.where.WorkerToken, map[string]any{"reason": "drain"}, nil); err != nil {
			return err
		}
		if l, err = t.lease(ctx, sums); err != nil {
			return err
		}
	}
	return t.work(ctx, l)
}

type lease struct {
	ID    string `json:"lease_id"`
	Items []struct {
		Idx        int    `json:"idx"`
		InputURL   string `json:"input_url"`
		OutputURL  string `json:"output_url"`
		PreviewURL string `json:"preview_url"`
		OutputKey  string `json:"output_key"`
		PreviewKey string `json:"preview_key"`
	} `json:"items"`
}

func (t *trip) lease(ctx context.Context, sums map[int][sha256.Size]byte) (l lease, err error) {
	err = t.call(ctx, "lease", http.MethodPost, "/queue/lease", t.where.WorkerToken,
		map[string]any{"worker_id": "w1", "max_items": 8, "wait_s": 10, "poll_id": fmt.Sprintf("poll-%d", len(t.steps))}, &l)
	if err == nil && l.ID == "" {
		err = errors.New("lease: nothing was granted in 10 s")
	}
	if err != nil {
		return l, err
	}
	last := t.steps[len(t.steps)-1]
	for _, it := range l.Items {
		last.kept = append(last.kept, kept{it.InputURL, sums[it.Idx]})
	}
	return l, nil
}

// work uploads results and reports items, one by one; some fail.
func (t *trip) work(ctx context.Context, l lease) error {
	for _, it := range l.Items {
		result := map[string]any{"idx": it.Idx, "status": "failed", "error": "too dark"}
		if t.dice.IntN(6) > 0 {
			if _, err := t.upload(ctx, "upload result", it.OutputURL); err != nil {
				return err
			}
			if _, err := t.upload(ctx, "upload preview", it.PreviewURL); err != nil {
				return err
			}
			result = map[string]any{"idx": it.Idx, "status": "done", "output_key": it.OutputKey, "preview_key": it.PreviewKey}
		}
		if err := t.call(ctx, "report item", http.MethodPost, "/queue/leases/"+l.ID+"/results", t.where.WorkerToken,
			map[string]any{"results": []any{result}}, nil); err != nil {
			return err
		}
	}
	return nil
}

func (t *trip) rule(ctx context.Context, u *rider) error {
	var made struct {
		Rule struct {
			ID string `json:"id"`
		} `json:"rule"`
	}
	if err := t.call(ctx, "save rule", http.MethodPost, "/rules", u.token, map[string]any{"name": "warm", "preset_id": "interior", "concepts": interior}, &made); err != nil {
		return err
	}
	if err := t.call(ctx, "change rule", http.MethodPut, "/rules/"+made.Rule.ID, u.token, map[string]any{"name": "warmer"}, nil); err != nil {
		return err
	}
	return t.call(ctx, "delete rule", http.MethodDelete, "/rules/"+made.Rule.ID, u.token, nil, nil)
}
