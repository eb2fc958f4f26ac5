package gradcheck

import (
	"fmt"
	"sync"

	G "gorgonia.org/gorgonia"
	"gorgonia.org/tensor"

	"convgraph/internal/splitmix"
)

// Build adds a function of the nodes in (one for each input, in order) to their graph g and returns
// its result: a scalar, or a tensor, which is then projected on a fixed random vector. It makes the
// nodes of values that aren't differentiated, such as labels, itself.
//
// gorgonia can't build two graphs at once safely. Checks build theirs one at a time; nothing else
// may build one meanwhile.
type Build func(g *G.ExprGraph, in []*G.Node) (*G.Node, error)

var building sync.Mutex

// expression is a built function with the machines that run it: one for the value and one for each
// gradient. Each machine computes its result last, so no later op can overwrite it, as gorgonia's
// stock ops may.
type expression struct {
	inputs    []Input   // copies of the caller's, which the checker changes
	bindings  []binding // of every input node of the graph
	value     output
	gradients []output
	weights   values // of the projection; empty for a scalar

	vector      []*tensor.Dense // of a Hessian-vector product, one for each input
	vectorNodes G.Nodes
	products    []output // one for each input; none for an input that no gradient depends on
}

// binding is the memory that an input node reads and the source of its values. It is copied before
// every run, because stock ops may overwrite their inputs.
type binding struct{ bound, source values }

// output is a node and what computes it: the machine, and the ops directly once they have been seen
// to compute the same.
type output struct {
	node    *G.Node
	machine G.VM
	direct  *direct
}

func compile(inputs []Input, build Build, seed uint64) (Func, error) {
	e, err := assemble(inputs, build, func(e *expression, y *G.Node, nodes G.Nodes) error {
		return e.differentiate(y, nodes, direction(splitmix.Mix(seed)))
	})
	if err != nil {
		return Func{}, err
	}
	return Func{Inputs: e.inputs, Loss: e.loss, Gradients: e.allGradients}, nil
}

// assemble builds the graph of a function of the inputs and adds its derivatives.
func assemble(
	inputs []Input, build Build, differentiate func(e *expression, y *G.Node, nodes G.Nodes) error,
) (e *expression, err error) {
	building.Lock()
	defer building.Unlock()
	defer func() {
		if r := recover(); r != nil {
			err = fmt.Errorf("building the graph: %v", r)
		}
	}()

	e = &expression{}
	g := G.NewGraph()
	nodes, err := e.addInputs(g, inputs)
	if err != nil {
		return nil, err
	}
	y, err := build(g, nodes)
	if err != nil {
		return nil, err
	}
	if err := differentiate(e, y, nodes); err != nil {
		return nil, err
	}
	e.keepConstants(g, append(nodes, e.vectorNodes...))
	return e, nil
}

func (e *expression) addInputs(g *G.ExprGraph, inputs []Input) (G.Nodes, error) {
	if _, err := inputValues(inputs); err != nil {
		return nil, err
	}
	var nodes G.Nodes
	for _, in := range inputs {
		source, bound := in.Value.Clone().(*tensor.Dense), in.Value.Clone().(*tensor.Dense)
		e.inputs = append(e.inputs, Input{in.Name, source})
		e.bind(bound, source)
		nodes = append(nodes, inputNode(g, in.Name, bound))
	}
	return nodes, nil
}

func inputNode(g *G.ExprGraph, name string, v *tensor.Dense) *G.Node {
	return G.NewTensor(g, v.Dtype(), v.Dims(), G.WithShape(v.Shape()...), G.WithName(name), G.WithValue(v))
}

func (e *expression) bind(bound, source *tensor.Dense) {
	to, errTo := valuesOf(bound)
	from, errFrom := valuesOf(source)
	if errTo == nil && errFrom == nil {
		e.bindings = append(e.bindings, binding{to, from})
	}
}

// keepConstants binds the input nodes that the caller's build made.
func (e *expression) keepConstants(g *G.ExprGraph, own G.Nodes) {
	for _, n := range g.Inputs() {
		if d, ok := n.Value().(*tensor.Dense); ok && !own.Contains(n) {
			e.bind(d, d.Clone().(*tensor.Dense))
		}
	}
}

