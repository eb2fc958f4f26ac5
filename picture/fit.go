package picture

import (
	"image"
	"math"
	"sync"

	"golang.org/x/image/draw"
)

// fitting describes a scaling: the part of the picture to scale, the scaled size, and the offset of
// the input's corner in the result.
type fitting struct {
	part   image.Rectangle
	size   image.Point
	corner image.Point
}

// scaled returns the size before the crop, for Cover and Stretch: the input's proportions, with the
// shorter side Resize pixels long.
func (p Preprocessing) scaled(input []int) image.Point {
	height, width := input[1], input[2]
	if p.Resize == 0 || p.Fit == Shorter {
		return image.Pt(width, height)
	}
	longer := int(math.Round(float64(p.Resize) * float64(max(height, width)) / float64(min(height, width))))
	if height < width {
		return image.Pt(longer, p.Resize)
	}
	return image.Pt(p.Resize, longer)
}

func (p Preprocessing) fitting(bounds image.Rectangle, input []int) fitting {
	height, width := input[1], input[2]
	f := fitting{part: bounds, size: p.scaled(input)}
	switch p.Fit {
	case Cover:
		f.part = middleOf(bounds, f.size)
		f.corner = image.Pt((f.size.X-width)/2, (f.size.Y-height)/2)
		return f
	case Shorter:
		f.size = withShorter(bounds.Size(), max(p.Resize, height, width))
	}
	f.corner = image.Pt(halfEven(f.size.X-width), halfEven(f.size.Y-height))
	return f
}

// middleOf returns the largest rectangle with these proportions in the middle of r.
func middleOf(r image.Rectangle, proportions image.Point) image.Rectangle {
	scale := min(float64(r.Dx())/float64(proportions.X), float64(r.Dy())/float64(proportions.Y))
	part := func(n, whole int) int { return min(max(int(math.Round(scale*float64(n))), 1), whole) }
	size := image.Pt(part(proportions.X, r.Dx()), part(proportions.Y, r.Dy()))
	origin := r.Min.Add(r.Size().Sub(size).Div(2))
	return image.Rectangle{Min: origin, Max: origin.Add(size)}
}

// withShorter returns the size whose shorter side is side; the longer one is rounded down, as in
// torchvision.
func withShorter(size image.Point, side int) image.Point {
	longer := func(long, short int) int { return int(float64(side) * float64(long) / float64(short)) }
	if size.X <= size.Y {
		return image.Pt(side, longer(size.Y, size.X))
	}
	return image.Pt(longer(size.X, size.Y), side)
}

// halfEven returns half of n, rounded to even as in Python.
func halfEven(n int) int { return int(math.RoundToEven(float64(n) / 2)) }

var (
	levelScratch = sync.Pool{New: func() any { return new([]uint8) }}
	coverScratch = sync.Pool{New: func() any { return new([]uint8) }}
)

// levels writes the scaled picture in 8 bits, channel by channel.
func (p Preprocessing) levels(dst []uint8, img image.Image, input []int) {
	f := p.fitting(img.Bounds(), input)
	switch {
	case p.Interpolation == Bicubic:
		f.resample(dst, img, input, cubic)
	case p.Interpolation == Bilinear || p.Fit != Cover:
		f.resample(dst, img, input, triangle)
	default:
		f.cover(dst, img, input)
	}
}

// cover scales with a bilinear filter that rounds down. It copies a part that already has the right
// size.
func (f fitting) cover(dst []uint8, img image.Image, input []int) {
	scratch := coverScratch.Get().(*[]uint8)
	defer coverScratch.Put(scratch)
	whole := &image.RGBA{
		Pix: grown(scratch, 4*f.size.X*f.size.Y), Stride: 4 * f.size.X, Rect: image.Rectangle{Max: f.size},
	}
	if f.part.Size() == f.size {
		draw.Draw(whole, whole.Rect, img, f.part.Min, draw.Src)
	} else {
		draw.BiLinear.Scale(whole, whole.Rect, img, f.part, draw.Src, nil)
	}
	planes(dst, whole, f.corner, input[0], input[1], input[2])
}
