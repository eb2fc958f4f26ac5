package picture

import (
	"image"
	"image/draw"
)

// color is red, green and blue from 0 to 1.
type color [3]float32

func (a color) minus(b color) color { return color{a[0] - b[0], a[1] - b[1], a[2] - b[2]} }

func (a color) dot(b color) float32 { return a[0]*b[0] + a[1]*b[1] + a[2]*b[2] }

// luma is JFIF's brightness.
func (a color) luma() float32 { return a.dot(color{0.299, 0.587, 0.114}) }

// canvas holds a picture's colors at a bounded size.
type canvas struct {
	width, height int
	pixels        []color
}

// longestSide is the longest side of a canvas, fifty times that of the ink in the result.
const longestSide = 1024

// newCanvas reduces a large picture by averaging cells of the smallest sufficient side, and draws
// it on an opaque background.
func newCanvas(img image.Image) *canvas {
	cells := newCells(img)
	c := &canvas{width: cells.width, height: cells.height, pixels: make([]color, len(cells.sums))}
	ground := cells.ground()
	for i, s := range cells.sums {
		for k := range c.pixels[i] {
			c.pixels[i][k] = float32((s.rgb[k] + ground*(s.opaque()-s.alpha)) / s.opaque())
		}
	}
	return c
}

// cells are squares of pixels, each with the sums of their colors, which are multiplied by alpha
// as in [image/color].
type cells struct {
	width, height int
	sums          []sum
}

type sum struct {
	rgb    [3]float64
	alpha  float64
	pixels int
}

// opaque returns the alpha sum of equally many opaque pixels.
func (s sum) opaque() float64 { return 255 * float64(s.pixels) }

func newCells(img image.Image) *cells {
	b := img.Bounds()
	side := (max(b.Dx(), b.Dy()) + longestSide - 1) / longestSide
	c := &cells{width: (b.Dx() + side - 1) / side, height: (b.Dy() + side - 1) / side}
	c.sums = make([]sum, c.width*c.height)
	strip := image.NewRGBA(image.Rect(0, 0, min(b.Dx(), 1<<14), 1))
	for y := range b.Dy() {
		for left := 0; left < b.Dx(); left += strip.Rect.Dx() {
			n := min(strip.Rect.Dx(), b.Dx()-left)
			draw.Draw(strip, image.Rect(0, 0, n, 1), img, b.Min.Add(image.Pt(left, y)), draw.Src)
			for x := range n {
				c.sums[y/side*c.width+(left+x)/side].add(strip.Pix[4*x : 4*x+4])
			}
		}
	}
	return c
}

func (s *sum) add(rgba []uint8) {
	for k := range s.rgb {
		s.rgb[k] += float64(rgba[k])
	}
	s.alpha += float64(rgba[3])
	s.pixels++
}

// ground returns the background that makes a picture with transparent parts visible: 1 (white) if
// its opaque parts are dark, else 0 (black).
func (c *cells) ground() float64 {
	var light, alpha float64
	for _, s := range c.sums {
		light += (s.rgb[0] + s.rgb[1] + s.rgb[2]) / 3
		alpha += s.alpha
	}
	if light < alpha/2 {
		return 1
	}
	return 0
}
