package dataset

import (
	"fmt"

	"gorgonia.org/tensor"

	"convgraph/picture"
)

// Images is a set of 8-bit images held in memory.
type Images struct {
	shape   tensor.Shape
	size    int
	classes int
	pixels  []uint8
	labels  []uint8
}

// NewImages returns a set of len(labels) images of shape (C,H,W). pixels has the images one after
// the other, each channel by channel in row-major order. NewImages keeps both slices. Every label
// must be below classes, which is at most 256.
func NewImages(shape tensor.Shape, pixels, labels []uint8, classes int) (*Images, error) {
	size, err := sampleSize(shape)
	if err != nil {
		return nil, err
	}
	if len(pixels)/size != len(labels) || len(pixels)%size != 0 {
		return nil, fmt.Errorf("%d labels and %d pixels: want %d pixels an image %v",
			len(labels), len(pixels), size, shape)
	}
	if classes < 1 || classes > 256 {
		return nil, fmt.Errorf("%d classes: want 1 to 256", classes)
	}
	for i, label := range labels {
		if int(label) >= classes {
			return nil, fmt.Errorf("label %d of image %d is out of range: want 0 to %d", label, i, classes-1)
		}
	}
	return &Images{shape: shape.Clone(), size: size, classes: classes, pixels: pixels, labels: labels}, nil
}

// sampleSize returns C·H·W of an image's shape, or an error for any other shape.
func sampleSize(shape tensor.Shape) (int, error) {
	if len(shape) != 3 || shape[0] < 1 || shape[1] < 1 || shape[2] < 1 {
		return 0, fmt.Errorf("shape %v: want channels, height and width, each at least 1", shape)
	}
	return shape.TotalSize(), nil
}

// Len returns the number of images.
func (m *Images) Len() int { return len(m.labels) }

// Shape returns the shape (C,H,W) of an image.
func (m *Images) Shape() tensor.Shape { return m.shape.Clone() }

// Classes returns the number of classes.
func (m *Images) Classes() int { return m.classes }

// Sample writes image i, its pixels divided by 255, to dst.
func (m *Images) Sample(i int, dst []float32) (int, error) {
	if err := checkIndex(i, len(m.labels)); err != nil {
		return 0, err
	}
	if err := checkLength(dst, m.shape); err != nil {
		return 0, err
	}
	picture.Intensities(dst, m.pixels[i*m.size:(i+1)*m.size])
	return int(m.labels[i]), nil
}

// take returns the first n images, in the same memory.
func (m *Images) take(n int) *Images {
	first := *m
	first.pixels, first.labels = m.pixels[:n*m.size], m.labels[:n]
	return &first
}

// transpose exchanges the rows and the columns of each image.
func (m *Images) transpose() {
	height, width := m.shape[1], m.shape[2]
	plane := make([]uint8, height*width)
	for start := 0; start < len(m.pixels); start += len(plane) {
		pixels := m.pixels[start : start+len(plane)]
		copy(plane, pixels)
		for i := range pixels {
			pixels[i] = plane[i%height*width+i/height]
		}
	}
	m.shape = tensor.Shape{m.shape[0], width, height}
}
