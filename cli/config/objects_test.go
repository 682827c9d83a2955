package config

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

const outside = good + `
[objects]
endpoint = "https://s3.example.org"
bucket = "photos"
access_key = "AK"
`

// The table is three lines and a secret that is elsewhere; each key is a flag and a variable too.
func TestObjects_TableEnvironmentAndFlags(t *testing.T) {
	c, err := Load(Source{
		File: write(t, outside), Env: env(map[string]string{"STOKER_OBJECTS_REGION": "garage"}), Flags: map[string]string{"objects_bucket": "other"},
	})
	if err != nil {
		t.Fatal(err)
	}
	if want := (Objects{"https://s3.example.org", "other", "garage", "AK", ""}); c.Objects != want || !c.Objects.Outside() {
		t.Errorf("%+v", c.Objects)
	}
	if c, err = Load(Source{File: write(t, good)}); err != nil || c.Objects.Outside() {
		t.Errorf("without a table: %+v, %v", c.Objects, err)
	}
}

func TestObjects_Refusals(t *testing.T) {
	for name, c := range map[string]struct{ text, says string }{
		"no bucket":          {strings.Replace(outside, `"photos"`, `""`, 1), "objects.bucket"},
		"a path":             {strings.Replace(outside, "example.org", "example.org/photos", 1), "objects.endpoint"},
		"no access key":      {strings.Replace(outside, `"AK"`, `""`, 1), "objects.access_key"},
		"a secret in it":     {outside + `secret = "abc:def"`, "objects.secret: write where the secret is"},
		"a file of no name":  {outside + `secret = "file:"`, "objects.secret"},
		"a key that is none": {outside + `token = "x"`, `"objects.token"`},
	} {
		if _, err := Load(Source{File: write(t, c.text)}); err == nil || !strings.Contains(err.Error(), c.says) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// The secret key is never in the file: it is the cluster's, or this machine's.
func TestObjects_SecretByReference(t *testing.T) {
	file := filepath.Join(t.TempDir(), "key")
	if err := os.WriteFile(file, []byte("from a file\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	t.Setenv("PHOTOS_SECRET", "from the environment")
	for where, want := range map[string]string{"env:PHOTOS_SECRET": "from the environment", "file:" + file: "from a file"} {
		o := Objects{Secret: where}
		if got, err := o.LocalSecret(); got != want || err != nil || o.SecretName() != "" {
			t.Errorf("%s: %q %v", where, got, err)
		}
	}
	for _, where := range []string{"env:PHOTOS_NONE", "file:" + file + ".none"} {
		if got, err := (Objects{Secret: where}).LocalSecret(); err == nil || !strings.Contains(err.Error(), "objects.secret") {
			t.Errorf("%s: %q %v", where, got, err)
		}
	}
	if (Objects{}).SecretName() != "objects.secret" || (Objects{Secret: "r2"}).SecretName() != "r2" {
		t.Error("a cluster's secret has another name")
	}
}
