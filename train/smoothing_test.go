package train

import (
	"context"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// TestLabelSmoothing: with a share of 0.3 and three classes the right one's target is 0.8, the
// others' 0.1.
func TestLabelSmoothing(t *testing.T) {
	tr := trainer(t, small())
	tr.LabelSmoothing = 0.3
	r, err := tr.start()
	require.NoError(t, err)
	defer r.step.Close()
	oneHot := []float32{0, 1, 0, 1, 0, 0, 0, 0, 1}
	r.setTargets(oneHot, 3)
	want := []float32{0.1, 0.8, 0.1, 0.8, 0.1, 0.1, 0.1, 0.1, 0.8}
	assert.InDeltaSlice(t, want, r.step.Targets().Float32s(), 1e-7)
	tr.LabelSmoothing = 0
	r.setTargets(oneHot, 3)
	assert.Equal(t, oneHot, r.step.Targets().Float32s())
}

// TestLabelSmoothingTrains on smoothed targets.
func TestLabelSmoothingTrains(t *testing.T) {
	smoothed := trainer(t, small())
	smoothed.LabelSmoothing = 0.3
	assert.NotEqual(t, finish(t, trainer(t, small())).params, finish(t, smoothed).params)
	for _, share := range []float64{-0.1, 1} {
		tr := trainer(t, small())
		tr.LabelSmoothing = share
		_, err := tr.Run(context.Background())
		assert.ErrorContains(t, err, "want at least 0 and less than 1")
	}
}
