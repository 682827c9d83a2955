package picture

import (
	"image"
	"maps"
	"slices"
	"strings"
)

// Action is what a rule wants done to a concept's region.
//
//	recolor  value: #rrggbb or a CSS colour name; light and shadow stay
//	tone     value: warmer, cooler, brighter, darker, or a number from −100 (black) to 100 (twice as bright)
//	texture  value: wood, marble, linen or concrete, drawn in the light of what was there
//	remove   no value is looked at; the region is filled from what surrounds it
type Action struct{ Action, Value string }

// Region reports what became of one concept.
type Region struct {
	Concept   string
	Action    string // empty where only protected
	Protected bool
	Pixels    int // 0: the concept was not found in this picture
}

// Report lists the rule's concepts and then the protected ones, both sorted by name.
type Report []Region

// edit changes the pixels of a region: prepare looks at the whole picture once, pixel is called for each of its pixels.
type edit interface {
	prepare(work *canvas)
	pixel(x, y int, was rgb) rgb
}

// canvas is what an edit may look at before it writes: the untouched picture and its regions.
type canvas struct {
	regions *regions
	mask    []uint8
	concept uint8
	mean    rgb // of the concept's region
}

// Edit returns a copy of img with the rule's concepts changed; img stays as it is. A concept that is both in the rule
// and protected is protected. An unknown preset, concept, action or value is *BadInput, found before any work is done.
func Edit(img *image.RGBA, preset string, concepts map[string]Action, protect []string) (*image.RGBA, Report, error) {
	list, known, err := conceptsOf(preset)
	if err != nil {
		return nil, nil, err
	}
	wanted := slices.Sorted(maps.Keys(concepts))
	shielded := slices.Compact(slices.Sorted(slices.Values(protect)))
	edits := make(map[string]edit)
	for _, name := range slices.Concat(wanted, shielded) {
		if !slices.Contains(known, name) {
			return nil, nil, refuse("unknown concept %q: preset %s has %s", name, preset, strings.Join(known, ", "))
		}
		if a, ok := concepts[name]; ok {
			if edits[name], err = parse(a); err != nil {
				return nil, nil, err
			}
		}
	}
	if img.Rect.Empty() {
		return nil, nil, refuse("the picture has no pixels")
	}

	found := findRegions(img, list, wanted, shielded)
	mask := found.mask(img)
	out := image.NewRGBA(image.Rect(0, 0, img.Rect.Dx(), img.Rect.Dy()))
	for y := range out.Rect.Dy() {
		copy(out.Pix[y*out.Stride:][:out.Stride], img.Pix[y*img.Stride:])
	}
	areas := measure(img, mask, len(list))
	var report Report
	for i, name := range found.names {
		_, named := concepts[name]
		guarded := slices.Contains(shielded, name)
		if !named && !guarded {
			continue
		}
		report = append(report, Region{Concept: name, Action: concepts[name].Action, Protected: guarded, Pixels: areas[i].pixels})
		if guarded || areas[i].pixels == 0 {
			continue
		}
		work := &canvas{regions: found, mask: mask, concept: uint8(i), mean: areas[i].mean}
		apply(edits[name], work, img, out)
	}
	slices.SortStableFunc(report, func(a, b Region) int { return strings.Compare(a.Concept, b.Concept) })
	return out, report, nil
}

func parse(a Action) (edit, error) {
	switch a.Action {
	case "recolor":
		return parseRecolor(a.Value)
	case "tone":
		return parseTone(a.Value)
	case "texture":
		return parseTexture(a.Value)
	case "remove":
		return &remove{}, nil
	}
	return nil, refuse("unknown action %q: the sample worker knows recolor, tone, texture and remove", a.Action)
}

// area is a concept's region in numbers.
type area struct {
	pixels int
	mean   rgb
}

func measure(img *image.RGBA, mask []uint8, concepts int) []area {
	sums := make([][4]uint64, concepts)
	width := img.Rect.Dx()
	for y := range img.Rect.Dy() {
		row := img.Pix[y*img.Stride:][:4*width]
		for x, c := range mask[y*width:][:width] {
			s := &sums[c]
			s[0] += uint64(row[4*x])
			s[1] += uint64(row[4*x+1])
			s[2] += uint64(row[4*x+2])
			s[3]++
		}
	}
	out := make([]area, concepts)
	for i, s := range sums {
		if n := float32(s[3]); n > 0 {
			out[i] = area{int(s[3]), rgb{float32(s[0]) / n, float32(s[1]) / n, float32(s[2]) / n}}
		}
	}
	return out
}

// apply is the only place that writes pixels, and writes those of one concept only.
func apply(e edit, work *canvas, img, out *image.RGBA) {
	e.prepare(work)
	width := img.Rect.Dx()
	for y := range img.Rect.Dy() {
		from := img.Pix[y*img.Stride:][:4*width]
		to := out.Pix[y*out.Stride:][:4*width]
		for x, c := range work.mask[y*width:][:width] {
			if c != work.concept {
				continue
			}
			p := e.pixel(x, y, rgb{float32(from[4*x]), float32(from[4*x+1]), float32(from[4*x+2])})
			to[4*x], to[4*x+1], to[4*x+2] = clip(p.r), clip(p.g), clip(p.b)
		}
	}
}
