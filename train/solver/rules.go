package solver

import (
	"math"

	"gorgonia.org/tensor"

	"convgraph/internal/kernel"
)

// rule is one optimizer: its constants, the names of its slots for each parameter, and its update
// in both precisions.
type rule struct {
	name     string
	defaults Config
	slots    []string
	single   update[float32]
	double   update[float64]
}

// update changes p by the gradient. slots are the rule's state for p, one for each of its slot
// names.
type update[T kernel.Float] func(s *Optimizer, p []T, g kernel.Gradient[T], slots [2][]T)

var rules = []rule{
	{"sgd", Config{LR: 0.01}, nil, sgd[float32], sgd[float64]},
	{"momentum", Config{LR: 0.01, Momentum: 0.9}, []string{"v"}, momentum[float32], momentum[float64]},
	{"nesterov", Config{LR: 0.01, Momentum: 0.9}, []string{"v"}, nesterov[float32], nesterov[float64]},
	{"adagrad", Config{LR: 0.01}, []string{"h"}, adaGrad[float32], adaGrad[float64]},
	{"rmsprop", Config{LR: 0.01, Decay: 0.99}, []string{"h"}, rmsProp[float32], rmsProp[float64]},
	{
		"adam", Config{LR: 0.001, Beta1: 0.9, Beta2: 0.999, Epsilon: 1e-7}, []string{"m", "v"}, adam[float32],
		adam[float64],
	},
	{
		"adamw", Config{LR: 0.001, Beta1: 0.9, Beta2: 0.999, Epsilon: 1e-8, WeightDecay: 0.01}, []string{"m", "v"},
		adamW[float32], adamW[float64],
	},
}

func sgd[T kernel.Float](s *Optimizer, p []T, g kernel.Gradient[T], _ [2][]T) {
	kernel.UpdateSGD(p, g, s.config.LR)
}

func momentum[T kernel.Float](s *Optimizer, p []T, g kernel.Gradient[T], slots [2][]T) {
	kernel.UpdateMomentum(p, g, slots[0], s.config.LR, s.config.Momentum)
}

func nesterov[T kernel.Float](s *Optimizer, p []T, g kernel.Gradient[T], slots [2][]T) {
	kernel.UpdateNesterov(p, g, slots[0], s.config.LR, s.config.Momentum)
}

func adaGrad[T kernel.Float](s *Optimizer, p []T, g kernel.Gradient[T], slots [2][]T) {
	kernel.UpdateAdaGrad(p, g, slots[0], s.config.LR)
}

func rmsProp[T kernel.Float](s *Optimizer, p []T, g kernel.Gradient[T], slots [2][]T) {
	kernel.UpdateRMSProp(p, g, slots[0], s.config.LR, s.config.Decay)
}

// adam keeps epsilon outside of the bias correction, which is in the rate: lr·√(1-β2^t)/(1-β1^t).
func adam[T kernel.Float](s *Optimizer, p []T, g kernel.Gradient[T], slots [2][]T) {
	c, t := s.config, float64(s.steps)
	rate := c.LR * math.Sqrt(1-math.Pow(c.Beta2, t)) / (1 - math.Pow(c.Beta1, t))
	kernel.UpdateAdam(p, g, slots[0], slots[1], rate, c.Beta1, c.Beta2, c.Epsilon)
}

func adamW[T kernel.Float](s *Optimizer, p []T, g kernel.Gradient[T], slots [2][]T) {
	c, t := s.config, float64(s.steps)
	step, rootCorrection := c.LR/(1-math.Pow(c.Beta1, t)), math.Sqrt(1-math.Pow(c.Beta2, t))
	g.Decay = 0
	kernel.UpdateAdamW(p, g, slots[0], slots[1], step, c.Beta1, c.Beta2, rootCorrection, c.Epsilon, c.LR*c.WeightDecay)
}

// paramState is a rule's state for one parameter.
type paramState struct {
	slots   []*tensor.Dense
	attempt int  // the last call of Step that used it
	shared  bool // the peers update a share each; see Optimizer.Share
}

func (r rule) newState(like *tensor.Dense) *paramState {
	m := &paramState{slots: make([]*tensor.Dense, len(r.slots))}
	for i := range m.slots {
		m.slots[i] = tensor.New(tensor.Of(like.Dtype()), tensor.WithShape(like.Shape().Clone()...))
	}
	return m
}
