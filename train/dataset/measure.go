package dataset

import (
	"errors"
	"fmt"

	"gonum.org/v1/gonum/mat"
	"gorgonia.org/tensor"
)

// Statistics describe the values of a set.
type Statistics struct {
	Shape       tensor.Shape // of a sample, (C,H,W)
	Samples     int          // measured; corrupt images are left out
	MeanImage   []float32    // (C,H,W)
	ChannelMean []float32    // (C)
	Covariance  [][]float64  // (C,C), of a pixel's channels over all pixels
}

// Measure reads the whole set once with the given number of goroutines (0: GOMAXPROCS). The result
// is the same for any number.
func Measure(ds Dataset, workers int) (*Statistics, error) {
	loader, err := NewLoader(LoaderOptions{Batch: 16, Workers: workers, OnCorrupt: SkipCorrupt})
	if err != nil {
		return nil, err
	}
	shape := ds.Shape()
	if _, err := sampleSize(shape); err != nil {
		return nil, err
	}
	sums := newSums(shape[0], shape[1]*shape[2])
	order := make([]int, ds.Len())
	for i := range order {
		order[i] = i
	}
	for batch, err := range loader.Epoch(ds, order) {
		if err != nil {
			return nil, fmt.Errorf("measuring the set: %w", err)
		}
		for n := range batch.Labels {
			sums.add(batch.X[n*shape.TotalSize():][:shape.TotalSize()])
		}
	}
	if sums.samples == 0 {
		return nil, fmt.Errorf("measuring the set: none of %d samples could be read", ds.Len())
	}
	return sums.statistics(shape), nil
}

type sums struct {
	channels, plane, samples int
	values                   []float64   // of each value of the image
	products                 [][]float64 // of each two channels, the second not before the first
}

func newSums(channels, plane int) *sums {
	s := &sums{channels: channels, plane: plane, values: make([]float64, channels*plane),
		products: make([][]float64, channels)}
	for c := range s.products {
		s.products[c] = make([]float64, channels)
	}
	return s
}

func (s *sums) add(x []float32) {
	s.samples++
	for i, v := range x {
		s.values[i] += float64(v)
	}
	for a := range s.channels {
		for b := a; b < s.channels; b++ {
			s.products[a][b] += dot(x[a*s.plane:(a+1)*s.plane], x[b*s.plane:(b+1)*s.plane])
		}
	}
}

func dot(a, b []float32) (sum float64) {
	for i, v := range a {
		sum += float64(v) * float64(b[i])
	}
	return sum
}

func (s *sums) statistics(shape tensor.Shape) *Statistics {
	st := &Statistics{Shape: shape, Samples: s.samples, MeanImage: make([]float32, len(s.values)),
		ChannelMean: make([]float32, s.channels), Covariance: make([][]float64, s.channels)}
	means := make([]float64, s.channels)
	for i, sum := range s.values {
		st.MeanImage[i] = float32(sum / float64(s.samples))
		means[i/s.plane] += sum
	}
	pixels := float64(s.samples) * float64(s.plane)
	for c := range means {
		means[c] /= pixels
		st.ChannelMean[c] = float32(means[c])
		st.Covariance[c] = make([]float64, s.channels)
	}
	for a := range s.channels {
		for b := a; b < s.channels; b++ {
			// E[ab] - E[a]E[b]
			st.Covariance[a][b] = s.products[a][b]/pixels - means[a]*means[b]
			st.Covariance[b][a] = st.Covariance[a][b]
		}
	}
	return st
}

// PCAColour returns the colour augmentation of the measured set, whose images must have three
// channels.
func (st *Statistics) PCAColour(std float64) (PCAColour, error) {
	if len(st.Covariance) != 3 {
		return PCAColour{}, fmt.Errorf("PCA colour: the set has %d channels, want 3", len(st.Covariance))
	}
	symmetric := mat.NewSymDense(3, nil)
	for a, row := range st.Covariance {
		for b, v := range row {
			symmetric.SetSym(a, b, v)
		}
	}
	var eigen mat.EigenSym
	if !eigen.Factorize(symmetric, true) {
		return PCAColour{},
			errors.New("PCA colour: the eigenvalues of the colours' covariance were not found: want finite values")
	}
	var vectors mat.Dense
	eigen.VectorsTo(&vectors)
	result := PCAColour{Std: std}
	for k, value := range eigen.Values(nil) {
		for c := range 3 {
			result.Components[k][c] = float32(value * vectors.At(c, k))
		}
	}
	return result, nil
}
