package graph

import (
	"path"
	"strings"

	"gorgonia.org/tensor"
)

// A Parameter is a named tensor of a layer: trained, or a running statistic.
type Parameter struct {
	Name  string // the node's name and the parameter's own: "conv1.weight"; in a declaration only "weight"
	Shape tensor.Shape

	FanIn int     // number of inputs that each output sums over; 0: every element starts at Start
	Init  Init    // distribution of the initial weights; the zero Init: the spec's
	Start float64 // initial value of every element if FanIn is 0

	Running bool // a running statistic: estimated in training, without a gradient
	Frozen  bool // not changed by training

	Value *tensor.Dense // the model's own tensor: writing into it changes the model
}

// Trained reports whether the parameter is trained by its gradient.
func (p *Parameter) Trained() bool { return !p.Running && !p.Frozen }

// Node returns the name of the parameter's node: "conv1" for "conv1.weight".
func (p *Parameter) Node() string { return p.Name[:max(0, strings.LastIndexByte(p.Name, '.'))] }

// A NamedTensor is a tensor with the name of a parameter: its gradient, for example.
type NamedTensor struct {
	Name  string
	Value *tensor.Dense
}

// matches reports whether a pattern matches the parameter's name, or the beginning of it before a
// dot.
func (p *Parameter) matches(pattern string) bool {
	for end, r := range p.Name {
		if r != '.' {
			continue
		}
		if ok, _ := path.Match(pattern, p.Name[:end]); ok {
			return true
		}
	}
	ok, _ := path.Match(pattern, p.Name)
	return ok
}

// withBias returns a weight and, unless the layer has no biases, a bias for each output.
func withBias(weight Parameter, none bool, start float64, outputs int) []Parameter {
	if none {
		return []Parameter{weight}
	}
	return []Parameter{weight, {Name: "bias", Shape: tensor.Shape{outputs}, Start: start}}
}
