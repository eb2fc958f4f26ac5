package kernel

import (
	"testing"

	"github.com/stretchr/testify/assert"
)

// The rates are what this machine does, so that only what must hold on any is tested.
func TestRates(t *testing.T) {
	withWorkers(t, 2, func() {
		assert.Greater(t, PeakRate[float32](), 1e7)
		assert.Greater(t, PeakRate[float64](), 1e6)
		small, large := CopyRate(64<<10), CopyRate(64<<20)
		assert.Greater(t, small, 1e7)
		assert.Greater(t, large, 1e6)
		assert.Greater(t, CopyRate(0), 0.)
	})
}
