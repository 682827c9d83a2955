package main

import (
	"fmt"
	"path"
	"strings"

	"stoker/proof/timeline"
)

// mutantsPicture draws how soon each mistake was noticed, all from the beginning of their checks.
func mutantsPicture(fates []fate) timeline.Picture {
	rooms := []timeline.Key{{Name: "fsm", Colour: timeline.Teal}, {Name: "node", Colour: timeline.Blue}, {Name: "elsewhere", Colour: timeline.Violet}}
	p := timeline.Picture{
		Title: fmt.Sprintf("Mutants: %d of %d found", len(fates)-len(unnoticed(fates)), len(fates)),
		About: "each is a mistake that is put into one place of the program; a lane says how soon its check had noticed", Axis: timeline.Time,
		Reading: "full: until it was noticed; pale: what the check takes without it",
		Keys:    append(rooms, timeline.Key{Name: "nobody noticed", Colour: timeline.Red}),
	}
	for _, f := range fates {
		colour := rooms[2].Colour
		for _, room := range rooms {
			if strings.HasPrefix(path.Dir(f.File), room.Name) {
				colour = room.Colour
			}
		}
		if len(f.found) == 0 {
			colour = timeline.Red
		}
		p.Span = max(p.Span, f.took.Seconds(), f.without.Seconds())
		p.Lanes = append(p.Lanes, timeline.Lane{Name: f.Name, Bars: []timeline.Bar{{
			To: f.took.Seconds(), Until: max(f.took, f.without).Seconds(), Colour: colour, Says: f.Breaks + ": " + f.verdict(),
		}}})
	}
	return p
}
