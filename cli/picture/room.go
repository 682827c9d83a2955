package picture

import (
	"image"
	"image/draw"
	"image/jpeg"
	"io"
	"math/rand/v2"

	"golang.org/x/image/vector"
)

// Size of a sample picture in pixels, and JPEG quality of its file.
const (
	RoomWidth, RoomHeight = 1600, 1200
	roomQuality           = 88
)

// WriteRoom writes the room of that seed as a JPEG of RoomWidth×RoomHeight.
func WriteRoom(w io.Writer, seed uint64) error {
	return jpeg.Encode(w, Room(seed, RoomWidth, RoomHeight), &jpeg.Options{Quality: roomQuality})
}

// palette is what a room is painted in.
type palette struct{ wall, floor, ceiling, door, cover rgb }

var palettes = []palette{
	{wall: rgb{206, 196, 178}, floor: rgb{138, 96, 62}, ceiling: rgb{238, 236, 230}, door: rgb{98, 62, 40}, cover: rgb{74, 96, 110}},
	{wall: rgb{176, 190, 184}, floor: rgb{120, 108, 98}, ceiling: rgb{236, 238, 238}, door: rgb{72, 74, 78}, cover: rgb{186, 128, 84}},
	{wall: rgb{214, 186, 168}, floor: rgb{156, 120, 84}, ceiling: rgb{242, 238, 232}, door: rgb{110, 84, 66}, cover: rgb{96, 112, 84}},
	{wall: rgb{168, 180, 202}, floor: rgb{112, 84, 64}, ceiling: rgb{234, 236, 242}, door: rgb{62, 88, 98}, cover: rgb{196, 176, 140}},
	{wall: rgb{198, 202, 160}, floor: rgb{134, 116, 100}, ceiling: rgb{240, 240, 228}, door: rgb{92, 76, 52}, cover: rgb{150, 72, 64}},
}

// room is a picture in the making: the back wall stands between left, top, right and bottom (0 to 1 of the picture).
type room struct {
	img                      *image.RGBA
	dice                     *rand.Rand
	paint                    palette
	left, top, right, bottom float32
	lamp                     spot
	window                   spot
}

// spot is where light comes from: centre and reach, 0 to 1 of the picture's width and height.
type spot struct{ x, y, reach float32 }

// Room draws a room with wall, floor, ceiling, window, door, lamp and a sofa. Each seed has its own colours and places;
// the same seed always gives the same room.
func Room(seed uint64, width, height int) *image.RGBA {
	dice := rand.New(rand.NewPCG(seed, 0x57_0c_e7))
	r := &room{
		img:    image.NewRGBA(image.Rect(0, 0, width, height)),
		dice:   dice,
		paint:  palettes[seed%uint64(len(palettes))],
		left:   0.13 + 0.06*dice.Float32(),
		right:  0.82 + 0.06*dice.Float32(),
		top:    0.14 + 0.04*dice.Float32(),
		bottom: 0.66 + 0.05*dice.Float32(),
	}
	r.shell()
	mirrored := dice.IntN(2) == 1
	span := r.right - r.left
	window, door := r.left+0.10*span, r.right-0.26*span
	if mirrored {
		window, door = r.right-0.48*span, r.left+0.08*span
	}
	r.drawWindow(window, r.top+0.10, 0.38*span, 0.26+0.04*dice.Float32())
	r.drawDoor(door, 0.18*span)
	r.drawSofa(window+0.02*span, 0.36*span)
	r.drawLamp(0.5 + 0.1*(dice.Float32()-0.5))
	r.light()
	return r.img
}

// fill paints a polygon given by x, y pairs from 0 to 1, with smooth edges. The rasterizer works on the polygon's own
// box: its cost is the box's area, and most things in a room are small.
func (r *room) fill(c rgb, at ...float32) {
	w, h := float32(r.img.Rect.Dx()), float32(r.img.Rect.Dy())
	var box image.Rectangle
	for i := 0; i < len(at); i += 2 {
		x, y := int(at[i]*w), int(at[i+1]*h)
		box = box.Union(image.Rect(x-1, y-1, x+2, y+2))
	}
	box = box.Intersect(r.img.Rect)
	dx, dy := float32(box.Min.X), float32(box.Min.Y)
	v := vector.NewRasterizer(box.Dx(), box.Dy())
	v.MoveTo(at[0]*w-dx, at[1]*h-dy)
	for i := 2; i < len(at); i += 2 {
		v.LineTo(at[i]*w-dx, at[i+1]*h-dy)
	}
	v.ClosePath()
	v.Draw(r.img, box, image.NewUniform(c.opaque()), image.Point{})
}

func (r *room) box(c rgb, x, y, width, height float32) {
	r.fill(c, x, y, x+width, y, x+width, y+height, x, y+height)
}

