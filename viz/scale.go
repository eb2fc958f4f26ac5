package viz

import (
	"fmt"
	"image"
	"image/color"
	"math"

	"gonum.org/v1/plot/palette"
	"gonum.org/v1/plot/palette/moreland"

	"convgraph/internal/xmath"
)

// Scale says which values become black and white.
type Scale int

const (
	// ScaleEach scales every filter or map from its own least value (black) to its own greatest
	// (white): all details are visible, but tiles can't be compared.
	ScaleEach Scale = iota
	// ScaleShared uses one range for the whole picture, so that tiles can be compared.
	ScaleShared
)

// ranges returns the range of each slice under the scale; given is the shared range, nil for the
// slices' own.
func (s Scale) ranges(slices [][]float32, given *Range) ([]Range, error) {
	if s != ScaleEach && s != ScaleShared {
		return nil, fmt.Errorf("got scale %d, want ScaleEach or ScaleShared", s)
	}
	shared := RangeOf(slices...)
	if given != nil {
		shared = *given
	}
	if !xmath.IsFinite(shared.Min) || !xmath.IsFinite(shared.Max) || shared.Min > shared.Max {
		return nil, fmt.Errorf("got range %v, want finite numbers, the least first", shared)
	}
	ranges := make([]Range, len(slices))
	for i := range ranges {
		ranges[i] = shared
		if s == ScaleEach {
			ranges[i] = RangeOf(slices[i])
		}
	}
	return ranges, nil
}

// A ramp gives the color at a position from 0 to 1.
type ramp func(position float64) color.RGBA

func gray(position float64) color.RGBA {
	y := uint8(math.Round(255 * position))
	return color.RGBA{y, y, y, 255}
}

// heat runs from black through blue, red and yellow to white, evenly in lightness.
var heat = morelandRamp(moreland.ExtendedBlackBody())

// diverging runs from blue through light gray to red, its middle at position 0.5.
var diverging = morelandRamp(moreland.SmoothBlueRed())

func morelandRamp(m palette.ColorMap) ramp {
	m.SetMin(0)
	m.SetMax(1)
	var table [256]color.RGBA
	for i := range table {
		c, err := m.At(float64(i) / 255)
		if err != nil {
			panic(fmt.Sprintf("viz: color %d of a library's map: %v", i, err)) // can't happen: the map covers [0, 1]
		}
		table[i] = color.RGBAModel.Convert(c).(color.RGBA)
	}
	return func(position float64) color.RGBA { return table[int(math.Round(255*position))] }
}

// fade runs from white to the color.
func fade(to color.RGBA) ramp {
	return func(position float64) color.RGBA { return mix(white, to, position) }
}

func mix(a, b color.RGBA, t float64) color.RGBA {
	channel := func(a, b uint8) uint8 { return uint8(math.Round(float64(a) + t*(float64(b)-float64(a)))) }
	return color.RGBA{channel(a.R, b.R), channel(a.G, b.G), channel(a.B, b.B), 255}
}

// shade draws a plane of the given width, with a special color for non-finite values.
func shade(plane []float32, width int, r Range, colors ramp) *image.RGBA {
	img := image.NewRGBA(image.Rect(0, 0, width, len(plane)/width))
	for i, v := range plane {
		c := notFinite
		if xmath.IsFinite(v) {
			c = colors(r.position(v))
		}
		img.SetRGBA(i%width, i/width, c)
	}
	return img
}

func shadeRGB(red, green, blue []float32, width int, r Range) *image.RGBA {
	img := image.NewRGBA(image.Rect(0, 0, width, len(red)/width))
	for i := range red {
		c := notFinite
		if xmath.IsFinite(red[i]) && xmath.IsFinite(green[i]) && xmath.IsFinite(blue[i]) {
			c = color.RGBA{gray(r.position(red[i])).R, gray(r.position(green[i])).R, gray(r.position(blue[i])).R, 255}
		}
		img.SetRGBA(i%width, i/width, c)
	}
	return img
}

// warnNotFinite returns a note for pictures with NaN or infinities, "" otherwise.
func warnNotFinite(values []float32) string {
	n := countNotFinite(values)
	if n == 0 {
		return ""
	}
	return fmt.Sprintf("%d of %d values are not finite numbers (magenta)", n, len(values))
}
