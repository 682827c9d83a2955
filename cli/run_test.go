package cli

import (
	"bytes"
	"context"
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"stoker/cli/config"
	"stoker/client"
)

// testTime is when every command of a test runs.
var testTime = time.Date(2026, 1, 2, 12, 0, 0, 0, time.UTC)

// command runs one command line in an empty folder of its own.
func command(t *testing.T, hooks Hooks, args ...string) (code int, out, err string) {
	t.Helper()
	var stdout, stderr bytes.Buffer
	code = run(&shell{ctx: t.Context(), out: &stdout, err: &stderr, hooks: hooks, now: func() time.Time { return testTime }}, args)
	return code, stdout.String(), stderr.String()
}

func TestRun_HelpAndUsage(t *testing.T) {
	code, out, _ := command(t, Hooks{})
	if code != 0 {
		t.Errorf("no arguments: exit %d", code)
	}
	for _, name := range []string{"demo", "dev", "init", "serve", "worker run", "worker list", "worker drain", "worker quarantine", "worker resume", "worker exit", "queue show", "queue dead", "queue kick", "queue pause", "queue resume", "queue purge", "job list", "job show", "job log", "job why", "job cancel", "job retry", "tail", "status", "user show", "user grant", "user plan", "completion", "version"} {
		first, second, _ := strings.Cut(name, " ")
		if row := regexp.MustCompile(`\n  ` + first + ` .*(\n   .*)*`).FindString(out); !strings.Contains(row, second) || row == "" {
			t.Errorf("the help does not list %q:\n%s", name, out)
		}
		code, help, err := command(t, Hooks{}, append(strings.Fields(name), "--help")...)
		if code != 0 || !strings.Contains(help, "Usage: stoker "+name) {
			t.Errorf("%s --help: exit %d, %s%s", name, code, help, err)
		}
	}
	for _, args := range [][]string{{"worker", "--help"}, {"worker", "run", "--help"}} {
		if _, help, _ := command(t, Hooks{}, args...); !strings.Contains(help, "no segmentation model") {
			t.Errorf("%v must say what the sample cannot do:\n%s", args, help)
		}
	}
	for _, args := range [][]string{{"fly"}, {"fly", "--help"}, {"job"}, {"init"}, {"status", "--yaml"}, {"user", "grant", "u_1"}, {"worker", "--slots", "x"}, {"worker", "lsit"}, {"worker", "drain"}, {"queue", "explian"}, {"queue", "--json", "--watch"}, {"queue", "kick", "j_1", "x"}} {
		if code, out, err := command(t, Hooks{}, args...); code != exitUsage || out != "" || !strings.Contains(err, "--help") {
			t.Errorf("%v: exit %d, %q, %q", args, code, out, err)
		}
	}
	if code, out, _ := command(t, Hooks{Version: "v1"}, "version"); code != 0 || out != "stoker v1\n" {
		t.Errorf("version: exit %d, %q", code, out)
	}
}

func TestInit_ThenServe(t *testing.T) {
	t.Chdir(t.TempDir())
	code, out, err := command(t, Hooks{}, "init", "--node", "n1=10.0.0.1", "--node", "n2=10.0.0.2:81", "--node", "n3=10.0.0.3", "--out", "c")
	if code != 0 {
		t.Fatal(err)
	}
	for _, says := range []string{"scp -r stoker c/n2 10.0.0.2:", "serve --config n3/stoker.toml", "stoker status --operator c/operator.toml"} {
		if !strings.Contains(out, says) {
			t.Errorf("init does not say %q:\n%s", says, out)
		}
	}
	if code, _, err := command(t, Hooks{}, "init", "--node", "n1=10.0.0.1", "--out", "c"); code != exitFailed || !strings.Contains(err, "--force") {
		t.Errorf("a second init: exit %d, %s", code, err)
	}
	if code, _, err := command(t, Hooks{}, "init", "--node", "n1", "--out", "d"); code != exitFailed || !strings.Contains(err, "ID=HOST") {
		t.Errorf("a node without a host: exit %d, %s", code, err)
	}

	t.Setenv("STOKER_HTTP", "127.0.0.1:1")
	t.Setenv("STOKER_DATA", "elsewhere")
	var got config.Config
	hooks := Hooks{Serve: func(_ context.Context, c config.Config) error { got = c; return nil }}
	if code, _, err := command(t, hooks, "serve", "--config", "c/n2/stoker.toml", "--http", "127.0.0.1:2", "--max-upload-mb", "3"); code != 0 {
		t.Fatal(err)
	}
	if got.ID != "n2" || got.HTTP != "127.0.0.1:2" || got.Data != "elsewhere" || got.MaxUploadMB != 3 || got.Members[1].HTTP != "10.0.0.2:81" {
		t.Errorf("serve got %+v", got)
	}
	file, errOpen := os.OpenFile("c/n1/stoker.toml", os.O_APPEND|os.O_WRONLY, 0)
	if errOpen != nil {
		t.Fatal(errOpen)
	}
	if _, err := file.WriteString("\nprot = 1\n"); err != nil {
		t.Fatal(err)
	}
	file.Close()
	if code, _, err := command(t, hooks, "serve", "--config", "c/n1/stoker.toml"); code != exitFailed || !strings.Contains(err, "stoker.toml:") || !strings.Contains(err, `"members.prot"`) {
		t.Errorf("an unknown key: exit %d, %s", code, err)
	}
	if code, _, err := command(t, hooks, "serve"); code != exitFailed || !strings.Contains(err, "stoker init") {
		t.Errorf("no configuration: exit %d, %s", code, err)
	}
}

