package cli

import (
	"flag"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"stoker/cli/table"
)

var rewrite = flag.Bool("rewrite", false, "write what the commands print into testdata/*.txt")

// node answers in the words of the wire contract, as a transcript tells it to.
type node struct{ answers map[string]string }

// on takes "METHOD PATH [BODY] => [STATUS] JSON", where JSON is the envelope's data, or its error if a status says so.
func (n *node) on(line string) {
	call, answer, _ := strings.Cut(line, " => ")
	n.answers[call] = answer
}

func (n *node) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, _ := io.ReadAll(r.Body)
	answer, ok := n.answers[strings.TrimSpace(r.Method+" "+r.URL.RequestURI()+" "+string(body))]
	if !ok {
		answer = `404 {"code":"NOT_FOUND","message":"there is nothing under this path; /openapi.json lists what there is"}`
	}
	if strings.HasPrefix(answer, "{") {
		fmt.Fprintf(w, `{"success":true,"data":%s,"error":null,"meta":{"request_id":"r1"}}`, answer)
		return
	}
	var status int
	fmt.Sscan(answer, &status)
	w.WriteHeader(status)
	fmt.Fprintf(w, `{"success":false,"data":null,"error":%s,"meta":{"request_id":"r1"}}`, answer[4:])
}

// TestTranscripts runs the command lines of testdata/*.txt against a server that answers what the lines before them say, and
// holds what they print, and how they exit, against what follows them. A blank line ends what a command prints;
// one that it prints itself is written as a dot.
func TestTranscripts(t *testing.T) {
	files, err := filepath.Glob("testdata/*.txt")
	if err != nil || len(files) == 0 {
		t.Fatal(files, err)
	}
	for _, file := range files {
		t.Run(filepath.Base(file), func(t *testing.T) {
			want, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			got := replay(t, string(want))
			if *rewrite {
				if err := os.WriteFile(file, []byte(got), 0o644); err != nil {
					t.Fatal(err)
				}
			} else if got != string(want) {
				t.Errorf("printed otherwise (go test ./cli -rewrite writes it down):\n%s", got)
			}
		})
	}
}

// replay runs a transcript and gives it as it turned out.
func replay(t *testing.T, script string) string {
	n := &node{answers: map[string]string{}}
	server := httptest.NewServer(n)
	defer server.Close()
	t.Setenv("STOKER_ENDPOINTS", server.URL)
	t.Setenv("STOKER_ADMIN_TOKEN", "adm")
	t.Setenv("STOKER_WORKER_TOKEN", "wrk")
	var out strings.Builder
	printed := false // the script's lines are what a command printed the last time
	for line := range strings.Lines(script) {
		line = strings.TrimSuffix(line, "\n")
		if line == "" {
			printed = false
		}
		if printed {
			continue
		}
		fmt.Fprintln(&out, line)
		if rest, ok := strings.CutPrefix(line, "on "); ok {
			n.on(rest)
		} else if rest, ok := strings.CutPrefix(line, "$ stoker "); ok {
			code, stdout, stderr := command(t, Hooks{}, split(rest)...)
			said := strings.ReplaceAll(stdout+stderr, strings.TrimPrefix(server.URL, "http://"), "NODE")
			out.WriteString(strings.ReplaceAll(said, "\n\n", "\n.\n"))
			if code != 0 {
				fmt.Fprintf(&out, "exit %d\n", code)
			}
			printed = true
		}
	}
	return out.String()
}

// split takes a command line apart; double quotes hold words together.
func split(line string) (words []string) {
	for i, part := range strings.Split(line, `"`) {
		if i%2 == 1 {
			words = append(words, part)
		} else {
			words = append(words, strings.Fields(part)...)
		}
	}
	return words
}

func TestTable_ParsesBothNamesOfTheSampleWorker(t *testing.T) {
	for _, args := range [][]string{{"worker", "--operator", "f", "--id", "w", "--slots", "2"}, {"worker", "run", "--operator", "f", "--id", "w", "--slots", "2"}} {
		var all commands
		var ran any
		line := table.Table{Name: "stoker", Commands: []any{&all}, Out: t.Output(), Err: t.Output(), Run: func(c any) error { ran = c; return nil }}
		err := line.Execute(t.Context(), args)
		if err != nil || ran != &all.Worker.Run || all.Worker.Run.Operator != "f" || all.Worker.Run.ID != "w" || all.Worker.Run.Slots != 2 {
			t.Errorf("%v: %v, %T, %+v", args, err, ran, all.Worker.Run)
		}
	}
}
