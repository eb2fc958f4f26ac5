package train

import (
	"fmt"

	"gorgonia.org/tensor"

	"convgraph/internal/kernel"
	"convgraph/internal/xmath"
)

// OnNaN is what happens to a step whose loss or gradients hold a NaN or an infinity. In no case do they reach the parameters. An update that
// is too large can make parameters infinite all the same; no checkpoint holds those, and the epoch's end is the training's.
type OnNaN string

const (
	// StopOnNaN ends the training with an error that names where the bad number came from. The zero OnNaN does, too.
	StopOnNaN OnNaN = "stop"
	// SkipNaN leaves the step's update out and goes on.
	SkipNaN OnNaN = "skip"
)

// nonFinite says what of this step is a NaN or an infinity: "the loss is NaN". It is empty if nothing is.
func (r *run) nonFinite(loss float64) (string, error) {
	if !xmath.IsFinite(loss) {
		return fmt.Sprintf("the loss is %v", loss), nil
	}
	for _, p := range r.step.Gradients() {
		v, err := p.Grad()
		if err != nil {
			return "", err
		}
		if sum := kernel.SumSquares(v.(*tensor.Dense).Float32s()); !xmath.IsFinite(sum) {
			return "a gradient is NaN or infinite", nil
		}
	}
	return "", nil
}

// stopOnNaN is the error of a step that went bad, with where the bad number came from.
func (r *run) stopOnNaN(what string) error {
	first, err := r.firstNonFinite()
	if err != nil {
		return fmt.Errorf("%s at step %d (epoch %d); looking for where it came from: %w", what, r.state.Step+1, r.state.Epoch, err)
	}
	return divergence{fmt.Errorf("%s at step %d (epoch %d), first seen in %s: a smaller -lr, or -clip-norm, may help; the parameters are those before it",
		what, r.state.Step+1, r.state.Epoch, first)}
}

// checkParams is an error if a parameter holds a NaN or an infinity.
func (r *run) checkParams() error {
	for _, p := range r.Model.Params() {
		if !xmath.IsFinite(kernel.SumSquares(p.Value.Float32s())) {
			return divergence{fmt.Errorf("parameter %q has been NaN or infinite since step %d (epoch %d) or before: a smaller -lr, or -clip-norm, may help",
				p.Name, r.state.Step, r.state.Epoch)}
		}
	}
	return nil
}

// checkSkipped is an error if no step of the epoch was made.
func (r *run) checkSkipped() error {
	if r.skipped < r.state.StepsPerEpoch {
		return nil
	}
	first, err := r.firstNonFinite()
	if err != nil {
		return fmt.Errorf("all %d steps of epoch %d were skipped; looking for where their NaN came from: %w", r.skipped, r.state.Epoch, err)
	}
	if first != "" { // in the epoch's last step, unless the training was resumed after it
		first = ", the last for a NaN or an infinity first seen in " + first
	}
	return divergence{fmt.Errorf("all %d steps of epoch %d were skipped%s: nothing is learned", r.skipped, r.state.Epoch, first)}
}
