package graph

import (
	"errors"
	"fmt"
	"slices"
	"sync"

	"gorgonia.org/tensor"
)

// A Model is a network with its parameters. Any number of goroutines may predict at the same time.
// While a [Step] of the model trains, its parameters change under all of them.
type Model struct {
	spec   *Spec
	nodes  []*Node // the network's input, then the layers
	head   head
	params []*Parameter // of all nodes, in order
	dtype  tensor.Dtype
	seed   uint64

	unfused   bool     // no pass runs
	recompute []string // patterns of layers, see [WithRecompute]

	mu         sync.Mutex
	predictors map[predictorKind][]*predictor // idle ones

	imagesAtOnce func() int // planImagesAtOnce, called once
}

// An Option changes how [New] makes a model; nil changes nothing.
type Option func(*Model)

// WithSeed sets the seed of the initial parameters and, in training, of the dropout masks. The
// default is 1.
func WithSeed(seed uint64) Option { return func(m *Model) { m.seed = seed } }

// WithDtype sets the element type: tensor.Float32, the default, or tensor.Float64, which is slower
// and meant for checking numbers.
func WithDtype(dt tensor.Dtype) Option { return func(m *Model) { m.dtype = dt } }

// WithoutFusion turns off the passes that fuse several layers into one op. The results have the
// same bits.
func WithoutFusion() Option { return func(m *Model) { m.unfused = true } }

// WithRecompute makes training steps use less memory and more time. In a block of layers whose
// names match a pattern, values that are only read inside the block aren't kept for the backward
// pass but computed a second time. The results have the same bits.
//
// Patterns are those of [path.Match]. They match a layer's name, or the part of it before a dot;
// layers that match with the same part are one block. "layer*.*" matches the blocks "layer1.0",
// "layer1.1" and so on; "layer1" is a single block. Consecutive layers that match by their whole
// names are one block. Steps with a gradient penalty and Hessian-vector products keep all values.
func WithRecompute(patterns ...string) Option {
	return func(m *Model) { m.recompute = append(m.recompute, patterns...) }
}

// New infers the shapes of a spec and draws its initial parameters. The same seed gives the same
// parameters, up to rounding for either element type. An error names the layer that doesn't fit,
// what it got and what it wants.
func New(spec *Spec, options ...Option) (*Model, error) {
	m, err := declare(spec, options)
	if err != nil {
		return nil, err
	}
	for _, p := range m.params {
		p.Value = m.initial(p)
	}
	return m, nil
}

var errNilSpec = errors.New("the model's spec is nil")

// declare returns a model whose parameters have no values yet.
func declare(spec *Spec, options []Option) (*Model, error) {
	if spec == nil {
		return nil, errNilSpec
	}
	nodes, err := spec.resolve()
	if err != nil {
		return nil, err
	}
	m, err := newModel(spec, nodes)
	if err != nil {
		return nil, err
	}
	for _, o := range options {
		if o != nil {
			o(m)
		}
	}
	if m.dtype != tensor.Float32 && m.dtype != tensor.Float64 {
		return nil, fmt.Errorf("model %q: element type: got %v, want float32 or float64", spec.Name, m.dtype)
	}
	if err := checkRecompute(m.recompute, m.hidden()); err != nil {
		return nil, fmt.Errorf("model %q: %w", spec.Name, err)
	}
	return m, nil
}

// newModel returns a model of nodes whose parameters have no values yet.
func newModel(spec *Spec, nodes []*Node) (*Model, error) {
	head, err := spec.head(nodes)
	if err != nil {
		return nil, err
	}
	m := &Model{
		spec: spec, nodes: nodes, head: head, dtype: tensor.Float32, seed: 1,
		predictors: map[predictorKind][]*predictor{},
	}
	m.imagesAtOnce = sync.OnceValue(m.planImagesAtOnce)
	for _, n := range nodes {
		m.params = append(m.params, n.Parameters...)
	}
	return m, nil
}

// Spec returns the declaration that the model was made from.
func (m *Model) Spec() *Spec { return m.spec }

// Dtype returns the element type of the parameters and of all results.
func (m *Model) Dtype() tensor.Dtype { return m.dtype }

// Nodes returns the layers in their network, in order. The first one's input is the network's
// input.
func (m *Model) Nodes() []*Node { return append([]*Node(nil), m.nodes[1:]...) }

// Node returns the node with the given name, or an error that lists the names.
func (m *Model) Node(name string) (*Node, error) {
	for _, n := range m.nodes[1:] {
		if n.Name == name {
			return n, nil
		}
	}
	return nil, m.noLayer(name)
}

// Output returns the last node.
func (m *Model) Output() *Node { return m.head.output }

// LogitsNode returns the node whose output the loss reads: the last one, or the input of a last
// Softmax or Sigmoid.
func (m *Model) LogitsNode() *Node { return m.head.logits }

// Classes returns the number of elements of the output.
func (m *Model) Classes() int { return m.head.output.Shape.TotalSize() }

// HasProbabilities reports whether the outputs are probabilities: of classes with the loss
// [CrossEntropy], of independent labels with [BinaryCrossEntropy], or of classes at each position
// of a plane with a [Softmax] as the last layer.
func (m *Model) HasProbabilities() bool {
	_, softmax := m.head.output.Layer.(Softmax)
	return m.head.loss != MeanSquaredError || softmax && m.head.output.Shape.Dims() == 3
}

func (m *Model) noLayer(layer string) error {
	var names []string
	for _, n := range m.nodes[1:] {
		names = append(names, n.Name)
	}
	return fmt.Errorf("model %q has no layer %.80q: it has %v", m.spec.Name, layer, names)
}

// hidden returns the nodes up to the logits.
func (m *Model) hidden() []*Node {
	layers := m.nodes[1:]
	if m.head.squash() != nil {
		return layers[:len(layers)-1]
	}
	return layers
}

// TrainingLoss returns the loss that the model is trained with.
func (m *Model) TrainingLoss() Loss { return m.head.loss }

func (m *Model) checkBatch(batch int) error {
	if batch < 1 || batch > maxSide {
		return fmt.Errorf("model %q: batch: got %d, want 1 to %d", m.spec.Name, batch, maxSide)
	}
	return nil
}

func (m *Model) checkImages(images *tensor.Dense) (n int, err error) {
	if images == nil {
		return 0, fmt.Errorf("model %q: images: got nil, want (N, then %v)", m.spec.Name, m.spec.Input)
	}
	s := images.Shape()
	if len(s) == 0 || !slices.Equal(s[1:], m.spec.Input) {
		return 0, fmt.Errorf("model %q: images: got shape %v, want (N, then %v)", m.spec.Name, s, m.spec.Input)
	}
	if images.Dtype() != m.dtype {
		return 0, fmt.Errorf("model %q: images: got %v, want %v, as the model is", m.spec.Name, images.Dtype(), m.dtype)
	}
	if err := checkDense(images); err != nil {
		return 0, fmt.Errorf("model %q: images %w", m.spec.Name, err)
	}
	return s[0], nil
}
