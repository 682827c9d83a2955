package objects

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"stoker/objects/refusals"
)

// state is all that an upload could change: the records and the files.
func (m *member) state(t *testing.T) string {
	t.Helper()
	v := m.node.View()
	defer v.Close()
	var lines []string
	for o := range v.Objects() {
		lines = append(lines, fmt.Sprintf("%+v", o))
	}
	return strings.Join(append(lines, m.blobs(t)...), "\n")
}

// TestRefused: the whole table of requests that somebody has altered, kept, replayed
// or made up. Each is refused with S3's own code, and leaves no record and no file.
func TestRefused(t *testing.T) {
	m := startCluster(t, 1, nil)[0]
	do(t, "PUT", m.presign(t, "PUT", refusals.Kept, 0), "it is there").want(t, 200, "")
	before := m.state(t)
	access, secret := m.credentials(t)
	s := refusals.Signer{Access: access, Secret: secret, Host: strings.TrimPrefix(m.base, "http://"), Bucket: "photos", Now: time.Now()}
	want := func(what, code string, a refusals.Answer, err error) {
		t.Helper()
		if err != nil || !slices.Contains(strings.Split(code, " or "), a.Code) || a.Status != Code(a.Code).status() {
			t.Errorf("%s: %d %q, want %s; %v", what, a.Status, a.Code, code, err)
		}
	}
	for _, c := range refusals.Cases {
		a, err := c.Send(s)
		want(string(c.Form)+", "+c.Name, c.Code, a, err)
	}
	for _, f := range refusals.Altered {
		n := 0
		f.Each(s, func(altered string, a refusals.Answer, err error) {
			n++
			want(fmt.Sprintf("%s, %s altered to %q", f.Form, f.Name, altered), f.Code, a, err)
		})
		if n == 0 {
			t.Errorf("%s requests have no %s", f.Form, f.Name)
		}
	}
	if after := m.state(t); after != before {
		t.Errorf("something was stored:\n%s\nbefore:\n%s", after, before)
	}
	for _, f := range []refusals.Form{refusals.Header, refusals.URL, refusals.Chunks} {
		if a, err := refusals.Honest(f, s); err != nil || a.Status != 200 {
			t.Errorf("nobody has altered this one, signed in %s: %+v %v", f, a, err)
		}
	}
}
