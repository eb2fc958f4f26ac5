package ops

import (
	"fmt"
	"hash"
	"hash/fnv"
	"math"
	"slices"
	"sync/atomic"

	"github.com/chewxy/hm"
	G "gorgonia.org/gorgonia"
	"gorgonia.org/tensor"

	"convgraph/internal/kernel"
)

// apply adds an op to the graph of its inputs. The builders are the same mathematics in both
// element types: Go has no way to pass a generic function that isn't instantiated.
func apply(name string, f32 builder[float32], f64 builder[float64], inputs ...*G.Node) (*G.Node, error) {
	if err := checkInputs(name, inputs); err != nil {
		return nil, err
	}
	if inputs[0].Dtype() == tensor.Float64 {
		return applyAs(name, f64, inputs)
	}
	return applyAs(name, f32, inputs)
}

func checkInputs(name string, inputs []*G.Node) error {
	for i, n := range inputs {
		if n == nil || n.Type() == nil {
			return fmt.Errorf("%s: input %d: got nil, want a node", name, i)
		}
		dt := n.Dtype()
		if dt != tensor.Float32 && dt != tensor.Float64 {
			return fmt.Errorf("%s: input %d (%s): got %v, want float32 or float64", name, i, n.Name(), dt)
		}
		if dt != inputs[0].Dtype() {
			return fmt.Errorf(
				"%s: input %d (%s): got %v, want %v like input 0",
				name, i, n.Name(), dt, inputs[0].Dtype(),
			)
		}
		if n.Dims() > 0 && n.Shape().IsScalar() {
			return fmt.Errorf("%s: input %d (%s): got no shape, want one (gorgonia.WithShape)", name, i, n.Name())
		}
	}
	return nil
}

func applyAs[T kernel.Float](name string, build builder[T], inputs []*G.Node) (*G.Node, error) {
	r, err := build(shapesOf(inputs))
	if err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	return addOp(name, r, inputs)
}

// applyRule adds an op whose rule has been made for its inputs.
func applyRule[T kernel.Float](name string, r rule[T], inputs G.Nodes) (*G.Node, error) {
	if err := checkInputs(name, inputs); err != nil {
		return nil, err
	}
	return addOp(name, r, inputs)
}

func addOp[T kernel.Float](name string, r rule[T], inputs G.Nodes) (*G.Node, error) {
	if !addressable(r.output) {
		return nil, fmt.Errorf("%s: the result would have shape %v: its size overflows int", name, r.output)
	}
	f := &function[T]{rule: r}
	f.adapter = newAdapter[T](name, r.attributes, shapesOf(inputs), r.output, r.forward)
	f.check = r.check
	f.memory = r.memory(len(inputs) - r.after)
	return G.ApplyOp(f, inputs...)
}

func shapesOf(nodes G.Nodes) []tensor.Shape {
	shapes := make([]tensor.Shape, len(nodes))
	for i, n := range nodes {
		shapes[i] = n.Shape()
	}
	return shapes
}

// addressable reports whether the size in bytes of a tensor of this shape fits an int.
func addressable(s tensor.Shape) bool {
	most := math.MaxInt / 8
	for _, n := range s {
		if n > 0 {
			most /= n
		}
	}
	return most > 0
}

// adapter implements gorgonia's Op, except differentiation, for forward ops and gradients. The
// result is in a buffer of the op's own, or in the one set by [SetBuffer]. So a training step
// allocates nothing, and gorgonia's own ops can't overwrite the result of another node.
type adapter[T kernel.Float] struct {
	name, attributes string
	id               uint64 // gorgonia merges nodes of equal hash, so each instance has a different one
	inputs           []tensor.Shape
	output           tensor.Shape
	check            func(in [][]T) error // nil: all values are fine
	compute          func(in [][]T, out []T)

	operands [][]T // reused by every Do
	value    G.Value
	out      []T
	memory   Aliasing
}

var instances atomic.Uint64

func newAdapter[T kernel.Float](
	name, attributes string, in []tensor.Shape, out tensor.Shape, compute func(in [][]T, out []T),
) adapter[T] {
	return adapter[T]{
		name: name, attributes: attributes, id: instances.Add(1),
		inputs: in, output: out, compute: compute, operands: make([][]T, len(in)),
	}
}

