package cli

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"reflect"
	"strings"
	"testing"
)

// completed is what a shell is told about a line whose last word is being typed.
func completed(t *testing.T, words ...string) string {
	t.Helper()
	code, out, _ := command(t, Hooks{}, append([]string{"__complete"}, words...)...)
	if code != 0 {
		t.Errorf("%q: exit %d", words, code)
	}
	return out
}

func TestCompletion_AsksTheCluster(t *testing.T) {
	t.Chdir(t.TempDir())
	answers := map[string]string{
		"/admin/jobs":              `{"jobs":[{"job_id":"j_2","preset":"interior","status":"running","progress":{"done":1,"total":3}},{"job_id":"j_1","preset":"seller","status":"done","progress":{"done":2,"total":2}}]}`,
		"/admin/queue/dead":        `{"dead":[{"job_id":"j_1","idx":0},{"job_id":"j_1","idx":2}]}`,
		"/admin/users":             `{"users":[{"user_id":"u_a","plan":"pro","credits":7}]}`,
		"/admin/workers":           `{"workers":[{"worker_id":"gpu-7","state":"active","items":2}]}`,
		"/admin/members":           `{"members":[{"id":"n1","role":"leader"},{"id":"n2","role":"follower"}]}`,
		"/admin/settings":          `{"version":2,"settings":{"plans":{"free":{},"pro":{}},"presets":{"seller":{},"interior":{}}}}`,
		"/admin/settings/versions": `{"versions":[{"version":2,"message":"dearer"},{"version":1}]}`,
		"/admin/tokens":            `{"tokens":[{"name":"ci","kind":"operator","scope":"operate"}]}`,
		"/admin/keys":              `{"keys":[{"name":"site","access":"read","prefix":"site/"}]}`,
		"/admin/join-tokens":       `{"join_tokens":[{"id":"jt_1","note":"for n4"}]}`,
		"/admin/secrets":           `{"secrets":[{"name":"callback","use":"signs"}]}`,
	}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if answers[r.URL.Path] == "" {
			t.Errorf("asked for %s", r.URL)
		}
		fmt.Fprintf(w, `{"success":true,"data":%s}`, answers[r.URL.Path])
	}))
	defer server.Close()
	t.Setenv("STOKER_ADMIN_TOKEN", "adm")
	for line, want := range map[string]string{
		"job show":         "j_2\tinterior, running, 1 of 3 done\nj_1\tseller, done, 2 of 2 done\n:36\n",
		"queue kick":       "j_1\n:36\n",
		"user plan":        "u_a\tpro, 7 credits\n:36\n",
		"user plan u_a":    "free\npro\n:36\n",
		"worker drain":     "gpu-7\tactive, 2 items\n:36\n",
		"node drain":       "n1\tleader\nn2\tfollower\n:36\n",
		"queue pause":      "interior\nseller\n:36\n",
		"versions show":    "2\tdearer\n1\n:36\n",
		"access revoke":    "ci\toperator operate\n:36\n",
		"key revoke":       "site\tread site/\n:36\n",
		"token revoke":     "jt_1\tfor n4\n:36\n",
		"secret delete":    "callback\tsigns\n:36\n",
		"job list --user":  "u_a\tpro, 7 credits\n:36\n",
		"deploy --base":    "2\tdearer\n1\n:36\n",
		"job show j_2":     ":4\n",
		"config pull":      "toml\n:8\n",
		"worker --presets": ":4\n",
	} {
		words := strings.Fields(line)
		words = append(words[:1:1], append([]string{"--endpoint", server.URL}, append(words[1:], "")...)...)
		if got := completed(t, words...); got != want {
			t.Errorf("%s:\n got %q\nwant %q", line, got, want)
		}
	}
	t.Setenv("STOKER_ENDPOINTS", server.URL)
	if got := completed(t, "job", "show", "j_1"); got != "j_1\tseller, done, 2 of 2 done\n:36\n" {
		t.Errorf("by the environment: %q", got)
	}
}

// A line in a folder without operator.toml, and one whose cluster is gone or does not answer, complete to nothing.
func TestCompletion_WithoutACluster(t *testing.T) {
	t.Chdir(t.TempDir())
	t.Setenv("STOKER_ADMIN_TOKEN", "adm")
	silent := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() }))
	defer silent.Close()
	for _, line := range [][]string{{"job", "show", ""}, {"job", "show", "--endpoint", silent.URL, ""}, {"job", "show", "--endpoint", "http://127.0.0.1:1", ""}, {"job", "show", "--operator", "none.toml", ""}} {
		if out := completed(t, line...); out != ":36\n" {
			t.Errorf("%q: %q", line, out)
		}
	}
}

// What the tags ask for is there to be asked, and all that is there is asked for.
func TestCompletion_KnowsItsKinds(t *testing.T) {
	asked := map[string]bool{}
	var look func(reflect.Type)
	look = func(of reflect.Type) {
		for i := range of.NumField() {
			field := of.Field(i)
			if kind := field.Tag.Get("complete"); kind != "" && kind[0] != '.' {
				asked[kind] = true
				if offers[kind] == nil {
					t.Errorf("%s of %s: there is no offer of a %q", field.Name, of, kind)
				}
			}
			if field.Type.Kind() == reflect.Struct {
				look(field.Type)
			}
		}
	}
	look(reflect.TypeFor[commands]())
	for kind := range offers {
		if !asked[kind] {
			t.Errorf("nobody asks for a %q", kind)
		}
	}
}

func TestCompletion_PrintsScripts(t *testing.T) {
	for _, shell := range []string{"bash", "zsh", "fish", "powershell"} {
		if code, out, err := command(t, Hooks{}, "completion", shell); code != 0 || !strings.Contains(out, "stoker") || err != "" {
			t.Errorf("%s: exit %d, %s", shell, code, err)
		}
	}
	if got, want := completed(t, "completion", ""), "bash\nzsh\nfish\npowershell\n:4\n"; got != want {
		t.Errorf("%q", got)
	}
}
