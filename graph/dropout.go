package graph

import (
	"fmt"

	G "gorgonia.org/gorgonia"
	"gorgonia.org/tensor"

	"convgraph/ops"
)

// Dropout sets each value to 0 with probability Rate in training and divides the others by 1-Rate
// (Srivastava et al. 2014). In prediction it does nothing. With Classic it doesn't divide in
// training and multiplies by 1-Rate in prediction (Hinton et al. 2012, and the book).
type Dropout struct {
	Name    string  `json:"name,omitempty"`
	Rate    float64 `json:"rate"`
	Classic bool    `json:"classic,omitempty"`
	plain
}

// Label returns the layer's own name.
func (d Dropout) Label() string { return d.Name }

// Output returns the input's shape.
func (d Dropout) Output(in ...tensor.Shape) (tensor.Shape, error) { return in[0], checkRate(d.Rate) }

// Lower adds a Dropout op in training. With Classic a factor of 1-Rate follows, in training and in
// prediction.
func (d Dropout) Lower(l *Lowering) (*G.Node, error) {
	x := l.X()
	if l.Training {
		dropped, err := ops.Dropout(x, d.Rate, l.RNG)
		if err != nil {
			return nil, err
		}
		x = dropped
	}
	if d.Classic {
		return ops.Scale(x, 1-d.Rate)
	}
	return x, nil
}

// Dropout2D is [Dropout] of whole channels (Tompson et al. 2015).
type Dropout2D struct {
	Name string  `json:"name,omitempty"`
	Rate float64 `json:"rate"`
	plain
}

// Label returns the layer's own name.
func (d Dropout2D) Label() string { return d.Name }

// Output returns the input's shape.
func (d Dropout2D) Output(in ...tensor.Shape) (tensor.Shape, error) {
	if err := wantImage(in[0]); err != nil {
		return nil, err
	}
	return in[0], checkRate(d.Rate)
}

// Lower adds a Dropout2D op in training.
func (d Dropout2D) Lower(l *Lowering) (*G.Node, error) {
	if !l.Training {
		return l.X(), nil
	}
	return ops.Dropout2D(l.X(), d.Rate, l.RNG)
}

// StochasticDepth sets a whole sample to 0 with probability Rate in training and divides the others
// by 1-Rate (Huang et al. 2016). In prediction it does nothing. It belongs at the end of a residual
// branch.
type StochasticDepth struct {
	Name string  `json:"name,omitempty"`
	Rate float64 `json:"rate"`
	plain
}

// Label returns the layer's own name.
func (s StochasticDepth) Label() string { return s.Name }

// Output returns the input's shape.
func (s StochasticDepth) Output(in ...tensor.Shape) (tensor.Shape, error) {
	return in[0], checkRate(s.Rate)
}

// Lower adds a StochasticDepth op in training.
func (s StochasticDepth) Lower(l *Lowering) (*G.Node, error) {
	if !l.Training {
		return l.X(), nil
	}
	return ops.StochasticDepth(l.X(), s.Rate, l.RNG)
}

func checkRate(rate float64) error {
	if !(rate >= 0 && rate < 1) {
		return fmt.Errorf("rate: got %g, want at least 0 and less than 1", rate)
	}
	return nil
}
