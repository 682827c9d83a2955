package handlers

import (
	"fmt"
	"testing"

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
