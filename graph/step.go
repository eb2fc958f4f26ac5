package graph

import (
	"fmt"
	"math"

	G "gorgonia.org/gorgonia"
	"gorgonia.org/tensor"

	"convgraph/internal/xmath"
	"convgraph/ops"
)

// A Step computes a model's loss and gradients for one batch size: a symbolic graph, differentiated
// by gorgonia and compiled for its tape machine. It uses the model's parameters and owns all other
// memory, so running it allocates nothing that grows with the batch. A Step is for one goroutine at
// a time.
type Step struct {
	model   *Model
	config  stepConfig
	net     *symbolic
	machine G.VM
	x, t    *tensor.Dense
	plan    *plan         // nil if no memory is shared
	pairs   []G.ValueGrad // of the trained parameters

	vector []*tensor.Dense // the vector of a Hessian-vector product

	image struct{ logits, targets []float64 } // workspace of LossesInto
}

// A StepOption changes how [Model.NewStep] makes a step; nil changes nothing.
type StepOption func(*stepConfig)

type stepConfig struct {
	inputGradient, noDropout bool
	unfused                  bool // no pass runs
	unshared                 bool // every result has its own memory, where it stays until the next run
	keepEstimates            bool // running statistics don't change
	weighted                 bool // targets may be weighted

	penalty float64 // weight of the gradient penalty
	hessian bool    // a Hessian-vector product instead of a loss and its gradients

	part *ops.Part
}

// WithInputGradient makes the step also compute the gradient of the images.
func WithInputGradient() StepOption { return func(c *stepConfig) { c.inputGradient = true } }

// WithWeightedTargets lets targets be distributions multiplied by weights, those of classes for
// example: they needn't sum to 1. The loss must be cross-entropy.
func WithWeightedTargets() StepOption { return func(c *stepConfig) { c.weighted = true } }

// WithoutDropout makes the step compute the loss as in prediction: without dropout, and with the
// running statistics in BatchNorm, which don't change.
func WithoutDropout() StepOption { return func(c *stepConfig) { c.noDropout = true } }

// WithPart makes the step compute a part of a batch. Images and Targets hold the images of the
// part; the loss and the gradients are those of the whole batch, with the same bits as a step of
// the whole batch. A part of several turns needs a Run for each turn, and the last one returns the
// result.
func WithPart(p *ops.Part) StepOption { return func(c *stepConfig) { c.part = p } }

// NewStep lowers the model for batches of the given size and compiles its loss and gradients.
func (m *Model) NewStep(batch int, options ...StepOption) (*Step, error) {
	if err := m.checkBatch(batch); err != nil {
		return nil, err
	}
	config := stepConfig{unfused: m.unfused}
	for _, o := range options {
		if o != nil {
			o(&config)
		}
	}
	if !(config.penalty >= 0) || math.IsInf(config.penalty, 1) {
		return nil, fmt.Errorf("model %q: weight of the gradient penalty: got %g, want a finite number of at least 0",
			m.spec.Name, config.penalty)
	}
	if config.part != nil {
		if config.penalty > 0 {
			return nil, fmt.Errorf("model %q: got a gradient penalty for a part of a batch, want the whole batch",
				m.spec.Name)
		}
		if err := m.checkPart(batch, config.part); err != nil {
			return nil, err
		}
		_, batch = config.part.Images()
	}
	return m.newStep(batch, config)
}

func (m *Model) checkPart(batch int, p *ops.Part) error {
	if batch != p.Batch() {
		return fmt.Errorf("model %q: batch: got %d, want %d, that of the part", m.spec.Name, batch, p.Batch())
	}
	if p.Turns() == 1 {
		return nil
	}
	for _, n := range m.nodes {
		if l, ok := n.Layer.(BatchNorm); ok && !l.Frozen {
			return fmt.Errorf("model %q: layer %q (BatchNorm) needs the mean of the whole batch "+
				"before it can normalize an image, "+
				"so every turn would keep its activations until the last one: got %d turns, want 1; "+
				"recomputed layers or more processes take less memory", m.spec.Name, n.Name, p.Turns())
		}
	}
	return nil
}

func (m *Model) newStep(batch int, config stepConfig) (*Step, error) {
	building.Lock()
	defer building.Unlock()

	net, err := m.lowerStep(batch, config)
	if err != nil {
		return nil, err
	}
	s := &Step{model: m, config: config, net: net, x: zeros(m.dtype, net.x.Shape()), t: zeros(m.dtype, net.t.Shape())}
	if err := s.compile(); err != nil {
		return nil, fmt.Errorf("model %q: %w", m.spec.Name, err)
	}
	if err := s.split(); err != nil {
		return nil, fmt.Errorf("model %q: %w", m.spec.Name, err)
	}
	for i, p := range net.trained {
		s.pairs = append(s.pairs, &parameterGradient{parameter: p, grad: net.grads[i]})
	}
	return s, nil
}

