package client

import (
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
)

// desk answers the operator's calls as the contract words them, and notes what was asked.
type desk struct{ asked []string }

func (d *desk) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, _ := io.ReadAll(r.Body)
	call := r.Method + " " + r.URL.RequestURI()
	d.asked = append(d.asked, strings.TrimSpace(call+" "+string(body)))
	answer := map[string]string{
		"GET /admin/queue": `{"paused":["*"],"classes":[{"class":"free","preset":"interior","depth":12,"oldest_s":3.5}],
			"waiting_workers":4,"leases":2,"grants_per_s":0.25,"dead":1}`,
		"GET /admin/jobs/j_1/why": `{"job_id":"j_1","status":"queued","position":3,"ahead":40,"eta_s":null,"reason":"no worker has this preset",
			"leases":[{"lease_id":"l7","worker":"gpu-1","items":[0,2]}],"next_timer":"2026-01-02T03:04:05Z"}`,
		"GET /admin/queue/dead?cursor=a%2Fb": `{"dead":[{"job_id":"j_1","idx":2,"user":"u_1","preset":"interior","reason":"oom",
			"errors":["gpu-1: no memory"],"at":"2026-01-02T03:04:05Z"}],"next_cursor":"c"}`,
		"POST /admin/queue/kick":   `{"job_id":"j_2"}`,
		"POST /admin/queue/pause":  `{"paused":["interior"]}`,
		"POST /admin/queue/resume": `{"paused":[]}`,
		"POST /admin/queue/purge":  `{"canceled_jobs":5}`,
		"GET /admin/workers": `{"workers":[{"worker_id":"gpu-1","session_id":"s","state":"quarantined","why":"3 faults in a row","gpu":"A10","vram_mb":24000,
			"sdk":"stoker-go","slots":2,"presets":null,"loaded":["interior"],"missing":[],"leases":1,"items":2,"done":7,"failed":1,"lost":3,"faults":3,"last_grant":null}]}`,
		"POST /admin/workers/gpu%2F1/drain": `{"worker":{"worker_id":"gpu/1","state":"draining","why":"maintenance"}}`,
	}[call]
	if answer == "" {
		deny(w, http.StatusNotFound, "NOT_FOUND", call)
		return
	}
	io.WriteString(w, `{"success":true,"data":`+answer+`}`)
}

func TestOperator_Queue(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := &desk{}
		o, ctx := newNetwork(t, d).client().Operator(), t.Context()
		check := func(what string, err error, got ...any) {
			t.Helper()
			if text := fmt.Sprint(got...); err != nil || text != what {
				t.Errorf("got %s, %v; want %s", text, err, what)
			}
		}
		queue, err := o.Queue(ctx)
		check("{[*] [{free interior 12 3.5}] 4 2 0.25 1}", err, queue)
		e, err := o.Explain(ctx, "j_1")
		check("3 40 no worker has this preset [{l7 gpu-1 [0 2]}] true 2026", err, e.Position, " ", e.Ahead, " ", e.Reason, " ", e.Leases, " ", e.ETA == nil, " ", e.NextTimer.Year())
		dead, err := o.Dead(ctx, "a/b")
		check("2 [gpu-1: no memory] c", err, dead.Dead[0].Idx, " ", dead.Dead[0].Errors, " ", dead.NextCursor)
		job, err := o.Kick(ctx, "j_1", 0)
		check("j_2", err, job)
		job, err = o.Kick(ctx, "j_1", -1)
		check("j_2", err, job)
		paused, err := o.Pause(ctx, "interior")
		check("[interior]", err, paused)
		paused, err = o.Resume(ctx, "")
		check("[]", err, paused)
		n, err := o.Purge(ctx, "", "u_1")
		check("5", err, n)
		workers, err := o.Workers(ctx)
		check("gpu-1 quarantined [interior] 3 true", err, workers[0].WorkerID, " ", workers[0].State, " ", workers[0].Loaded, " ", workers[0].Faults, " ", workers[0].LastGrant == nil)
		worker, err := o.SetWorker(ctx, "gpu/1", WorkerDraining, "maintenance")
		check("gpu/1 draining", err, worker.WorkerID, " ", worker.State)
		if _, err := o.SetWorker(ctx, "gpu-1", "asleep", ""); err == nil {
			t.Error("an unknown state was taken")
		}
		want := []string{
			"GET /admin/queue", "GET /admin/jobs/j_1/why", "GET /admin/queue/dead?cursor=a%2Fb",
			`POST /admin/queue/kick {"job_id":"j_1","idx":0}`, `POST /admin/queue/kick {"job_id":"j_1"}`,
			`POST /admin/queue/pause {"preset":"interior"}`, `POST /admin/queue/resume {}`, `POST /admin/queue/purge {"user":"u_1"}`,
			"GET /admin/workers", `POST /admin/workers/gpu%2F1/drain {"why":"maintenance"}`,
		}
		if got := strings.Join(d.asked, "\n"); got != strings.Join(want, "\n") {
			t.Errorf("asked\n%s\nwant\n%s", got, strings.Join(want, "\n"))
		}
	})
}

// A job that waits says where it stands; an event of progress is not the job's status.
func TestApp_QueuePlaceAndProgress(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := newNetwork(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			io.WriteString(w, `{"data":{"job":{"job_id":"j_1","status":"queued","queue":{"position":3,"eta_s":12,"reason":"2 jobs are ahead"}}}}`)
		}))
		job, err := n.client().App("jwt").Job(t.Context(), "j_1")
		if err != nil || job.Queue == nil || job.Queue.Position != 3 || *job.Queue.ETA != 12 || job.Queue.Reason != "2 jobs are ahead" {
			t.Errorf("%+v, %v", job.Queue, err)
		}
	})
	e := Event{Type: "progress", Data: []byte(`{"items":[{"idx":1,"percent":37.5}]}`)}
	if got := fmt.Sprint(e.Progress()); got != "[{1 37}]" || e.Status() != "" {
		t.Errorf("%s, status %q", got, e.Status())
	}
	if e.Type = "item"; e.Progress() != nil {
		t.Error("an item's event has no progress")
	}
}
