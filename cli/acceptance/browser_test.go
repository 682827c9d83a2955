//go:build browser

// Needs Chromium, so it is not among the tests that need Go alone: .ci/run runs it with -tags browser.

package acceptance

import (
	"bytes"
	"compress/gzip"
	"context"
	_ "embed"
	"errors"
	"fmt"
	"image/jpeg"
	"image/png"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/chromedp"

	"stoker/cli/picture"
	"stoker/client"
)

// axe is axe-core 4.14.1 (MPL-2.0), which finds what somebody who does not see, or has no mouse, would stumble over.
//
//go:embed testdata/axe.min.js.gz
var axe []byte

// browser is a person in front of the dashboard.
type browser struct {
	t    *testing.T
	ctx  context.Context
	base string
	axe  string
	shot string // folder of screenshots
}

func newBrowser(t *testing.T, base string) *browser {
	t.Helper()
	path, err := exec.LookPath("chromium")
	if err != nil {
		t.Fatal("the dashboard is tested in Chromium: apt-get install chromium, or your system's own way")
	}
	shots, err := filepath.Abs("../../artifacts")
	if err != nil {
		t.Fatal(err)
	}
	if err := os.MkdirAll(shots, 0o755); err != nil {
		t.Fatal(err)
	}
	opts := append(chromedp.DefaultExecAllocatorOptions[:], chromedp.ExecPath(path), chromedp.NoSandbox, chromedp.DisableGPU,
		chromedp.Flag("disable-quic", true), chromedp.Flag("disable-component-update", true), chromedp.Flag("lang", "en-US"), chromedp.WindowSize(1280, 900))
	ctx, stop := chromedp.NewExecAllocator(t.Context(), opts...)
	t.Cleanup(stop)
	ctx, stop = chromedp.NewContext(ctx)
	t.Cleanup(stop)
	if err := chromedp.Do(ctx); err != nil { // it lives as long as the context of its first run
		t.Fatal(err)
	}
	unpacked, err := gzip.NewReader(bytes.NewReader(axe))
	if err != nil {
		t.Fatal(err)
	}
	script, err := io.ReadAll(unpacked)
	if err != nil {
		t.Fatal(err)
	}
	return &browser{t: t, ctx: ctx, base: base, axe: string(script), shot: shots}
}

func (b *browser) do(what string, actions ...chromedp.Action[chromedp.Void]) {
	b.t.Helper()
	ctx, cancel := context.WithTimeout(b.ctx, patience)
	defer cancel()
	if err := chromedp.Do(ctx, actions...); err != nil {
		look, done := context.WithTimeout(b.ctx, 5*time.Second)
		defer done()
		text, _ := chromedp.Run(look, chromedp.Evaluate[string]("document.body.innerText")) // only to be shown
		b.picture("failed")
		b.t.Fatalf("%s: %v; the page says:\n%s", what, err, text)
	}
}

// visits opens a page of the dashboard anew.
func (b *browser) visits(page string) {
	b.t.Helper()
	b.do("go to "+page, chromedp.Navigate("about:blank"), chromedp.Navigate(b.base+"/admin/#/"+page), chromedp.WaitVisible(chromedp.CSS("main h1")))
}

// sees waits until the page shows a text.
func (b *browser) sees(text string) {
	b.t.Helper()
	b.do("see "+text, chromedp.Poll[chromedp.Void](fmt.Sprintf("document.body.innerText.includes(%q)", text), chromedp.WithPollingInterval(50*time.Millisecond), chromedp.WithPollingTimeout(patience)))
}

func button(label string) string { return fmt.Sprintf(`//button[normalize-space()=%q]`, label) }

// presses a button of the page, and with confirm the one of its question.
func (b *browser) presses(label string, confirm bool) {
	b.t.Helper()
	b.do("press "+label, chromedp.Click(chromedp.Search("//main"+button(label)+"[not(ancestor::dialog)]"), chromedp.NodeVisible))
	if confirm {
		b.confirms(label)
	}
}

func (b *browser) confirms(label string) {
	b.t.Helper()
	b.do("confirm "+label, chromedp.Click(chromedp.Search("//dialog[@open]"+button(label)), chromedp.NodeVisible))
}

// emptied selects what a field holds, so that typing replaces it.
func emptied(field string) chromedp.Action[chromedp.Void] {
	return chromedp.Evaluate[chromedp.Void](fmt.Sprintf("document.querySelector(%q).select()", field))
}

func (b *browser) types(field, text string) {
	b.t.Helper()
	at := fmt.Sprintf("dialog[open] input[name=%s]", field)
	b.do("type into "+field, chromedp.WaitVisible(chromedp.CSS(at)), emptied(at), chromedp.SendKeys(chromedp.CSS(at), text))
}

func (b *browser) picture(name string) {
	b.t.Helper()
	ctx, cancel := context.WithTimeout(b.ctx, 20*time.Second)
	defer cancel()
	raw, err := chromedp.Run(ctx, chromedp.CaptureScreenshot())
	if err != nil {
		b.t.Errorf("screenshot %s: %v", name, err)
		return
	}
	if err := os.WriteFile(filepath.Join(b.shot, name+".png"), raw, 0o644); err != nil {
		b.t.Error(err)
	}
}

