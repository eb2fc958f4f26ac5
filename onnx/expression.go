package onnx

import (
	"math"
	"slices"

	"convgraph/graph"
)

// An expression is a function of each element of a layer's output, built from the file's nodes.
// Exporters write an activation in many ways: x·σ(x) may be two nodes or one, and x·Φ(x) five in
// any order. So expressions are recognized by their values, not by their nodes: if they equal those
// of an activation, the expression is that activation; otherwise each of its nodes becomes a layer.
type expression struct {
	at   func(x float64) float64
	args []*expression // nil is x itself
	emit func(im *importer, args []value) (value, error)
	size int // nodes
}

// maxExpression bounds the size of expressions that are recognized as a whole.
const maxExpression = 24

// known are the activations that exporters write as several nodes.
var known = []graph.ActivationFunction{
	graph.SiLU{}, graph.GELU{}, graph.GELU{Approximate: true}, graph.HardSwish{}, graph.Mish{}, graph.HardSigmoid{},
	graph.Sigmoid{}, graph.Tanh{}, graph.ReLU{}, graph.Clip{Max: 6}, graph.Softplus{}, graph.Softsign{}, graph.SELU{},
	graph.ELU{},
}

// samples are the arguments at which expressions are compared: near kinks and bends, and far out.
var samples = func() (xs []float64) {
	for x := -9.97; x < 10; x += 0.31 {
		xs = append(xs, x)
	}
	return append(xs, -farthest, -1e4, -1e3, -100, -40, -17, -6, -3, -1, 0, 1, 3, 6, 17, 40, 100, 1e3, 1e4, farthest)
}()

const farthest = 1e5

// alike reports whether an expression equals a function, up to the precision of float32 constants.
// Far out, where an expression overflows, they may differ.
func alike(f, g func(float64) float64) bool {
	const tolerance, far = 2e-6, 40
	for _, x := range samples {
		a, b := f(x), g(x)
		if math.Abs(x) > far && math.IsNaN(a) {
			continue
		}
		if !(math.Abs(a-b) <= tolerance*max(1, math.Abs(b))) {
			return false
		}
	}
	return true
}

// recognized returns the layer that equals an expression of several nodes, if there is one;
// identity means that the expression is x.
func (e *expression) recognized() (layer graph.Layer, identity bool) {
	if alike(e.at, func(x float64) float64 { return x }) {
		return nil, true
	}
	for _, k := range slices.Concat(known, e.parametric()) {
		if f := k.Function(); f.Check() == nil && alike(e.at, f.Value) {
			return k, false
		}
	}
	return nil, false
}

// parametric are activations with the parameters that an expression would have if it were one of
// them.
func (e *expression) parametric() []graph.ActivationFunction {
	number := func(x float64) float64 { return shortest(float32(e.at(x))) }
	all := []graph.ActivationFunction{graph.LeakyReLU{Alpha: -number(-1)}, graph.ELU{Alpha: -number(-40)}}
	if clip := (graph.Clip{Min: number(-farthest), Max: number(farthest)}); -farthest < clip.Min &&
		clip.Max < farthest {
		all = append(all, clip)
	}
	return all
}

// line is the factor and the term of an expression that is a·x + b.
func (e *expression) line() (a, b float64, ok bool) {
	b = e.at(0)
	a = e.at(1) - b
	return a, b, alike(e.at, func(x float64) float64 { return a*x + b })
}

// settle turns a value's expression into layers, once.
func (im *importer) settle(v value) (value, error) {
	if v.pending != nil || v.expr == nil {
		return v, v.pending
	}
	base := v.with(nil)
	if source, done := im.settled[v.expr]; done {
		base.source = source
		return base, nil
	}
	out, err := im.emit(base, v.expr)
	if err != nil {
		return value{}, err
	}
	im.settled[v.expr] = out.source
	base.source, base.single = out.source, v.single
	return base, nil
}

func (im *importer) emit(base value, e *expression) (value, error) {
	if e.size > 1 {
		layer, identity := e.recognized()
		if identity {
			return base, nil
		}
		if layer != nil {
			return im.add(layer, []value{base}, "")
		}
		if a, b, ok := e.line(); ok {
			return im.scaleBy(base, a, b)
		}
	}
	args := make([]value, len(e.args))
	for i, arg := range e.args {
		settled, err := im.settle(base.with(arg))
		if err != nil {
			return value{}, err
		}
		args[i] = settled
	}
	return e.emit(im, args)
}

// apply appends a function to a value's expression.
func (im *importer) apply(v value, f func(float64) float64,
	emit func(im *importer, args []value) (value, error)) (value, error) {
	if v.expr != nil && v.expr.size >= maxExpression {
		var err error
		if v, err = im.settle(v); err != nil {
			return value{}, err
		}
	}
	inner := v.expr
	at, size := f, 1
	if inner != nil {
		at, size = func(x float64) float64 { return f(inner.at(x)) }, inner.size+1
	}
	out := v.with(&expression{at: at, args: []*expression{inner}, emit: emit, size: size})
	return out, nil
}

// activation appends an activation to a value's expression.
func (im *importer) activation(v value, l graph.ActivationFunction) (value, error) {
	if err := l.Function().Check(); err != nil {
		return value{}, err
	}
	return im.apply(v, l.Function().Value,
		func(im *importer, args []value) (value, error) { return im.add(l, args, "") })
}

// linear appends a·x + b to a value's expression.
func (im *importer) linear(v value, a, b float64) (value, error) {
	return im.apply(v, func(x float64) float64 { return a*x + b }, func(im *importer, args []value) (value, error) {
		return im.scaleBy(args[0], a, b)
	})
}

// combined is a function of two values that are functions of one layer's output; ok is false if
// they aren't.
func combined(u, v value, f func(a, b float64) float64, emit func(im *importer, args []value) (value, error)) (value,
	bool) {
	if u.source != v.source || !u.same(v.layout) {
		return value{}, false
	}
	e := &expression{args: []*expression{u.expr, v.expr}, emit: emit, size: 1}
	left, right := identity, identity
	if u.expr != nil {
		left, e.size = u.expr.at, e.size+u.expr.size
	}
	if v.expr != nil {
		right, e.size = v.expr.at, e.size+v.expr.size
	}
	if e.size > maxExpression {
		return value{}, false
	}
	e.at = func(x float64) float64 { return f(left(x), right(x)) }
	out := u.with(e)
	out.single = u.single && v.single
	return out, true
}

func identity(x float64) float64 { return x }
