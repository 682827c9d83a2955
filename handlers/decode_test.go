package handlers

import (
	"slices"
	"strings"
	"testing"

	"stoker/fsm"
)

func TestDecode_NamesWhatIsWrong(t *testing.T) {
	h := newHouse(t)
	p := h.signUp("free")
	for _, c := range []struct{ body, field, reason string }{
		{`{"name":1}`, "name", "must be a string, not this number"},
		{`{"name":{}}`, "name", "must be a string, not an object"},
		{`{"name":"a","name":"b"}`, "name", "is there twice"},
		{`{"concepts":{"Wall":{"value":3}}}`, "concepts.Wall.value", "must be a string, not this number"},
		{`{"concepts":{"Wall":{},"Wall":{}}}`, "concepts.Wall", "is there twice"},
		{`{"concepts":[]}`, "concepts", "must be an object, not a list"},
		{`{"protect":"Wall"}`, "protect", "must be a list, not a string"},
		{`{"protect":[true]}`, "protect.0", "must be a string, not true or false"},
		{`{"name":"a"} {}`, "body", "is not JSON at byte 13"},
		{`{"name":"a"`, "body", "is not JSON at byte 11"},
		{`{name:"a"}`, "body", "is not JSON at byte 2"},
		{"{\"name\":\"\xff\"}", "name", "is not JSON at byte 9"},
		{`nonsense`, "body", "is not JSON at byte 1"},
		{`[1]`, "body", "must be an object, not a list"},
		{`{}`, "name", "is required"},
		{`{"name":""}`, "name", "must have 1 to 100 characters"},
	} {
		a := h.bad(fsm.ValidationFailed, p.ask("POST", "/rules", c.body))
		if !slices.Contains(a.Error.Fields, fsm.Field{Field: c.field, Reason: c.reason}) {
			t.Errorf("%q: %v, want %s: %s", c.body, a.Error.Fields, c.field, c.reason)
		}
	}
}

func TestDecode_TellsAllThatIsMissing(t *testing.T) {
	h := newHouse(t)
	p := h.signUp("free")
	a := h.bad(fsm.ValidationFailed, p.ask("POST", "/rules", nil))
	if len(a.Error.Fields) != 3 {
		t.Errorf("fields: %v", a.Error.Fields)
	}
}

func TestDecode_IgnoresWhatItDoesNotKnow(t *testing.T) {
	h := newHouse(t)
	p := h.signUp("free")
	h.good(201, p.ask("POST", "/jobs", `{"preset":"interior","item_count":1,"client":{"os":"android"}}`))
}

func TestDecode_MediaTypes(t *testing.T) {
	h := newHouse(t)
	p := h.signUp("pro")
	for kind, ok := range map[string]bool{
		"": true, "application/json": true, "application/json; charset=UTF-8": true, "Application/JSON": true,
		"application/json; charset=latin1": false, "text/plain": false,
		"application/x-www-form-urlencoded": false, "multipart/form-data; boundary=x": false, "json": false,
	} {
		a := p.ask("PUT", "/rules/none", m{"name": "x"})
		a.header = map[string]string{"Content-Type": kind}
		if ok {
			h.bad(fsm.RuleNotFound, a)
		} else {
			h.bad(unsupportedMediaType, a)
		}
	}
	// what is not there has no type
	a := p.ask("POST", "/jobs/none/cancel", "")
	a.header = map[string]string{"Content-Type": "text/plain"}
	h.bad(fsm.JobNotFound, a)
}

func TestBody_HasALimit(t *testing.T) {
	h := newHouse(t)
	p := h.signUp("free")
	big := `{"name":"` + strings.Repeat("x", 10<<20) + `"}`
	for _, path := range []string{"/rules", "/jobs", "/jobs/none/cancel"} {
		h.bad(bodyTooLarge, p.ask("POST", path, big))
	}
	fits := `{"name":"` + strings.Repeat("x", 1<<20-11) + `"}`
	h.bad(fsm.ValidationFailed, p.ask("POST", "/rules", fits))
	h.bad(bodyTooLarge, p.ask("POST", "/rules", fits+" "))
}

func TestWhole_IsAnyWayToWriteOne(t *testing.T) {
	h := newHouse(t)
	p := h.signUp("pro")
	for text, code := range map[string]fsm.Code{
		"0": fsm.InvalidItemCount, "-1": fsm.InvalidItemCount, "-0.0": fsm.InvalidItemCount,
		"201": fsm.ItemLimit, "1e9": fsm.ItemLimit, "1000000000": fsm.ItemLimit, "9007199254740992": fsm.ItemLimit,
		"1e300": fsm.ValidationFailed, "1.5": fsm.ValidationFailed, `"3"`: fsm.ValidationFailed,
		"true": fsm.ValidationFailed, "null": fsm.ValidationFailed, "[3]": fsm.ValidationFailed, "{}": fsm.ValidationFailed,
	} {
		h.bad(code, p.ask("POST", "/jobs", `{"preset":"interior","item_count":`+text+`}`))
	}
	h.good(201, p.ask("POST", "/jobs", `{"preset":"interior","item_count":3.0}`))
}
