package gradcheck

import (
	"fmt"
	"maps"
	"math"
	"slices"
	"testing"

	G "gorgonia.org/gorgonia"
	"gorgonia.org/tensor"

	"convgraph/internal/splitmix"
)

// SecondFunc is the second derivatives of a scalar function of tensors in memory, computed by any
// means.
type SecondFunc struct {
	// Inputs are those of [Func].
	Inputs []Input
	// Gradients are those of [Func].
	Gradients func() ([]*tensor.Dense, error)
	// Product returns the function's Hessian at the inputs' current values times a vector, which
	// has one part for each input, of its shape: ∂⟨g, v⟩/∂x of the gradients g.
	Product func(v []*tensor.Dense) ([]*tensor.Dense, error)
}

// symmetryTolerance64 and symmetryTolerance32 are the largest asymmetries that pass.
const (
	symmetryTolerance64 = 1e-12
	symmetryTolerance32 = 1e-4
)

// Check compares H·v, of a random vector v and the function's Hessian H, with central differences
// of ⟨g, v⟩, where g is the gradients: the derivative of ⟨g, v⟩ is H·v. It also compares u'·H·v
// with v'·H·u of a second random vector u, because H is symmetric. The report is that of
// [Func.Check], with ⟨g, v⟩ as the loss.
func (f SecondFunc) Check(o Options) (*Report, error) {
	r, err := f.check(o)
	if err != nil {
		return nil, fmt.Errorf("gradcheck: second derivatives: %w", err)
	}
	return r, nil
}

// Test checks the function and fails t, with the report, if a second derivative is wrong.
func (f SecondFunc) Test(t testing.TB, o Options) *Report {
	t.Helper()
	r, err := f.Check(o)
	return verdict(t, r, err)
}

// CheckSecond is [SecondFunc.Check] for a gorgonia-built function of the inputs.
func CheckSecond(inputs []Input, build Build, o Options) (*Report, error) {
	f, err := compileSecond(inputs, build, o.Seed)
	if err != nil {
		return nil, fmt.Errorf("gradcheck: second derivatives: %w", err)
	}
	return f.Check(o)
}

// TestSecond is [SecondFunc.Test] for a gorgonia-built function of the inputs.
func TestSecond(t testing.TB, inputs []Input, build Build, o Options) *Report {
	t.Helper()
	r, err := CheckSecond(inputs, build, o)
	return verdict(t, r, err)
}

func (f SecondFunc) check(o Options) (*Report, error) {
	if f.Gradients == nil || f.Product == nil {
		return nil, fmt.Errorf("got no gradients or no product, want both")
	}
	if _, err := inputValues(f.Inputs); err != nil {
		return nil, err
	}
	v := randomVector(f.Inputs, o.Seed, 0)
	first := Func{
		Inputs: f.Inputs,
		Loss: func() (float64, error) {
			g, err := f.Gradients()
			if err != nil {
				return 0, err
			}
			return inner(g, v)
		},
		Gradients: func() ([]*tensor.Dense, error) { return f.Product(v) },
	}
	r, err := check(first, o, true)
	if err != nil {
		return nil, err
	}
	asymmetry, err := f.asymmetry(v, randomVector(f.Inputs, o.Seed, 1))
	r.Asymmetry = &asymmetry
	return r, err
}

// asymmetry is |u'·H·v - v'·H·u| relative to what its terms add up to.
func (f SecondFunc) asymmetry(v, u []*tensor.Dense) (float64, error) {
	ofV, err := f.Product(v)
	if err != nil {
		return 0, err
	}
	uHv, err := inner(ofV, u)
	if err != nil {
		return 0, err
	}
	length, err := inner(ofV, ofV)
	if err != nil {
		return 0, err
	}
	ofU, err := f.Product(u)
	if err != nil {
		return 0, err
	}
	vHu, err := inner(ofU, v)
	if err != nil || uHv == vHu {
		return 0, err
	}
	other, err := inner(u, u)
	return math.Abs(uHv-vHu) / math.Sqrt(length*other), err
}

// randomVector has a part for each input.
func randomVector(inputs []Input, seed uint64, k int) (v []*tensor.Dense) {
	for i, in := range inputs {
		d := zerosLike(in.Value)
		random := newDirection(seed, vectorsStream+uint64(i), k)
		part, _ := valuesOf(d)
		for j := range part.len() {
			part.set(j, random.at(j))
		}
		v = append(v, d)
	}
	return v
}

// vectorsStream separates the vectors from the directions along which derivatives are compared.
const vectorsStream = 1 << 33