// Arity is the number of inputs.
func (a *adapter[T]) Arity() int { return len(a.inputs) }

// Type makes a new type at every call, because gorgonia returns it to a pool.
func (a *adapter[T]) Type() hm.Type {
	types := make([]hm.Type, 0, len(a.inputs)+1)
	for _, s := range a.inputs {
		types = append(types, typeOf[T](s))
	}
	return hm.NewFnType(append(types, typeOf[T](a.output))...)
}

func typeOf[T kernel.Float](s tensor.Shape) hm.Type {
	if s.IsScalar() {
		return dtypeOf[T]()
	}
	return G.TensorType{Dims: s.Dims(), Of: dtypeOf[T]()}
}

func dtypeOf[T kernel.Float]() tensor.Dtype {
	if _, double := any(T(0)).(float64); double {
		return tensor.Float64
	}
	return tensor.Float32
}

// InferShape returns the rule's output shape.
func (a *adapter[T]) InferShape(...G.DimSizer) (tensor.Shape, error) { return a.output.Clone(), nil }

// Do computes the result into the op's buffer. It turns a panic into an error that names the op:
// the tape machine runs ops on a goroutine of its own, where a panic would end the process.
func (a *adapter[T]) Do(inputs ...G.Value) (_ G.Value, err error) {
	defer func() {
		if r := recover(); r != nil {
			err = fmt.Errorf("%s: %v", a, r)
		}
	}()
	if len(inputs) != len(a.inputs) {
		return nil, fmt.Errorf("%s: got %d operands, want %d", a, len(inputs), len(a.inputs))
	}
	for i, v := range inputs {
		data, err := elements[T](v)
		if err != nil {
			return nil, fmt.Errorf("%s: operand %d: %w", a, i, err)
		}
		if want := a.inputs[i].TotalSize(); len(data) != want {
			return nil, fmt.Errorf("%s: operand %d: got shape %v, want %v", a, i, v.Shape(), a.inputs[i])
		}
		a.operands[i] = data
	}
	if a.check != nil {
		if err := a.check(a.operands); err != nil {
			return nil, fmt.Errorf("%s: %w", a, err)
		}
	}
	if a.value == nil {
		a.value, a.out = newValue[T](a.output)
	}
	a.compute(a.operands, a.out)
	return a.value, nil
}

// ReturnsPtr is true: the result is the op's buffer.
func (a *adapter[T]) ReturnsPtr() bool { return true }

// CallsExtern is false: everything is Go.
func (a *adapter[T]) CallsExtern() bool { return false }

// OverwritesInput is -1: no op writes into its inputs.
func (a *adapter[T]) OverwritesInput() int { return -1 }

// WriteHash writes what differs between any two instances.
func (a *adapter[T]) WriteHash(h hash.Hash) { fmt.Fprintf(h, "convgraph/%s/%d", a.name, a.id) }

// Hashcode is the hash of WriteHash.
func (a *adapter[T]) Hashcode() uint32 {
	h := fnv.New32a()
	a.WriteHash(h)
	return h.Sum32()
}

// String is the op's name with its attributes: "Conv2D(stride 2x2, pad 1x1)".
func (a *adapter[T]) String() string {
	if a.attributes == "" {
		return a.name
	}
	return a.name + "(" + a.attributes + ")"
}

// function is a rule's forward half.
type function[T kernel.Float] struct {
	adapter[T]
	rule           rule[T]
	differentiated bool
	repeats        uint64 // id of the op that this one computes again
}

// DiffWRT reports which inputs have a gradient.
func (f *function[T]) DiffWRT(int) []bool {
	differentiable := make([]bool, len(f.rule.vjps))
	for i, v := range f.rule.vjps {
		differentiable[i] = v.apply != nil || v.undeclared
	}
	return differentiable
}

