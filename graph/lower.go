package graph

import (
	"fmt"
	"sync"

	G "gorgonia.org/gorgonia"
	"gorgonia.org/tensor"

	"convgraph/ops"
)

// building guards the making of gorgonia graphs, which share state across graphs (their node pool and type checker).
var building sync.Mutex

// network is a model as a symbolic graph for one batch size.
type network struct {
	graph  *G.ExprGraph
	x, t   *G.Node   // images (N, C, H, W); targets (N, classes), nil without a loss
	params G.Nodes   // in the order of Model.params
	layers []*G.Node // the output of each layer; nil inside of what a pass has fused
	logits *G.Node   // what the last layer gives, or takes if it is Softmax
	loss   *G.Node
	grads  G.Nodes // of the loss with respect to params and, if that is wanted, x
	noise  *ops.Noise
}

// lowering says how a model becomes a graph.
type lowering struct {
	training bool // dropout is on
	fused    bool // the passes are on
}

// lower makes the symbolic graph for batches of n, up to the logits. The parameter nodes hold the model's own tensors,
// if it has them already.
func (m *Model) lower(n int, how lowering) (*network, error) {
	net := &network{graph: G.NewGraph(G.WithGraphName(m.spec.Name)), noise: &ops.Noise{Seed: m.seed}}
	net.x = G.NewTensor(net.graph, m.dtype, 1+m.spec.Input.Dims(), G.WithShape(batched(n, m.spec.Input)...), G.WithName("x"))
	for i, p := range m.parameters() {
		node := G.NewTensor(net.graph, m.dtype, p.Shape.Dims(), G.WithShape(p.Shape...), G.WithName(p.Name))
		if len(m.params) > 0 {
			G.WithValue(m.params[i].Value)(node)
		}
		net.params = append(net.params, node)
	}
	net.logits = net.x
	sections := asDeclared(m.hidden())
	if how.fused {
		sections = fused(m.hidden())
	}
	params, mode := net.params, Mode{Training: how.training, Noise: net.noise}
	for _, s := range sections {
		n := s.parameterCount()
		out, err := s.lower(net.logits, params[:n], mode)
		if err != nil {
			return nil, fmt.Errorf("model %q: layer %d %q (%v): %w", m.spec.Name, len(net.layers)+1, s.name(), s.stages[0].layer, err)
		}
		params = params[n:]
		net.layers = append(net.layers, make([]*G.Node, len(s.stages)-1)...)
		net.layers = append(net.layers, out)
		net.logits = out
	}
	return net, nil
}

func (s section) parameterCount() (n int) {
	for _, st := range s.stages {
		n += len(st.parameters)
	}
	return n
}

// addProbabilities adds the last Softmax, for prediction.
func (net *network) addProbabilities(m *Model) error {
	if !m.HasProbabilities() {
		return nil
	}
	p, err := ops.Softmax(net.logits)
	net.layers = append(net.layers, p)
	return err
}

// addLoss adds the targets and the cross-entropy, which takes the last Softmax in, for training.
func (net *network) addLoss(m *Model) error {
	if !m.HasProbabilities() {
		return fmt.Errorf("model %q ends in %v: to have a loss it must end in Softmax", m.spec.Name, m.stages[len(m.stages)-1].layer)
	}
	net.t = G.NewMatrix(net.graph, m.dtype, G.WithShape(net.x.Shape()[0], m.Classes()), G.WithName("t"))
	loss, err := ops.SoftmaxCrossEntropy(net.logits, net.t)
	net.loss = loss
	return err
}

// hidden are the layers up to the logits.
func (m *Model) hidden() []stage {
	if m.HasProbabilities() {
		return m.stages[:len(m.stages)-1]
	}
	return m.stages
}

func batched(n int, sample tensor.Shape) tensor.Shape {
	return append(tensor.Shape{n}, sample...)
}