// inner is ⟨a, b⟩ in float64. A plain sum of n terms has a rounding error of about √n·ε times its
// size, which difference quotients divide by a small step. So the rounding errors of the additions
// are summed, too, and added at the end (Neumaier 1974): an error of ε times the sum is left.
func inner(a, b []*tensor.Dense) (float64, error) {
	if len(a) != len(b) {
		return 0, fmt.Errorf("got %d tensors, want %d, one for each input", len(a), len(b))
	}
	var sum compensatedSum
	for i := range a {
		p, err := copyOfDense(a[i])
		if err != nil {
			return 0, fmt.Errorf("tensor %d: %w", i, err)
		}
		q, err := copyOfDense(b[i])
		if err != nil {
			return 0, fmt.Errorf("tensor %d: %w", i, err)
		}
		if p.len() != q.len() {
			return 0, fmt.Errorf("tensor %d: got %d elements, want %d", i, p.len(), q.len())
		}
		for j := range p.len() {
			sum.add(p.at(j) * q.at(j))
		}
	}
	return sum.total(), nil
}

// compensatedSum is a sum with the rounding errors of its additions.
type compensatedSum struct{ sum, errors float64 }

// add adds a term. Of two numbers whose sum s is rounded, the rounding error is exactly
// (larger - s) + smaller.
func (c *compensatedSum) add(term float64) {
	s := c.sum + term
	if math.Abs(c.sum) >= math.Abs(term) {
		c.errors += (c.sum - s) + term
	} else {
		c.errors += (term - s) + c.sum
	}
	c.sum = s
}

func (c *compensatedSum) total() float64 { return c.sum + c.errors }

func compileSecond(inputs []Input, build Build, seed uint64) (SecondFunc, error) {
	e, err := assemble(inputs, build, func(e *expression, y *G.Node, nodes G.Nodes) error {
		return e.differentiateTwice(y, nodes, direction(splitmix.Mix(seed)))
	})
	if err != nil {
		return SecondFunc{}, err
	}
	return SecondFunc{Inputs: e.inputs, Gradients: e.allGradients, Product: e.product}, nil
}

// differentiateTwice compiles the gradients and the Hessian-vector product.
func (e *expression) differentiateTwice(y *G.Node, inputs G.Nodes, projection direction) error {
	gradients, err := e.gradientNodes(y, inputs, projection)
	if err != nil {
		return fmt.Errorf("differentiating: %w", err)
	}
	for i, n := range gradients {
		o, err := newOutput(n, y)
		if err != nil {
			return fmt.Errorf("gradient of %q: %w", e.inputs[i].Name, err)
		}
		e.gradients = append(e.gradients, o)
		e.vector = append(e.vector, zerosLike(e.inputs[i].Value))
	}
	products, err := e.productNodes(gradients, inputs)
	if err != nil {
		return fmt.Errorf("differentiating the gradients: %w", err)
	}
	for i, n := range products {
		var o output
		if n != nil {
			if o, err = newOutput(n, y); err != nil {
				return fmt.Errorf("product of %q: %w", e.inputs[i].Name, err)
			}
		}
		e.products = append(e.products, o)
	}
	return nil
}

// productNodes differentiates ⟨g, v⟩. gorgonia refuses gradients that no input changes and inputs
// that change no gradient: the product of such an input is nil.
func (e *expression) productNodes(gradients, inputs G.Nodes) (G.Nodes, error) {
	var curved, vectors, wrt G.Nodes
	changing := map[*G.Node]bool{}
	for i, n := range gradients {
		v := inputNode(n.Graph(), fmt.Sprintf("gradcheck: vector %d", i), e.vector[i])
		e.vectorNodes = append(e.vectorNodes, v)
		own := map[*G.Node]bool{}
		reach(n, own)
		if !slices.ContainsFunc(inputs, func(in *G.Node) bool { return own[in] }) {
			continue
		}
		maps.Copy(changing, own)
		curved, vectors = append(curved, n), append(vectors, v)
	}
	products := make(G.Nodes, len(inputs))
	for _, in := range inputs {
		if changing[in] {
			wrt = append(wrt, in)
		}
	}
	if len(wrt) == 0 {
		return products, nil
	}
	found, err := G.Backpropagate(curved, vectors, wrt)
	if err != nil {
		return nil, err
	}
	for i, in := range inputs {
		if at := slices.Index(wrt, in); at >= 0 {
			products[i] = found[at]
		}
	}
	return products, nil
}

// reach collects the nodes with respect to which a node can be differentiated.
func reach(n *G.Node, reached map[*G.Node]bool) {
	if reached[n] {
		return
	}
	reached[n] = true
	op, ok := n.Op().(G.SDOp)
	if !ok {
		return
	}
	var children G.Nodes
	for from := n.Graph().From(n.ID()); from.Next(); {
		children = append(children, from.Node().(*G.Node))
	}
	for i, d := range op.DiffWRT(len(children)) {
		if d {
			reach(children[i], reached)
		}
	}
}

func zerosLike(d *tensor.Dense) *tensor.Dense {
	return tensor.New(tensor.Of(d.Dtype()), tensor.WithShape(d.Shape().Clone()...))
}

// product is the Hessian times v.
func (e *expression) product(v []*tensor.Dense) ([]*tensor.Dense, error) {
	for i, part := range v {
		to, err := valuesOf(e.vector[i])
		if err != nil {
			return nil, err
		}
		from, err := copyOfDense(part)
		if err != nil {
			return nil, err
		}
		to.copyFrom(from)
	}
	return e.runAll("product", e.products)
}
