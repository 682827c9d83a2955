package picture

import (
	"bytes"
	"image"
	"image/draw"
	"image/jpeg"
	"image/png"
	"io"

	scale "golang.org/x/image/draw"
)

// MaxPixels is the largest picture that Decode takes apart: 64 megapixels are 256 MiB of memory.
const MaxPixels = 64 << 20

// PreviewSize is the longest side of a preview, in pixels.
const PreviewSize = 400

// previewQuality is JPEG quality, 1 to 100: previews are looked at on a phone, small matters more.
const previewQuality = 82

// Decode reads a JPEG (colour, grayscale or CMYK) or PNG. Its size is checked before memory is taken for it.
// A file that is broken, cut off, of another format or above MaxPixels is refused with *BadInput.
func Decode(file []byte) (*image.RGBA, error) {
	size, format, err := image.DecodeConfig(bytes.NewReader(file))
	if err != nil {
		return nil, refuse("not a JPEG or PNG picture: %v", err)
	}
	if size.Width <= 0 || size.Height <= 0 || size.Width > MaxPixels/size.Height {
		return nil, refuse("%s picture of %d×%d: at most %d megapixels are taken", format, size.Width, size.Height, MaxPixels>>20)
	}
	img, _, err := image.Decode(bytes.NewReader(file))
	if err != nil {
		return nil, refuse("broken %s picture: %v", format, err)
	}
	return flatten(img), nil
}

// flatten copies img into a fresh RGBA whose bounds start at 0,0, laid on white.
func flatten(img image.Image) *image.RGBA {
	b := img.Bounds()
	out := image.NewRGBA(image.Rect(0, 0, b.Dx(), b.Dy()))
	if o, ok := img.(interface{ Opaque() bool }); ok && o.Opaque() {
		draw.Draw(out, out.Rect, img, b.Min, draw.Src)
		return out
	}
	draw.Draw(out, out.Rect, image.White, image.Point{}, draw.Src)
	draw.Draw(out, out.Rect, img, b.Min, draw.Over)
	return out
}

// WritePNG writes img in full size. Speed wins over size: the picture is uploaded once over a data centre's network.
func WritePNG(w io.Writer, img image.Image) error {
	return (&png.Encoder{CompressionLevel: png.BestSpeed}).Encode(w, img)
}

// WritePreview writes img as a JPEG whose longer side is at most PreviewSize. Small pictures are not blown up.
func WritePreview(w io.Writer, img image.Image) error {
	b := img.Bounds()
	width, height := fit(b.Dx(), b.Dy(), PreviewSize)
	small := image.NewRGBA(image.Rect(0, 0, width, height))
	scale.ApproxBiLinear.Scale(small, small.Rect, img, b, draw.Src, nil)
	return jpeg.Encode(w, small, &jpeg.Options{Quality: previewQuality})
}

// fit shrinks width×height so that neither is above limit; no side falls below 1.
func fit(width, height, limit int) (int, int) {
	longer := max(width, height)
	if longer <= limit {
		return width, height
	}
	return max(1, (width*limit+longer/2)/longer), max(1, (height*limit+longer/2)/longer)
}