func TestServe_HasAFlagForEveryKey(t *testing.T) {
	var keys, flags []string
	for i, c := 0, reflect.TypeFor[config.Config](); i < c.NumField(); i++ {
		key, table := c.Field(i).Tag.Get("toml"), c.Field(i).Type
		if table.Kind() != reflect.Struct {
			keys = append(keys, key)
			continue
		}
		for k := range table.NumField() {
			keys = append(keys, key+"_"+table.Field(k).Tag.Get("toml"))
		}
	}
	for i, f := 0, reflect.TypeFor[serveFlags](); i < f.NumField(); i++ {
		flags = append(flags, strings.ReplaceAll(f.Field(i).Tag.Get("name"), "-", "_"))
	}
	if !slices.Equal(keys, flags) {
		t.Errorf("keys  %v\nflags %v", keys, flags)
	}
}

func TestOperator_FileEnvironmentFlags(t *testing.T) {
	t.Chdir(t.TempDir())
	if code, _, err := command(t, Hooks{}, "status"); code != exitFailed || !strings.Contains(err, "--operator") {
		t.Errorf("nothing given: exit %d, %s", code, err)
	}
	if code, _, err := command(t, Hooks{}, "status", "--endpoint", "http://127.0.0.1:1"); code != exitFailed || !strings.Contains(err, "STOKER_ADMIN_TOKEN") {
		t.Errorf("no admin token: exit %d, %s", code, err)
	}
	if code, _, err := command(t, Hooks{}, "worker", "--endpoint", "http://127.0.0.1:1"); code != exitFailed || !strings.Contains(err, "STOKER_WORKER_TOKEN") {
		t.Errorf("no worker token: exit %d, %s", code, err)
	}
	if code, _, err := command(t, Hooks{}, "user", "show", "no one", "--endpoint", "http://127.0.0.1:1"); code != exitFailed || !strings.Contains(err, "is no user id") {
		t.Errorf("no user id: exit %d, %s", code, err)
	}
	if err := os.Mkdir(devFolder, 0o700); err != nil {
		t.Fatal(err)
	}
	text := "endpoints = [\"http://a:1\"]\nadmin_token = \"adm_file\"\nworker_token = \"wrk_file\"\n"
	if err := os.WriteFile(filepath.Join(devFolder, "operator.toml"), []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	t.Setenv("STOKER_WORKER_TOKEN", "wrk_env")
	c, err := operatorFlags{Endpoint: []string{"http://b:1"}}.cluster()
	want := client.Cluster{Endpoints: []string{"http://b:1"}, AdminToken: "adm_file", WorkerToken: "wrk_env"}
	if err != nil || !reflect.DeepEqual(c, want) {
		t.Errorf("got %+v, %v, want %+v", c, err, want)
	}
	if code, _, err := command(t, Hooks{}, "worker", "--presets", "garden"); code != exitFailed || !strings.Contains(err, "interior, seller") {
		t.Errorf("unknown preset: exit %d, %s", code, err)
	}
}
