package handlers

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"stoker/fsm"
	"stoker/node"
)

// uploadURL is where the picture of an item goes.
func uploadURL(a answer, idx int) string {
	return a.Data["presigned_urls"].([]any)[idx].(map[string]any)["url"].(string)
}

// A grant to upload lives as long as its job waits for it: for that key, as
// often as the client likes, up to the limit, and not after.
func TestUpload_LivesAsLongAsItsJobWaits(t *testing.T) {
	h := newHouse(t, func(s *fsm.Settings, _ *Config) { s.MaxUpload = 1000 })
	p := h.signUp("pro")
	id, made := p.newJob(1)
	url := uploadURL(made, 0)
	shows := func(want string) {
		t.Helper()
		v, _ := h.node.Read(t.Context(), node.Linearizable)
		defer v.Close()
		o, _ := v.Object("photos", fsm.Job{ID: id, User: p.id}.InputKey(0))
		if o.Size != int64(len(want)) {
			t.Errorf("the input has %d bytes, want %d", o.Size, len(want))
		}
	}
	h.put(url, aPicture)
	h.put(url, aPicture+"again") // while created, the last one counts
	shows(aPicture + "again")
	if status, _ := h.raw("PUT", url, string(make([]byte, 1001))); status != 400 {
		t.Errorf("an upload above the limit: %d", status)
	}
	h.good(200, p.ask("POST", "/jobs/"+id+"/confirm-upload", nil))
	if status, _ := h.raw("PUT", url, aPicture); status != 403 {
		t.Errorf("an upload after confirm: %d", status)
	}
	shows(aPicture + "again")

	id, made = p.newJob(1)
	url = uploadURL(made, 0)
	h.put(url, aPicture)
	h.good(200, p.ask("POST", "/jobs/"+id+"/cancel", nil))
	if status, _ := h.raw("PUT", url, aPicture+"late"); status != 403 {
		t.Errorf("an upload after cancel: %d", status)
	}
	shows(aPicture)
}

// What is no picture is named at confirm, whatever its key and its type say, and
// a client that knows only "missing" does the right thing.
func TestConfirm_NamesWhatIsNoPicture(t *testing.T) {
	h := newHouse(t)
	p := h.signUp("free")
	id, made := p.newJob(4)
	h.put(uploadURL(made, 0), aPicture)
	h.put(uploadURL(made, 1), "<!DOCTYPE html><script>alert(1)</script>")
	h.put(uploadURL(made, 2), aPicture[:30])
	confirm := p.ask("POST", "/jobs/"+id+"/confirm-upload", nil)
	e := h.bad(fsm.UploadIncomplete, confirm).Error
	if fmt.Sprint(e.Missing) != "[1 2 3]" || len(e.Invalid) != 2 || e.Invalid[0].Idx != 1 || e.Invalid[1] != (fsm.Unusable{Idx: 2, Reason: "its header is broken"}) {
		t.Errorf("%v %v", e.Missing, e.Invalid)
	}
	for _, idx := range e.Missing {
		h.put(uploadURL(made, idx), aPicture)
	}
	h.good(200, confirm)
}

// The operator's list of types is the one that counts.
func TestConfirm_TypesAreASetting(t *testing.T) {
	h := newHouse(t, func(s *fsm.Settings, _ *Config) { s.PictureTypes = []string{"image/avif"} })
	p := h.signUp("free")
	id, made := p.newJob(1)
	h.put(uploadURL(made, 0), aPicture)
	e := h.bad(fsm.UploadIncomplete, p.ask("POST", "/jobs/"+id+"/confirm-upload", nil)).Error
	if len(e.Invalid) != 1 || e.Invalid[0].Reason != "its bytes are image/png; a picture is one of image/avif" {
		t.Errorf("%v", e.Invalid)
	}
	h.put(uploadURL(made, 0), "\x00\x00\x00\x18ftypavif\x00\x00\x00\x00avifmif1")
	h.good(200, p.ask("POST", "/jobs/"+id+"/confirm-upload", nil))
}

