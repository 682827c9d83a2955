package picture

// keptTint is how much of a region's own play of colours survives a new colour: a wall stays a wall, with its stains.
const keptTint = 0.3

// recolor gives a region a new colour under its old light.
type recolor struct {
	to   rgb
	base [256]rgb // by the pixel's luma
	mean rgb
}

func parseRecolor(value string) (edit, error) {
	to, err := parseColour(value)
	return &recolor{to: to}, err
}

func (e *recolor) prepare(work *canvas) {
	e.mean = work.mean
	for l := range e.base {
		e.base[l] = lit(e.to, float32(l), work.mean.luma())
	}
}

func (e *recolor) pixel(_, _ int, was rgb) rgb {
	l := was.luma()
	tint := was.add(e.mean.times(-1))
	tint = tint.add(rgb{1, 1, 1}.times(e.mean.luma() - l)) // without its part of the light
	return e.base[clip(l)].add(tint.times(keptTint))
}

// lit shows colour c where the picture has luma l and its region has luma mean on average. Shadows scale the colour
// down, highlights move it toward white, so that neither clips. The 16 keeps noise in near-black regions from
// being blown up.
func lit(c rgb, l, mean float32) rgb {
	shade := (l + 16) / (mean + 16)
	if shade <= 1 {
		return c.times(shade)
	}
	return c.mix(rgb{255, 255, 255}, 1-1/shade)
}
