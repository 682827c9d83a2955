package table

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"
)

// shop is a table with one of everything.
type shop struct {
	Order order `cmd:"" group:"Trade" help:"Look at orders, make them."`
	Ship  ship  `cmd:"" help:"Send parcels."`
	Audit sum   `cmd:"" name:"sum" group:"Books" help:"Add up."`
	Ghost sum   `cmd:"" hidden:"" help:"Nobody sees it."`
}

type order struct {
	List listOrders `cmd:"" default:"withargs" help:"List them (what plain \"shop order\" does)."`
	Make makeOrder  `cmd:"" help:"Make one."`
}

// Help has examples, the first line one of them.
func (*order) Help() string {
	return `  shop order
  shop order make 3 cup plate

A paragraph that is
written in two lines.`
}

type places struct {
	Server string   `env:"SHOP_SERVER" metavar:"URL" help:"Where."`
	Also   []string `env:"SHOP_ALSO" help:"Where else."`
}

type listOrders struct {
	places
	State  string `enum:",open,sent" complete:"" help:"Only these."`
	Limit  int    `short:"n" default:"50" help:"How many (${default})."`
	JSON   bool   `name:"json" xor:"form" help:"As JSON."`
	Watch  bool   `xor:"form" help:"Again and again."`
	secret string // a command's own field is no flag
}

type makeOrder struct {
	Count  uint8    `arg:"" help:"Of each."`
	What   []string `arg:"" complete:"thing" help:"Things."`
	For    string   `required:"" complete:"buyer" help:"The buyer."`
	Weight *float64 `help:"If it is known."`
}

type ship struct {
	File   string        `xor:"label" required:"" type:"existingfile" metavar:"FILE" help:"A label."`
	Text   string        `xor:"label" required:"" help:"What the label says."`
	From   string        `type:"existingdir" help:"Where the parcels are."`
	To     string        `complete:".toml" help:"Where they go."`
	Log    string        `type:"path" help:"Written there."`
	How    string        `metavar:"air|sea|NAME" help:"The way."`
	Within time.Duration `default:"48h" env:"SHOP_WITHIN" group:"Time:" help:"How soon."`
	At     []time.Time   `group:"Time:" help:"When."`
	Box    box           `embed:"" prefix:"box-"`
	Sizes  []int         `default:"1,2" help:"Boxes."`
	Note   string        `arg:"" optional:"" help:"A note."`
}

type box struct {
	SealKeyID string `default:"none" help:"Its seal."`
}

type sum struct{}

// try carries a line out and says what ran.
func try(t *testing.T, args ...string) (ran any, out string, err error) {
	t.Helper()
	var printed bytes.Buffer
	table := Table{
		Name: "shop", About: "A shop.", Commands: []any{&shop{}}, Out: &printed, Err: t.Output(),
		Run: func(c any) error { ran = c; return nil },
		Offer: func(kind string, c any) []string {
			if m, ok := c.(*makeOrder); ok && kind == "thing" {
				return []string{"cup\tfor " + m.For, "cupboard", "plate"}
			}
			return nil
		},
	}
	err = table.Execute(t.Context(), args)
	return ran, printed.String(), err
}

