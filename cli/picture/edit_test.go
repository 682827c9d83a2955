package picture

import (
	"bytes"
	"errors"
	"image"
	"image/color"
	"math"
	"strings"
	"testing"
)

var rule = map[string]Action{
	"Wall":   {"recolor", "#2060c0"},
	"Floor":  {"texture", "wood"},
	"Light":  {"tone", "cooler"},
	"Window": {"remove", ""},
	"Door":   {"tone", "-40"},
}

func TestEdit_ProtectedPixelsStayBitByBit(t *testing.T) {
	img := Room(1, 800, 600)
	protect := []string{"Ceiling", "Floor", "Door"}
	out, report, err := Edit(img, "interior", rule, protect)
	if err != nil {
		t.Fatal(err)
	}
	list, _, _ := conceptsOf("interior")
	found := findRegions(img, list, []string{"Door", "Floor", "Light", "Wall", "Window"}, protect)
	changed, held := map[string]int{}, map[string]int{}
	for i, c := range found.mask(img) {
		name := found.names[c]
		held[name]++
		if !bytes.Equal(img.Pix[4*i:4*i+4], out.Pix[4*i:4*i+4]) {
			changed[name]++
		}
	}
	for name := range held {
		_, named := rule[name]
		protected := strings.Contains(strings.Join(protect, " "), name)
		if may := named && !protected; !may && changed[name] > 0 {
			t.Errorf("%d pixels of %s changed, which nobody asked for", changed[name], name)
		}
	}
	for _, r := range report {
		if r.Pixels != held[r.Concept] {
			t.Errorf("report says %d pixels for %s, the mask has %d", r.Pixels, r.Concept, held[r.Concept])
		}
		if !r.Protected && r.Pixels > 0 && changed[r.Concept] < r.Pixels/2 {
			t.Errorf("only %d of %d pixels of %s changed", changed[r.Concept], r.Pixels, r.Concept)
		}
	}
	if held["Ceiling"] == 0 || held["Floor"] == 0 || changed["Wall"] == 0 {
		t.Errorf("the room has no ceiling, floor or wall: %v", held)
	}
}

func TestEdit_RecolorMovesTheHue(t *testing.T) {
	img := Room(0, 800, 600)
	for _, value := range []string{"#c02020", "20c020", "#22f", "teal", "Goldenrod"} {
		out, report, err := Edit(img, "interior", map[string]Action{"Wall": {"recolor", value}}, nil)
		if err != nil {
			t.Fatal(err)
		}
		want, _ := parseColour(value)
		var sum rgb
		var n float32
		for i := 0; i < len(out.Pix); i += 4 {
			if !bytes.Equal(out.Pix[i:i+3], img.Pix[i:i+3]) {
				sum = sum.add(rgb{float32(out.Pix[i]), float32(out.Pix[i+1]), float32(out.Pix[i+2])})
				n++
			}
		}
		if n < 0.1*800*600 {
			t.Fatalf("%s: only %.0f pixels changed; %v", value, n, report)
		}
		got := hue(sum.times(1 / n))
		if d := math.Abs(math.Remainder(got-hue(want), 360)); d > 15 {
			t.Errorf("%s: the region's hue is %.0f°, want %.0f°", value, got, hue(want))
		}
	}
}

// hue is the angle in OKLab, in degrees.
func hue(c rgb) float64 {
	l := c.lab()
	return math.Atan2(float64(l.b), float64(l.a)) * 180 / math.Pi
}

func TestEdit_IsDeterministicAndLeavesTheInput(t *testing.T) {
	img := Room(7, 640, 480)
	before := bytes.Clone(img.Pix)
	first, _, err := Edit(img, "interior", rule, []string{"Ceiling", "Grout"})
	if err != nil {
		t.Fatal(err)
	}
	second, _, err := Edit(img, "interior", rule, []string{"Grout", "Ceiling", "Grout"})
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(first.Pix, second.Pix) {
		t.Error("the same picture and rule gave two results")
	}
	if !bytes.Equal(before, img.Pix) {
		t.Error("the input was changed")
	}
}

func TestEdit_EveryConceptChangesSomething(t *testing.T) {
	img := Room(2, 400, 300)
	for _, preset := range Presets() {
		_, names, _ := conceptsOf(preset)
		for _, name := range names {
			out, _, err := Edit(img, preset, map[string]Action{name: {"recolor", "#ff00ff"}}, nil)
			if err != nil {
				t.Fatal(err)
			}
			if bytes.Equal(out.Pix, img.Pix) {
				t.Errorf("%s: recolor of %s changed nothing", preset, name)
			}
		}
	}
}

func TestEdit_OddSizes(t *testing.T) {
	for _, size := range []image.Point{{1, 1}, {2, 1}, {1, 3}, {5000, 1}, {1, 5000}, {3000, 7}, {193, 191}} {
		img := Room(3, size.X, size.Y)
		for _, a := range []Action{{"recolor", "red"}, {"tone", "30"}, {"texture", "marble"}, {"texture", "linen"}, {"texture", "concrete"}, {"remove", ""}} {
			out, _, err := Edit(img, "interior", map[string]Action{"Wall": a, "Floor": a}, []string{"Grout"})
			if err != nil {
				t.Fatalf("%v %v: %v", size, a, err)
			}
			if out.Rect.Size() != size {
				t.Errorf("%v became %v", size, out.Rect.Size())
			}
		}
	}
}

func TestEdit_UniformPicture(t *testing.T) {
	img := image.NewRGBA(image.Rect(0, 0, 50, 40))
	for i := range img.Pix {
		img.Pix[i] = 255
	}
	img.SetRGBA(3, 3, color.RGBA{0, 0, 0, 255})
	if _, _, err := Edit(img, "seller", map[string]Action{"Body": {"remove", ""}}, nil); err != nil {
		t.Fatal(err)
	}
}

func TestEdit_Refusals(t *testing.T) {
	img := Room(0, 40, 30)
	for _, c := range []struct {
		preset, concept string
		action          Action
		protect, says   string
	}{
		{"garden", "Wall", Action{"recolor", "red"}, "", `unknown preset "garden"`},
		{"interior", "Roof", Action{"recolor", "red"}, "", `unknown concept "Roof"`},
		{"interior", "", Action{"recolor", "red"}, "", `unknown concept ""`},
		{"interior", "Wall", Action{"recolor", "red"}, "Roof", `unknown concept "Roof"`},
		{"interior", "Wall", Action{"paint", "red"}, "", `unknown action "paint"`},
		{"interior", "Wall", Action{"recolor", "reddish"}, "", `unknown colour "reddish"`},
		{"interior", "Wall", Action{"recolor", "#12345"}, "", `unknown colour "#12345"`},
		{"interior", "Wall", Action{"recolor", "+12345"}, "", `unknown colour "+12345"`},
		{"interior", "Wall", Action{"recolor", ""}, "", `unknown colour ""`},
		{"interior", "Wall", Action{"tone", "101"}, "", `unknown tone "101"`},
		{"interior", "Wall", Action{"tone", "nan"}, "", `unknown tone "nan"`},
		{"interior", "Wall", Action{"texture", "fur"}, "", `unknown texture "fur"`},
	} {
		var protect []string
		if c.protect != "" {
			protect = []string{c.protect}
		}
		_, _, err := Edit(img, c.preset, map[string]Action{c.concept: c.action}, protect)
		var bad *BadInput
		if !errors.As(err, &bad) || !strings.Contains(bad.Reason, c.says) {
			t.Errorf("%+v: got %v, want a BadInput that says %s", c, err, c.says)
		}
	}
}