// shell is ceiling, cornice, three walls, skirting board and the floor with its boards.
func (r *room) shell() {
	p := r.paint
	l, t, rt, b := r.left, r.top, r.right, r.bottom
	// Smooth edges of two polygons that meet do not quite cover what is beneath them; the wall shows through.
	draw.Draw(r.img, r.img.Rect, image.NewUniform(p.wall.opaque()), image.Point{}, draw.Src)
	r.fill(p.ceiling, 0, 0, 1, 0, rt, t, l, t)
	r.fill(p.wall.times(0.90), 0, 0, l, t, l, b, 0, 1)
	r.fill(p.wall.times(0.86), 1, 0, rt, t, rt, b, 1, 1)
	r.fill(p.wall, l, t, rt, t, rt, b, l, b)
	r.fill(p.floor, 0, 1, l, b, rt, b, 1, 1)
	const boards = 13
	for i := range boards {
		// A board is as wide as the next one at the back and at the front; where it reaches the picture's edge it is cut.
		back, next := l+(rt-l)*float32(i)/boards, l+(rt-l)*float32(i+1)/boards
		front, after := float32(i)/boards, float32(i+1)/boards
		r.fill(p.floor.times(0.93+0.14*r.dice.Float32()), front, 1, back, b, next, b, after, 1)
		r.fill(p.floor.times(0.70), front-0.0012, 1, back-0.0006, b, back+0.0006, b, front+0.0012, 1)
	}
	cornice := p.ceiling.times(0.80)
	r.box(cornice, l, t-0.016, rt-l, 0.02)
	r.fill(cornice, 0, 0, l, t-0.016, l, t+0.004, 0, 0.035)
	r.fill(cornice, 1, 0, rt, t-0.016, rt, t+0.004, 1, 0.035)
	r.box(rgb{236, 234, 228}, l, b-0.016, rt-l, 0.016)
	r.fill(rgb{214, 212, 206}, 0, 0.97, l, b-0.016, l, b, 0, 1)
	r.fill(rgb{206, 204, 198}, 1, 0.97, rt, b-0.016, rt, b, 1, 1)
}

func (r *room) drawWindow(x, y, width, height float32) {
	const frame = 0.009
	r.box(rgb{228, 228, 224}, x-frame, y-frame*1.3, width+2*frame, height+2.6*frame)
	const bands = 48
	for i := range bands {
		f := float32(i) / bands
		r.box(rgb{150, 196, 236}.mix(rgb{226, 238, 246}, f), x, y+height*f, width, height/bands+0.001)
	}
	hill := y + height*(0.72+0.1*r.dice.Float32())
	r.fill(rgb{150, 176, 150}, x, hill, x+width*0.35, hill-height*0.10, x+width*0.7, hill+height*0.02, x+width, hill-height*0.06, x+width, y+height, x, y+height)
	r.box(rgb{224, 224, 220}, x+width/2-frame/2, y, frame, height)
	r.box(rgb{224, 224, 220}, x, y+height*0.42, width, frame)
	r.box(rgb{240, 239, 234}, x-2.2*frame, y+height+frame, width+4.4*frame, frame*1.6)
	r.window = spot{x + width/2, y + height/2, width}
}

func (r *room) drawDoor(x, width float32) {
	top := r.top + 0.115
	r.box(r.paint.door.times(1.35), x-0.008, top-0.011, width+0.016, r.bottom-top+0.011)
	r.box(r.paint.door, x, top, width, r.bottom-top)
	for _, panel := range []float32{0.06, 0.54} {
		h := r.bottom - top
		r.box(r.paint.door.times(0.82), x+0.14*width, top+h*panel, 0.72*width, h*0.38)
		r.box(r.paint.door.times(1.08), x+0.17*width, top+h*(panel+0.02), 0.66*width, h*0.34)
	}
	r.box(rgb{206, 186, 120}, x+0.86*width, top+(r.bottom-top)*0.5, 0.07*width, 0.028)
}

func (r *room) drawSofa(x, width float32) {
	c := r.paint.cover
	y := r.bottom - 0.045
	r.fill(r.paint.floor.times(0.62), x-0.02, y+0.15, x+width+0.02, y+0.15, x+width+0.035, y+0.18, x-0.035, y+0.18)
	r.box(c.times(0.92), x, y-0.055, width, 0.12)
	r.box(c.times(1.12), x+0.02, y+0.045, width/2-0.022, 0.05)
	r.box(c.times(1.08), x+width/2+0.002, y+0.045, width/2-0.022, 0.05)
	r.box(c.times(0.80), x, y+0.09, width, 0.065)
	r.box(c.times(1.00), x-0.02, y+0.01, 0.04, 0.145)
	r.box(c.times(0.88), x+width-0.02, y+0.01, 0.04, 0.145)
}

func (r *room) drawLamp(x float32) {
	y := r.top + 0.02
	r.box(rgb{60, 58, 56}, x-0.0015, 0, 0.003, y+0.01)
	r.fill(rgb{255, 226, 150}, x-0.03, y, x+0.03, y, x+0.062, y+0.075, x-0.062, y+0.075)
	r.fill(rgb{255, 246, 214}, x-0.062, y+0.075, x+0.062, y+0.075, x+0.05, y+0.088, x-0.05, y+0.088)
	r.lamp = spot{x, y + 0.07, 0.55}
}

// light darkens what is far from window and lamp, warms what the lamp reaches, and adds a camera's grain.
func (r *room) light() {
	width, height := r.img.Rect.Dx(), r.img.Rect.Dy()
	for y := range height {
		row := r.img.Pix[y*r.img.Stride:]
		fy := float32(y) / float32(height)
		for x := range width {
			fx := float32(x) / float32(width)
			day, warm := r.window.falls(fx, fy), r.lamp.falls(fx, fy)
			level := 0.66 + 0.26*day + 0.20*warm
			grain := 7 * (hash(int32(x), int32(y)) - 0.5)
			row[4*x] = clip(float32(row[4*x])*(level+0.05*warm) + grain)
			row[4*x+1] = clip(float32(row[4*x+1])*level + grain)
			row[4*x+2] = clip(float32(row[4*x+2])*(level-0.07*warm+0.03*day) + grain)
		}
	}
}

// falls is how much of its light arrives at x, y: 1 at the spot, a half at its reach.
func (s spot) falls(x, y float32) float32 {
	dx, dy := x-s.x, (y-s.y)*0.75
	return 1 / (1 + (dx*dx+dy*dy)/(s.reach*s.reach))
}
