package graph

import (
	"fmt"
	"math/rand/v2"

	G "gorgonia.org/gorgonia"

	"convgraph/ops"
)

// symbolic is a model as a symbolic graph for one batch size.
type symbolic struct {
	model  *Model
	graph  *G.ExprGraph
	x, t   *G.Node           // images (N, C, H, W); targets, nil without a loss
	values map[*Node]*G.Node // output of each node; missing for values inside a fused group
	params map[*Parameter]*G.Node
	rng    *ops.RNG
	groups []group // in the order in which they run

	logits, probabilities *G.Node // probabilities are nil in training, and if the loss has none
	loss                  *G.Node
	trained               []*Parameter
	grads                 G.Nodes // of the loss: for each of trained and, if wanted, x
	estimates             []estimate

	vector, products G.Nodes // of a Hessian-vector product: one for each of trained
}

// lowering selects how a model becomes a symbolic graph.
type lowering struct {
	training bool // dropout is on
	fused    bool // the passes are on
	twice    bool // the graph will be differentiated twice
}

// lower builds the symbolic graph for batches of n, up to the logits.
func (m *Model) lower(n int, how lowering) (*symbolic, error) {
	s := &symbolic{
		model: m, graph: G.NewGraph(G.WithGraphName(m.spec.Name)), rng: &ops.RNG{Seed: m.seed},
		values: map[*Node]*G.Node{}, params: map[*Parameter]*G.Node{},
	}
	in := batched(n, m.spec.Input)
	s.x = G.NewTensor(s.graph, m.dtype, in.Dims(), G.WithShape(in...), G.WithName("x"))
	s.values[m.nodes[0]] = s.x
	s.groups = asDeclared(m.hidden())
	if how.fused {
		s.groups = m.fuse(how.twice)
	}
	for _, g := range s.groups {
		if err := s.lowerGroup(g, how.training); err != nil {
			return nil, fmt.Errorf("model %q: layer %q (%s): %w", m.spec.Name, g.name(), Code(g.nodes[0].Layer), err)
		}
	}
	s.logits = s.values[m.head.logits]
	return s, nil
}

func (s *symbolic) lowerGroup(g group, training bool) error {
	l := &Lowering{Training: training, RNG: s.rng, node: g.nodes[0], paramNode: s.param}
	for _, in := range g.inputs() {
		l.Inputs = append(l.Inputs, s.values[in])
	}
	out, err := g.lower(l)
	s.values[g.last()] = out
	s.estimates = append(s.estimates, l.estimates...)
	return err
}

// param returns the graph's node of a parameter. It holds the model's tensor, if the model has one
// yet.
func (s *symbolic) param(p *Parameter) *G.Node {
	if node, done := s.params[p]; done {
		return node
	}
	node := G.NewTensor(s.graph, s.model.dtype, p.Shape.Dims(), G.WithShape(p.Shape...), G.WithName(p.Name))
	if p.Value != nil {
		G.WithValue(p.Value)(node)
	}
	s.params[p] = node
	return node
}

// addProbabilities adds the function from the logits to the probabilities, for prediction.
func (s *symbolic) addProbabilities() (err error) {
	head := s.model.head
	if head.loss == MeanSquaredError {
		return nil
	}
	if s.probabilities, err = head.loss.probabilities(s.logits); err != nil {
		return err
	}
	if head.logits != head.output {
		s.values[head.output] = s.probabilities
	}
	return nil
}

// output returns the result of a prediction: the probabilities, or the last node's value.
func (s *symbolic) output() *G.Node {
	if s.probabilities != nil {
		return s.probabilities
	}
	return s.values[s.model.head.output]
}

// addLoss adds the targets and the loss, for training.
func (s *symbolic) addLoss() (err error) {
	s.addTargets()
	s.loss, err = s.model.head.loss.lower(s.logits, s.t)
	return err
}

// addWeightedLoss adds the targets and the cross-entropy for targets that may be weighted.
func (s *symbolic) addWeightedLoss() (err error) {
	if loss := s.model.head.loss; loss != CrossEntropy {
		return fmt.Errorf("model %q: got weighted targets with the loss %q, want %q",
			s.model.spec.Name, loss, CrossEntropy)
	}
	s.addTargets()
	s.loss, err = crossEntropy(ops.WeightedCrossEntropy, s.logits, s.t)
	return err
}

func (s *symbolic) addTargets() {
	shape := batched(s.x.Shape()[0], s.model.head.logits.Shape)
	s.t = G.NewTensor(s.graph, s.model.dtype, shape.Dims(), G.WithShape(shape...), G.WithName("t"))
}

// outputs returns the nodes that a training step, or a Hessian-vector product, is run for.
func (s *symbolic) outputs() G.Nodes {
	if s.products != nil {
		return s.products
	}
	outputs := append(G.Nodes{s.loss}, s.grads...)
	for _, e := range s.estimates {
		outputs = append(outputs, e.value)
	}
	return outputs
}

// leaves returns the nodes of the graph's inputs, as far as its ops read them.
func (s *symbolic) leaves() G.Nodes {
	leaves := append(G.Nodes{s.x}, s.vector...)
	if s.t != nil {
		leaves = append(leaves, s.t)
	}
	for _, p := range s.model.params {
		if node, read := s.params[p]; read {
			leaves = append(leaves, node)
		}
	}
	return leaves
}

// fill sets random images and, if there are targets, the same value for every class.
func (s *symbolic) fill() error {
	random := rand.New(rand.NewPCG(s.model.seed, 0))
	x := zeros(s.model.dtype, s.x.Shape())
	for i := range x.Shape().TotalSize() {
		setAt(x, i, random.Float64())
	}
	if err := G.Let(s.x, x); err != nil || s.t == nil {
		return err
	}
	t := zeros(s.model.dtype, s.t.Shape())
	for i := range t.Shape().TotalSize() {
		setAt(t, i, 1/float64(s.t.Shape()[1]))
	}
	return G.Let(s.t, t)
}