// With auto_execute an app uploads and is done; who calls the old steps as well
// is told how far the job is.
func TestUpload_TakesItsJobOn(t *testing.T) {
	h := newHouse(t)
	p := h.signUp("pro")
	rule := h.good(201, p.ask("POST", "/rules", ruleOfTest)).Data["rule"].(map[string]any)["id"]
	create := keyed(p.ask("POST", "/jobs", m{"preset": "interior", "item_count": 2, "auto_execute": m{"rule_id": rule}}), "tap")
	made := h.good(201, create)
	id := made.Data["job_id"].(string)
	h.put(uploadURL(made, 1), aPicture)
	if got := p.get("/jobs/" + id).Data["job"].(map[string]any); got["status"] != "created" || got["auto_confirm"] != true || got["auto_execute"] != true {
		t.Fatalf("after one of two: %v", got)
	}
	replayed := h.good(201, create) // its URLs are good too
	h.put(uploadURL(replayed, 0), aPicture)
	if got := p.status(id); got != "queued" {
		t.Fatalf("after the last upload: %s", got)
	}
	events := p.get("/jobs/" + id + "/history").Data["events"].([]any)
	for _, e := range events[1:] {
		if e.(map[string]any)["by"] != "upload" {
			t.Errorf("history: %v", e)
		}
	}
	if a := h.good(200, p.ask("POST", "/jobs/"+id+"/confirm-upload", nil)); a.Data["status"] != "queued" {
		t.Errorf("confirmed: %v", a.Data)
	}
	h.bad(fsm.JobInvalidTransition, p.ask("POST", "/jobs/"+id+"/execute", m{"concepts": walls}))
	if got := h.leased("w", 2)["job_id"]; got != id {
		t.Errorf("a worker got %v", got)
	}
}

func TestUpload_OnlyConfirms(t *testing.T) {
	h := newHouse(t)
	p := h.signUp("free")
	made := h.good(201, p.ask("POST", "/jobs", m{"preset": "interior", "item_count": 1, "auto_confirm": true}))
	id := made.Data["job_id"].(string)
	h.put(uploadURL(made, 0), aPicture)
	if got := p.status(id); got != "uploaded" {
		t.Fatal(got)
	}
	h.good(202, p.ask("POST", "/jobs/"+id+"/execute", m{"concepts": walls}))
}

func TestCreateJob_AutoExecuteIsCheckedAtOnce(t *testing.T) {
	h := newHouse(t)
	p := h.signUp("free")
	create := func(what any) ask {
		return p.ask("POST", "/jobs", m{"preset": "interior", "item_count": 1, "auto_execute": what})
	}
	h.bad(fsm.RuleNotFound, create(m{"rule_id": "r_none"}))
	h.bad(fsm.RuleNotFound, create(m{"rule_id": "../r"}))
	h.bad(fsm.ValidationFailed, create(m{}))
	h.bad(fsm.ValidationFailed, create(m{"concepts": m{"Logo": m{"action": "remove"}}}))
	h.bad(fsm.ValidationFailed, create("yes"))
	long := h.bad(fsm.ValidationFailed, create(m{"concepts": walls, "output_template": strings.Repeat("x", 4*maxName+1)}))
	if long.Error.Fields[0].Field != "auto_execute.output_template" {
		t.Errorf("%v", long.Error.Fields)
	}
	if p.credits() != 10 {
		t.Error("a refused job was debited")
	}
}

// A body has longer to come than a request, if there is a right to send it. A stranger's has not.
func TestUpload_OnlyARightBuysTime(t *testing.T) {
	const read = 250 * time.Millisecond
	h := newHouse(t, func(_ *fsm.Settings, c *Config) { c.Read = read })
	_, made := h.signUp("pro").newJob(1)
	u, err := url.Parse(uploadURL(made, 0))
	if err != nil {
		t.Fatal(err)
	}
	body := aPicture + strings.Repeat("x", 40_000)
	for path, status := range map[string]int{u.RequestURI(): 200, u.Path: 403} {
		conn, err := net.Dial("tcp", h.server.Addr())
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
		answered := make(chan struct{})
		go func() {
			fmt.Fprintf(conn, "PUT %s HTTP/1.1\r\nHost: %s\r\nContent-Length: %d\r\n\r\n%s", path, u.Host, len(body), body[:len(body)/2])
			select { // the rest of it comes late
			case <-time.After(3 * read):
				io.WriteString(conn, body[len(body)/2:])
			case <-answered:
			}
		}()
		began := time.Now()
		res, err := http.ReadResponse(bufio.NewReader(conn), nil)
		close(answered)
		if err != nil || res.StatusCode != status {
			t.Errorf("%s: %v %v, want %d", path, res, err, status)
		}
		if took := time.Since(began); (took > 2*read) != (status == 200) {
			t.Errorf("%s: answered %d after %s", path, status, took)
		}
	}
}
