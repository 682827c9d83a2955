package picture

// remove fills a region from its surroundings.
type remove struct {
	fill          []rgb // the grid with the region's cells filled in
	g             *grid
	width, height float32 // cells per pixel
}

// prepare fills the region's cells by push and pull (Gortler et al., The Lumigraph, 1996): known cells are averaged up
// a pyramid until no hole is left, then holes take the value of the level above. Cells beside the region count as holes
// too, since their pixels are partly the region's.
func (e *remove) prepare(work *canvas) {
	g := work.regions.grid
	known := make([]float32, len(g.cell))
	some := false
	for i, c := range work.regions.cell {
		if c == work.concept {
			continue
		}
		known[i] = 1
		g.around(i, func(j int) {
			if work.regions.cell[j] == work.concept {
				known[i] = 0
			}
		})
		some = some || known[i] > 0
	}
	e.g = g
	if some {
		e.fill = pull(g.w, g.h, g.cell, known)
	} else {
		// Nothing surrounds it: what is left is the region's own average.
		e.fill = make([]rgb, len(g.cell))
		for i := range e.fill {
			e.fill[i] = work.mean
		}
	}
	full := work.regions
	e.width, e.height = float32(g.w)/float32(full.width), float32(g.h)/float32(full.height)
}

// pull returns w×h cells where those that are not known are filled in.
func pull(w, h int, cell []rgb, known []float32) []rgb {
	if w == 1 && h == 1 {
		return cell
	}
	hw, hh := (w+1)/2, (h+1)/2
	half, weight := make([]rgb, hw*hh), make([]float32, hw*hh)
	for i, c := range cell {
		j := i/w/2*hw + i%w/2
		half[j] = half[j].add(c.times(known[i]))
		weight[j] += known[i]
	}
	for j, n := range weight {
		if n > 0 {
			half[j] = half[j].times(1 / n)
			weight[j] = 1
		}
	}
	half = pull(hw, hh, half, weight)
	out := make([]rgb, len(cell))
	for i, c := range cell {
		if known[i] == 1 {
			out[i] = c
		} else {
			out[i] = between(half, hw, hh, float32(i%w)/2+0.25, float32(i/w)/2+0.25)
		}
	}
	return out
}

// between reads w×h cells at a place between cells; cell 0's centre is at 0.5.
func between(cell []rgb, w, h int, x, y float32) rgb {
	x, y = max(x-0.5, 0), max(y-0.5, 0)
	ix, iy := min(int(x), w-1), min(int(y), h-1)
	jx, jy := min(ix+1, w-1), min(iy+1, h-1)
	tx, ty := x-float32(ix), y-float32(iy)
	top := cell[iy*w+ix].mix(cell[iy*w+jx], tx)
	return top.mix(cell[jy*w+ix].mix(cell[jy*w+jx], tx), ty)
}

// pixel adds a little grain: a perfectly smooth patch is what the eye finds first.
func (e *remove) pixel(x, y int, _ rgb) rgb {
	c := between(e.fill, e.g.w, e.g.h, (float32(x)+0.5)*e.width, (float32(y)+0.5)*e.height)
	grain := 5 * (hash(int32(x), int32(y)) - 0.5)
	return c.add(rgb{grain, grain, grain})
}
