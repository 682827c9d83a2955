package config

import (
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"github.com/pelletier/go-toml/v2"
)

// FuzzLoad: a file is refused with its name, or is a configuration that is the same when it is written down and read again.
func FuzzLoad(f *testing.F) {
	for _, text := range []string{
		good, "joined = true\n" + good, "unknown = 1\n" + good, strings.Replace(good, "n1", "", 1), good + "[objects]\nendpoint = \"https://s3.example\"\n",
		"max_upload_mb = 99999999999999999999\n", "members = [1]\n", "id = \"\\u0000\"\n", "[[members]]\n[[members]]\n", "a.b.c.d.e = {}\n", "id = 'n1'\nid = 'n2'\n",
		"trusted_proxies = [\"10.0.0.0/8\"]\ncors_origins = [\"*\"]\nbackup_schedule = \"every 6h\"\nbackup_to = \"/b\"\n" + good,
	} {
		f.Add([]byte(text))
	}
	dir := f.TempDir()
	load := func(t *testing.T, text []byte) (string, Config, error) {
		path := filepath.Join(dir, "stoker.toml")
		if err := os.WriteFile(path, text, 0o600); err != nil {
			t.Fatal(err)
		}
		c, err := Load(Source{File: path})
		return path, c, err
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		path, c, err := load(t, text)
		if err != nil {
			if !strings.Contains(err.Error(), path) {
				t.Errorf("refused without its name: %v", err)
			}
			return
		}
		written, err := toml.Marshal(c)
		if err != nil {
			t.Fatal(err)
		}
		_, again, err := load(t, written)
		if err != nil {
			t.Fatalf("written down it is refused: %v\n%s", err, written)
		}
		if !reflect.DeepEqual(plain(c), plain(again)) {
			t.Errorf("read %+v, and then %+v", c, again)
		}
	})
}

// plain has no lists that are there and empty: a file cannot say the difference.
func plain(c Config) Config {
	for _, list := range []*[]string{&c.TLSACMEDomains, &c.CORSOrigins, &c.TrustedProxies} {
		if len(*list) == 0 {
			*list = nil
		}
	}
	return c
}
