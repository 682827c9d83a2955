package picture

import (
	"image"
	"math"
	"slices"
)

// regions says for each cell of the grid to which concept it belongs.
type regions struct {
	grid          *grid
	width, height int      // of the picture, in pixels
	names         []string // of the numbers in cell
	cell          []uint8
}

// farFetched is the cost from which a segment is nothing like the concept. Only a rule that found no segment at all
// makes do with such a one, so that a picture that was paid for does not come back as it was.
const farFetched = 8

// findRegions gives every segment to a concept of the preset. Wanted concepts that no segment chose take the one
// that fits them best from those that nobody asked for; shielded ones keep theirs.
func findRegions(img *image.RGBA, list []habit, wanted, shielded []string) *regions {
	g := shrink(img)
	all := segments(g)
	owner := make([]int, len(all))
	held := make([]int, len(list)) // segments of each concept
	for i, s := range all {
		owner[i] = cheapest(list, s)
		held[owner[i]]++
	}
	found := 0
	editable := func(name string) bool { return slices.Contains(wanted, name) && !slices.Contains(shielded, name) }
	for want, h := range list {
		if editable(h.concept) {
			found += held[want]
		}
	}
	for want := range list {
		if !editable(list[want].concept) || held[want] > 0 {
			continue
		}
		best, least := -1, float64(farFetched)
		if found == 0 {
			least = math.Inf(1)
		}
		for i, s := range all {
			from := list[owner[i]].concept
			if slices.Contains(shielded, from) || editable(from) && held[owner[i]] < 2 {
				continue
			}
			if c := list[want].cost(s); c < least {
				best, least = i, c
			}
		}
		if best >= 0 {
			held[owner[best]]--
			owner[best] = want
			held[want]++
			found++
		}
	}
	r := &regions{grid: g, width: img.Rect.Dx(), height: img.Rect.Dy(), cell: make([]uint8, len(g.cell))}
	for _, h := range list {
		r.names = append(r.names, h.concept)
	}
	for i, s := range all {
		for _, c := range s.cells {
			r.cell[c] = uint8(owner[i])
		}
	}
	return r
}

func cheapest(list []habit, s *segment) int {
	best, least := 0, math.Inf(1)
	for i := range list {
		if c := list[i].cost(s); c < least {
			best, least = i, c
		}
	}
	return best
}

// mask carries the regions to the picture's full size: one number per pixel, row by row. Between cells of different
// regions a pixel goes with the neighbouring cell whose colour is nearest to its own, so that edges follow the picture
// and not the grid.
func (r *regions) mask(img *image.RGBA) []uint8 {
	g := r.grid
	width, height := img.Rect.Dx(), img.Rect.Dy()
	out := make([]uint8, width*height)
	left := make([]int32, width) // the cell whose centre is left of the pixel's
	for x := range left {
		left[x] = int32(before(x, g.w, width))
	}
	for y := range height {
		above := before(y, g.h, height)
		upper, lower := max(above, 0)*g.w, min(above+1, g.h-1)*g.w
		row := img.Pix[y*img.Stride:][:4*width]
		to := out[y*width:][:width]
		for x, l := range left {
			a, b := int(max(l, 0)), min(int(l)+1, g.w-1)
			near := [4]int{upper + a, upper + b, lower + a, lower + b}
			first := r.cell[near[0]]
			if r.cell[near[1]] == first && r.cell[near[2]] == first && r.cell[near[3]] == first {
				to[x] = first
				continue
			}
			p := rgb{float32(row[4*x]), float32(row[4*x+1]), float32(row[4*x+2])}
			least := float32(math.MaxFloat32)
			for _, n := range near {
				if d := p.away(g.cell[n]); d < least {
					least, to[x] = d, r.cell[n]
				}
			}
		}
	}
	return out
}

// before is the last of n cells over size pixels whose centre is not after the centre of pixel x; −1 before the first.
func before(x, n, size int) int {
	// centre of the pixel in cells, times two: (2x+1)·n/size − 1
	return ((2*x+1)*n+size)/(2*size) - 1
}
