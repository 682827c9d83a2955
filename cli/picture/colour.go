package picture

import (
	"image/color"
	"math"
	"strconv"
	"strings"

	"golang.org/x/image/colornames"
)

// rgb is a colour in gamma-encoded sRGB, 0 to 255.
type rgb struct{ r, g, b float32 }

func (c rgb) add(d rgb) rgb            { return rgb{c.r + d.r, c.g + d.g, c.b + d.b} }
func (c rgb) times(f float32) rgb      { return rgb{c.r * f, c.g * f, c.b * f} }
func (c rgb) mix(d rgb, f float32) rgb { return c.times(1 - f).add(d.times(f)) }

// luma is the Rec. 601 weighting that JPEG uses too, 0 to 255.
func (c rgb) luma() float32 { return 0.299*c.r + 0.587*c.g + 0.114*c.b }

// away is the squared distance in sRGB: rough, and good enough to choose between two neighbours.
func (c rgb) away(d rgb) float32 {
	r, g, b := c.r-d.r, c.g-d.g, c.b-d.b
	return r*r + g*g + b*b
}

// parseColour takes #rgb, #rrggbb (the # may be missing) or a CSS colour name.
func parseColour(value string) (rgb, error) {
	name := strings.ToLower(strings.TrimSpace(value))
	if c, ok := colornames.Map[name]; ok {
		return rgb{float32(c.R), float32(c.G), float32(c.B)}, nil
	}
	hex := strings.TrimPrefix(name, "#")
	if len(hex) == 3 {
		hex = string([]byte{hex[0], hex[0], hex[1], hex[1], hex[2], hex[2]})
	}
	n, err := strconv.ParseUint(hex, 16, 32)
	if err != nil || len(hex) != 6 {
		return rgb{}, refuse("unknown colour %q: give #rrggbb or a CSS colour name such as teal", value)
	}
	return rgb{float32(n >> 16), float32(n >> 8 & 0xff), float32(n & 0xff)}, nil
}

// lab is OKLab (Björn Ottosson, 2020) times 100: lightness 0 to 100, a and b around ±30.
type lab struct{ l, a, b float32 }

// linear is the sRGB transfer function for each byte.
var linear = func() (t [256]float64) {
	for i := range t {
		c := float64(i) / 255
		if c <= 0.04045 {
			t[i] = c / 12.92
		} else {
			t[i] = math.Pow((c+0.055)/1.055, 2.4)
		}
	}
	return t
}()

func (c lab) away(d lab) float64 {
	return math.Hypot(math.Hypot(float64(c.l-d.l), float64(c.a-d.a)), float64(c.b-d.b))
}

func (c rgb) lab() lab {
	r, g, b := linear[clip(c.r)], linear[clip(c.g)], linear[clip(c.b)]
	l := math.Cbrt(0.4122214708*r + 0.5363325363*g + 0.0514459929*b)
	m := math.Cbrt(0.2119034982*r + 0.6806995451*g + 0.1073969566*b)
	s := math.Cbrt(0.0883024619*r + 0.2817188376*g + 0.6299787005*b)
	return lab{
		l: float32(100 * (0.2104542553*l + 0.7936177850*m - 0.0040720468*s)),
		a: float32(100 * (1.9779984951*l - 2.4285922050*m + 0.4505937099*s)),
		b: float32(100 * (0.0259040371*l + 0.7827717662*m - 0.8086757660*s)),
	}
}

// clip rounds to a byte.
func clip(f float32) uint8 {
	switch {
	case f <= 0:
		return 0
	case f >= 254.5:
		return 255
	}
	return uint8(f + 0.5)
}

// opaque is c as a colour of the image package.
func (c rgb) opaque() color.RGBA { return color.RGBA{clip(c.r), clip(c.g), clip(c.b), 255} }
