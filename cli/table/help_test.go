package table

import (
	"strings"
	"testing"
)

func help(t *testing.T, columns string, args ...string) string {
	t.Helper()
	t.Setenv("COLUMNS", columns)
	ran, out, err := try(t, args...)
	if err != nil || ran != nil {
		t.Fatalf("%v: %v, %v", args, ran, err)
	}
	return out
}

func TestHelp_OfTheProgramIsByGroups(t *testing.T) {
	want := `Usage: shop <command>

A shop.

Trade:
  order    Look at orders, make them.
           order list, make
  ship     Send parcels.

Books:
  sum    Add up.

Flags:
  -h, --help    Show this help.

"shop <command> --help" says more about a command.
`
	for _, args := range [][]string{{"--help"}, {"-h"}, {"help"}} {
		if got := help(t, "80", args...); got != want {
			t.Errorf("%v:\n%s", args, got)
		}
	}
}

func TestHelp_OfCommandsWithAStandardOne(t *testing.T) {
	if got, want := help(t, "60", "order", "--help"), `Usage: shop order [<command>]

Look at orders, make them.

  shop order
  shop order make 3 cup plate

A paragraph that is written in two lines.

Commands:
  list    List them (what plain "shop order" does).
  make    Make one.

Flags of plain "shop order":
      --server=URL         Where ($SHOP_SERVER).
      --also=TEXT,…        Where else ($SHOP_ALSO).
      --state=open|sent    Only these.
  -n, --limit=N            How many (50).
      --json               As JSON.
      --watch              Again and again.
  -h, --help               Show this help.

"shop order <command> --help" says more about a command.
`; got != want {
		t.Error(got)
	}
}

func TestHelp_OfACommand(t *testing.T) {
	if got, want := help(t, "60", "help", "ship"), `Usage: shop ship (--file=FILE | --text=TEXT) [<note>] [flags]

Send parcels.

Arguments:
  [<note>]    A note.

Flags:
      --file=FILE           A label.
      --text=TEXT           What the label says.
      --from=DIR            Where the parcels are.
      --to=TEXT             Where they go.
      --log=FILE            Written there.
      --how=air|sea|NAME    The way.
      --box-seal-key-id=TEXT
                            Its seal (default none).
      --sizes=N,…           Boxes (default 1,2).
  -h, --help                Show this help.

Time:
  --within=DURATION    How soon (default 48h; $SHOP_WITHIN).
  --at=TIME,…          When.
`; got != want {
		t.Error(got)
	}
	if got := help(t, "60", "order", "make", "--help"); !strings.HasPrefix(got, "Usage: shop order make --for=TEXT <count> <what> … [flags]\n") {
		t.Error(got)
	}
}

// A wide terminal's lines end where reading stays easy, a narrow one's where it ends.
func TestHelp_Width(t *testing.T) {
	for columns, most := range map[string]int{"50": 50, "300": 120, "": 80} {
		longest := 0
		for line := range strings.Lines(help(t, columns, "order", "list", "--help")) {
			longest = max(longest, len([]rune(line))-1)
		}
		if longest > most {
			t.Errorf("COLUMNS=%s: a line of %d", columns, longest)
		}
	}
	if lines := wrap(strings.Fields(strings.Repeat("abcd ", 30)), 119); len(lines) != 2 || len(lines[0]) != 119 {
		t.Errorf("%q", lines)
	}
}
