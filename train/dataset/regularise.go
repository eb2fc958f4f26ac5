package dataset

import (
	"fmt"
	"math"
	"math/rand/v2"
	"sync"

	"gorgonia.org/tensor"

	"convgraph/picture"
)

// Cutout covers a square of Size x Size pixels with zeros (DeVries, Taylor 2017). Its center is any
// pixel with equal probability, so part of the square may be outside of the image.
type Cutout struct{ Size int }

// Output returns the shape of the image.
func (t Cutout) Output(in tensor.Shape) (tensor.Shape, error) {
	if t.Size < 1 || t.Size > maxSide {
		return nil, fmt.Errorf("cutout: got a side of %d pixels, want 1 to %d", t.Size, maxSide)
	}
	return sameShape("cutout", in)
}

// Apply draws the row, then the column, of the square's center.
func (t Cutout) Apply(dst, src picture.Image, rng *rand.Rand) {
	copy(dst.Pixels, src.Pixels)
	top, left := rng.IntN(src.Height)-t.Size/2, rng.IntN(src.Width)-t.Size/2
	from, to := max(left, 0), min(left+t.Size, src.Width)
	for c := range dst.Channels {
		for y := max(top, 0); y < min(top+t.Size, src.Height); y++ {
			clear(dst.Row(c, y)[from:to])
		}
	}
}

// maxSide prevents overflow.
const maxSide = 1 << 13

// ColourJitter multiplies brightness, contrast and saturation, in this order, each by a factor that
// is uniform in [1-Amount, 1+Amount], and clips to [0, 1] after each, as torchvision's ColorJitter
// does:
//
//	brightness: f·x      contrast: m + f·(x-m), m the mean luma of the image      saturation: g + f·(x-g), g the pixel's luma
//
// Grey images have no saturation. Where images are normalised, Mean and Std of each channel say so;
// the factors apply to the intensities beneath.
type ColourJitter struct {
	Amount    float64
	Mean, Std []float64
}

// Output is the shape of the image, of one channel or three.
func (t ColourJitter) Output(in tensor.Shape) (tensor.Shape, error) {
	if !(t.Amount >= 0 && t.Amount <= 1) {
		return nil, fmt.Errorf("colour: got %v, want 0 to 1", t.Amount)
	}
	shape, err := sameShape("colour", in)
	switch {
	case err != nil:
		return nil, err
	case in[0] != 1 && in[0] != 3:
		return nil, fmt.Errorf("colour: got %d channels, want 1 or 3", in[0])
	case t.Mean != nil && len(t.Mean) != in[0] || t.Std != nil && len(t.Std) != in[0]:
		return nil, fmt.Errorf("colour: got %d means and %d stds, want %d, one for each channel",
			len(t.Mean), len(t.Std), in[0])
	}
	return shape, nil
}

// Apply draws the three factors.
func (t ColourJitter) Apply(dst, src picture.Image, rng *rand.Rand) {
	brightness, contrast, saturation := 1+between(rng, t.Amount), 1+between(rng, t.Amount), 1+between(rng, t.Amount)
	for c := range src.Channels {
		mean, std := t.scale(c)
		from, to := src.Plane(c), dst.Plane(c)
		for i, v := range from {
			to[i] = clip(float32(brightness) * (v*std + mean))
		}
	}
	middle := float64(0)
	plane := src.Height * src.Width
	for i := range plane {
		middle += float64(luma(dst, i))
	}
	middle /= float64(plane)
	for i, v := range dst.Pixels {
		dst.Pixels[i] = clip(float32(middle) + float32(contrast)*(v-float32(middle)))
	}
	if dst.Channels == 3 {
		for i := range plane {
			grey := luma(dst, i)
			for c := range dst.Channels {
				v := &dst.Plane(c)[i]
				*v = clip(grey + float32(saturation)*(*v-grey))
			}
		}
	}
	for c := range dst.Channels {
		mean, std := t.scale(c)
		to := dst.Plane(c)
		for i, v := range to {
			to[i] = (v - mean) / std
		}
	}
}

// scale returns the mean and std of channel c.
func (t ColourJitter) scale(c int) (mean, std float32) {
	mean, std = 0, 1
	if t.Mean != nil {
		mean = float32(t.Mean[c])
	}
	if t.Std != nil {
		std = float32(t.Std[c])
	}
	return mean, std
}

// luma returns the brightness of pixel i (ITU-R BT.601).
func luma(m picture.Image, i int) float32 {
	if m.Channels == 1 {
		return m.Pixels[i]
	}
	return 0.299*m.Plane(0)[i] + 0.587*m.Plane(1)[i] + 0.114*m.Plane(2)[i]
}

func clip(v float32) float32 { return min(max(v, 0), 1) }

// ResizedCrop scales a random part of the image to Height x Width. Its area is uniform in [Area, 1]
// of the image's, and the logarithm of its aspect ratio uniform from 3:4 to 4:3 (Szegedy et al.
// 2015; torchvision's RandomResizedCrop).
type ResizedCrop struct {
	Height, Width int
	Area          float64
}

// Output returns (C,Height,Width).
func (t ResizedCrop) Output(in tensor.Shape) (tensor.Shape, error) {
	if !(t.Area > 0 && t.Area <= 1) {
		return nil, fmt.Errorf("resized crop: got a share of %v, want more than 0 and at most 1", t.Area)
	}
	return Resize{Height: t.Height, Width: t.Width}.Output(in)
}

// resizedTries bounds the draws of a part that doesn't fit. After them the whole image is used.
const resizedTries = 10

// Apply draws area and aspect ratio until the part fits, then its row and column.
func (t ResizedCrop) Apply(dst, src picture.Image, rng *rand.Rand) {
	height, width := src.Height, src.Width
	for range resizedTries {
		area := (t.Area + (1-t.Area)*rng.Float64()) * float64(src.Height*src.Width)
		ratio := math.Exp(between(rng, math.Log(4./3)))
		w, h := int(math.Round(math.Sqrt(area*ratio))), int(math.Round(math.Sqrt(area/ratio)))
		if w >= 1 && h >= 1 && w <= src.Width && h <= src.Height {
			height, width = h, w
			break
		}
	}
	top, left := rng.IntN(src.Height-height+1), rng.IntN(src.Width-width+1)
	scratch := cropScratch.Get().(*[]float32)
	defer cropScratch.Put(scratch)
	part := imageOf(tensor.Shape{src.Channels, height, width}, resized(scratch, src.Channels*height*width))
	crop(part, src, top, left, false)
	picture.Resize(dst, part)
}

var cropScratch = sync.Pool{New: func() any { return new([]float32) }}
