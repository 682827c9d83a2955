package table

import (
	"bytes"
	"strings"
	"testing"
)

// What a shell asks and what it is told: its words, then ":" and what else it shall do.
func TestComplete(t *testing.T) {
	const (
		files      = ":0"
		nothing    = ":4"
		endings    = ":8"
		folders    = ":16"
		inOrder    = ":36"
		cupForAnna = "cup\tfor anna"
	)
	for _, c := range []struct {
		line string // the last word is what is being typed, - an empty one
		want []string
	}{
		{"-", []string{"help\tShow the help of a command.", "order\tLook at orders, make them.", "ship\tSend parcels.", "sum\tAdd up.", nothing}},
		{"or", []string{"order\tLook at orders, make them.", nothing}},
		{"order m", []string{"make\tMake one.", nothing}},
		{"order --st", []string{"--state\tOnly these.", nothing}},
		{"order --json --wat", []string{nothing}}, // they exclude each other
		{"order --state -", []string{"open", "sent", nothing}},
		{"order --limit -", []string{nothing}},
		{"order make -", []string{"--for\tThe buyer.", nothing}}, // needed first
		{"order make 1 --for anna cu", []string{cupForAnna, "cupboard", inOrder}},
		{"order make 1 a --for anna pl", []string{"plate", inOrder}},
		{"order make --for -", []string{inOrder}}, // nothing is known of buyers
		{"ship --file -", []string{files}},
		{"ship --log -", []string{files}},
		{"ship --from -", []string{folders}},
		{"ship --to -", []string{"toml", endings}},
		{"ship --how -", []string{"air", "sea", nothing}},
		{"sum -", []string{nothing}},
	} {
		words := strings.Fields(c.line)
		if last := len(words) - 1; words[last] == "-" {
			words[last] = ""
		}
		ran, out, err := try(t, append([]string{"__complete"}, words...)...)
		if want := strings.Join(c.want, "\n") + "\n"; err != nil || ran != nil || out != want {
			t.Errorf("%s:\n got %q\nwant %q, %v", c.line, out, want, err)
		}
	}
}

func TestScript_ForEveryShell(t *testing.T) {
	table := Table{Name: "shop", Commands: []any{&shop{}}}
	for shell, has := range map[string]string{
		"bash": "complete -o default -F __start_shop shop", "zsh": "#compdef shop", "fish": "complete -c shop", "powershell": "Register-ArgumentCompleter -CommandName 'shop'",
	} {
		var script bytes.Buffer
		if err := table.Script(&script, shell); err != nil || !strings.Contains(script.String(), has) {
			t.Errorf("%s: %v, %.200s", shell, err, script.String())
		}
	}
	if err := table.Script(nil, "tcsh"); err == nil {
		t.Error("tcsh has none")
	}
}
