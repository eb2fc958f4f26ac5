package picture_test

import (
	"bytes"
	"image"
	"image/jpeg"
	"image/png"
	"testing"

	"convgraph/picture"
)

// FuzzDigit reads any bytes as a picture: it is refused, or becomes a digit of the right form.
func FuzzDigit(f *testing.F) {
	img := drawing(image.Rect(0, 0, 12, 20), image.Rect(4, 3, 7, 16), paper, pen)
	var b bytes.Buffer
	_ = png.Encode(&b, img)
	f.Add(b.Bytes(), "detect")
	f.Add(b.Bytes()[:b.Len()/2], "dark")
	b = bytes.Buffer{}
	_ = jpeg.Encode(&b, img, nil)
	f.Add(b.Bytes(), "light")
	f.Add([]byte("\x89PNG\r\n\x1a\n"), "")
	f.Fuzz(func(t *testing.T, data []byte, ink string) {
		img, err := picture.Decode(data)
		if err != nil {
			return
		}
		d, err := picture.Digit(img, picture.Ink(ink))
		if err == nil {
			requireForm(t, d.Pixels)
		}
	})
}
