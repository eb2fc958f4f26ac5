package graph

import (
	"fmt"
	"math/bits"
	"slices"

	G "gorgonia.org/gorgonia"
	"gorgonia.org/tensor"

	"convgraph/ops"
)

// A predictor is the model's forward graph for one batch size, with its own buffers.
type predictor struct {
	predictorKind
	net     *symbolic
	program *program
	x       *tensor.Dense
	lent    *ops.Lent // in the place of x, if only ops read it that can read other memory
}

// A predictorKind is what a predictor is made for.
type predictorKind struct {
	batch  int
	layers bool // every layer's output is kept
}

// Bounds of a predictor's memory.
const (
	maxPredictBatch  = 64       // images; more are no faster, and leave the caches
	maxPredictValues = 4 << 20  // elements of its arena: most of it stays in a processor's cache
	maxLayerValues   = 16 << 20 // elements, if every layer's output is kept
)

// Predict computes the logits (N, classes) of images (N, C, H, W), for any N: the input of a last
// Softmax or Sigmoid, or else the output of the last layer.
func (m *Model) Predict(images *tensor.Dense) (*tensor.Dense, error) {
	n, err := m.checkImages(images)
	if err != nil {
		return nil, err
	}
	logits := zeros(m.dtype, batched(n, m.head.logits.Shape))
	err = m.forward(images, n, false, func(p *predictor, first int) error {
		return copyRows(logits, first, p.batch, p.program.value(p.net.logits))
	})
	return logits, err
}

// Probabilities computes the probabilities (N, classes) of images (N, C, H, W), for any N:
// softmax(logits), or σ(logits) with binary cross-entropy.
func (m *Model) Probabilities(images *tensor.Dense) (*tensor.Dense, error) {
	if !m.HasProbabilities() {
		return nil, m.noProbabilities()
	}
	n, err := m.checkImages(images)
	if err != nil {
		return nil, err
	}
	probabilities := zeros(m.dtype, batched(n, m.head.output.Shape))
	err = m.forward(images, n, false, func(p *predictor, first int) error {
		return copyRows(probabilities, first, p.batch, p.program.value(p.net.output()))
	})
	return probabilities, err
}

func (m *Model) noProbabilities() error {
	return fmt.Errorf("model %q has the loss %q: want one with probabilities", m.spec.Name, m.head.loss)
}

// An Activation is a node's output for a batch.
type Activation struct {
	Node  *Node
	Value *tensor.Dense // (N, C, H, W) or (N, features)
}

// Activations computes every layer's output for images (N, C, H, W), in the order of the layers. A
// dropout layer's output is its input.
func (m *Model) Activations(images *tensor.Dense) ([]Activation, error) {
	n, err := m.checkImages(images)
	if err != nil {
		return nil, err
	}
	nodes := m.nodes[1:]
	activations := make([]Activation, len(nodes))
	for i, node := range nodes {
		activations[i] = Activation{Node: node, Value: zeros(m.dtype, batched(n, node.Shape))}
	}
	err = m.forward(images, n, true, func(p *predictor, first int) error {
		for i := range activations {
			value := p.program.value(p.net.values[nodes[i]])
			if err := copyRows(activations[i].Value, first, p.batch, value); err != nil {
				return err
			}
		}
		return nil
	})
	return activations, err
}

// PredictInto writes the logits of n = len(images)/(C·H·W) images into logits, which holds
// n·classes values. After the first call for a given n it allocates nothing. The model must be of
// float32.
func (m *Model) PredictInto(logits, images []float32) error {
	return m.predictInto(logits, images, "logits", func(s *symbolic) *G.Node { return s.logits })
}

// ProbabilitiesInto is [Model.PredictInto] for probabilities.
func (m *Model) ProbabilitiesInto(probabilities, images []float32) error {
	if !m.HasProbabilities() {
		return m.noProbabilities()
	}
	return m.predictInto(probabilities, images, "probabilities", (*symbolic).output)
}

// OutputsInto is [Model.ProbabilitiesInto], or [Model.PredictInto] for a model without
// probabilities.
func (m *Model) OutputsInto(outputs, images []float32) error {
	if m.HasProbabilities() {
		return m.ProbabilitiesInto(outputs, images)
	}
	return m.PredictInto(outputs, images)
}

func (m *Model) predictInto(out, images []float32, what string, node func(*symbolic) *G.Node) error {
	size := m.spec.Input.TotalSize()
	n := len(images) / size
	if m.dtype != tensor.Float32 || len(images) != n*size || len(out) != n*m.Classes() {
		return fmt.Errorf(
			"model %q (%v): got %d values of images and space for %d %s, "+
				"want float32, a multiple of %d and %d for each image",
			m.spec.Name, m.dtype, len(images), len(out), what, size, m.Classes())
	}
	for first := 0; first < n; {
		p, err := m.acquire(m.predictorKind(n-first, false))
		if err != nil {
			return err
		}
		err = p.runOn(images[first*size:][:p.batch*size])
		if err == nil {
			copy(out[first*m.Classes():], p.program.value(node(p.net)).(*tensor.Dense).Float32s())
		}
		first += p.batch
		m.release(p)
		if err != nil {
			return err
		}
	}
	return nil
}

