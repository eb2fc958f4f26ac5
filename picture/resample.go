package picture

import (
	"image"
	"image/draw"
	"math"
)

// filter is the weight of a pixel as a function of its distance from an output's center, up to a
// radius.
type filter struct {
	radius float64
	weight func(distance float64) float64
}

var triangle = filter{1, func(d float64) float64 { return max(1-math.Abs(d), 0) }}

// cubic is Keys 1981 with a = -1/2:
//
//	(a+2)|d|³ - (a+3)|d|² + 1       for |d| < 1
//	a|d|³ - 5a|d|² + 8a|d| - 4a     for |d| < 2
var cubic = filter{2, func(d float64) float64 {
	const a = -0.5
	switch d = math.Abs(d); {
	case d < 1:
		return ((a+2)*d-(a+3))*d*d + 1
	case d < 2:
		return (((d-5)*d+8)*d - 4) * a
	}
	return 0
}}

// precision is the number of fraction bits of a weight: 32 less the 8 of a level and 2 for a
// cubic's overshoot.
const precision = 32 - 8 - 2

// axis holds the weighted sum of each output: inputs from first[o] on, with weights[o].
type axis struct {
	first   []int
	weights [][]int32
}

// newAxis returns the axis of n outputs from corner on, where in pixels are scaled to out.
//
// Output o has its center at (o+1/2)·s of the input's axis, s = in/out. Scaling down (s > 1)
// stretches the filter by s, so that it averages all the pixels of an output. The weights are
// divided by their sum. All rounding is Pillow's (src/libImaging/Resample.c).
func newAxis(f filter, in, out, corner, n int) axis {
	a := axis{first: make([]int, n), weights: make([][]int32, n)}
	step := float64(in) / float64(out)
	stretch := max(step, 1)
	radius := f.radius * stretch
	values := make([]float64, 0, 2*int(math.Ceil(radius))+1)
	for o := range n {
		center := (float64(corner+o) + 0.5) * step
		first := max(int(center-radius+0.5), 0)
		last := min(int(center+radius+0.5), in)
		values = values[:0]
		total := 0.0
		for i := first; i < last; i++ {
			w := f.weight((float64(i) - center + 0.5) * (1 / stretch))
			values = append(values, w)
			total += w
		}
		a.first[o], a.weights[o] = first, fixedPoint(values, total)
	}
	return a
}

func fixedPoint(values []float64, total float64) []int32 {
	weights := make([]int32, len(values))
	for i, v := range values {
		if total != 0 {
			v /= total
		}
		weights[i] = int32(math.Copysign(0.5, v) + v*(1<<precision))
	}
	return weights
}

func (a axis) end(o int) int { return a.first[o] + len(a.weights[o]) }

// level rounds and clips a sum of levels times weights.
func level(sum int32) uint8 { return uint8(min(max((sum+1<<(precision-1))>>precision, 0), 255)) }

// resample scales the picture's rows, each to 8 bits, and then the columns. It reads each row once
// and adds it to the outputs that contain it, so that its memory depends on the outputs only, not
// on the picture's size.
func (f fitting) resample(dst []uint8, img image.Image, input []int, by filter) {
	channels, height, width := input[0], input[1], input[2]
	across := newAxis(by, f.part.Dx(), f.size.X, f.corner.X, width)
	down := newAxis(by, f.part.Dy(), f.size.Y, f.corner.Y, height)
	source := newRows(img, f.part, channels, across.first[0], across.end(width-1))
	sums, narrow := make([]int32, len(dst)), make([]uint8, channels*width)
	done := 0
	for y := down.first[0]; done < height; y++ {
		across.apply(narrow, source.read(y), source.left, source.stride, channels)
		for o := done; o < height && down.first[o] <= y; o++ {
			addLevels(sums[o*len(narrow):][:len(narrow)], narrow, down.weights[o][y-down.first[o]])
		}
		for done < height && down.end(done) <= y+1 {
			done++
		}
	}
	for i, sum := range sums {
		y, c, x := i/len(narrow), i%len(narrow)/width, i%width
		dst[(c*height+y)*width+x] = level(sum)
	}
}

func addLevels(sums []int32, levels []uint8, weight int32) {
	sums = sums[:len(levels)]
	for i, v := range levels {
		sums[i] += weight * int32(v)
	}
}

// apply scales a row, whose pixels are stride apart and begin at column left, to dst, channel by
// channel.
func (a axis) apply(dst, row []uint8, left, stride, channels int) {
	width := len(dst) / channels
	for o, weights := range a.weights {
		pixels := row[(a.first[o]-left)*stride:]
		if channels == 1 {
			sum := int32(0)
			for i, w := range weights {
				sum += w * int32(pixels[i*stride])
			}
			dst[o] = level(sum)
			continue
		}
		var red, green, blue int32
		for i, w := range weights {
			p := pixels[i*stride : i*stride+3 : i*stride+3]
			red += w * int32(p[0])
			green += w * int32(p[1])
			blue += w * int32(p[2])
		}
		dst[o], dst[width+o], dst[2*width+o] = level(red), level(green), level(blue)
	}
}

// rows reads columns left to right of a part of a picture, row by row: red, green and blue of 4
// bytes, or the luma. Transparent parts are over black.
type rows struct {
	img    image.Image
	origin image.Point
	left   int
	stride int
	color  *image.RGBA
	gray   []uint8 // nil for color
}

func newRows(img image.Image, part image.Rectangle, channels, left, right int) *rows {
	r := &rows{img: img, origin: part.Min.Add(image.Pt(left, 0)), left: left, stride: 4}
	r.color = image.NewRGBA(image.Rect(0, 0, right-left, 1))
	if channels == 1 {
		r.stride, r.gray = 1, make([]uint8, right-left)
	}
	return r
}

func (r *rows) read(y int) []uint8 {
	draw.Draw(r.color, r.color.Rect, r.img, r.origin.Add(image.Pt(0, y)), draw.Src)
	if r.gray == nil {
		return r.color.Pix
	}
	for x := range r.gray {
		p := r.color.Pix[4*x : 4*x+3 : 4*x+3]
		r.gray[x] = luma(p[0], p[1], p[2])
	}
	return r.gray
}
