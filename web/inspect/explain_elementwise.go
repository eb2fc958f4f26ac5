package inspect

import (
	"fmt"
	"math"

	"convgraph/graph"
	"convgraph/internal/xmath"
	"convgraph/ops"
)

// elementwise is a value computed from one other value.
type elementwise struct {
	Layer     string     `json:"layer"` // the layer that was read, or "input"
	From      cell       `json:"from"`  // of that layer
	In        number     `json:"in"`
	Formula   string     `json:"formula"` // of x
	Constants []constant `json:"constants,omitempty"`
	Curve     *curve     `json:"curve,omitempty"`
	Total     number     `json:"total"` // the formula's value in float64
}

// A constant is a letter in a formula with its value.
type constant struct {
	Name  string `json:"name"`
	Value number `json:"value"`
}

// A curve is a function's values at equal steps from Low to High.
type curve struct {
	Low    number   `json:"low"`
	High   number   `json:"high"`
	Values []number `json:"values"`
}

const curvePoints = 161

// newCurve samples a function around 0, a little beyond ±x. It returns nil for an x that isn't
// finite.
func newCurve(f func(float64) float64, x float32) *curve {
	if v := float64(x); !xmath.IsFinite(v) {
		return nil
	}
	reach := max(2, 1.25*math.Abs(float64(x)))
	c := &curve{Low: number(-reach), High: number(reach)}
	for i := range curvePoints {
		c.Values = append(c.Values, number(f(-reach+2*reach*float64(i)/(curvePoints-1))))
	}
	return c
}

// same is the part for a layer that computes each value from the one at the same position.
func (k working) same(e *explanation) *elementwise {
	x := k.x[k.in.at(e.Cell)]
	return &elementwise{Layer: k.Reads[0], From: e.Cell, In: number(x)}
}

func explainActivation(k working, e *explanation) error {
	f := k.layer.layer.(graph.ActivationFunction).Function()
	e.Elementwise = k.function(e, f)
	return nil
}

// function is the part for a layer that applies a function to each value.
func (k working) function(e *explanation, f ops.Function) *elementwise {
	part := k.same(e)
	part.Formula, part.Total = f.Formula, number(f.Value(float64(part.In)))
	for _, c := range f.Constants {
		part.Constants = append(part.Constants, constant{c.Name, number(c.Value)})
	}
	part.Curve = newCurve(f.Value, float32(part.In))
	return part
}

func explainPReLU(k working, e *explanation) error {
	weight, err := k.param("weight")
	if err != nil {
		return err
	}
	slope := float64(weight[min(e.Cell.Map, len(weight)-1)])
	e.Elementwise = k.function(e, ops.Function{
		Formula:   "x if x > 0, else a·x",
		Constants: []ops.Constant{{Name: "a", Value: slope}},
		Value: func(x float64) float64 {
			if x > 0 {
				return x
			}
			return slope * x
		},
	})
	return nil
}

func explainScale(k working, e *explanation) error {
	shape := extentOf(k.layer.layer.(graph.Scale).Shape)
	at := shape.at(cell{min(e.Cell.Map, shape.Maps-1), min(e.Cell.Row, shape.Height-1),
		min(e.Cell.Column, shape.Width-1)})
	f := ops.Function{}
	w, weighted := k.optional("weight", at)
	b, shifted := k.optional("bias", at)
	if !weighted {
		w = 1
	}
	switch {
	case !shifted:
		f.Formula = "w·x"
	case !weighted:
		f.Formula = "x + b"
	default:
		f.Formula = "w·x + b"
	}
	if weighted {
		f.Constants = append(f.Constants, ops.Constant{Name: "w", Value: float64(w)})
	}
	if shifted {
		f.Constants = append(f.Constants, ops.Constant{Name: "b", Value: float64(b)})
	}
	f.Value = func(x float64) float64 { return float64(w)*x + float64(b) }
	e.Elementwise = k.function(e, f)
	return nil
}

func explainElementwise(k working, e *explanation) error {
	part := k.same(e)
	x := float64(part.In)
	part.Formula, part.Total = "x", part.In
	switch l := k.layer.layer.(type) {
	case graph.Dropout:
		part.Formula = "x: dropout is for training only"
		if l.Classic {
			part.Formula, part.Total = fmt.Sprintf("%.4g · x, for all that training dropped", 1-l.Rate),
				number((1-l.Rate)*x)
		}
	case graph.Dropout2D:
		part.Formula = "x: training drops whole maps, prediction none"
	case graph.StochasticDepth:
		part.Formula = "x: training skips the branch at random, prediction never"
	case graph.Normalize:
		mean, deviation := l.Mean[e.Cell.Map], l.Std[e.Cell.Map]
		part.Formula, part.Total = fmt.Sprintf("(x − %.4g) / %.4g", mean, deviation), number((x-mean)/deviation)
	}
	e.Elementwise = part
	return nil
}
