package dataset

import (
	"fmt"
	"math/rand/v2"

	"gorgonia.org/tensor"

	"convgraph/picture"
)

// SubtractMean subtracts the mean of the training set: a value for each channel, or a whole mean
// image. [Measure] computes both.
type SubtractMean struct{ Mean []float32 }

// Output returns the shape of the image, whose channels or values must be as many as Mean's.
func (t SubtractMean) Output(in tensor.Shape) (tensor.Shape, error) {
	size, err := sampleSize(in)
	if err != nil {
		return nil, fmt.Errorf("subtract mean: %w", err)
	}
	if len(t.Mean) != in[0] && len(t.Mean) != size {
		return nil, fmt.Errorf("subtract mean: got a mean of %d values, want %d (one a channel) or %d (an image %v)",
			len(t.Mean), in[0], size, in)
	}
	return in.Clone(), nil
}

// Apply subtracts.
func (t SubtractMean) Apply(dst, src picture.Image, _ *rand.Rand) {
	if len(t.Mean) == len(src.Pixels) {
		for i, v := range src.Pixels {
			dst.Pixels[i] = v - t.Mean[i]
		}
		return
	}
	for c, mean := range t.Mean {
		shiftPlane(dst.Plane(c), src.Plane(c), -mean)
	}
}

func shiftPlane(dst, src []float32, by float32) {
	for i, v := range src {
		dst[i] = v + by
	}
}

// PCAColour shifts the colours of a whole image along the principal components of the training
// set's colours (Krizhevsky et al. 2012, section 4.1): it adds Σ a_k·λ_k·p_k to every pixel. a_k is
// drawn from a Gaussian of the given std once for each image; λ_k and p_k are the eigenvalues and
// eigenvectors of the colours' covariance, of intensities in [0, 1]. The paper's std is 0.1.
type PCAColour struct {
	Components [3][3]float32 // λ_k·p_k, row k
	Std        float64
}

// Output returns the shape of the image, which must have three channels.
func (t PCAColour) Output(in tensor.Shape) (tensor.Shape, error) {
	if _, err := sampleSize(in); err != nil {
		return nil, fmt.Errorf("PCA colour: %w", err)
	}
	if in[0] != 3 {
		return nil, fmt.Errorf("PCA colour: images %v have %d channels, want 3", in, in[0])
	}
	if !(t.Std >= 0) {
		return nil, fmt.Errorf("PCA colour: std %v: want 0 or more", t.Std)
	}
	return in.Clone(), nil
}

// Apply draws the three a_k.
func (t PCAColour) Apply(dst, src picture.Image, rng *rand.Rand) {
	var shift [3]float32
	for _, component := range t.Components {
		a := float32(rng.NormFloat64() * t.Std)
		for c, v := range component {
			shift[c] += a * v
		}
	}
	for c := range shift {
		shiftPlane(dst.Plane(c), src.Plane(c), shift[c])
	}
}
