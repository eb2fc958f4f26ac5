package dataset

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"image"
	"math"

	"golang.org/x/image/draw"
	"gorgonia.org/tensor"
)

// ReadImage decodes the PNG or JPEG file at path, which its content says it is. An image much larger than its file's size warrants, or of
// more than 2^26 pixels, is refused before it takes memory.
func ReadImage(path string) (image.Image, error) {
	img, err := decodeFile(path)
	if err != nil && !errors.Is(err, errFile) {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return img, err
}

// DecodeImage decodes PNG or JPEG data, with [ReadImage]'s bounds.
func DecodeImage(data []byte) (image.Image, error) {
	return decodeImage(bytes.NewReader(data), int64(len(data)))
}

// DecodeImageContext is [DecodeImage] that gives up when the context is done: a few bytes can keep a decoder busy for long.
func DecodeImageContext(ctx context.Context, data []byte) (image.Image, error) {
	img, err := decodeImage(&patientReader{ctx, bytes.NewReader(data)}, int64(len(data)))
	if err != nil && ctx.Err() != nil {
		return nil, ctx.Err()
	}
	return img, err
}

// patientReader reads until its context is done.
type patientReader struct {
	ctx context.Context
	*bytes.Reader
}

func (r *patientReader) Read(p []byte) (int, error) {
	if err := r.ctx.Err(); err != nil {
		return 0, err
	}
	return r.Reader.Read(p)
}

// ImageSize is the width and height that the header of PNG or JPEG data says, within [ReadImage]'s bounds.
func ImageSize(data []byte) (image.Point, error) {
	config, err := decodeConfig(bufio.NewReader(bytes.NewReader(data)), int64(len(data)))
	return image.Pt(config.Width, config.Height), err
}

// Fit makes a sample of shape (C,H,W) of an image of any size, with values in [0, 1]: the image is scaled to cover HxW, what stands out is
// cut off evenly. One channel is the brightness, three are red, green and blue; transparent parts are over black.
func Fit(img image.Image, shape tensor.Shape) ([]float32, error) {
	size, err := sampleSize(shape)
	if err != nil {
		return nil, err
	}
	channels, height, width := shape[0], shape[1], shape[2]
	if channels != 1 && channels != 3 {
		return nil, fmt.Errorf("an image can't be made a sample of %v: %d channels, expected 1 (brightness) or 3 (red, green, blue)", shape, channels)
	}
	if height > maxSide || width > maxSide {
		return nil, fmt.Errorf("an image can't be made a sample of %v: expected at most %dx%d", shape, maxSide, maxSide)
	}
	if img.Bounds().Empty() {
		return nil, errors.New("the image is empty")
	}
	fitted := image.NewRGBA(image.Rect(0, 0, width, height))
	cover(fitted, img)
	pixels, values := make([]uint8, size), make([]float32, size)
	planes(pixels, fitted, channels)
	unitScale(values, pixels)
	return values, nil
}

// cover fills dst with the middle of src, as much of it as has dst's proportions.
func cover(dst *image.RGBA, src image.Image) {
	middle := middleOf(src.Bounds(), dst.Rect.Size())
	if middle.Size() == dst.Rect.Size() {
		draw.Draw(dst, dst.Rect, src, middle.Min, draw.Src)
		return
	}
	draw.BiLinear.Scale(dst, dst.Rect, src, middle, draw.Src, nil)
}

// middleOf is the largest rectangle of the proportions in the middle of r.
func middleOf(r image.Rectangle, proportions image.Point) image.Rectangle {
	scale := min(float64(r.Dx())/float64(proportions.X), float64(r.Dy())/float64(proportions.Y))
	part := func(n, whole int) int { return min(max(int(math.Round(scale*float64(n))), 1), whole) }
	size := image.Pt(part(proportions.X, r.Dx()), part(proportions.Y, r.Dy()))
	origin := r.Min.Add(r.Size().Sub(size).Div(2))
	return image.Rectangle{Min: origin, Max: origin.Add(size)}
}
