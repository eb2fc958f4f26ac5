package viz

import (
	"image"
	"image/color"
	"math"
)

// TestPattern returns a gray image of 128x128 pixels with edges of every kind, to test filters: at
// the top vertical bars, horizontal bars and diagonal stripes; in the center steps and a ramp; at
// the bottom a disc, rings, and a diamond on a cross.
func TestPattern() *image.Gray {
	img := image.NewGray(image.Rect(0, 0, 128, 128))
	for y := range 128 {
		for x := range 128 {
			img.SetGray(x, y, color.Gray{Y: uint8(math.Round(255 * patternAt(x, y)))})
		}
	}
	return img
}

func patternAt(x, y int) float64 {
	switch {
	case y < 48:
		return stripesAt(x, y)
	case y < 60:
		return float64(x/16) / 7
	case y < 72:
		return float64(x) / 127
	}
	return shapesAt(x, y)
}

func stripesAt(x, y int) float64 {
	const background = 0.5
	u := x % 43 // three fields of 43 pixels, each with a border of 3
	if u < 3 || u >= 40 || y < 4 || y >= 44 {
		return background
	}
	switch x / 43 {
	case 0:
		return float64(u / 6 % 2)
	case 1:
		return float64(y / 6 % 2)
	}
	if y < 24 {
		return float64((u + y) / 7 % 2)
	}
	return float64((u - y + 70) / 7 % 2)
}

func shapesAt(x, y int) float64 {
	const background = 0.15
	u, v := float64(x%43)-21, float64(y)-100
	distance := math.Hypot(u, v)
	switch x / 43 {
	case 0: // a disc with a soft rim
		return background + (0.95-background)*min(max((17-distance)/2+0.5, 0), 1)
	case 1: // rings that get finer outwards
		if distance > 20 {
			return background
		}
		return 0.5 + 0.5*math.Cos(distance*distance/22)
	}
	if math.Abs(u)+math.Abs(v) <= 11 {
		return 0.95
	}
	if math.Abs(u) <= 3 || math.Abs(v) <= 3 {
		return 0.5
	}
	return background
}
