package train

import (
	"fmt"
	"math"

	"gorgonia.org/tensor"

	"convgraph/internal/kernel"
)

// OnNaN is what happens to a step whose loss or gradients hold a NaN or an infinity. In no case do they reach the parameters.
type OnNaN string

const (
	// StopOnNaN ends the training with an error that names where the bad number came from. The zero OnNaN does, too.
	StopOnNaN OnNaN = "stop"
	// SkipNaN leaves the step's update out and goes on.
	SkipNaN OnNaN = "skip"
)

// checkFinite says where a NaN or an infinity of this step came from, if there is one.
func (r *run) checkFinite(loss float64) error {
	if !finite(loss) {
		return r.nonFinite("the loss", loss)
	}
	for _, p := range r.step.Gradients() {
		v, err := p.Grad()
		if err != nil {
			return err
		}
		if sum := kernel.SumSquares(v.(*tensor.Dense).Float32s()); !finite(sum) {
			return r.nonFinite("a gradient", math.NaN())
		}
	}
	return nil
}

func (r *run) nonFinite(what string, v float64) error {
	return fmt.Errorf("%s is %v at step %d (epoch %d), first seen in %s: a smaller -lr, or -clip-norm, may help; the parameters are those before it",
		what, v, r.state.Step+1, r.state.Epoch, r.step.FirstNonFinite())
}

func finite(v float64) bool { return !math.IsNaN(v) && !math.IsInf(v, 0) }
