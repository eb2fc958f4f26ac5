// Package dataset provides labelled images for training: IDX files (MNIST's format), pictures in
// class folders, in tar and Parquet files and in lists, deterministic augmentation, and a loader
// that assembles batches ahead of the step.
//
// Everything is a [Dataset]: a fixed number of samples of one shape, each written on demand into
// memory that the caller owns. Wrappers ([Take], [Augment]) are Datasets, too, so they nest.
package dataset

import (
	"fmt"
	"strconv"

	"gorgonia.org/tensor"
)

// Dataset is a finite, ordered collection of labelled images of one shape.
type Dataset interface {
	// Len is the number of samples.
	Len() int
	// Shape is the shape of one sample: channels, height, width.
	Shape() tensor.Shape
	// Classes is the number of classes; a label is in [0, Classes).
	Classes() int
	// Sample writes sample i to dst, C·H·W values in row-major order, and returns its label.
	// Intensities are in [0, 1] unless a transform changes them. Sample is safe for concurrent use.
	// The error of an image that can't be decoded is a *[CorruptError].
	Sample(i int, dst []float32) (label int, err error)
}

// ClassNames returns the name of each class of ds: its own if it has any (an image folder's classes
// are its folders), or the labels in decimal, padded with zeros so that the names sort in the order
// of the labels.
func ClassNames(ds Dataset) []string {
	if named, ok := ds.(interface{ ClassNames() []string }); ok {
		return named.ClassNames()
	}
	return numberedNames(ds.Classes())
}

func numberedNames(classes int) []string {
	digits := len(strconv.Itoa(max(classes-1, 0)))
	names := make([]string, classes)
	for label := range names {
		names[label] = fmt.Sprintf("%0*d", digits, label)
	}
	return names
}

// Take returns the first n samples of ds, or all of them when it has fewer. A negative n counts as
// zero.
func Take(ds Dataset, n int) Dataset {
	n = min(max(n, 0), ds.Len())
	if m, ok := ds.(*Images); ok {
		return m.take(n)
	}
	return head{Dataset: ds, n: n}
}

type head struct {
	Dataset
	n int
}

func (h head) Len() int             { return h.n }
func (h head) ClassNames() []string { return ClassNames(h.Dataset) }

// Epoch changes the first samples of an [Augmented] set with the epoch.
func (h head) Epoch(epoch int) Dataset { return Take(ForEpoch(h.Dataset, epoch), h.n) }

func (h head) Sample(i int, dst []float32) (int, error) {
	if err := checkIndex(i, h.n); err != nil {
		return 0, err
	}
	return h.Dataset.Sample(i, dst)
}

// Batch writes the samples at indices to x, one after the other (N,C,H,W), and their one-hot labels
// to t (N,classes), which may be nil. The lengths must be N·C·H·W and N·classes.
func Batch(ds Dataset, indices []int, x, t []float32) error {
	size, classes := ds.Shape().TotalSize(), ds.Classes()
	if len(x) != len(indices)*size {
		return fmt.Errorf("batch of %d samples %v: x holds %d values, want %d",
			len(indices), ds.Shape(), len(x), len(indices)*size)
	}
	if t != nil && len(t) != len(indices)*classes {
		return fmt.Errorf("batch of %d samples, %d classes: t holds %d values, want %d",
			len(indices), classes, len(t), len(indices)*classes)
	}
	for row, i := range indices {
		label, err := ds.Sample(i, x[row*size:(row+1)*size])
		if err != nil {
			return fmt.Errorf("sample %d: %w", i, err)
		}
		if t == nil {
			continue
		}
		if err := oneHot(t[row*classes:(row+1)*classes], label); err != nil {
			return fmt.Errorf("sample %d: %w", i, err)
		}
	}
	return nil
}

// oneHot writes the distribution with probability 1 for label.
func oneHot(row []float32, label int) error {
	if label < 0 || label >= len(row) {
		return fmt.Errorf("label %d is out of range: the set has classes 0 to %d", label, len(row)-1)
	}
	clear(row)
	row[label] = 1
	return nil
}

func checkIndex(i, n int) error {
	if i < 0 || i >= n {
		return fmt.Errorf("index %d is out of range: the set has %d samples", i, n)
	}
	return nil
}

func checkLength(dst []float32, shape tensor.Shape) error {
	if len(dst) != shape.TotalSize() {
		return fmt.Errorf("dst holds %d values, a sample %v has %d", len(dst), shape, shape.TotalSize())
	}
	return nil
}
