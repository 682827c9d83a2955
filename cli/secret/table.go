package secret

import (
	"fmt"
	"io"
	"time"

	"github.com/jedib0t/go-pretty/v6/table"

	"stoker/cli/show"
	"stoker/client"
)

// Table lists secrets and the keys of the app's tokens.
func Table(w io.Writer, all client.Secrets, now time.Time) {
	if len(all.Secrets) == 0 {
		fmt.Fprintln(w, "No secrets. `stoker secret put NAME < FILE` keeps one.")
	} else {
		t := show.Table(w, "secret", "put", "expires", "the cluster uses it")
		for _, s := range all.Secrets {
			use := s.Use
			if use == "" {
				use = "not at all: no part of it knows this name"
			}
			t.AppendRow(table.Row{show.Plain(s.Name), s.CreatedAt.UTC().Format(time.DateOnly), expires(s.ExpiresAt, now), show.Plain(use)})
		}
		t.Render()
	}
	t := show.Table(w, "token key", "made", "state")
	for _, k := range all.JWTKeys {
		state := "verifies"
		switch {
		case k.Signs:
			state = "signs"
		case k.Until != nil:
			state = "verifies for " + show.Age(k.Until.Sub(now))
		}
		t.AppendRow(table.Row{show.Plain(k.ID), k.CreatedAt.UTC().Format(time.DateOnly), state})
	}
	t.Render()
	if all.SealKey == "" {
		fmt.Fprintln(w, "All are sealed with the key that the cluster began with.")
	} else {
		fmt.Fprintf(w, "All are sealed with key %s.\n", show.Plain(all.SealKey))
	}
}

// expires is how long a secret is kept yet.
func expires(at *time.Time, now time.Time) string {
	if at == nil {
		return "never"
	}
	return "in " + show.Age(at.Sub(now))
}