// SymDiff adds a gradient node for each differentiable input. Each is a node of its own, so that
// compiling the graph for its outputs (gorgonia.CompileFunction) drops those that aren't needed.
func (f *function[T]) SymDiff(inputs G.Nodes, output, grad *G.Node) (G.Nodes, error) {
	forget(G.Nodes{output})
	d := differentiation[T]{inputs: inputs, output: output, dy: grad, grads: make(G.Nodes, len(inputs))}
	if f.rule.epilogue.apply != nil {
		node, err := f.gradient(f.rule.epilogue, d, output.Shape())
		if err != nil {
			return nil, fmt.Errorf("%s: gradient of the result: %w", f, err)
		}
		d.dy = node
	}
	d.vjps = f.rule.vjps
	if f.differentiated && f.rule.again != nil {
		d.vjps = f.rule.again()
	}
	f.differentiated = true
	if f.rule.differentiated != nil {
		f.rule.differentiated()
	}
	for i := range d.vjps {
		if err := f.differentiate(i, d); err != nil {
			return nil, err
		}
	}
	return d.grads, nil
}

// differentiate makes the gradient node of an input, and first those that it depends on. It does
// nothing if the node exists or the input has no gradient.
func (f *function[T]) differentiate(input int, d differentiation[T]) error {
	v := d.vjps[input]
	if v.undeclared {
		return fmt.Errorf("%s: it has no declared gradient for input %d", f, input)
	}
	if v.apply == nil || d.grads[input] != nil {
		return nil
	}
	for _, o := range slices.Concat(v.reads, v.after) {
		if other, ok := o.gradientInput(); ok {
			if err := f.differentiate(other, d); err != nil {
				return err
			}
		}
	}
	node, err := f.gradient(v, d, d.inputs[input].Shape())
	if err != nil {
		return fmt.Errorf("%s: gradient of input %d: %w", f, input, err)
	}
	d.grads[input] = node
	return nil
}

// differentiation is the state of differentiating one op.
type differentiation[T kernel.Float] struct {
	inputs     G.Nodes
	output, dy *G.Node
	vjps       []vjp[T]
	grads      G.Nodes // those made so far
}

func (d differentiation[T]) node(o operand) *G.Node {
	if input, ok := o.gradientInput(); ok {
		return d.grads[input]
	}
	if o == result {
		return d.output
	}
	return d.inputs[o]
}

// gradient adds a vjp's node to the graph. As its children, the values that it reads or comes after
// stay alive until it has run.
func (f *function[T]) gradient(v vjp[T], d differentiation[T], output tensor.Shape) (*G.Node, error) {
	var children G.Nodes
	for _, o := range v.reads {
		children = append(children, d.node(o))
	}
	children = append(children, d.dy)
	for _, o := range v.after {
		children = append(children, d.node(o))
	}
	compute := v.compute(len(d.inputs))
	g := &gradient[T]{
		adapter: newAdapter[T]("d"+f.name, f.attributes, shapesOf(children), output, compute),
		of:      f.id, inputs: len(d.inputs), reads: v.reads, after: v.after, rule: v.second, late: v.late,
		shares: v.shares,
	}
	g.memory = v.memory()
	return G.ApplyOp(g, children...)
}

// compute calls apply with the values of a gradient's children. All other operands are nil.
func (v vjp[T]) compute(inputs int) func(children [][]T, dx []T) {
	reads, from := len(v.reads), operands[[]T]{in: make([][]T, inputs)}
	return func(children [][]T, dx []T) {
		from.set(v.reads, children)
		v.apply(from.in, from.y, children[reads], dx)
	}
}

// Info describes an op of this package.
type Info struct {
	Name       string // "Conv2D"; its gradients are "dConv2D"
	Attributes string // "stride 2, pad 1"
	ID         uint64 // different for each instance
	GradientOf uint64 // the ID of the op whose gradient this is; 0 for a forward op
	Repeats    uint64 // the ID of the op that this one computes [Again]; otherwise 0
}

// Describe returns the Info of an op of this package, or false for any other op.
func Describe(op G.Op) (Info, bool) {
	d, ok := op.(interface{ info() Info })
	if !ok {
		return Info{}, false
	}
	return d.info(), true
}

func (a *adapter[T]) info() Info {
	return Info{Name: a.name, Attributes: a.attributes, ID: a.id}
}

func (g *gradient[T]) info() Info {
	i := g.adapter.info()
	i.GradientOf = g.of
	return i
}