// isAccessible holds the page against axe's rules, and against a narrow screen.
func (b *browser) isAccessible(page string) {
	b.t.Helper()
	ctx, cancel := context.WithTimeout(b.ctx, patience)
	defer cancel()
	b.do("axe on "+page, chromedp.Evaluate[chromedp.Void](b.axe+";0"))
	found, err := chromedp.Run(ctx, chromedp.Evaluate[[]string](
		`axe.run().then(r => r.violations.map(v => v.id + ': ' + v.help + ': ' + v.nodes.map(n => n.html.slice(0, 160)).join(' | ')))`, chromedp.EvalAwaitPromise))
	if err != nil {
		b.t.Fatalf("axe on %s: %v", page, err)
	}
	for _, f := range found {
		b.t.Errorf("%s: %s", page, f)
	}
	wide, err := chromedp.Run(ctx, chromedp.Evaluate[float64](`document.documentElement.scrollWidth - document.documentElement.clientWidth`))
	if err != nil {
		b.t.Fatalf("measure %s: %v", page, err)
	}
	if wide > 0 {
		b.t.Errorf("%s is %v pixels wider than the screen", page, wide)
	}
}

// drawn is a job with pictures of rooms, all uploaded and confirmed.
func (u *user) drawn(t *testing.T, preset string, items int) (job string) {
	t.Helper()
	ticket, err := u.any.CreateJob(t.Context(), preset, items)
	if err != nil {
		t.Fatal(err)
	}
	for _, to := range ticket.PresignedURLs {
		var file bytes.Buffer
		if err := jpeg.Encode(&file, picture.Room(uint64(to.Idx)+1, 320, 240), nil); err != nil {
			t.Fatal(err)
		}
		if err := u.any.Upload(t.Context(), to.URL, bytes.NewReader(file.Bytes())); err != nil {
			t.Fatal(err)
		}
	}
	if err := u.any.ConfirmUpload(t.Context(), ticket.JobID); err != nil {
		t.Fatal(err)
	}
	return ticket.JobID
}

// painted reports every item of a lease as done, with a result and a preview that can be looked at.
func (c *cluster) painted(t *testing.T, g *client.Grant) {
	t.Helper()
	var results []client.ItemResult
	for _, item := range g.Items {
		room := picture.Room(uint64(item.Idx)+11, 320, 240)
		var full, small bytes.Buffer
		if err := errors.Join(png.Encode(&full, room), jpeg.Encode(&small, room, nil)); err != nil {
			t.Fatal(err)
		}
		if err := errors.Join(c.any.Upload(t.Context(), item.OutputURL, bytes.NewReader(full.Bytes())), c.any.Upload(t.Context(), item.PreviewURL, bytes.NewReader(small.Bytes()))); err != nil {
			t.Fatal(err)
		}
		results = append(results, client.ItemResult{Idx: item.Idx, Status: client.Done, OutputKey: item.OutputKey, PreviewKey: item.PreviewKey})
	}
	if _, err := c.any.Queue().Results(t.Context(), g.LeaseID, results...); err != nil {
		t.Fatal(err)
	}
}

// dies executes a job whose picture is too large for every worker, and says when it is dead: two back-offs later.
func (c *cluster) dies(t *testing.T, u *user) (job string, died <-chan error) {
	t.Helper()
	job = u.drawn(t, "seller", 1)
	body := client.Execution{Concepts: map[string]client.Concept{"Body": {Action: "recolor", Value: "#7f9f8a"}}}
	if err := u.any.Execute(t.Context(), job, body); err != nil {
		t.Fatal(err)
	}
	done := make(chan error, 1)
	go func() {
		for attempt := 1; attempt <= 3; {
			g, err := c.any.Queue().Lease(t.Context(), client.Poll{WorkerID: fmt.Sprintf("small-%d", attempt), Presets: []string{"seller"}, MaxItems: 1, WaitS: 30})
			if err != nil {
				done <- err
				return
			}
			if g == nil {
				continue
			}
			attempt++
			if _, err := c.any.Queue().Results(t.Context(), g.LeaseID, client.ItemResult{Idx: 0, Status: client.Failed, Error: "out of memory", Cause: client.CauseOOM}); err != nil {
				done <- err
				return
			}
		}
		done <- nil
	}()
	return job, done
}

