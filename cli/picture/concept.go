package picture

import (
	"math"
	"slices"
	"strings"
)

// span is where a measure usually lies. Inside from lo to hi costs nothing, outside the cost grows with the square of the distance in
// units of slack. The zero span costs nothing anywhere.
type span struct{ lo, hi, slack float64 }

func (s span) cost(v float64) float64 {
	if s.slack == 0 {
		return 0
	}
	d := max(s.lo-v, v-s.hi, 0) / s.slack
	return d * d
}

// habit is where a concept is usually found in a picture, and what it looks like there.
type habit struct {
	concept string
	area    span // log10 of the share of the picture: −1 is a tenth
	y       span // centre, 0 top to 1 bottom
	tall    span // log2 of height over width
	full    span // share of its box
	light   span // against the picture's mean
	warm    span // yellow above 0, blue below
	grey    span // chroma; 0 is grey
	edges   func(*segment) float64
}

func (h *habit) cost(s *segment) float64 {
	c := h.area.cost(math.Log10(s.area)) + h.y.cost(s.y) + h.tall.cost(s.tall) + h.full.cost(s.full) +
		h.light.cost(s.light) + h.warm.cost(s.warm) + h.grey.cost(s.grey)
	if h.edges != nil {
		c += h.edges(s)
	}
	return c
}

// Where a thing meets the picture's edge says much about it.
func onFloor(s *segment) float64  { return unless(s.edge.bottom, 3) }
func onTop(s *segment) float64    { return unless(s.edge.top, 3) }
func hanging(s *segment) float64  { return unless(!s.edge.top && !s.edge.bottom, 3) }
func standing(s *segment) float64 { return unless(!s.edge.top, 2) }
func upright(s *segment) float64 {
	return hanging(s) + unless(!s.edge.left, 2) + unless(!s.edge.right, 2)
}
func inside(s *segment) float64 {
	return unless(!s.edge.top, 1) + unless(!s.edge.bottom, 1) + unless(!s.edge.left, 1) + unless(!s.edge.right, 1)
}
func outside(s *segment) float64 { return 4 - inside(s) }

func unless(ok bool, cost float64) float64 {
	if ok {
		return 0
	}
	return cost
}

// background is what belongs to no concept of the preset. It is never edited.
const background = ""

// habits holds the concepts of each preset, in the order in which they choose.
var habits = map[string][]habit{
	"interior": {
		{concept: "Wall", area: span{-1.2, -0.1, 0.4}, y: span{0.25, 0.55, 0.15}, light: span{-10, 30, 12}},
		{concept: "Floor", area: span{-1.2, -0.2, 0.4}, y: span{0.75, 1, 0.1}, tall: span{-4, 0, 1}, edges: onFloor},
		{concept: "Ceiling", area: span{-1.4, -0.4, 0.3}, y: span{0, 0.18, 0.06}, tall: span{-5, -0.8, 0.6}, edges: onTop},
		{concept: "Window", area: span{-2, -0.7, 0.3}, y: span{0.2, 0.5, 0.1}, full: span{0.6, 1, 0.2}, light: span{4, 60, 8}, warm: span{-30, 0, 2}, edges: upright},
		{concept: "Door", area: span{-1.8, -0.7, 0.3}, y: span{0.4, 0.7, 0.1}, tall: span{0.6, 1.8, 0.5}, full: span{0.7, 1, 0.2}, light: span{-60, 5, 8}, edges: upright},
		{concept: "Light", area: span{-2.8, -1.6, 0.3}, y: span{0.05, 0.5, 0.12}, full: span{0.5, 1, 0.15}, light: span{10, 60, 6}, warm: span{4, 40, 2}, edges: upright},
		{concept: "Cabinet", area: span{-1.7, -0.7, 0.3}, y: span{0.5, 0.8, 0.1}, tall: span{-2, 0.4, 0.5}, light: span{-60, 0, 10}, edges: standing},
		{concept: "Countertop", area: span{-2.2, -1.2, 0.3}, y: span{0.5, 0.7, 0.08}, tall: span{-6, -2, 0.6}, edges: hanging},
		{concept: "Tile", area: span{-1.8, -0.6, 0.3}, y: span{0.4, 0.8, 0.1}, full: span{0.7, 1, 0.2}, light: span{5, 60, 8}, grey: span{0, 4, 2}, edges: standing},
		{concept: "Frame_Molding", area: span{-3, -1.6, 0.3}, full: span{0, 0.3, 0.1}, light: span{-20, 60, 10}, grey: span{0, 6, 2}},
		{concept: "Grout", area: span{-3, -1.8, 0.3}, full: span{0, 0.25, 0.08}, light: span{-60, -5, 8}, grey: span{0, 4, 2}},
		{concept: "Handle", area: span{-3.2, -2.4, 0.2}, y: span{0.45, 0.7, 0.08}, edges: hanging},
		{concept: "Glass_highlight", area: span{-3.2, -2, 0.3}, y: span{0.1, 0.6, 0.1}, light: span{35, 80, 6}, grey: span{0, 3, 1}, edges: hanging},
	},
	"seller": {
		{concept: "Body", area: span{-1.2, -0.2, 0.3}, y: span{0.35, 0.65, 0.12}, tall: span{-1.2, 1.2, 0.6}, full: span{0.45, 1, 0.2}, edges: inside},
		{concept: background, area: span{-1.5, 0, 0.3}, edges: outside},
		{concept: "Label_Text", area: span{-3, -1.3, 0.3}, y: span{0.3, 0.7, 0.1}, tall: span{-5, -0.5, 0.5}, edges: inside},
		{concept: "Logo", area: span{-3, -1.6, 0.3}, y: span{0.2, 0.6, 0.1}, tall: span{-0.7, 0.7, 0.4}, grey: span{5, 60, 3}, edges: inside},
		{concept: "Gloss", area: span{-3.2, -1.8, 0.3}, light: span{25, 80, 8}, grey: span{0, 4, 2}, edges: inside},
		{concept: "Parts", area: span{-2.4, -1, 0.3}, y: span{0.3, 0.8, 0.12}, light: span{-60, 0, 10}, edges: inside},
		{concept: "Accessories", area: span{-2.4, -1, 0.3}, y: span{0.5, 1, 0.15}, edges: standing},
	},
}

// Presets lists the presets that Edit knows, sorted.
func Presets() []string {
	var names []string
	for name := range habits {
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}

// conceptsOf returns the preset's habits and the names that a rule may use.
func conceptsOf(preset string) ([]habit, []string, error) {
	list, ok := habits[preset]
	if !ok {
		return nil, nil, refuse("unknown preset %q: the sample worker knows %s", preset, strings.Join(Presets(), ", "))
	}
	var names []string
	for _, h := range list {
		if h.concept != background {
			names = append(names, h.concept)
		}
	}
	return list, names, nil
}
