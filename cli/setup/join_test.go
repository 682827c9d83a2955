package setup

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"stoker/cli/config"
)

// A joined node is started from what Write wrote, and only once.
func TestJoin_WritesWhatServeNeeds(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "n4")
	j := Join{Config: filepath.Join(dir, "stoker.toml"), Node: Node{Data: "/var/lib/stoker"}}
	if err := j.Node.ListenOn("", "0.0.0.0:9443"); err != nil {
		t.Fatal(err)
	}
	if err := j.Free(); err != nil {
		t.Fatal(err)
	}
	got := Joined{
		ID: "n4", CA: []byte("ca"), Cert: []byte("cert"), Key: []byte("key"), SealKeys: [][]byte{bytes.Repeat([]byte{1}, 32), bytes.Repeat([]byte{2}, 32)},
		Members: []config.Member{
			{ID: "n1", Cluster: "10.0.0.1:9080", HTTP: "10.0.0.1:8080"}, {ID: "n4", Cluster: "[fd00::4]:9443", HTTP: "[fd00::4]:8080"},
		},
	}
	if err := j.Write(got); err != nil {
		t.Fatal(err)
	}
	c, err := config.Load(config.Source{File: j.Config})
	if err != nil {
		t.Fatal(err)
	}
	if !c.Joined || c.ID != "n4" || c.Data != "/var/lib/stoker" || c.Cluster != "0.0.0.0:9443" || c.HTTP != "0.0.0.0:8080" || len(c.Members) != 2 || c.Members[1] != got.Members[1] {
		t.Errorf("loaded %+v", c)
	}
	s, err := c.Secrets()
	if err != nil || len(s.OldSealKeys) != 1 || s.SealKey[0] != 1 {
		t.Errorf("secrets %+v, %v", s, err)
	}
	if key, err := os.ReadFile(c.Key); err != nil || string(key) != "key" {
		t.Errorf("the key: %q, %v", key, err)
	}
	if info, err := os.Stat(filepath.Join(dir, "node.key")); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("the key: %v, %v", info, err)
	}
	if err := j.Free(); err == nil || !strings.Contains(err.Error(), "a node joins once") {
		t.Errorf("once more: %v", err)
	}
	got.Members[0].HTTP = "a\"b:1"
	if err := j.Write(got); err == nil {
		t.Error("an address that TOML would not take is written")
	}
}

func TestListenOn(t *testing.T) {
	for _, c := range []struct {
		http, cluster string
		want          Node
	}{
		{"", "", Node{HTTP: 8080, Cluster: 9080}},
		{"10.0.0.4:80", "", Node{Host: "10.0.0.4", Listen: "10.0.0.4", HTTP: 80, Cluster: 9080}},
		{"0.0.0.0:80", "0.0.0.0:90", Node{Listen: "0.0.0.0", HTTP: 80, Cluster: 90}},
		{"[fd00::4]:80", "[fd00::4]:90", Node{Host: "fd00::4", Listen: "fd00::4", HTTP: 80, Cluster: 90}},
	} {
		var got Node
		if err := got.ListenOn(c.http, c.cluster); err != nil || got != c.want {
			t.Errorf("%q, %q: %+v, %v", c.http, c.cluster, got, err)
		}
	}
	for _, bad := range [][2]string{{"80", ""}, {"h:x", ""}, {"h:0", ""}, {"a:1", "b:2"}} {
		if new(Node).ListenOn(bad[0], bad[1]) == nil {
			t.Errorf("%v was taken", bad)
		}
	}
}
