package timeline

import (
	"encoding/xml"
	"errors"
	"io"
	"strings"
	"testing"
)

// wellFormed reads an SVG to its end and gives its texts.
func wellFormed(t *testing.T, svg string) (texts string) {
	t.Helper()
	var b strings.Builder
	for d := xml.NewDecoder(strings.NewReader(svg)); ; {
		token, err := d.Token()
		if errors.Is(err, io.EOF) {
			return b.String()
		}
		if err != nil {
			t.Fatalf("no XML: %v\n%s", err, svg)
		}
		if text, ok := token.(xml.CharData); ok {
			b.Write(text)
			b.WriteByte('|')
		}
	}
}

// A picture has all that was handed over, whatever is in the words, and no number that is none.
func TestPicture(t *testing.T) {
	p := Picture{
		Title: "a < b & c", About: "about", Reading: "reading", Axis: Time, Span: 100, Keys: []Key{{"links", Blue}},
		Lanes: []Lane{{Name: "n1", Bars: []Bar{{From: 10, To: 20, Until: 30, Colour: Red, Says: "kill \"n1\" \x00\xff"}}, Marks: []Mark{{50, "n4"}}}},
		Panels: []Panel{
			{Title: "a second", Areas: []Series{{Colour: Red, Each: 1, Values: []float64{1, 2, 3}}, {Colour: Green, Each: 1}}},
			{Title: "ms", Log: true, Lines: []Series{{Colour: Navy, Each: 1, Values: []float64{0, 1, 12_000, 3}}, {Colour: Rose, Each: 1, Values: []float64{0, 0}}}},
		},
		Chips: []Key{{"kill 1", Red}},
	}
	texts := wellFormed(t, p.SVG())
	for _, want := range []string{"a < b & c|", "n1|", "kill \"n1\" \ufffd\ufffd|", "n4|", "a second|", "ms|", "kill 1|", "10,000|", "90 s|", "links|"} {
		if !strings.Contains(texts, want) {
			t.Errorf("%q is missing in %q", want, texts)
		}
	}
	for _, empty := range []Picture{{Axis: Time}, {Axis: Time, Lanes: []Lane{{Name: "x"}}}, {Axis: Time, Panels: []Panel{{}, {Log: true}}}} {
		if svg := empty.SVG(); strings.Contains(svg, "NaN") || strings.Contains(svg, "Inf") {
			t.Errorf("a picture of nothing has numbers that are none:\n%s", svg)
		}
	}
}

// A word at the end of a lane is moved to where all of it can be read.
func TestPicture_MarkAtTheEnd(t *testing.T) {
	svg := Picture{Axis: Time, Span: 100, Lanes: []Lane{{Marks: []Mark{{0, "begin"}, {100, "violated"}}}}}.SVG()
	for _, want := range []string{`<text x="116.0" y="133.0" font-size="12" fill="#444" text-anchor="start">begin<`, `<text x="1492.0" y="133.0" font-size="12" fill="#444" text-anchor="start">violated<`} {
		if !strings.Contains(svg, want) {
			t.Errorf("%s is missing in\n%s", want, svg)
		}
	}
}

// Of more values than there is room for, a column is the mean; their sum by the time stays what it was.
func TestSeries_columns(t *testing.T) {
	s := Series{Each: 1, Values: make([]float64, 2*mostColumns+1)}
	for i := range s.Values {
		s.Values[i] = float64(i % 3)
	}
	each, columns := s.columns()
	if each != 3 || len(columns) > mostColumns || columns[0] != 1 || columns[1] != 1 {
		t.Errorf("%d columns of %v: %v …", len(columns), each, columns[:2])
	}
	s.Most = true
	if _, columns = s.columns(); columns[0] != 2 {
		t.Errorf("the most of 0, 1 and 2 is %v", columns[0])
	}
}

// The scale ends at a round number that no value exceeds.
func TestPanel_most(t *testing.T) {
	for value, want := range map[float64]float64{0: 1, 0.3: 0.4, 7: 8, 100: 100, 101: 200, 999: 1000} {
		if got := (Panel{Areas: []Series{{Values: []float64{value}}}}).most(); got < want*0.999 || got > want*1.001 {
			t.Errorf("up to %v: %v, want %v", value, got, want)
		}
	}
}

func TestThousands(t *testing.T) {
	for n, want := range map[int]string{0: "0", 999: "999", 1000: "1,000", 1234567: "1,234,567", -100: "-100", -1000: "-1,000"} {
		if got := Thousands(n); got != want {
			t.Errorf("%d: %q", n, got)
		}
	}
}
