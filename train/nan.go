package train

import (
	"errors"
	"fmt"

	"gorgonia.org/tensor"

	"convgraph/internal/kernel"
	"convgraph/internal/xmath"
)

// OnNaN is what happens to a step whose loss or gradients contain a NaN or an infinity. They never
// reach the parameters. Parameters may still overflow in an update that is too large: no checkpoint
// holds them, and the training ends with that epoch.
type OnNaN string

const (
	// StopOnNaN ends the training with an error that names the source of the bad number. It is the
	// default.
	StopOnNaN OnNaN = "stop"
	// SkipNaN skips the step's update and continues.
	SkipNaN OnNaN = "skip"
)

// ErrDiverged is the error of a training whose loss, gradients or parameters became NaN or
// infinite. The same training fails the same way again.
var ErrDiverged = errors.New("diverged")

// divergence is ErrDiverged with its own text.
type divergence struct{ error }

func (d divergence) Unwrap() []error { return []error{d.error, ErrDiverged} }

// advice ends the errors of divergence.
const advice = "a smaller learning rate, or clipping the gradients, may help"

// nonFinite describes what is NaN or infinite in this step, such as "the loss is NaN". It returns
// "" if nothing is.
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

// stopOnNaN returns the error of a bad step, with the source of the bad number.
func (r *run) stopOnNaN(what string) error {
	first, err := r.firstNonFinite()
	if err != nil {
		return fmt.Errorf("%s at step %d (epoch %d); searching for its source: %w",
			what, r.state.Step+1, r.state.Epoch, err)
	}
	return divergence{fmt.Errorf(
		"%s at step %d (epoch %d), first seen in %s: %s; the parameters are those before the step",
		what, r.state.Step+1, r.state.Epoch, first, advice)}
}

// checkParams rejects parameters with a NaN or an infinity.
func (r *run) checkParams() error {
	for _, p := range r.Model.Params() {
		if !xmath.IsFinite(kernel.SumSquares(p.Value.Float32s())) {
			return divergence{fmt.Errorf("parameter %q has been NaN or infinite since step %d (epoch %d) or before: %s",
				p.Name, r.state.Step, r.state.Epoch, advice)}
		}
	}
	return nil
}

// checkSkipped rejects an epoch whose steps were all skipped.
func (r *run) checkSkipped() error {
	if r.skipped < r.state.EpochSteps {
		return nil
	}
	first, err := r.firstNonFinite()
	if err != nil {
		return fmt.Errorf("all %d steps of epoch %d were skipped; searching for the source of their NaN: %w",
			r.skipped, r.state.Epoch, err)
	}
	if first != "" { // of the epoch's last step; nothing is known of it if the training was resumed after it
		first = ", the last for a NaN or an infinity first seen in " + first
	}
	return divergence{fmt.Errorf("all %d steps of epoch %d were skipped%s: nothing is learned",
		r.skipped, r.state.Epoch, first)}
}
