package main

import (
	"runtime/debug"
	"testing"
)

// TestVersion: a binary says which commit it is of, and whether that is all.
func TestVersion(t *testing.T) {
	commit := debug.BuildSetting{Key: "vcs.revision", Value: "535e046f1d2c3b4a59687"}
	dirty := debug.BuildSetting{Key: "vcs.modified", Value: "true"}
	for _, c := range []struct {
		main     string
		settings []debug.BuildSetting
		want     string
	}{
		{"v1.2.3", []debug.BuildSetting{commit}, "v1.2.3"},
		{"v0.0.0-20261128043112-535e046f1d2c+dirty", []debug.BuildSetting{commit, dirty}, "v0.0.0-20261128043112-535e046f1d2c+dirty"},
		{"(devel)", []debug.BuildSetting{commit}, "devel-535e046f1d2c"},
		{"(devel)", []debug.BuildSetting{commit, dirty}, "devel-535e046f1d2c+dirty"},
		{"(devel)", nil, "devel"},
		{"", nil, "devel"},
	} {
		if got := versionOf(&debug.BuildInfo{Main: debug.Module{Version: c.main}, Settings: c.settings}); got != c.want {
			t.Errorf("%q with %v is %q, want %q", c.main, c.settings, got, c.want)
		}
	}
}
