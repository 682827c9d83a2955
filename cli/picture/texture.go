package picture

import (
	"maps"
	"math"
	"slices"
	"strings"
)

// texture covers a region with a drawn material, in the light of what was there.
type texture struct {
	draw func(x, y float32) rgb
	unit float32 // pixels per unit of the material, so that it looks the same in pictures of every size
	mean float32 // luma of the region
}

// textures draw a material's colour at a place; the picture's longer side is 16 units.
var textures = map[string]func(x, y float32) rgb{
	"wood": func(x, y float32) rgb {
		plank := float32(math.Floor(float64(y / 0.8)))
		x += 7 * hash(int32(plank), 3)
		bend := noise(x*0.35, y*2.5+plank*17)
		ring := wave((y+bend*0.5)*3) * (0.3 + 0.7*noise(x*1.1, y*9))
		c := rgb{172, 122, 78}.mix(rgb{128, 84, 48}, ring).times(0.86 + 0.26*hash(int32(plank), 9))
		if in := y/0.8 - plank; in < 0.03 {
			c = c.times(0.55)
		}
		return c
	},
	"marble": func(x, y float32) rgb {
		bend := noise(x*0.5, y*0.5)*3 + noise(x*1.3, y*1.3) + noise(x*4, y*4)*0.35
		v := wave(x*0.35 + y*0.22 + bend)
		vein := v * v * v * v
		return rgb{238, 236, 232}.mix(rgb{126, 128, 134}, 0.75*vein*vein).mix(rgb{214, 208, 200}, 0.4*noise(x, y))
	},
	"linen": func(x, y float32) rgb {
		warp := wave(x*14+noise(x*2, y*9)*0.6) * (0.6 + 0.4*noise(x*13, y*2))
		weft := wave(y*14+noise(x*9, y*2)*0.6) * (0.6 + 0.4*noise(x*2, y*13))
		return rgb{222, 210, 188}.mix(rgb{176, 160, 134}, 0.5*warp+0.5*weft)
	},
	"concrete": func(x, y float32) rgb {
		cloud := 0.55*noise(x*0.6, y*0.6) + 0.3*noise(x*2, y*2) + 0.15*noise(x*11, y*11)
		return rgb{186, 186, 182}.mix(rgb{128, 129, 130}, cloud)
	},
}

// wave goes from 0 to 1 and back once per unit.
func wave(t float32) float32 { return 0.5 + 0.5*float32(math.Sin(2*math.Pi*float64(t))) }

func parseTexture(value string) (edit, error) {
	name := strings.ToLower(strings.TrimSpace(value))
	draw, ok := textures[name]
	if !ok {
		return nil, refuse("unknown texture %q: the sample worker draws %s", value, strings.Join(slices.Sorted(maps.Keys(textures)), ", "))
	}
	return &texture{draw: draw}, nil
}

func (e *texture) prepare(work *canvas) {
	e.unit = float32(max(work.regions.width, work.regions.height)) / 16
	e.mean = work.mean.luma()
}

func (e *texture) pixel(x, y int, was rgb) rgb {
	return lit(e.draw(float32(x)/e.unit, float32(y)/e.unit), was.luma(), e.mean)
}

// noise is value noise, 0 to 1, smooth, with one random value per unit square's corner.
func noise(x, y float32) float32 {
	fx, fy := float32(math.Floor(float64(x))), float32(math.Floor(float64(y)))
	ix, iy := int32(fx), int32(fy)
	tx, ty := x-fx, y-fy
	tx, ty = tx*tx*(3-2*tx), ty*ty*(3-2*ty)
	top := hash(ix, iy)*(1-tx) + hash(ix+1, iy)*tx
	bottom := hash(ix, iy+1)*(1-tx) + hash(ix+1, iy+1)*tx
	return top*(1-ty) + bottom*ty
}

// hash is a fixed random number from 0 to 1 for each pair.
func hash(x, y int32) float32 {
	h := uint32(x)*0x9e3779b1 ^ uint32(y)*0x85ebca77
	h ^= h >> 15
	h *= 0x2c1b3c6d
	h ^= h >> 12
	h *= 0x297a2d39
	h ^= h >> 15
	return float32(h>>8) / (1 << 24)
}