// forward runs the images through predictors whose batch sizes are powers of two, largest first: a
// few compiled graphs are enough for any number of images, and no padding image is computed.
func (m *Model) forward(images *tensor.Dense, n int, layers bool, use func(p *predictor, first int) error) error {
	for first := 0; first < n; {
		p, err := m.acquire(m.predictorKind(n-first, layers))
		if err != nil {
			return err
		}
		err = m.forwardBatch(p, images, first, use)
		first += p.batch
		m.release(p)
		if err != nil {
			return err
		}
	}
	return nil
}

func (m *Model) forwardBatch(
	p *predictor, images *tensor.Dense, first int, use func(p *predictor, first int) error,
) error {
	if err := p.runFrom(images, first*m.spec.Input.TotalSize()); err != nil {
		return fmt.Errorf("model %q: %w", m.spec.Name, err)
	}
	return use(p, first)
}

// runFrom runs the program on images whose elements begin at the given one.
func (p *predictor) runFrom(images *tensor.Dense, first int) error {
	n := p.x.Shape().TotalSize()
	if p.x.Dtype() == tensor.Float32 {
		return p.runOn(images.Float32s()[first:][:n])
	}
	copyValues(p.x, 0, images, first, n)
	return p.program.run()
}

// runOn runs the program on images of float32, without copying them if possible.
func (p *predictor) runOn(images []float32) error {
	if p.lent == nil {
		copy(p.x.Float32s(), images)
		return p.program.run()
	}
	p.lent.Values = images
	defer func() { p.lent.Values = nil }()
	return p.program.run()
}

// lend makes the program read the images where they lie, if it has only ops of ours that read them
// and doesn't return them.
func (p *predictor) lend() {
	x, read := p.program.slots[p.net.x]
	lends := read && p.x.Dtype() == tensor.Float32 && p.net.logits != p.net.x && p.net.output() != p.net.x
	for _, s := range p.program.steps {
		_, ours := ops.AliasingOf(s.node.Op())
		lends = lends && (ours || !slices.Contains(s.inputs, x))
	}
	if lends {
		p.lent = &ops.Lent{Dense: p.x}
		p.program.values[x] = p.lent
	}
}

// predictorKind returns a kind for at most n images: its batch is the largest power of two that
// keeps the predictor's memory within bounds.
func (m *Model) predictorKind(n int, layers bool) predictorKind {
	limit := min(n, maxPredictBatch)
	switch {
	case limit == 1:
	case layers:
		limit = min(limit, maxLayerValues/m.activations())
	default:
		limit = min(limit, m.imagesAtOnce())
	}
	return predictorKind{batch: 1 << (bits.Len(uint(max(limit, 1))) - 1), layers: layers}
}

// activations returns the number of elements of the input and of every layer's output, for one
// image.
func (m *Model) activations() (values int) {
	for _, node := range m.nodes {
		values += node.Shape.TotalSize()
	}
	return values
}

// planImagesAtOnce returns how many images a prediction's arena has room for. A network reads its
// weights once for all of them, so the arena may be as large as they are: AlexNet needs 580,800
// elements for an image, and has 61 million weights.
func (m *Model) planImagesAtOnce() int {
	weights := 0
	for _, p := range m.params {
		weights += p.Shape.TotalSize()
	}
	return max(maxPredictValues, weights) / m.planArenaPerImage()
}

// planArenaPerImage returns the number of elements in the arena of a prediction for each of two
// images, at least 1: that of one image needs less, because its concatenations are joined in place.
// If the model can't be lowered it returns the limit, and making the predictor returns the error.
func (m *Model) planArenaPerImage() int {
	building.Lock()
	defer building.Unlock()

	net, err := m.lowerPrediction(predictorKind{batch: 2})
	if err != nil {
		return maxPredictValues
	}
	return max(1, net.planPrediction(newProgram(net.output())).size/2)
}

func (m *Model) acquire(kind predictorKind) (*predictor, error) {
	m.mu.Lock()
	idle := m.predictors[kind]
	if len(idle) > 0 {
		p := idle[len(idle)-1]
		m.predictors[kind] = idle[:len(idle)-1]
		m.mu.Unlock()
		return p, nil
	}
	m.mu.Unlock()
	return m.newPredictor(kind)
}

func (m *Model) release(p *predictor) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.predictors[p.predictorKind] = append(m.predictors[p.predictorKind], p)
}

func (m *Model) newPredictor(kind predictorKind) (*predictor, error) {
	building.Lock()
	defer building.Unlock()

	net, err := m.lowerPrediction(kind)
	if err != nil {
		return nil, err
	}
	p := &predictor{predictorKind: kind, net: net, x: zeros(m.dtype, net.x.Shape())}
	if err := G.Let(net.x, p.x); err != nil {
		return nil, err
	}
	p.program = newProgram(net.output())
	if kind.layers {
		return p, nil
	}
	p.lend()
	if err := net.planPrediction(p.program).give(m.dtype); err != nil {
		return nil, err
	}
	return p, nil
}

// lowerPrediction builds the symbolic graph up to the probabilities.
func (m *Model) lowerPrediction(kind predictorKind) (*symbolic, error) {
	net, err := m.lower(kind.batch, lowering{fused: !m.unfused && !kind.layers})
	if err != nil {
		return nil, err
	}
	return net, net.addProbabilities()
}

// planPrediction plans the memory of a prediction's ops. The logits and the last layer's output can
// be read after the run.
func (s *symbolic) planPrediction(p *program) *plan {
	return newPlan(p.order(), G.Nodes{s.logits, s.output()})
}