// TestBrowser_AnOperatorsDay: log in, follow a running job to its end, cancel one, kick a dead item, grant credits, roll back
// a deploy; each page is accessible, in the light and in the dark, on a phone and in Korean.
func TestBrowser_AnOperatorsDay(t *testing.T) {
	c := newCluster(t, 3, binary)
	c.begin(t)
	follower := (c.leader(t) + 1) % 3
	b := newBrowser(t, "http://"+c.Nodes[follower].HTTP)

	b.do("open", chromedp.Navigate(b.base+"/"), chromedp.WaitVisible(chromedp.CSS("input[name=token]")))
	b.isAccessible("the log-in")
	b.do("a wrong token", chromedp.SendKeys(chromedp.CSS("input[name=token]"), "adm_wrong\r"))
	b.sees("this is no operator's token")
	b.do("the right one", emptied("input[name=token]"), chromedp.SendKeys(chromedp.CSS("input[name=token]"), c.operator.AdminToken+"\r"))
	b.sees("Commit latency")
	for _, n := range c.Nodes {
		b.sees(n.ID)
	}

	// A job that runs, is followed and ends.
	u := c.user(t)
	c.plan(t, u, "pro")
	dead, died := c.dies(t, u)
	job := u.drawn(t, "interior", 2)
	b.visits("jobs")
	b.sees(job)
	b.visits("jobs/" + job)
	b.sees("uploaded")
	if err := u.any.Execute(t.Context(), job, wall); err != nil {
		t.Fatal(err)
	}
	b.sees("queued")
	g := c.lease(t, 0, 2, job)
	b.sees("running")
	c.painted(t, g)
	b.sees("It has ended")
	b.do("both pictures", chromedp.Poll[chromedp.Void](`[...document.querySelectorAll('.pictures img')].length === 4 && [...document.querySelectorAll('.pictures img')].every(i => i.complete && i.naturalWidth > 0)`))
	b.picture("job")
	b.isAccessible("a job")

	// One that is canceled.
	other := u.drawn(t, "interior", 1)
	b.visits("jobs/" + other)
	b.presses("Cancel", true)
	b.sees("canceled")

	// An item that dies and is kicked.
	if err := <-died; err != nil {
		t.Fatal(err)
	}
	b.visits("queue")
	b.sees(dead)
	b.isAccessible("the queue")
	b.presses("Kick", true)
	b.sees("j_")
	b.do("to the new job", chromedp.Click(chromedp.CSS(".said a"), chromedp.NodeVisible), chromedp.WaitVisible(chromedp.CSS("main h1")))
	b.sees("queued")

	// Credits, with their reason.
	before := u.me(t, 0).Credits
	b.visits("users/" + u.id)
	b.presses("Grant credits", false)
	b.types("amount", "25")
	b.types("reason", "order 4711")
	b.confirms("Grant credits")
	b.sees("order 4711")
	if now := u.me(t, 0).Credits; now != before+25 {
		t.Errorf("the user has %d credits, had %d", now, before)
	}
	b.isAccessible("a user")

	// A deploy that is rolled back.
	pulled := filepath.Join(t.TempDir(), "stoker.app.toml")
	c.told(t, "", "config", "pull", pulled)
	text, err := os.ReadFile(pulled)
	if err != nil {
		t.Fatal(err)
	}
	changed := strings.Replace(string(text), "max_items = 10 ", "max_items = 12 ", 1)
	if changed == string(text) {
		t.Fatalf("free's max_items is not in\n%s", text)
	}
	if err := os.WriteFile(pulled, []byte(changed), 0o644); err != nil {
		t.Fatal(err)
	}
	c.told(t, "", "deploy", pulled, "--yes", "--message", "twelve at once")
	b.visits("config")
	b.sees("twelve at once")
	b.presses("Show 1", false)
	b.sees("max_items = 12")
	b.isAccessible("the configuration")
	b.picture("config")
	b.presses("Roll back 1", true)
	b.sees("Version 3")
	if me := c.user(t).me(t, 0); me.Limits.MaxItems != 10 {
		t.Errorf("after the rollback a free job may have %d items", me.Limits.MaxItems)
	}

	b.seesWebhooks(c, u)
	b.visits("tail")
	b.sees("connected")
	again := u.drawn(t, "interior", 1)
	b.sees(again)
	for _, page := range []string{"overview", "jobs", "workers", "users", "webhooks", "audit", "tail"} {
		b.visits(page)
		b.isAccessible(page)
	}
	b.visits("overview")
	b.do("charts", chromedp.Poll[chromedp.Void](`[...document.querySelectorAll('.chart [role=img]')].filter(c => /requests [0-9.]+|ready [0-9]/.test(c.getAttribute('aria-label'))).length === 2`))
	b.picture("overview")

	for name, how := range map[string]chromedp.Action[chromedp.Void]{
		"in the dark": chromedp.Func(func(ctx context.Context, at *chromedp.Target) error {
			_, err := cdp.Call(ctx, at, emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{Features: []*emulation.MediaFeature{{Name: "prefers-color-scheme", Value: "dark"}}})
			return err
		}),
		"on a phone": chromedp.EmulateViewport(390, 844, chromedp.EmulateMobile, chromedp.EmulateScale(2)),
		"in Korean":  chromedp.Click(chromedp.Search(`//header` + button("한국어"))),
	} {
		b.do(name, how)
		for _, page := range []string{"overview", "queue", "jobs/" + job} {
			b.visits(page)
			b.isAccessible(page + " " + name)
			b.picture(strings.ReplaceAll(page[:4]+" "+name, " ", "-"))
		}
	}
	b.do("log out", chromedp.Click(chromedp.Search("//header//button[last()]")), chromedp.WaitVisible(chromedp.CSS("input[name=token]")))
}
