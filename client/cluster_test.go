package client

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func write(t *testing.T, dir, name, text string) string {
	t.Helper()
	path := filepath.Join(dir, name)
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestLoadOperator(t *testing.T) {
	dir := t.TempDir()
	write(t, dir, "ca.crt", "PEM")
	path := write(t, dir, "operator.toml", `
endpoints = ["http://10.0.0.1:8080", "10.0.0.2:8080"]
ca = "ca.crt"
admin_token = "adm_x"
worker_token = "wrk_x"
`)
	c, err := LoadOperator(path)
	if err != nil {
		t.Fatal(err)
	}
	if len(c.Endpoints) != 2 || c.CAPEM != "PEM" || c.AdminToken != "adm_x" || c.WorkerToken != "wrk_x" {
		t.Errorf("got %+v", c)
	}
}

func TestLoadOperator_SaysWhatIsWrong(t *testing.T) {
	for name, tc := range map[string]struct{ text, says string }{
		"unknown key": {"endpoints = ['http://a:1']\n\nadmin_tokn = 'x'", `operator.toml:3: unknown key "admin_tokn"`},
		"wrong type":  {"endpoints = 'http://a:1'", "operator.toml:1:"},
		"no node":     {"endpoints = []", "no endpoints"},
		"a path":      {"endpoints = ['http://a:1/api']", "nothing behind it"},
		"two CAs":     {"endpoints = ['http://a:1']\nca = 'x'\nca_pem = 'y'", "both ca and ca_pem"},
		"lost CA":     {"endpoints = ['http://a:1']\nca = 'x'", "ca: open"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := LoadOperator(write(t, t.TempDir(), "operator.toml", tc.text))
			if err == nil || !strings.Contains(err.Error(), tc.says) {
				t.Errorf("got %v, want it to say %q", err, tc.says)
			}
		})
	}
}

func TestNew_RefusesABrokenCA(t *testing.T) {
	if _, err := New(Cluster{Endpoints: []string{"https://a:1"}, CAPEM: "not a certificate"}); err == nil {
		t.Error("accepted")
	}
}
