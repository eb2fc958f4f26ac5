package ops

import (
	"fmt"
	"strings"

	G "gorgonia.org/gorgonia"
	"gorgonia.org/tensor"

	"convgraph/internal/kernel"
	"convgraph/internal/xmath"
)

// A Function is an activation: y = f(x), element by element, on any shape. It needs a Name, a Value
// and a Slope:
//
//	square := ops.Function{Name: "Square", Formula: "x²",
//		Value: func(x float64) float64 { return x * x },
//		Slope: func(x float64) float64 { return 2 * x }}
//	y, err := square.Apply(x)
//
// The functions must depend on their argument alone, because several goroutines call them at once.
type Function struct {
	Name      string     // "ELU"
	Formula   string     // as papers write it: "x if x > 0, else α·(e^x - 1)"
	Constants []Constant // the values of the formula's letters

	Value func(x float64) float64 // f
	Slope func(x float64) float64 // f'; at a kink, PyTorch's choice

	// SlopeFromResult is the slope in terms of y = f(x), if there is such a formula. Then the
	// gradient reads y, which the next op keeps anyway, instead of x.
	SlopeFromResult func(y float64) float64

	// Curvature is f''(x), or with a SlopeFromResult the derivative of that with respect to y.
	// Second derivatives need it, unless the function is piecewise linear: then f'' is 0.
	Curvature       func(v float64) float64
	PiecewiseLinear bool

	single  kernel.Curve[float32] // vector kernels; zero: Value and the slope, computed in float64
	double  kernel.Curve[float64]
	refusal error // why the constants are invalid
}

// A Constant is the value of a letter in a formula.
type Constant struct {
	Name  string
	Value float64
}

// Attributes returns the constants as errors and pictures show them: "alpha 0.2, beta 0.5".
func (f Function) Attributes() string {
	var parts []string
	for _, c := range f.Constants {
		parts = append(parts, fmt.Sprintf("%s %.5g", c.Name, c.Value))
	}
	return strings.Join(parts, ", ")
}

// String returns the name with the constants: "ELU(alpha 0.5)".
func (f Function) String() string {
	if len(f.Constants) == 0 {
		return f.Name
	}
	return f.Name + "(" + f.Attributes() + ")"
}

// Check reports a missing part or an invalid constant. Apply returns the same error with the
// function's name in front.
func (f Function) Check() error {
	if f.Name == "" {
		return fmt.Errorf("got no name, want one")
	}
	if f.Value == nil || f.Slope == nil {
		return fmt.Errorf("got no value or no slope, want both")
	}
	return f.refusal
}

// Apply adds y = f(x) to x's graph. In float32 the built-in functions have vector kernels (see
// [Functions]); others are computed in float64 and rounded, at 5 to 50 ns an element.
func (f Function) Apply(x *G.Node) (*G.Node, error) {
	name := f.Name
	if name == "" {
		name = "Function"
	}
	return apply(name, elementwise[float32](f), elementwise[float64](f), x)
}

// elementwise: y[i] = f(x[i]), so dx[i] = dy[i]·f'(x[i]), where f' may be a function of y instead.
func elementwise[T kernel.Float](f Function) builder[T] {
	return func(in []tensor.Shape) (rule[T], error) {
		if err := f.Check(); err != nil {
			return rule[T]{}, err
		}
		curve := curveOf[T](f)
		return rule[T]{
			attributes: f.Attributes(),
			output:     in[0],
			inPlace:    true,
			forward:    func(in [][]T, y []T) { curve.Forward(in[0], y) },
			vjps:       []vjp[T]{functionVJP[T](f, in[0])},
		}, nil
	}
}

// functionVJP is the gradient of an activation of x. It is also the epilogue of a fused op that
// ends with the activation, if the slope is a function of y. Let s be the slope as a function of
// the operand v that it reads, x or y. With u for dx, d(dy) = u·s and d(v) = u·dy·s'.
func functionVJP[T kernel.Float](f Function, x tensor.Shape) vjp[T] {
	curve := curveOf[T](f)
	dx := vjp[T]{reads: []operand{0}, apply: func(in [][]T, _, dy, dx []T) { curve.Backward(in[0], dy, dx) }}
	if f.SlopeFromResult != nil {
		dx = vjp[T]{reads: []operand{result}, apply: func(_ [][]T, y, dy, dx []T) { curve.Backward(y, dy, dx) }}
	}
	dx.inPlace = true
	if f.PiecewiseLinear {
		return dx.symmetric(x)
	}
	if f.Curvature == nil {
		return dx
	}
	bending := kernel.CurveOf[T](f.Value, f.Curvature)
	return dx.symmetric(x, bend{dx.reads[0], func(n around) (*G.Node, error) {
		inputs := append(n.get(dx.reads), n.dy, n.u)
		return bent(n.name, x, func(in [][]T, out []T) {
			v, dy, u := in[0], in[1], in[2]
			bending.Backward(v, dy, out)
			kernel.Multiply(out, u, out)
		}, inputs...)
	}})
}

// curveOf returns the function's own kernel, or one made from its value and slope.
func curveOf[T kernel.Float](f Function) kernel.Curve[T] {
	var own kernel.Curve[T]
	switch p := any(&own).(type) {
	case *kernel.Curve[float32]:
		*p = f.single
	case *kernel.Curve[float64]:
		*p = f.double
	}
	if own.Forward != nil {
		return own
	}
	if f.SlopeFromResult != nil {
		return kernel.CurveOf[T](f.Value, f.SlopeFromResult)
	}
	return kernel.CurveOf[T](f.Value, f.Slope)
}

// unless returns an error unless the constants are valid.
func unless(valid bool, format string, constants ...any) error {
	if valid {
		return nil
	}
	return fmt.Errorf(format, constants...)
}

// finite32 reports whether all numbers are finite in float32.
func finite32(numbers ...float64) bool {
	for _, v := range numbers {
		if r := float64(float32(v)); !xmath.IsFinite(r) {
			return false
		}
	}
	return true
}
