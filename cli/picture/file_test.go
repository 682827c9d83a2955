package picture

import (
	"bytes"
	"errors"
	"image"
	"image/color"
	"image/jpeg"
	"image/png"
	"testing"
)

func TestDecode_Kinds(t *testing.T) {
	gray := image.NewGray(image.Rect(0, 0, 30, 20))
	for i := range gray.Pix {
		gray.Pix[i] = uint8(i)
	}
	var grayFile, roomFile, pngFile bytes.Buffer
	must(t, jpeg.Encode(&grayFile, gray, nil))
	must(t, jpeg.Encode(&roomFile, Room(0, 64, 48), nil))
	hole := image.NewNRGBA(image.Rect(5, 5, 25, 15))
	must(t, png.Encode(&pngFile, hole))
	for name, c := range map[string]struct {
		file []byte
		size image.Point
	}{
		"grayscale JPEG":          {grayFile.Bytes(), image.Pt(30, 20)},
		"colour JPEG":             {roomFile.Bytes(), image.Pt(64, 48)},
		"CMYK JPEG":               {cmyk(200, 60, 90, 230), image.Pt(8, 8)},
		"PNG with a transparency": {pngFile.Bytes(), image.Pt(20, 10)},
	} {
		img, err := Decode(c.file)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if img.Rect != image.Rectangle(image.Rect(0, 0, c.size.X, c.size.Y)) || !img.Opaque() {
			t.Errorf("%s: %v, opaque %v", name, img.Rect, img.Opaque())
		}
		if _, _, err := Edit(img, "interior", map[string]Action{"Wall": {"recolor", "teal"}}, nil); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	img, err := Decode(pngFile.Bytes())
	if err != nil || img.RGBAAt(3, 3) != (color.RGBA{255, 255, 255, 255}) {
		t.Errorf("a hole should be white: %v, %v", img.RGBAAt(3, 3), err)
	}
	if img, err = Decode(cmyk(200, 60, 90, 230)); err != nil || img.RGBAAt(4, 4).R <= img.RGBAAt(4, 4).G {
		t.Errorf("CMYK with little cyan should be reddish: %v, %v", img.RGBAAt(4, 4), err)
	}
}

func TestDecode_Refusals(t *testing.T) {
	var file bytes.Buffer
	must(t, jpeg.Encode(&file, Room(0, 64, 48), nil))
	whole := file.Bytes()
	huge := bytes.Clone(whole)
	at := bytes.Index(huge, []byte{0xff, 0xc0}) // SOF0: length 2, precision 1, height 2, width 2
	copy(huge[at+5:], []byte{0xff, 0xff, 0xff, 0xff})
	for name, bytes := range map[string][]byte{
		"nothing": nil, "text": []byte("hello"), "cut": whole[:len(whole)/2], "65535×65535": huge,
	} {
		var bad *BadInput
		if _, err := Decode(bytes); !errors.As(err, &bad) {
			t.Errorf("%s: got %v, want a BadInput", name, err)
		}
	}
}

func TestPreview_Sizes(t *testing.T) {
	for _, c := range []struct{ in, out image.Point }{
		{image.Pt(1600, 1200), image.Pt(400, 300)},
		{image.Pt(300, 800), image.Pt(150, 400)},
		{image.Pt(120, 80), image.Pt(120, 80)},
		{image.Pt(1, 1), image.Pt(1, 1)},
		{image.Pt(5000, 1), image.Pt(400, 1)},
		{image.Pt(401, 401), image.Pt(400, 400)},
	} {
		var file bytes.Buffer
		must(t, WritePreview(&file, image.NewRGBA(image.Rectangle{Max: c.in})))
		got, format, err := image.DecodeConfig(&file)
		if err != nil || format != "jpeg" || image.Pt(got.Width, got.Height) != c.out {
			t.Errorf("%v: %d×%d %s %v, want %v", c.in, got.Width, got.Height, format, err, c.out)
		}
	}
}

func TestWritePNG_IsLossless(t *testing.T) {
	img := Room(4, 200, 150)
	var file bytes.Buffer
	must(t, WritePNG(&file, img))
	back, err := Decode(file.Bytes())
	if err != nil || !bytes.Equal(back.Pix, img.Pix) {
		t.Errorf("the picture changed on its way: %v", err)
	}
}

func TestWriteRoom_SeedDecides(t *testing.T) {
	var one, again, other bytes.Buffer
	must(t, WriteRoom(&one, 1))
	must(t, WriteRoom(&again, 1))
	must(t, WriteRoom(&other, 6)) // the same palette, other places
	if !bytes.Equal(one.Bytes(), again.Bytes()) || bytes.Equal(one.Bytes(), other.Bytes()) {
		t.Error("a seed must give one room, and another seed another")
	}
	got, _, err := image.DecodeConfig(&one)
	if err != nil || got.Width != RoomWidth || got.Height != RoomHeight {
		t.Errorf("%d×%d, %v", got.Width, got.Height, err)
	}
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// cmyk writes an 8×8 JPEG of four components in one colour, as Adobe does (inverted), since the standard library only
// reads such files: one DC coefficient per component and nothing else.
func cmyk(ink ...uint8) []byte {
	f := []byte{0xff, 0xd8, 0xff, 0xee, 0, 14, 'A', 'd', 'o', 'b', 'e', 0, 100, 0, 0, 0, 0, 0}
	f = append(f, 0xff, 0xdb, 0, 67, 0)
	f = append(f, bytes.Repeat([]byte{8}, 64)...) // every quantizer is 8: a DC coefficient is the colour minus 128
	f = append(f, 0xff, 0xc0, 0, 20, 8, 0, 8, 0, 8, 4)
	for c := range byte(4) {
		f = append(f, c+1, 0x11, 0)
	}
	// DC: twelve symbols of four bits each, so a symbol is its own code. AC: only end-of-block, code 0.
	f = append(f, 0xff, 0xc4, 0, 31, 0x00, 0, 0, 0, 12, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11)
	f = append(f, 0xff, 0xc4, 0, 20, 0x10, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0)
	f = append(f, 0xff, 0xda, 0, 14, 4, 1, 0, 2, 0, 3, 0, 4, 0, 0, 63, 0)
	var bits []byte
	push := func(v, n int) {
		for n--; n >= 0; n-- {
			bits = append(bits, byte(v>>n&1))
		}
	}
	for _, v := range ink {
		dc, size := int(v)-128, 0
		for abs := max(dc, -dc); abs > 0; abs >>= 1 {
			size++
		}
		push(size, 4)
		if dc < 0 {
			dc += 1<<size - 1
		}
		push(dc, size)
		push(0, 1)
	}
	for len(bits)%8 != 0 {
		bits = append(bits, 1)
	}
	for i := 0; i < len(bits); i += 8 {
		var b byte
		for _, bit := range bits[i : i+8] {
			b = b<<1 | bit
		}
		if f = append(f, b); b == 0xff {
			f = append(f, 0)
		}
	}
	return append(f, 0xff, 0xd9)
}
