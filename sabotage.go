//go:build sabotage

package main

import (
	"os"
	"strings"

	"stoker/fsm"
)

// A binary built with the tag sabotage does wrong once when the file exists that
// STOKER_SABOTAGE names; what, stands in it. No binary that is shipped is built so.
func init() {
	path := os.Getenv("STOKER_SABOTAGE")
	if path == "" {
		return
	}
	fsm.Sabotage(func() string {
		how, err := os.ReadFile(path)
		if err != nil || os.Remove(path) != nil {
			return ""
		}
		return strings.TrimSpace(string(how))
	})
}
