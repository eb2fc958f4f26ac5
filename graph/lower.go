package graph

import (
	"cmp"
	"fmt"
	"slices"
	"sync"

	G "gorgonia.org/gorgonia"

	"convgraph/ops"
)

// building guards the making of gorgonia graphs, which share state across graphs (their node pool
// and type checker).
var building sync.Mutex

// symbolic is a model as a symbolic graph for one batch size.
type symbolic struct {
	model  *Model
	graph  *G.ExprGraph
	x, t   *G.Node           // images (N, C, H, W); targets, nil without a loss
	values map[*Node]*G.Node // the output of each node; none for what a pass has fused away
	params map[*Parameter]*G.Node
	rng    *ops.RNG
	groups []group // what runs, in order

	logits, probabilities *G.Node // probabilities are nil in training, and if the loss has none
	loss                  *G.Node
	trained               []*Parameter
	grads                 G.Nodes // of the loss: for each of trained and, if wanted, x
	estimates             []estimate

	vector, products G.Nodes // of a Hessian-vector product: one for each of trained
}

// estimate moves a running statistic towards a value of the batch.
type estimate struct {
	parameter *Parameter
	value     *G.Node
	momentum  float64
}

// lowering says how a model becomes a symbolic graph.
type lowering struct {
	training bool // dropout is on
	fused    bool // the passes are on
	twice    bool // the graph is differentiated twice
}

// lower makes the symbolic graph for batches of n, up to the logits.
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
	first, last := g.nodes[0], g.nodes[len(g.nodes)-1]
	l := &Lowering{Training: training, RNG: s.rng, node: first, graph: s}
	for _, in := range first.Inputs {
		l.Inputs = append(l.Inputs, s.values[in])
	}
	out, err := g.lower(l)
	s.values[last] = out
	return err
}

// param is the graph's node of a parameter. It holds the model's own tensor, if there is one yet.
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

// addProbabilities adds what turns the logits into probabilities, for prediction.
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

// output is the result that a prediction ends with: the probabilities, or the last node's.
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

// addWeightedLoss adds the targets, which may be weighted, and the cross-entropy.
func (s *symbolic) addWeightedLoss() (err error) {
	if loss := s.model.head.loss; loss != CrossEntropy {
		return fmt.Errorf("model %q: weighted targets are for the loss %q: it has %q", s.model.spec.Name, CrossEntropy, loss)
	}
	s.addTargets()
	s.loss, err = crossEntropy(ops.WeightedCrossEntropy, s.logits, s.t)
	return err
}

func (s *symbolic) addTargets() {
	shape := batched(s.x.Shape()[0], s.model.head.logits.Shape)
	s.t = G.NewTensor(s.graph, s.model.dtype, shape.Dims(), G.WithShape(shape...), G.WithName("t"))
}

// differentiate adds the gradients of the loss.
func (s *symbolic) differentiate(inputGradient bool) error {
	wrt := s.trainedNodes()
	if inputGradient {
		wrt = append(wrt, s.x)
	}
	if len(wrt) == 0 {
		return s.nothingToTrain()
	}
	grads, err := G.Grad(s.loss, wrt...)
	if err != nil {
		return fmt.Errorf("model %q: %w", s.model.spec.Name, err)
	}
	s.grads, err = sumForks(G.Nodes{s.loss}, grads)
	return err
}

// trainedNodes are the nodes of the parameters that are trained.
func (s *symbolic) trainedNodes() (wrt G.Nodes) {
	s.trained = s.model.trained()
	for _, p := range s.trained {
		wrt = append(wrt, s.param(p))
	}
	return wrt
}

func (s *symbolic) nothingToTrain() error {
	return fmt.Errorf("model %q: it has no parameters to train: there is nothing to differentiate", s.model.spec.Name)
}

// outputs are what a training step, or a Hessian-vector product, is run for.
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

// leaves are the nodes that hold the graph's inputs, as far as its ops read them.
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

// hidden are the nodes up to the logits.
func (m *Model) hidden() []*Node {
	layers := m.nodes[1:]
	if m.head.squash() != nil {
		return layers[:len(layers)-1]
	}
	return layers
}

// sumForks replaces the additions that gorgonia's Grad makes where the gradients of a value with
// several readers meet. Gorgonia's own op allocates its result at every run and the memory plan
// doesn't know it; [ops.Add] has its place in the arena. It adds in the order of the readers, so that
// the sum's bits don't depend on the passes. What the nodes that were differentiated are computed
// from stays.
func sumForks(of, grads G.Nodes) (G.Nodes, error) {
	rebuilt := map[*G.Node]*G.Node{}
	for _, n := range of {
		keep(n, rebuilt)
	}
	var rebuild func(n *G.Node) (*G.Node, error)
	rebuild = func(n *G.Node) (_ *G.Node, err error) {
		if done, ok := rebuilt[n]; ok {
			return done, nil
		}
		operands, changed := children(n), false
		if isForkSum(n) {
			operands, changed = terms(n), true
		}
		for i, c := range operands {
			if operands[i], err = rebuild(c); err != nil {
				return nil, err
			}
			changed = changed || operands[i] != c
		}
		result := n
		switch {
		case !changed:
		case isForkSum(n):
			result, err = ops.Add(operands...)
		default:
			result, err = G.ApplyOp(n.Op(), operands...)
		}
		rebuilt[n] = result
		return result, err
	}
	return inOrder(grads, rebuild)
}

// inOrder rebuilds gradients in the order in which they were made, from the loss back. Of the ops
// that could run next the tape runs the one that was made first, so each layer's gradients run before
// those of the layers it reads, and its activations are needed no longer.
func inOrder(grads G.Nodes, rebuild func(*G.Node) (*G.Node, error)) (G.Nodes, error) {
	order := make([]int, len(grads))
	for i := range order {
		order[i] = i
	}
	slices.SortStableFunc(order, func(a, b int) int { return cmp.Compare(grads[a].ID(), grads[b].ID()) })
	rebuilt := make(G.Nodes, len(grads))
	for _, i := range order {
		var err error
		if rebuilt[i], err = rebuild(grads[i]); err != nil {
			return nil, err
		}
	}
	return rebuilt, nil
}

// keep maps a node and all that it is computed from to themselves.
func keep(n *G.Node, kept map[*G.Node]*G.Node) {
	if kept[n] != nil {
		return
	}
	kept[n] = n
	for _, c := range children(n) {
		keep(c, kept)
	}
}

// isForkSum recognises gorgonia's own addition.
func isForkSum(n *G.Node) bool {
	if n.Op() == nil {
		return false
	}
	_, ours := ops.Describe(n.Op())
	return !ours && n.Op().Arity() == 2 && fmt.Sprint(n.Op())[0] == '+'
}

// terms are what a chain of additions, (a + b) + c, adds up: the gradients from a value's readers, in
// the order in which these were lowered.
func terms(sum *G.Node) G.Nodes {
	var terms G.Nodes
	for isForkSum(sum) {
		operands := children(sum)
		terms = append(terms, operands[1])
		sum = operands[0]
	}
	terms = append(terms, sum)
	slices.Reverse(terms)
	slices.SortStableFunc(terms, func(a, b *G.Node) int { return cmp.Compare(readerOf(a), readerOf(b)) })
	return terms
}

// readerOf is the ID of the forward op that a gradient comes from. IDs rise in the order of lowering.
func readerOf(gradient *G.Node) uint64 {
	info, _ := ops.Describe(gradient.Op())
	return info.GradientOf
}
