package config

import (
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
)

const hash = "sha256:00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff"

// good is a file of one node with nothing but what is needed.
const good = `id = "n1"
admin_token_hash = "` + hash + `"
worker_token_hash = "` + hash + `"

[[members]]
id = "n1"
cluster = "10.0.0.1:9080"
http = "10.0.0.1:8080"
`

func write(t *testing.T, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "stoker.toml")
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func env(vars map[string]string) func(string) (string, bool) {
	return func(name string) (string, bool) { text, ok := vars[name]; return text, ok }
}

func TestLoad_Defaults(t *testing.T) {
	path := write(t, good)
	c, err := Load(Source{File: path})
	if err != nil {
		t.Fatal(err)
	}
	dir := filepath.Dir(path)
	want := Config{
		ID: "n1", HTTP: "0.0.0.0:8080", Cluster: "0.0.0.0:9080", Data: filepath.Join(dir, "data"),
		CA: filepath.Join(dir, "ca.crt"), Cert: filepath.Join(dir, "node.crt"), Key: filepath.Join(dir, "node.key"), SealKey: filepath.Join(dir, "seal.key"),
		AdminTokenHash: hash, WorkerTokenHash: hash, MaxUploadMB: 25, MinFreeMB: 256, ScrubDays: 7, LogStore: "boltdb", LogFormat: "text", LogLevel: "info",
		Members: []Member{{"n1", "10.0.0.1:9080", "10.0.0.1:8080"}},
	}
	if !reflect.DeepEqual(c, want) {
		t.Errorf("got  %+v\nwant %+v", c, want)
	}
}

func TestLoad_FlagsOverEnvironmentOverFile(t *testing.T) {
	path := write(t, `http = "1.1.1.1:1"
cluster = "1.1.1.1:2"
data = "/file"
max_upload_mb = 1
cors_origins = ["https://file.example"]
`+good)
	c, err := Load(Source{
		File: path,
		Env: env(map[string]string{
			"STOKER_CLUSTER": "2.2.2.2:2", "STOKER_DATA": "env", "STOKER_MAX_UPLOAD_MB": "2", "STOKER_LOG_FORMAT": "",
			"STOKER_CORS_ORIGINS": "https://a.example, https://b.example", "STOKER_SERVICE_HOST": "not ours",
			"STOKER_MEMBERS": "n1=h1:1=h1:2,n2=h2:1=h2:2",
		}),
		Flags: map[string]string{"data": "flag", "max_upload_mb": "3", "log_format": "json"},
	})
	if err != nil {
		t.Fatal(err)
	}
	if c.HTTP != "1.1.1.1:1" || c.Cluster != "2.2.2.2:2" || c.Data != "flag" || c.MaxUploadMB != 3 || c.LogFormat != "json" {
		t.Errorf("wrong precedence: %+v", c)
	}
	if want := []string{"https://a.example", "https://b.example"}; !reflect.DeepEqual(c.CORSOrigins, want) {
		t.Errorf("origins %v, want %v", c.CORSOrigins, want)
	}
	if want := []Member{{"n1", "h1:1", "h1:2"}, {"n2", "h2:1", "h2:2"}}; !reflect.DeepEqual(c.Members, want) {
		t.Errorf("members %v, want %v", c.Members, want)
	}
}

func TestLoad_EveryKeyCanComeFromEnvironmentAndFlags(t *testing.T) {
	for _, f := range fields {
		var c Config
		text := "1" // a number, a truth and a word
		if f.key == "members" {
			text = "n1=a:1=a:2"
		}
		if err := f.set(&c, text); err != nil {
			t.Errorf("%s: %v", f.key, err)
		}
		if reflect.ValueOf(c).FieldByIndex(f.at).IsZero() {
			t.Errorf("%s was not set", f.key)
		}
	}
}