// lowerStep builds the symbolic graph of the loss and its gradients.
func (m *Model) lowerStep(batch int, config stepConfig) (*symbolic, error) {
	twice := config.penalty != 0 || config.hessian
	net, err := m.lower(batch, lowering{training: !config.noDropout, fused: !config.unfused, twice: twice})
	if err != nil {
		return nil, err
	}
	if config.weighted {
		err = net.addWeightedLoss()
	} else {
		err = net.addLoss()
	}
	if err != nil {
		return nil, err
	}
	if err := net.penalize(config.penalty); err != nil {
		return nil, err
	}
	if err := net.differentiate(config.inputGradient); err != nil {
		return nil, err
	}
	switch {
	case config.hessian:
		return net, net.differentiateGradients()
	case twice: // a recomputed op has no second gradient
		return net, nil
	}
	return net, net.recompute()
}

// planStep plans the memory of a step's ops, in the order of the compiled graph. The outputs and
// the logits can be read after the run.
func (s *symbolic) planStep(compiled *G.ExprGraph) (*plan, error) {
	order, err := tapeOrder(compiled)
	if err != nil {
		return nil, err
	}
	return newPlan(order, append(s.outputs(), s.logits)), nil
}

// compile keeps only what the loss and the wanted gradients need: gorgonia's Grad also adds the
// gradient of the first layer's input.
func (s *Step) compile() error {
	program, locations, err := G.CompileFunction(s.net.graph, s.net.leaves(), s.net.outputs())
	if err != nil {
		return err
	}
	if !s.config.unshared {
		if s.plan, err = s.net.planStep(program.Graph()); err != nil {
			return err
		}
		if err := s.plan.give(s.model.dtype); err != nil {
			return err
		}
	}
	if err := G.Let(s.net.x, s.x); err != nil {
		return err
	}
	if err := G.Let(s.net.t, s.t); err != nil {
		return err
	}
	for _, n := range s.net.vector {
		v := zeros(s.model.dtype, n.Shape())
		if err := G.Let(n, v); err != nil {
			return err
		}
		s.vector = append(s.vector, v)
	}
	s.machine = G.NewTapeMachine(s.net.graph, G.WithPrecompiled(program, locations))
	return nil
}

// split makes every op compute the step's part of the batch. A gradient shares the state of its op.
func (s *Step) split() error {
	if s.config.part == nil {
		return nil
	}
	for _, n := range newProgram(s.net.loss).order() { // the same in all processes
		if err := ops.Split(n.Op(), s.config.part); err != nil {
			return err
		}
	}
	read := s.net.readNodes()
	for _, n := range s.net.grads {
		if read[n] {
			continue
		}
		ops.Late(n.Op())
		if err := ops.Share(n.Op(), s.config.part); err != nil { // its place in the arena stays unused
			return err
		}
	}
	return nil
}

// readNodes returns the nodes whose values an op of the step reads.
func (s *symbolic) readNodes() map[*G.Node]bool {
	read, needed := map[*G.Node]bool{}, map[*G.Node]*G.Node{}
	for _, n := range s.outputs() {
		keep(n, needed)
	}
	for n := range needed {
		if n.Op() == nil {
			continue
		}
		memory, ours := ops.AliasingOf(n.Op())
		for i, c := range children(n) {
			if !ours || i < memory.Reads {
				read[c] = true
			}
		}
	}
	return read
}

// Images returns the step's input (N, C, H, W), to be filled before [Step.Run].
func (s *Step) Images() *tensor.Dense { return s.x }

// SetImages makes x the step's input instead of the tensor that Images returned, without copying
// it. It must have the same shape and element type.
func (s *Step) SetImages(x *tensor.Dense) error {
	if x == nil {
		return fmt.Errorf("model %q: images: got nil, want %v %v", s.model.spec.Name, s.x.Shape(), s.x.Dtype())
	}
	if err := G.Let(s.net.x, x); err != nil {
		return fmt.Errorf("model %q: got images of %v %v, want %v %v",
			s.model.spec.Name, x.Shape(), x.Dtype(), s.x.Shape(), s.x.Dtype())
	}
	s.x = x
	return nil
}

// Targets returns the targets (N, classes), to be filled before [Step.Run]: a distribution for each
// image, one-hot for a label.
func (s *Step) Targets() *tensor.Dense { return s.t }

