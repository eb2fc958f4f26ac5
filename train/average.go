package train

import (
	"fmt"
	"math"

	"gorgonia.org/tensor"

	"convgraph/formats"
)

// averageEvery is how many steps lie between the parameters that [Average] takes in: neighbours differ little, and a tenth of the passes
// over memory is a tenth of the time.
const averageEvery = 10

// Average ends the training with a moving average of the parameters in place of the last ones, which wander around it as long as the
// learning rate is high (Polyak and Juditsky 1992). Training itself goes on from the parameters as they are, and so do the epochs'
// accuracies; only the result's are the average's.
//
// With d = Decay^10 the average a takes in the parameters w after every tenth step,
//
//	a ← a + max(1-d, 1/n)·(w - a)   at the n-th time,
//
// the plain mean of all as long as that forgets less.
type Average struct {
	Base
	Decay float64 // share of the average that a step leaves, between 0 and 1; 0.99 remembers about 100 steps

	seen  averaged
	means []formats.Array
}

// averaged is what an average knows besides its arrays.
type averaged struct{ Times int }

// StateName is "average".
func (a *Average) StateName() string { return "average" }

// State is how often parameters were taken in.
func (a *Average) State() any { return &a.seen }

// Arrays are the averages, by the parameters' names.
func (a *Average) Arrays() []formats.Array { return a.means }

// SetArrays takes over the averages of a checkpoint.
func (a *Average) SetArrays(means []formats.Array) { a.means = means }

// TrainBegin makes the averages, or sees that those of a checkpoint are the model's.
func (a *Average) TrainBegin(s *State) error {
	if !(a.Decay > 0 && a.Decay < 1) {
		return fmt.Errorf("average: decay is %g: want more than 0 and less than 1", a.Decay)
	}
	var means []formats.Array
	for _, p := range s.Model.Params() {
		mean := formats.Array{Name: p.Name, Value: tensor.New(tensor.Of(p.Value.Dtype()), tensor.WithShape(p.Value.Shape()...))}
		if a.seen.Times > 0 {
			resumed, ok := formats.Find(a.means, p.Name)
			if !ok || resumed.Value.Dtype() != p.Value.Dtype() || !resumed.Value.Shape().Eq(p.Value.Shape()) {
				return fmt.Errorf("average: the checkpoint has none of parameter %q, %v of %v: go on with the model it is of",
					p.Name, p.Value.Dtype(), p.Value.Shape())
			}
			mean = resumed
		}
		means = append(means, mean)
	}
	a.means = means
	return nil
}

// StepEnd takes the parameters in if it is time.
func (a *Average) StepEnd(s *State) error {
	if s.Step%averageEvery != 0 {
		return nil
	}
	a.seen.Times++
	share := float32(max(1-math.Pow(a.Decay, averageEvery), 1/float64(a.seen.Times)))
	for i, p := range s.Model.Params() {
		mean := a.means[i].Value.Float32s()
		for j, w := range p.Value.Float32s() {
			mean[j] += share * (w - mean[j])
		}
	}
	return nil
}

// TrainEnd puts the averages into the model. A training of fewer than ten steps ends with its last parameters.
func (a *Average) TrainEnd(s *State) error {
	if a.seen.Times == 0 {
		return nil
	}
	return s.Model.SetParams(a.means)
}