func TestLoad_Refusals(t *testing.T) {
	for _, c := range []struct {
		name, text string
		env        map[string]string
		flags      map[string]string
		says       []string
	}{
		{"unknown key", "id = \"n1\"\nhtpp = \"x\"\n", nil, nil, []string{"stoker.toml:2", `unknown key "htpp"`}},
		{"two of them", "a = 1\n\nb = 2\n" + good, nil, nil, []string{"stoker.toml:1", `"a"`, "stoker.toml:3", `"b"`}},
		{"unknown key of a member", good + "port = 1\n", nil, nil, []string{"stoker.toml:9", `"members.port"`}},
		{"unknown table", good + "[buckets]\nendpoint = \"x\"\n", nil, nil, []string{"stoker.toml:9", `"buckets"`}},
		{"broken", "id = \"n1\nhttp", nil, nil, []string{"stoker.toml:1:"}},
		{"wrong type", "max_upload_mb = \"many\"\n" + good, nil, nil, []string{"stoker.toml:1:"}},
		{"empty", "", nil, nil, []string{"id: is missing", "admin_token_hash: must be sha256:", "worker_token_hash", "members: none"}},
		{"bad variable", good, map[string]string{"STOKER_MAX_UPLOAD_MB": "x"}, nil, []string{`STOKER_MAX_UPLOAD_MB: "x" is not a whole number`}},
		{"bad flag", good, nil, map[string]string{"max_upload_mb": "x"}, []string{`--max-upload-mb: "x" is not a whole number`}},
		{"bad members", good, map[string]string{"STOKER_MEMBERS": "n1=a:1"}, nil, []string{"STOKER_MEMBERS", "id=cluster-host:port=http-host:port"}},
		{"upload size", good, nil, map[string]string{"max_upload_mb": "-1"}, []string{"max_upload_mb: -1: choose 1 to 1024"}},
		{"log format", good, nil, map[string]string{"log_format": "xml"}, []string{`log_format: "xml": choose text or json`}},
		{"not a member", good, nil, map[string]string{"id": "n2"}, []string{"this node, n2, is not among them"}},
		{"name", good, nil, map[string]string{"id": "N 1"}, []string{`node id "N 1"`}},
		{"address", good, nil, map[string]string{"http": "8080"}, []string{`http: "8080": write host:port`}},
		{"port", good, nil, map[string]string{"cluster": "h:x"}, []string{`cluster: "h:x": the port must be a number`}},
		{"same port", good, nil, map[string]string{"http": "h:1", "cluster": "h:1"}, []string{"is the public port's address too"}},
		{"public url", good, nil, map[string]string{"public_url": "photos.example.org/x"}, []string{"public_url", "scheme and host only"}},
		{"origin", good, nil, map[string]string{"cors_origins": "app.example.org"}, []string{"cors_origins", "without a path"}},
		{"certificate without a key", good, nil, map[string]string{"tls_cert": "x.crt"}, []string{"tls_cert", "belong together"}},
		{"certificate and ACME", good, nil, map[string]string{"tls_cert": "x.crt", "tls_key": "x.key", "tls_acme_domains": "a.example.org"}, []string{"choose one"}},
		{"ACME for an address", good, nil, map[string]string{"tls_acme_domains": "10.0.0.1,*.example.org,localhost"}, []string{`"10.0.0.1"`, `"*.example.org"`, `"localhost"`}},
		{"ACME directory", good, nil, map[string]string{"tls_acme_directory": "acme.example.org"}, []string{"tls_acme_directory", "write its URL"}},
		{"hash", good, nil, map[string]string{"admin_token_hash": "adm_secret"}, []string{"admin_token_hash: must be sha256: and 64 hex digits"}},
		{"sealed key", good, nil, map[string]string{"ca_key_sealed": "zz"}, []string{"ca_key_sealed: is not hex"}},
		{"member nobody can dial", good, nil, map[string]string{"members": "n1=0.0.0.0:1=h:2"}, []string{"members[0].cluster", "others cannot dial that"}},
		{"member twice", good, nil, map[string]string{"members": "n1=a:1=a:2,n1=b:1=b:2"}, []string{`"n1" is listed twice`}},
		{"address twice", good, nil, map[string]string{"members": "n1=a:1=a:2,n2=a:1=b:2"}, []string{"members[1].cluster: a:1 is members[0].cluster too"}},
	} {
		_, err := Load(Source{File: write(t, c.text), Env: env(c.env), Flags: c.flags})
		if err == nil {
			t.Errorf("%s: was taken", c.name)
			continue
		}
		for _, says := range c.says {
			if !strings.Contains(err.Error(), says) {
				t.Errorf("%s: %q does not say %q", c.name, err, says)
			}
		}
	}
	if _, err := Load(Source{File: filepath.Join(t.TempDir(), "stoker.toml")}); err == nil || !strings.Contains(err.Error(), "stoker init") {
		t.Errorf("a missing file: %v", err)
	}
}

func TestSecrets_SaysWhichFile(t *testing.T) {
	path := write(t, good)
	dir := filepath.Dir(path)
	c, err := Load(Source{File: path})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := c.Secrets(); err == nil || !strings.Contains(err.Error(), "seal.key") {
		t.Errorf("without seal.key: %v", err)
	}
	if err := os.WriteFile(filepath.Join(dir, "seal.key"), []byte("00112233"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := c.Secrets(); err == nil || !strings.Contains(err.Error(), "64 hex digits") {
		t.Errorf("a short seal key: %v", err)
	}
	if err := os.WriteFile(filepath.Join(dir, "seal.key"), []byte(strings.TrimPrefix(hash, "sha256:")+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	s, err := c.Secrets()
	if err != nil || len(s.SealKey) != 32 || s.AdminToken[1] != 0x11 {
		t.Errorf("%+v, %v", s, err)
	}
}

func TestParseSealKeys(t *testing.T) {
	a, b := strings.Repeat("0a", 32), strings.Repeat("0B", 32)
	keys, err := ParseSealKeys([]byte("# since May\n" + a + "\n\n  " + b + "\r\n"))
	if err != nil || len(keys) != 2 || keys[0][0] != 10 || keys[1][31] != 11 {
		t.Errorf("%x, %v", keys, err)
	}
	for _, text := range []string{"", "# nothing\n", a[:62], a + b, a + "\n" + b[:62], strings.Repeat("zz", 32)} {
		if keys, err := ParseSealKeys([]byte(text)); err == nil {
			t.Errorf("%q was taken as %x", text, keys)
		}
	}
}
