package versions

import (
	"fmt"
	"io"
	"time"

	"github.com/jedib0t/go-pretty/v6/table"

	"stoker/cli/show"
	"stoker/client"
)

// Table lists versions, newest first.
func Table(w io.Writer, page client.SettingsPage) {
	t := show.Table(w, "version", "deployed", "author", "token", "message")
	for _, v := range page.Versions {
		number := fmt.Sprint(v.Version)
		if v.InForce {
			number += " in force"
		}
		t.AppendRow(table.Row{number, deployed(v), show.Plain(v.Author), show.Plain(v.By), message(v)})
	}
	t.Render()
	if page.Next != "" {
		fmt.Fprintf(w, "These are the newest %d; --all lists the older ones, too.\n", len(page.Versions))
	}
}

// Title is one version's line above its content.
func Title(w io.Writer, v client.SettingsLine) {
	line := fmt.Sprintf("Version %d, deployed %s", v.Version, deployed(v))
	if v.DeployedAt == nil {
		line = fmt.Sprintf("Version %d, with which the cluster began", v.Version)
	}
	if v.Author != "" {
		line += " by " + show.Plain(v.Author)
	}
	if text := message(v); text != "" {
		line += ": " + text
	}
	if v.InForce {
		line += " (in force)"
	}
	fmt.Fprintln(w, line)
}

func deployed(v client.SettingsLine) string {
	if v.DeployedAt == nil {
		return "with the cluster"
	}
	return v.DeployedAt.UTC().Format(time.DateTime)
}

func message(v client.SettingsLine) string {
	text := show.Plain(v.Message)
	if v.RollbackOf != nil {
		back := fmt.Sprintf("back to %d", *v.RollbackOf)
		if text == "" {
			return back
		}
		return back + ": " + text
	}
	return text
}
