package graph

import (
	"fmt"

	G "gorgonia.org/gorgonia"
	"gorgonia.org/tensor"

	"convgraph/ops"
)

// elementwise is what layers have in common that learn nothing and keep the shape. Their function calls aren't counted as multiply-adds.
type elementwise struct{}

// Output is the input's shape.
func (elementwise) Output(in tensor.Shape) (tensor.Shape, error) { return in, nil }

// Parameters are none.
func (elementwise) Parameters(tensor.Shape) []Parameter { return nil }

// MultiplyAdds are none.
func (elementwise) MultiplyAdds(tensor.Shape) int64 { return 0 }

// ReLU is max(x, 0).
type ReLU struct {
	elementwise
	Name string `json:"name,omitempty"`
}

// Sigmoid is 1/(1+e^-x).
type Sigmoid struct {
	elementwise
	Name string `json:"name,omitempty"`
}

// Tanh is A·tanh(B·x); A and B of 0 are 1. LeCun et al. 1998 take A = 1.7159, B = 2/3.
type Tanh struct {
	elementwise
	Name string  `json:"name,omitempty"`
	A    float64 `json:"a,omitempty"`
	B    float64 `json:"b,omitempty"`
}

// Dropout sets each value to 0 with probability Rate while training and divides the others by 1-Rate; in prediction it is not there. A
// classic one (Hinton et al. 2012, and the book) doesn't divide while training, and multiplies by 1-Rate in prediction.
type Dropout struct {
	elementwise
	Name    string  `json:"name,omitempty"`
	Rate    float64 `json:"rate"`
	Classic bool    `json:"classic,omitempty"`
}

// LRN is local response normalisation across channels (Krizhevsky et al. 2012); Alpha is not divided by Size.
type LRN struct {
	elementwise
	Name  string  `json:"name,omitempty"`
	Size  int     `json:"size"`
	K     float64 `json:"k"`
	Alpha float64 `json:"alpha"`
	Beta  float64 `json:"beta"`
}

// Label is the layer's own name.
func (r ReLU) Label() string { return r.Name }

// Label is the layer's own name.
func (s Sigmoid) Label() string { return s.Name }

// Label is the layer's own name.
func (t Tanh) Label() string { return t.Name }

// Label is the layer's own name.
func (d Dropout) Label() string { return d.Name }

// Label is the layer's own name.
func (l LRN) Label() string { return l.Name }

func (ReLU) String() string      { return "ReLU" }
func (Sigmoid) String() string   { return "Sigmoid" }
func (Tanh) String() string      { return "Tanh" }
func (d Dropout) String() string { return fmt.Sprintf("Dropout %g", d.Rate) }
func (l LRN) String() string     { return fmt.Sprintf("LRN %d", l.Size) }

// Output is the input's shape.
func (t Tanh) Output(in tensor.Shape) (tensor.Shape, error) {
	if float32(orOne(t.A)) == 0 {
		return nil, fmt.Errorf("a is %g, which is 0 in float32: want a number that isn't", t.A)
	}
	return in, nil
}

// Output is the input's shape.
func (d Dropout) Output(in tensor.Shape) (tensor.Shape, error) {
	if !(d.Rate >= 0 && d.Rate < 1) {
		return nil, fmt.Errorf("rate is %g: want at least 0 and less than 1", d.Rate)
	}
	return in, nil
}

// Output is the input's shape.
func (l LRN) Output(in tensor.Shape) (tensor.Shape, error) {
	if err := wantImage(in); err != nil {
		return nil, err
	}
	if l.Size < 1 || l.Size > maxSide || !(l.K > 0) || !(l.Alpha >= 0) {
		return nil, fmt.Errorf("size %d, k %g, alpha %g: want a size from 1 to %d, k above 0, alpha of at least 0", l.Size, l.K, l.Alpha, maxSide)
	}
	return in, nil
}

// MultiplyAdds is one for each channel of each value's sum of squares.
func (l LRN) MultiplyAdds(in tensor.Shape) int64 { return int64(in.TotalSize()) * int64(l.Size) }

// Lower adds a ReLU op.
func (ReLU) Lower(x *G.Node, _ []*G.Node, _ Mode) (*G.Node, error) { return ops.ReLU(x) }

// Lower adds a Sigmoid op.
func (Sigmoid) Lower(x *G.Node, _ []*G.Node, _ Mode) (*G.Node, error) { return ops.Sigmoid(x) }

// Lower adds a Tanh op.
func (t Tanh) Lower(x *G.Node, _ []*G.Node, _ Mode) (*G.Node, error) {
	return ops.ScaledTanh(x, orOne(t.A), orOne(t.B))
}

// Lower adds a Dropout op if the graph is for training. A classic one is the other times 1-Rate, always.
func (d Dropout) Lower(x *G.Node, _ []*G.Node, mode Mode) (*G.Node, error) {
	if mode.Training {
		dropped, err := ops.Dropout(x, d.Rate, mode.Noise)
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

// Lower adds an LRN op.
func (l LRN) Lower(x *G.Node, _ []*G.Node, _ Mode) (*G.Node, error) {
	return ops.LRN(x, ops.Norm{Size: l.Size, K: l.K, Alpha: l.Alpha, Beta: l.Beta})
}

func orOne(v float64) float64 {
	if v == 0 {
		return 1
	}
	return v
}
