package picture_test

import (
	"bytes"
	"image"
	"image/color"
	"image/draw"
	"image/jpeg"
	"math"
	"math/rand/v2"

	xdraw "golang.org/x/image/draw"
)

// gray returns an MNIST sample as an image.
func gray(pixels []float32) *image.Gray {
	img := image.NewGray(image.Rect(0, 0, 28, 28))
	for i, v := range pixels {
		img.Pix[i] = uint8(math.Round(255 * float64(v)))
	}
	return img
}

func enlarged(img image.Image, side int) *image.RGBA {
	out := image.NewRGBA(image.Rect(0, 0, side, side))
	xdraw.CatmullRom.Scale(out, out.Rect, img, img.Bounds(), xdraw.Src, nil)
	return out
}

// painted has the color ink where img is white, background where it is black, and mixtures
// between.
func painted(img image.Image, background, ink color.RGBA) *image.RGBA {
	b := img.Bounds()
	out := image.NewRGBA(b)
	for y := b.Min.Y; y < b.Max.Y; y++ {
		for x := b.Min.X; x < b.Max.X; x++ {
			t := float64(color.GrayModel.Convert(img.At(x, y)).(color.Gray).Y) / 255
			mix := func(a, b uint8) uint8 { return uint8(math.Round(float64(a) + t*(float64(b)-float64(a)))) }
			out.SetRGBA(
				x, y, color.RGBA{mix(background.R, ink.R), mix(background.G, ink.G), mix(background.B, ink.B), 255},
			)
		}
	}
	return out
}

// moved puts a picture at an offset in a larger picture of one color.
func moved(img image.Image, size, at image.Point, background color.Color) *image.RGBA {
	out := image.NewRGBA(image.Rectangle{Max: size})
	draw.Draw(out, out.Rect, image.NewUniform(background), image.Point{}, draw.Src)
	draw.Draw(out, img.Bounds().Add(at), img, img.Bounds().Min, draw.Src)
	return out
}

func noisy(img *image.RGBA, deviation float64, seed uint64) *image.RGBA {
	r := rand.New(rand.NewPCG(seed, 0))
	for i := range img.Pix {
		if i%4 < 3 {
			img.Pix[i] = uint8(min(max(float64(img.Pix[i])+deviation*r.NormFloat64(), 0), 255))
		}
	}
	return img
}

// shaded is darker towards one side, like a photograph.
func shaded(img *image.RGBA, darkest float64) *image.RGBA {
	for i := range img.Pix {
		if i%4 < 3 {
			x := i / 4 % img.Rect.Dx()
			img.Pix[i] = uint8(float64(img.Pix[i]) * (1 - (1-darkest)*float64(x)/float64(img.Rect.Dx())))
		}
	}
	return img
}

func throughJPEG(img image.Image, quality int) image.Image {
	var b bytes.Buffer
	if err := jpeg.Encode(&b, img, &jpeg.Options{Quality: quality}); err != nil {
		panic(err)
	}
	out, err := jpeg.Decode(&b)
	if err != nil {
		panic(err)
	}
	return out
}

// transparent is like a drawing program's picture: ink of one color, as opaque as img is light, on
// a transparent background.
func transparent(img image.Image, ink color.RGBA) *image.NRGBA {
	b := img.Bounds()
	out := image.NewNRGBA(b)
	for y := b.Min.Y; y < b.Max.Y; y++ {
		for x := b.Min.X; x < b.Max.X; x++ {
			out.SetNRGBA(x, y, color.NRGBA{ink.R, ink.G, ink.B, color.GrayModel.Convert(img.At(x, y)).(color.Gray).Y})
		}
	}
	return out
}

var (
	black  = color.RGBA{0, 0, 0, 255}
	white  = color.RGBA{255, 255, 255, 255}
	paper  = color.RGBA{236, 229, 208, 255}
	pen    = color.RGBA{24, 40, 110, 255}
	red    = color.RGBA{255, 0, 0, 255}
	green  = color.RGBA{0, 140, 0, 255} // about as bright as red
	yellow = color.RGBA{250, 230, 60, 255}
)

// variants are versions of one picture.
var variants = []struct {
	name string
	make func(img image.Image) image.Image
	dark bool // the ink is darker than the background
}{
	{"as it is", func(img image.Image) image.Image { return img }, false},
	{"inverted", func(img image.Image) image.Image { return painted(img, white, black) }, true},
	{"blown up", func(img image.Image) image.Image { return enlarged(img, 140) }, false},
	{"shifted and padded", func(img image.Image) image.Image {
		return moved(
			img, image.Pt(90, 61), image.Pt(55, 3), black,
		)
	}, false},
	{"small in a large page", func(img image.Image) image.Image {
		return moved(painted(enlarged(img, 56), paper, pen), image.Pt(300, 400), image.Pt(60, 310), paper)
	}, true},
	{"colored, equally bright", func(img image.Image) image.Image {
		return painted(
			enlarged(img, 100), green, red,
		)
	}, true},
	{"yellow on blue", func(img image.Image) image.Image { return painted(enlarged(img, 100), pen, yellow) }, false},
	{"black on nothing", func(img image.Image) image.Image { return transparent(enlarged(img, 140), black) }, true},
	{"white on nothing", func(img image.Image) image.Image { return transparent(enlarged(img, 140), white) }, false},
	{"noisy", func(img image.Image) image.Image { return noisy(painted(enlarged(img, 140), paper, pen), 12, 1) }, true},
	{"a JPEG", func(img image.Image) image.Image {
		return throughJPEG(
			painted(enlarged(img, 140), white, pen), 40,
		)
	}, true},
	{"shaded photograph", func(img image.Image) image.Image {
		page := moved(painted(enlarged(img, 140), paper, pen), image.Pt(250, 210), image.Pt(50, 30), paper)
		return throughJPEG(noisy(shaded(page, 0.75), 4, 2), 75)
	}, true},
}
