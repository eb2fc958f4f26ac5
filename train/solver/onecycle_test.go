package solver_test

import (
	"testing"

	"github.com/stretchr/testify/assert"

	"convgraph/train/solver"
)

// TestOneCycle compares with torch.optim.lr_scheduler.OneCycleLR(max_lr=0.5, total_steps=20) of
// PyTorch.
func TestOneCycle(t *testing.T) {
	s := solver.OneCycle{LR: 0.5, Steps: 20}
	for step, want := range map[int]float64{
		0: 0.02, 1: 0.06583592135001265, 3: 0.3341640786499874, 5: 0.5, 6: 0.49373200311754367,
		10: 0.3584715008956504, 15: 0.09412917302511849, 19: 2e-06, 25: 2e-06,
	} {
		assert.InDelta(t, want, s.At(step), 1e-12, "step %d", step)
	}
	for steps := range 5 {
		for step := range steps + 2 {
			rate := solver.OneCycle{LR: 1, Steps: steps}.At(step)
			assert.True(t, rate > 0 && rate <= 1, "step %d of %d: %v", step, steps, rate)
		}
	}
}
