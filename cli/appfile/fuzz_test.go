package appfile

import (
	"errors"
	"strings"
	"testing"

	"stoker/client"
)

// FuzzParse: an app's file is refused with its name, or says the same when it is written down and read again. What the cluster finds
// wrong with it is located, wherever that is.
func FuzzParse(f *testing.F) {
	for _, text := range []string{
		sample, "", "[plans.free]\nmax_itmes = 1\n", "[presets.\"a.b\"]\nname = 'x'\n", "[webhooks.shop]\nurl = \"https://x\"\nevents = []\n", "[rates]\nsignups_per_minute = -1\n",
		"[plans.free]\nmax_items = 99999999999999999999\n", "[plans]\n[plans]\n", "plans = 1\n", "[presets.a]\nname = \"\"\"\nx\\\"\\u0001\"\"\"\n",
	} {
		f.Add([]byte(text))
	}
	wrong := &client.Error{Fields: []client.Field{{Field: "settings.plans.free.weight", Reason: "is wrong"}, {Field: "nowhere", Reason: "is wrong"}}}
	f.Fuzz(func(t *testing.T, text []byte) {
		var said *client.Error
		if err := Locate(Name, text, wrong); err == nil || errors.As(err, &said) || !strings.Contains(err.Error(), "is wrong") {
			t.Errorf("located as %v", err)
		}
		s, err := Parse(Name, text)
		if err != nil {
			if !strings.Contains(err.Error(), Name) {
				t.Errorf("refused without its name: %v", err)
			}
			return
		}
		once := Write(s)
		again, err := Parse(Name, []byte(once))
		if err != nil {
			t.Fatalf("written down it is refused: %v\n%s", err, once)
		}
		if twice := Write(again); twice != once {
			t.Errorf("written down and read it says something else:\n%s\nand then\n%s", once, twice)
		}
	})
}
