package route

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

func placesOf(n int) (d Directory) {
	for i := range n {
		d = append(d, Place{ID: fmt.Sprintf("cell-%d", i)})
	}
	return d
}

// TestDirectory_Even: no cell has many more devices than its share, and a cell that is added takes only its own share, from all.
func TestDirectory_Even(t *testing.T) {
	const devices = 20_000
	for n := 2; n <= 16; n++ {
		d, grown := placesOf(n), placesOf(n+1)
		load, moved, asked := make([]int, n), 0, 0
		for i := range devices {
			device := fmt.Sprintf("phone-%d", i)
			home, then := d.Home(device), grown.Home(device)
			load[home]++
			asked += len(d.Candidates(device))
			if then != home {
				if moved++; then != n {
					t.Fatalf("%s moved from %d to %d when %d was added", device, home, then, n)
				}
			}
		}
		share := devices / n
		if most := slices.Max(load); most > share+share/8 {
			t.Errorf("%d cells: one has %d devices, the mean is %d", n, most, share)
		}
		if want := devices / (n + 1); moved > want+want/8 || moved < want-want/8 {
			t.Errorf("%d devices changed their home when cell %d was added, its share is %d", moved, n, want)
		}
		if mean := float64(asked) / devices; mean > 3.5 { // the sum of 1/k up to 16 is 3.38
			t.Errorf("%d cells: %.2f of them may know a device", n, mean)
		}
	}
}

// TestDirectory_Candidates: wherever a device was at home at any time, as cells were added and closed in any order, it is looked for.
func TestDirectory_Candidates(t *testing.T) {
	now := placesOf(8)
	now[1].Closed, now[4].Closed, now[6].Closed = true, true, true
	for i := range 500 {
		device := fmt.Sprintf("phone-%d", i)
		may := now.Candidates(device)
		if may[0] != now.Home(device) || now[may[0]].Closed {
			t.Fatalf("%s is at home in %d and is looked for in %v", device, now.Home(device), may)
		}
		for k := 1; k <= len(now); k++ { // when the first k were there, and some of those that are closed now were closed
			for closed := range 8 {
				then := slices.Clone(now[:k])
				for bit, at := range []int{1, 4, 6} {
					if at < k {
						then[at].Closed = closed&(1<<bit) != 0
					}
				}
				if home := then.Home(device); home >= 0 && !slices.Contains(may, home) {
					t.Fatalf("%s was at home in %d and is looked for in %v", device, home, may)
				}
			}
		}
	}
	if home := (Directory{{ID: "a", Closed: true}}).Home("x"); home != -1 {
		t.Errorf("a new device goes to closed cell %d", home)
	}
}

// TestLoad_WhatIsRefused: what is wrong with a file is said by name.
func TestLoad_WhatIsRefused(t *testing.T) {
	cell := "[[cells]]\nname = \"east\"\ncluster = \"c1\"\nendpoints = [\"http://127.0.0.1:1\"]\n"
	for text, want := range map[string]string{
		"":                          "there is none",
		cell + cell:                 "there twice",
		"lissten = \":1\"\n" + cell: "lissten",
		"tls_cert = \"a\"\n" + cell: "belong together",
		"trusted_proxies = [\"10.0.0.x\"]\n" + cell:                "write an address or a network",
		"max_connections = 0\n" + cell:                             "1 or more",
		strings.Replace(cell, "\"c1\"", "\"a b\"", 1):              "no cluster's id",
		strings.Replace(cell, "http://127.0.0.1:1", "n1", 1):       "no address of a node",
		strings.Replace(cell, "127.0.0.1:1", "h/path", 1):          "no address of a node",
		cell + "ca = \"none.pem\"\n":                               "none.pem",
		strings.Replace(cell, "[\"http://127.0.0.1:1\"]", "[]", 1): "endpoints: there is none",
	} {
		path := filepath.Join(t.TempDir(), "cells.toml")
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := Load(path); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v, want %q", text, err, want)
		}
	}
	path := filepath.Join(t.TempDir(), "cells.toml")
	if err := os.WriteFile(path, []byte(cell), 0o600); err != nil {
		t.Fatal(err)
	}
	if c, err := Load(path); err != nil || c.Listen == "" || len(c.Cells) != 1 {
		t.Errorf("%+v, %v", c, err)
	}
}
