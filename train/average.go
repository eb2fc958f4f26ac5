package train

import (
	"fmt"
	"math"

	"gorgonia.org/tensor"

	"convgraph/formats"
)

// averageEvery is the number of steps between two updates of an [Average]: the parameters of
// successive steps differ little, and a tenth of the passes over memory takes a tenth of the time.
const averageEvery = 10

// Average ends the training with an exponential moving average of the parameters instead of the
// last ones, which oscillate around it while the learning rate is high (Polyak and Juditsky 1992).
// It doesn't change the training or the accuracies of the epochs, only the result.
//
// With d = Decay^10, the n-th update of the average a by the parameters w, after every tenth step,
// is
//
//	a ← a + max(1-d, 1/n)·(w - a)
//
// which is the plain mean at first.
type Average struct {
	Base
	Decay float64 // of a step, between 0 and 1; 0.99 averages about 100 steps

	state averaged
	means []formats.Array
}

// averaged is an average's state besides its arrays: the number of updates.
type averaged struct{ Times int }

// StateName is "average".
func (a *Average) StateName() string { return "average" }

// State is the number of updates.
func (a *Average) State() any { return &a.state }

// Arrays returns the averages, by the parameters' names.
func (a *Average) Arrays() []formats.Array { return a.means }

// SetArrays restores the averages of a checkpoint.
func (a *Average) SetArrays(means []formats.Array) { a.means = means }

// TrainBegin allocates the averages, or checks that those of a checkpoint fit the model.
func (a *Average) TrainBegin(s *State) error {
	if !(a.Decay > 0 && a.Decay < 1) {
		return fmt.Errorf("average: decay is %g: want more than 0 and less than 1", a.Decay)
	}
	var means []formats.Array
	for _, p := range s.Model.Params() {
		mean := formats.Array{Name: p.Name,
			Value: tensor.New(tensor.Of(p.Value.Dtype()), tensor.WithShape(p.Value.Shape()...))}
		if a.state.Times > 0 {
			resumed, ok := formats.Find(a.means, p.Name)
			if !ok || resumed.Value.Dtype() != p.Value.Dtype() || !resumed.Value.Shape().Eq(p.Value.Shape()) {
				return fmt.Errorf("average: the checkpoint has no average of parameter %q, %v of %v: "+
					"want the model that it belongs to",
					p.Name, p.Value.Dtype(), p.Value.Shape())
			}
			mean = resumed
		}
		means = append(means, mean)
	}
	a.means = means
	return nil
}

// StepEnd updates the averages after every tenth step.
func (a *Average) StepEnd(s *State) error {
	if s.Step%averageEvery != 0 {
		return nil
	}
	a.state.Times++
	share := float32(max(1-math.Pow(a.Decay, averageEvery), 1/float64(a.state.Times)))
	for i, p := range s.Model.Params() {
		mean := a.means[i].Value.Float32s()
		for j, w := range p.Value.Float32s() {
			mean[j] += share * (w - mean[j])
		}
	}
	return nil
}

// TrainEnd gives the model the averages. A training of fewer than ten steps keeps its last
// parameters.
func (a *Average) TrainEnd(s *State) error {
	if a.state.Times == 0 {
		return nil
	}
	return s.Model.SetParams(a.means)
}
