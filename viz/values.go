package viz

import (
	"fmt"
	"image"
	"image/color"
	"math"
	"strconv"
	"strings"

	"convgraph/internal/xmath"
)

// Planes is a stack of planes of the same size, row-major (count, height, width): the channels of
// an image or the maps of a layer.
type Planes struct {
	Count, Height, Width int
	Data                 []float32
}

// Plane returns the i-th plane, without a copy.
func (p Planes) Plane(i int) []float32 {
	n := p.Height * p.Width
	return p.Data[i*n : (i+1)*n]
}

func (p Planes) check(what string) error {
	if p.Count <= 0 || p.Height <= 0 || p.Width <= 0 {
		return fmt.Errorf("%s: got size %dx%dx%d (count, height, width), want each at least 1", what, p.Count, p.Height,
			p.Width)
	}
	if want := p.Count * p.Height * p.Width; len(p.Data) != want {
		return fmt.Errorf("%s: got %d values for %dx%dx%d (count, height, width), want %d", what, len(p.Data), p.Count,
			p.Height, p.Width, want)
	}
	return nil
}

// Image draws one grey plane or three (red, green, blue), from r.Min (black) to r.Max (full). An
// image in [0, 1] has Range{0, 1}.
func (p Planes) Image(r Range) (image.Image, error) {
	if err := p.check("image"); err != nil {
		return nil, err
	}
	switch p.Count {
	case 1:
		return shade(p.Plane(0), p.Width, r, grey), nil
	case 3:
		return shadeRGB(p.Plane(0), p.Plane(1), p.Plane(2), p.Width, r), nil
	}
	return nil, fmt.Errorf("image: got %d channels, want 1 (grey) or 3 (red, green, blue)", p.Count)
}

// GreyPlane returns the luminance of an image as one plane in [0, 1].
func GreyPlane(img image.Image) Planes {
	b := img.Bounds()
	p := Planes{Count: 1, Height: b.Dy(), Width: b.Dx(), Data: make([]float32, 0, b.Dx()*b.Dy())}
	for y := b.Min.Y; y < b.Max.Y; y++ {
		for x := b.Min.X; x < b.Max.X; x++ {
			p.Data = append(p.Data, float32(color.Gray16Model.Convert(img.At(x, y)).(color.Gray16).Y)/math.MaxUint16)
		}
	}
	return p
}

// RGBPlanes returns the red, green and blue of an image as three planes in [0, 1].
func RGBPlanes(img image.Image) Planes {
	b := img.Bounds()
	plane := b.Dx() * b.Dy()
	p := Planes{Count: 3, Height: b.Dy(), Width: b.Dx(), Data: make([]float32, 3*plane)}
	for i := range plane {
		red, green, blue, _ := img.At(b.Min.X+i%b.Dx(), b.Min.Y+i/b.Dx()).RGBA()
		p.Data[i] = float32(red) / math.MaxUint16
		p.Data[plane+i] = float32(green) / math.MaxUint16
		p.Data[2*plane+i] = float32(blue) / math.MaxUint16
	}
	return p
}

// Filters holds the weights of a convolution, row-major (out channels, in channels, height, width).
type Filters struct {
	Out, In, Height, Width int
	Data                   []float32
}

// Filter returns the i-th filter, one plane for each input channel, without a copy.
func (f Filters) Filter(i int) Planes {
	n := f.In * f.Height * f.Width
	return Planes{Count: f.In, Height: f.Height, Width: f.Width, Data: f.Data[i*n : (i+1)*n]}
}

func (f Filters) check() error {
	if f.Out <= 0 || f.In <= 0 || f.Height <= 0 || f.Width <= 0 {
		return fmt.Errorf("filters: got size %dx%dx%dx%d (out, in, height, width), want each at least 1", f.Out, f.In,
			f.Height, f.Width)
	}
	if want := f.Out * f.In * f.Height * f.Width; len(f.Data) != want {
		return fmt.Errorf("filters: got %d weights for %dx%dx%dx%d (out, in, height, width), want %d",
			len(f.Data), f.Out,
			f.In, f.Height, f.Width, want)
	}
	return nil
}

// Range is the range of a scale, from black to white.
type Range struct{ Min, Max float32 }

// RangeOf returns the range of the finite values in all slices; zero if there are none.
func RangeOf(slices ...[]float32) Range {
	r := Range{float32(math.Inf(1)), float32(math.Inf(-1))}
	for _, s := range slices {
		for _, v := range s {
			if xmath.IsFinite(v) {
				r.Min, r.Max = min(r.Min, v), max(r.Max, v)
			}
		}
	}
	if r.Min > r.Max {
		return Range{}
	}
	return r
}

// String formats the range as "−0.420 … 0.391", with non-breaking spaces: three digits of the
// larger end, and as many decimals for the other.
func (r Range) String() string { return r.least() + "\u00a0…\u00a0" + r.greatest() }

func (r Range) least() string { return r.number(r.Min) }

func (r Range) greatest() string { return r.number(r.Max) }

func (r Range) number(v float32) string {
	if v == 0 {
		return "0"
	}
	format, digits := byte('g'), 3
	if far := math.Max(math.Abs(float64(r.Min)), math.Abs(float64(r.Max))); far >= 0.001 && far < 10000 {
		format, digits = 'f', max(0, 2-int(math.Floor(math.Log10(far))))
	}
	return strings.ReplaceAll(strconv.FormatFloat(float64(v), format, digits, 32), "-", "−")
}

// position returns where v lies in the range, from 0 to 1, clamped; 1/2 for an empty range.
func (r Range) position(v float32) float64 {
	if r.Max <= r.Min {
		return 0.5
	}
	return min(max((float64(v)-float64(r.Min))/(float64(r.Max)-float64(r.Min)), 0), 1)
}

func countNotFinite(s []float32) int {
	n := 0
	for _, v := range s {
		if !xmath.IsFinite(v) {
			n++
		}
	}
	return n
}