func (e *expression) differentiate(y *G.Node, inputs G.Nodes, projection direction) error {
	if y == nil || y.Dtype() != inputs[0].Dtype() {
		return fmt.Errorf("result: got %v, want a node of the inputs' element type %v", y, inputs[0].Dtype())
	}
	gradients, err := e.gradientNodes(y, inputs, projection)
	if err != nil {
		return fmt.Errorf("differentiating: %w", err)
	}
	if e.value, err = newOutput(y, y); err != nil {
		return err
	}
	for i, n := range gradients {
		o, err := newOutput(n, y)
		if err != nil {
			return fmt.Errorf("gradient of %q: %w", e.inputs[i].Name, err)
		}
		e.gradients = append(e.gradients, o)
	}
	return nil
}

// gradientNodes differentiates y, or Σ w·y with random weights w if y is a tensor: then the
// gradients start from w instead of 1.
func (e *expression) gradientNodes(y *G.Node, inputs G.Nodes, projection direction) (G.Nodes, error) {
	if y.IsScalar() {
		return G.Grad(y, inputs...)
	}
	w := tensor.New(tensor.Of(y.Dtype()), tensor.WithShape(y.Shape().Clone()...))
	weights, err := valuesOf(w)
	if err != nil {
		return nil, fmt.Errorf("result: %w", err)
	}
	for i := range weights.len() {
		weights.set(i, projection.at(i))
	}
	e.weights = weights.clone()
	return G.Backpropagate(G.Nodes{y}, G.Nodes{inputNode(y.Graph(), "gradcheck: projection", w)}, inputs)
}

// newOutput compiles the part of the graph that n needs. A gradient that needs no input (that of a
// sum is 1) is compiled together with y, because gorgonia compiles no program without inputs.
func newOutput(n, y *G.Node) (output, error) {
	g := y.Graph()
	roots := G.Nodes{n}
	inputs := g.ExactSubgraphRoots(n).Inputs()
	if len(inputs) == 0 {
		roots = append(roots, y)
		inputs = g.ExactSubgraphRoots(roots...).Inputs()
	}
	program, locations, err := G.CompileFunction(g, inputs, roots)
	if err != nil {
		return output{}, fmt.Errorf("compiling: %w", err)
	}
	machine := G.NewTapeMachine(g, G.WithPrecompiled(program, locations))
	return output{n, machine, newDirect(n)}, nil
}

// run computes an output from the inputs: directly, if the first run has shown that this gives what
// the machine does.
func (e *expression) run(o output) (values, error) {
	if o.direct.same {
		return e.runDirect(o)
	}
	v, err := e.runMachine(o)
	if err == nil && !o.direct.compared {
		again, err := e.runDirect(o)
		o.direct.compared, o.direct.same = true, err == nil && again.sameBits(v)
	}
	return v, err
}

func (e *expression) copyInputs() {
	for _, b := range e.bindings {
		b.bound.copyFrom(b.source)
	}
}

func (e *expression) runDirect(o output) (values, error) {
	e.copyInputs()
	return o.direct.run()
}

func (e *expression) runMachine(o output) (values, error) {
	e.copyInputs()
	defer o.machine.Reset()
	if err := o.machine.RunAll(); err != nil {
		return values{}, err
	}
	v, err := copyOf(o.node.Value())
	if err != nil {
		return values{}, fmt.Errorf("%v: %w", o.node, err)
	}
	return v, nil
}

// loss sums the projection in float64, so that a float32 function loses no more digits.
func (e *expression) loss() (float64, error) {
	y, err := e.run(e.value)
	if err != nil {
		return 0, err
	}
	if e.weights.len() == 0 {
		return y.at(0), nil
	}
	sum := 0.0
	for i := range y.len() {
		sum += e.weights.at(i) * y.at(i)
	}
	return sum, nil
}

func (e *expression) allGradients() ([]*tensor.Dense, error) {
	return e.runAll("gradient", e.gradients)
}

// runAll computes a tensor for each input, zeros where there is no output.
func (e *expression) runAll(what string, outputs []output) ([]*tensor.Dense, error) {
	var all []*tensor.Dense
	for i, o := range outputs {
		if o.node == nil {
			all = append(all, zerosLike(e.inputs[i].Value))
			continue
		}
		v, err := e.run(o)
		if err != nil {
			return nil, fmt.Errorf("%s of %q: %w", what, e.inputs[i].Name, err)
		}
		d := v.dense()
		if err := d.Reshape(e.inputs[i].Value.Shape().Clone()...); err != nil {
			return nil, fmt.Errorf("%s of %q: %w", what, e.inputs[i].Name, err)
		}
		all = append(all, d)
	}
	return all, nil
}
