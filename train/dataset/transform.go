package dataset

import (
	"fmt"
	"math/rand/v2"

	"gorgonia.org/tensor"

	"convgraph/picture"
)

// Transform changes an image. A value is configuration only: many goroutines may use it at once.
type Transform interface {
	// Output returns the shape (C,H,W) of transformed images of shape in, or an error.
	Output(in tensor.Shape) (tensor.Shape, error)
	// Apply writes the transformed src to dst, which has Output's shape and shares no memory with
	// src. It draws random numbers from rng alone.
	Apply(dst, src picture.Image, rng *rand.Rand)
}

// CentreCrop keeps the center Height x Width pixels.
type CentreCrop struct{ Height, Width int }

// Output returns (C,Height,Width); the image must be at least that large.
func (t CentreCrop) Output(in tensor.Shape) (tensor.Shape, error) {
	return cropped("centre crop", in, t.Height, t.Width, 0)
}

// Apply copies the center. Where margins can't be equal, the upper and the left one are smaller.
func (t CentreCrop) Apply(dst, src picture.Image, _ *rand.Rand) {
	crop(dst, src, (src.Height-t.Height)/2, (src.Width-t.Width)/2, false)
}

// RandomCrop keeps Height x Width pixels at a random place, with equal probability, of the image
// with a margin of Padding zeros around it (Krizhevsky et al. 2012, section 4.1, crops without
// padding). With Edge the margin repeats the image's edge.
type RandomCrop struct {
	Height, Width, Padding int
	Edge                   bool
}

// Output returns (C,Height,Width); the image and its padding must be at least that large.
func (t RandomCrop) Output(in tensor.Shape) (tensor.Shape, error) {
	if t.Padding < 0 {
		return nil, fmt.Errorf("random crop: padding %d: want 0 or more", t.Padding)
	}
	return cropped("random crop", in, t.Height, t.Width, t.Padding)
}

// Apply draws the row, then the column, of the crop's upper left corner.
func (t RandomCrop) Apply(dst, src picture.Image, rng *rand.Rand) {
	top := rng.IntN(src.Height + 2*t.Padding - t.Height + 1)
	left := rng.IntN(src.Width + 2*t.Padding - t.Width + 1)
	crop(dst, src, top-t.Padding, left-t.Padding, t.Edge)
}

func cropped(name string, in tensor.Shape, height, width, padding int) (tensor.Shape, error) {
	if _, err := sampleSize(in); err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	if height < 1 || width < 1 || height > in[1]+2*padding || width > in[2]+2*padding {
		return nil, fmt.Errorf("%s to %dx%d: want 1x1 to %dx%d, the image with its padding",
			name, height, width, in[1]+2*padding, in[2]+2*padding)
	}
	return tensor.Shape{in[0], height, width}, nil
}

// crop copies the window of src whose upper left corner is (top,left) to dst. Outside of src it
// is zero, or with edge src's edge.
func crop(dst, src picture.Image, top, left int, edge bool) {
	if edge {
		cropEdge(dst, src, top, left)
		return
	}
	from, to := max(left, 0), min(left+dst.Width, src.Width)
	for c := range dst.Channels {
		for y := range dst.Height {
			row := dst.Row(c, y)
			if top+y < 0 || top+y >= src.Height || from >= to {
				clear(row)
				continue
			}
			clear(row[:from-left])
			copy(row[from-left:], src.Row(c, top+y)[from:to])
			clear(row[to-left:])
		}
	}
}

// cropEdge is crop with the nearest pixel of src outside.
func cropEdge(dst, src picture.Image, top, left int) {
	for c := range dst.Channels {
		for y := range dst.Height {
			from := src.Row(c, min(max(top+y, 0), src.Height-1))
			for x := range dst.Width {
				dst.Row(c, y)[x] = from[min(max(left+x, 0), src.Width-1)]
			}
		}
	}
}

// Resize scales the image to Height x Width as [picture.Resize] does.
type Resize struct{ Height, Width int }

// Output returns (C,Height,Width).
func (t Resize) Output(in tensor.Shape) (tensor.Shape, error) {
	if _, err := sampleSize(in); err != nil {
		return nil, fmt.Errorf("resize: %w", err)
	}
	if t.Height < 1 || t.Width < 1 || t.Height > maxSide || t.Width > maxSide {
		return nil, fmt.Errorf("resize to %dx%d: want 1x1 to %dx%d", t.Height, t.Width, maxSide, maxSide)
	}
	return tensor.Shape{in[0], t.Height, t.Width}, nil
}

// Apply scales.
func (t Resize) Apply(dst, src picture.Image, _ *rand.Rand) { picture.Resize(dst, src) }

// Mirror swaps left and right in half of the images.
type Mirror struct{}

// Output returns the shape of the image.
func (Mirror) Output(in tensor.Shape) (tensor.Shape, error) { return sameShape("mirror", in) }

// Apply draws one bit, which decides whether this image is mirrored.
func (Mirror) Apply(dst, src picture.Image, rng *rand.Rand) {
	if rng.Uint64()&1 == 0 {
		copy(dst.Pixels, src.Pixels)
		return
	}
	for c := range src.Channels {
		for y := range src.Height {
			from, to := src.Row(c, y), dst.Row(c, y)
			for x, v := range from {
				to[len(to)-1-x] = v
			}
		}
	}
}

func sameShape(name string, in tensor.Shape) (tensor.Shape, error) {
	if _, err := sampleSize(in); err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	return in.Clone(), nil
}
