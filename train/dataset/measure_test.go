package dataset_test

import (
	"math"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"gorgonia.org/tensor"

	"convgraph/train/dataset"
)

func TestMeasureSmallExample(t *testing.T) {
	// Two images of two channels and two pixels: red 0,1 and 1,0; green 0,0 and 1,0.
	set, err := dataset.NewImages(tensor.Shape{2, 1, 2}, []uint8{0, 255, 0, 0, 255, 0, 255, 0}, []uint8{0, 0}, 1)
	require.NoError(t, err)
	st, err := dataset.Measure(set, 1)
	require.NoError(t, err)
	assert.Equal(t, 2, st.Samples)
	assert.Equal(t, []float32{0.5, 0.5, 0.5, 0}, st.MeanImage)
	assert.Equal(t, []float32{0.5, 0.25}, st.ChannelMean)
	assert.InDelta(t, 0.25, st.Covariance[0][0], 1e-12)
	assert.InDelta(t, 0.1875, st.Covariance[1][1], 1e-12)
	assert.InDelta(t, 0.125, st.Covariance[0][1], 1e-12)
	assert.Equal(t, st.Covariance[0][1], st.Covariance[1][0])
	_, err = st.PCAColour(0.1)
	assert.ErrorContains(t, err, "the set has 2 channels, want 3")
}

func TestMeasureWithWorkersAndCorruptImages(t *testing.T) {
	set := holes{counting(t, 61, 3, 4, 5), func(i int) bool { return i%7 == 2 }}
	want, err := dataset.Measure(set, 1)
	require.NoError(t, err)
	assert.Equal(t, 52, want.Samples)
	for _, workers := range []int{0, 3} {
		got, err := dataset.Measure(set, workers)
		require.NoError(t, err)
		assert.Equal(t, want, got)
	}
}

func TestMeasureErrors(t *testing.T) {
	_, err := dataset.Measure(brokenFrom{counting(t, 5, 1, 1, 1), 2}, 1)
	assert.ErrorIs(t, err, errBroken)
	_, err = dataset.Measure(dataset.Take(counting(t, 5, 1, 1, 1), 0), 1)
	assert.ErrorContains(t, err, "none of 0 samples could be read")
}

// The components are the covariance's: C·p = λ·p, the eigenvalues sum to the trace, and the p are
// perpendicular.
func TestPCAColourComponents(t *testing.T) {
	st, err := dataset.Measure(counting(t, 40, 3, 3, 7), 1)
	require.NoError(t, err)
	colour, err := st.PCAColour(0.1)
	require.NoError(t, err)
	assert.Equal(t, 0.1, colour.Std)
	trace, total := 0.0, 0.0
	for k, scaled := range colour.Components {
		value := norm(scaled)
		total += value
		trace += st.Covariance[k][k]
		for c, row := range st.Covariance {
			product := 0.0
			for d, v := range row {
				product += v * float64(scaled[d])
			}
			assert.InDelta(t, value*float64(scaled[c]), product, 1e-8)
		}
	}
	assert.InDelta(t, trace, total, 1e-6)
	for a := range 3 {
		for b := range a {
			assert.InDelta(t, 0, inner(colour.Components[a], colour.Components[b]), 1e-8)
		}
	}
}

func norm(v [3]float32) float64 { return math.Sqrt(inner(v, v)) }

func inner(a, b [3]float32) (sum float64) {
	for i := range a {
		sum += float64(a[i]) * float64(b[i])
	}
	return sum
}

func TestAlexNetPipeline(t *testing.T) {
	set := counting(t, 20, 3, 10, 10)
	st, err := dataset.Measure(set, 0)
	require.NoError(t, err)
	for _, pca := range []bool{false, true} {
		training, err := st.AlexNetTraining(7, dataset.AlexNetOptions{Mirror: true, PCA: pca})
		require.NoError(t, err)
		augmented, err := dataset.Augment(set, 1, training, dataset.AlexNetEvaluation(7))
		require.NoError(t, err)
		assert.Equal(t, tensor.Shape{3, 7, 7}, augmented.Shape())
		_, x := sampleOf(t, augmented, 4)
		_, whole := sampleOf(t, set, 4)
		assert.Equal(t, whole[11], x[0], "the margins are 1 before and 2 behind")
	}
	grey, err := dataset.Measure(counting(t, 2, 1, 10, 10), 0)
	require.NoError(t, err)
	_, err = grey.AlexNetTraining(7, dataset.AlexNetOptions{PCA: true})
	assert.ErrorContains(t, err, "the set has 1 channels, want 3")
}
