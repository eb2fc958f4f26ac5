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

// nonFinite says what of this step is a NaN or an infinity: "the loss is NaN". It is empty if nothing is.
func (r *run) nonFinite(loss float64) (string, error) {
	if !finite(loss) {
		return fmt.Sprintf("the loss is %v", loss), nil
	}
	for _, p := range r.step.Gradients() {
		v, err := p.Grad()
		if err != nil {
			return "", err
		}
		if sum := kernel.SumSquares(v.(*tensor.Dense).Float32s()); !finite(sum) {
			return "a gradient is NaN", nil
		}
	}
	return "", nil
}

// stopOnNaN is the error of a step that went bad, with where the bad number came from.
func (r *run) stopOnNaN(what string) error {
	first, err := r.step.FirstNonFinite()
	if err != nil {
		return fmt.Errorf("%s at step %d (epoch %d); looking for where it came from: %w", what, r.state.Step+1, r.state.Epoch, err)
	}
	return fmt.Errorf("%s at step %d (epoch %d), first seen in %s: a smaller -lr, or -clip-norm, may help; the parameters are those before it",
		what, r.state.Step+1, r.state.Epoch, first)
}

func finite(v float64) bool { return !math.IsNaN(v) && !math.IsInf(v, 0) }