func TestExecute_FillsInWhatTheLineSays(t *testing.T) {
	dir := t.TempDir()
	label := filepath.Join(dir, "label")
	if err := os.WriteFile(label, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	here, err := filepath.Abs("log")
	if err != nil {
		t.Fatal(err)
	}
	two := 2.5
	noon := time.Date(2026, 1, 2, 12, 0, 0, 0, time.UTC)
	for line, want := range map[string]any{
		"order":                       &listOrders{Limit: 50},
		"order list":                  &listOrders{Limit: 50},
		"order -n 3 --json":           &listOrders{Limit: 3, JSON: true},
		"order --json=false -n3":      &listOrders{Limit: 3},
		"order --server list list":    &listOrders{Limit: 50, places: places{Server: "list"}},
		"order list --also a,b":       &listOrders{Limit: 50, places: places{Also: []string{"a", "b"}}},
		"order --also a --also b,c":   &listOrders{Limit: 50, places: places{Also: []string{"a", "b", "c"}}},
		"order --state open":          &listOrders{Limit: 50, State: "open"},
		"order --limit -1":            &listOrders{Limit: -1},
		"order make 3 a,b c --for x":  &makeOrder{Count: 3, What: []string{"a,b", "c"}, For: "x"},
		"order make --for x -- 3 -4":  &makeOrder{Count: 3, What: []string{"-4"}, For: "x"},
		"ship --text x --sizes 4":     &ship{Text: "x", Within: 48 * time.Hour, Box: box{"none"}, Sizes: []int{4}},
		"ship --text x --within 1h":   &ship{Text: "x", Within: time.Hour, Box: box{"none"}, Sizes: []int{1, 2}},
		"ship --file " + label + " n": &ship{File: label, Within: 48 * time.Hour, Box: box{"none"}, Sizes: []int{1, 2}, Note: "n"},
		"ship --text x --from " + dir + " --log log --box-seal-key-id 7": &ship{Text: "x", From: dir, Log: here, Within: 48 * time.Hour, Box: box{"7"}, Sizes: []int{1, 2}},
		"ship --text x --at 2026-01-02T12:00:00Z,2026-01-02T12:00:00Z":   &ship{Text: "x", At: []time.Time{noon, noon}, Within: 48 * time.Hour, Box: box{"none"}, Sizes: []int{1, 2}},
		"order make 1 a --for x --weight 2.5":                            &makeOrder{Count: 1, What: []string{"a"}, For: "x", Weight: &two},
		"sum":                                                            &sum{},
	} {
		ran, out, err := try(t, strings.Fields(line)...)
		if err != nil || out != "" || !reflect.DeepEqual(ran, want) {
			t.Errorf("%s: %+v, %q, %v; want %+v", line, ran, out, err, want)
		}
	}
}

func TestExecute_FlagsWinOverVariablesWhichWinOverDefaults(t *testing.T) {
	t.Setenv("SHOP_SERVER", "http://env")
	t.Setenv("SHOP_ALSO", "a,b")
	t.Setenv("SHOP_WITHIN", "3h")
	ran, _, err := try(t, "order", "--server", "http://flag")
	if want := (&listOrders{Limit: 50, places: places{Server: "http://flag", Also: []string{"a", "b"}}}); err != nil || !reflect.DeepEqual(ran, want) {
		t.Errorf("%+v, %v", ran, err)
	}
	if ran, _, err = try(t, "ship", "--text", "x"); err != nil || ran.(*ship).Within != 3*time.Hour {
		t.Errorf("%+v, %v", ran, err)
	}
	t.Setenv("SHOP_WITHIN", "")
	if ran, _, err = try(t, "ship", "--text", "x"); err != nil || ran.(*ship).Within != 48*time.Hour {
		t.Errorf("an empty variable says nothing: %+v, %v", ran, err)
	}
	t.Setenv("SHOP_WITHIN", "soon")
	if _, _, err = try(t, "ship", "--text", "x"); err == nil || err.Error() != "SHOP_WITHIN=soon (for --within): give a duration, as in 90s, 15m or 2h" {
		t.Error(err)
	}
}

func TestExecute_SaysWhatIsWrongWithALine(t *testing.T) {
	dir := t.TempDir()
	for line, want := range map[string]string{
		"":                                "shop: shop what? order, ship or sum",
		"odrer":                           "shop: unexpected argument odrer, did you mean order?",
		"odrer --help":                    "shop: unexpected argument odrer, did you mean order?",
		"help odrer":                      "shop: unexpected argument odrer, did you mean order?",
		"order mak":                       "shop order: unexpected argument mak, did you mean make?",
		"order zzz":                       "shop order: unexpected argument zzz",
		"order list x":                    "shop order list: unexpected argument x",
		"order --jsn":                     "shop order: unknown flag --jsn, did you mean --json?",
		"order -x":                        "shop order: unknown flag -x",
		"order make -1 a --for x":         "shop order make: unknown flag -1; before a negative number write --",
		"order --json --watch":            "shop order: --json and --watch exclude each other",
		"order --state gone":              "shop order: --state gone: give open or sent",
		"order --limit many":              "shop order: --limit many: give a whole number",
		"order --server":                  "shop order: --server needs a value",
		"order make --for x":              "shop order make: <count> is missing: Of each.",
		"order make 1 --for x":            "shop order make: <what> is missing: Things.",
		"order make 1 a":                  "shop order make: --for=TEXT is missing",
		"order make 256 a --for x":        "shop order make: <count> 256: give a whole number, 0 or more",
		"order make 1 a --for x --weight": "shop order make: --weight needs a value",
		"ship":                            "shop ship: --file=FILE or --text=TEXT is missing",
		"ship --text x --file /dev/null":  "shop ship: --file and --text exclude each other",
		"ship --file none":                "shop ship: --file none: there is no such file",
		"ship --file " + dir:              "shop ship: --file " + dir + ": this is a folder; give a file",
		"ship --from none":                "shop ship: --from none: there is no such folder",
		"ship --at noon":                  `shop ship: --at noon: parsing time "noon" as "2006-01-02T15:04:05Z07:00": cannot parse "noon" as "2006"`,
		"ship --text x a b":               "shop ship: unexpected argument b",
	} {
		ran, out, err := try(t, strings.Fields(line)...)
		var usage *Usage
		if !errors.As(err, &usage) || ran != nil || out != "" {
			t.Errorf("%s: %v, %q, %v", line, ran, out, err)
			continue
		}
		if got := usage.Command + ": " + err.Error(); got != want {
			t.Errorf("%s:\n got %s\nwant %s", line, got, want)
		}
	}
}

// What a command itself says is no wrong usage.
func TestExecute_GivesBackWhatRunSays(t *testing.T) {
	broken := errors.New("broken")
	table := Table{Name: "shop", Commands: []any{&shop{}}, Run: func(any) error { return broken }}
	if err := table.Execute(t.Context(), []string{"sum"}); err != broken {
		t.Error(err)
	}
}

func TestRead_RefusesATableThatIsWrong(t *testing.T) {
	for why, structure := range map[string]any{
		"a kind that is no flag": &struct {
			A struct{ M map[string]int } `cmd:""`
		}{},
		"commands beside flags": &struct {
			A struct {
				B sum `cmd:""`
				F string
			} `cmd:""`
		}{},
		"a default that does not parse": &struct {
			A struct {
				N int `default:"x"`
			} `cmd:""`
		}{},
	} {
		func() {
			defer func() {
				if recover() == nil {
					t.Errorf("%s: no panic", why)
				}
			}()
			table := Table{Name: "x", Commands: []any{structure}}
			table.build()
		}()
	}
}