// load copies images and targets into the step.
func (s *Step) load(images *tensor.Dense, targets []float64) {
	copyValues(s.x, 0, images, 0, images.Shape().TotalSize())
	for i, t := range targets {
		setAt(s.t, i, t)
	}
}

// Run computes the loss and the gradients of the batch in Images and Targets with the model's
// current parameters. It updates the running statistics unless the loss isn't finite. The number of
// the step and the model's seed determine the dropout masks.
func (s *Step) Run(step uint64) (loss float64, err error) {
	s.net.rng.Step = step
	s.machine.Reset()
	if err := s.machine.RunAll(); err != nil {
		return 0, err
	}
	if s.config.part != nil {
		if err := s.config.part.Finish(); err != nil {
			return 0, err
		}
	}
	loss, err = scalar(s.net.loss.Value())
	if err != nil || !xmath.IsFinite(loss) || s.config.keepEstimates {
		return loss, err
	}
	return loss, s.net.updateEstimates()
}

// updateEstimates updates the running statistics with those of the last batch: running =
// (1-momentum)·running + momentum·batch (Ioffe and Szegedy 2015, as written by PyTorch).
func (s *symbolic) updateEstimates() error {
	for _, e := range s.estimates {
		batch, err := dense(e.value.Value())
		if err != nil {
			return fmt.Errorf("%s: %w", e.parameter.Name, err)
		}
		if s.model.dtype == tensor.Float64 {
			moveTowards(e.parameter.Value.Float64s(), batch.Float64s(), e.momentum)
		} else {
			moveTowards(e.parameter.Value.Float32s(), batch.Float32s(), float32(e.momentum))
		}
	}
	return nil
}

func moveTowards[T float32 | float64](running, batch []T, momentum T) {
	for i, v := range batch {
		running[i] = (1-momentum)*running[i] + momentum*v
	}
}

// Gradients returns the trained parameters with their gradients of the last Run, in the order of
// Params, for a [gorgonia.Solver]. The gradients are valid until the next Run.
func (s *Step) Gradients() []G.ValueGrad { return s.pairs }

// InputGradient returns the gradient of the images in the last Run, (N, C, H, W). It needs
// [WithInputGradient], and is valid until the next Run.
func (s *Step) InputGradient() (*tensor.Dense, error) {
	if !s.config.inputGradient {
		return nil, fmt.Errorf("the step was made without WithInputGradient")
	}
	return dense(s.net.grads[len(s.net.grads)-1].Value())
}

// Logits returns the logits (N, classes) of the last Run, valid until the next Run.
func (s *Step) Logits() (*tensor.Dense, error) { return dense(s.net.logits.Value()) }

// LossesInto sets losses, one for each image, to the losses in the last Run, of which that returned
// the mean. It must be called before the next Run.
func (s *Step) LossesInto(losses []float64) error {
	logits, err := s.Logits()
	if err != nil {
		return err
	}
	if n := s.t.Shape()[0]; len(losses) != n {
		return fmt.Errorf("model %q: losses: got %d, want %d, one for each image", s.model.spec.Name, len(losses), n)
	}
	size := s.t.Shape().TotalSize() / len(losses)
	if s.image.logits == nil {
		s.image.logits, s.image.targets = make([]float64, size), make([]float64, size)
	}
	for i := range losses {
		readFloat64s(s.image.logits, logits, i*size)
		readFloat64s(s.image.targets, s.t, i*size)
		losses[i] = s.model.head.loss.of(s.image.logits, s.image.targets)
	}
	return nil
}

// Close closes the step's machine.
func (s *Step) Close() error { return s.machine.Close() }

// A parameterGradient is a parameter with the node of its gradient.
type parameterGradient struct {
	parameter *Parameter
	grad      *G.Node
}

func (p *parameterGradient) Name() string { return p.parameter.Name }

func (p *parameterGradient) Value() G.Value { return p.parameter.Value }

func (p *parameterGradient) Grad() (G.Value, error) { return p.grad.Value(), nil }

// GradientPenalty adds a penalty to the loss:
//
//	weight · 1/N Σn |∂L[n]/∂x[n]|²
//
// It is the mean over the batch of the squared norm of each image's gradient, with L[n] the loss of
// image n (double backpropagation: Drucker and LeCun 1992). A network trained with it is less
// sensitive to small changes of an image. [Step.Run] returns the sum of the loss and the penalty. A
// step takes up to three times as long. Passes whose ops can be differentiated only once are
// skipped.
func GradientPenalty(weight float64) StepOption { return func(c *stepConfig) { c.penalty = weight } }
