package picture

import "image"

// gridSize is the longest side of a grid, in cells. Regions are found on the grid and carried to full size after.
const gridSize = 192

// grid is a picture shrunk by averaging: w×h cells, row by row.
type grid struct {
	w, h int
	cell []rgb
}

func shrink(img *image.RGBA) *grid {
	width, height := img.Rect.Dx(), img.Rect.Dy()
	g := &grid{}
	g.w, g.h = fit(width, height, gridSize)
	g.cell = make([]rgb, g.w*g.h)
	sums := make([][4]uint32, g.w)
	column := make([]int32, width) // which column of cells a pixel falls into
	for x := range column {
		column[x] = int32(x * g.w / width)
	}
	for cy := range g.h {
		clear(sums)
		// A box's pixels are at most (MaxPixels/gridSize)·255, far below what 32 bits hold.
		for y := (cy*height + g.h - 1) / g.h; y*g.h < (cy+1)*height; y++ {
			row := img.Pix[y*img.Stride:][:4*width]
			for x, cx := range column {
				s := &sums[cx]
				s[0] += uint32(row[4*x])
				s[1] += uint32(row[4*x+1])
				s[2] += uint32(row[4*x+2])
				s[3]++
			}
		}
		for cx, s := range sums {
			n := float32(s[3])
			g.cell[cy*g.w+cx] = rgb{float32(s[0]) / n, float32(s[1]) / n, float32(s[2]) / n}
		}
	}
	return g
}

// around calls fn with the up to four neighbours of cell i.
func (g *grid) around(i int, fn func(j int)) {
	x, y := i%g.w, i/g.w
	if x > 0 {
		fn(i - 1)
	}
	if x < g.w-1 {
		fn(i + 1)
	}
	if y > 0 {
		fn(i - g.w)
	}
	if y < g.h-1 {
		fn(i + g.w)
	}
}
