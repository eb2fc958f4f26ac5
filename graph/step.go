package graph

import (
	"fmt"
	"math"

	G "gorgonia.org/gorgonia"
	"gorgonia.org/tensor"

	"convgraph/internal/xmath"
	"convgraph/ops"
)

// A Step is a model's loss and gradients for one batch size: the symbolic graph, differentiated by gorgonia and compiled for its tape
// machine. It works on the model's own parameters and owns everything else, so running it allocates nothing that grows with the batch.
// A Step is for one goroutine at a time.
type Step struct {
	model   *Model
	config  stepConfig
	net     *symbolic
	machine G.VM
	x, t    *tensor.Dense
	plan    *plan         // nil if nothing is shared
	pairs   []G.ValueGrad // of the trained parameters

	vector []*tensor.Dense // of a Hessian-vector product
}

// A StepOption changes how [Model.NewStep] makes a step; nil changes nothing.
type StepOption func(*stepConfig)

type stepConfig struct {
	inputGradient, noDropout bool
	unfused                  bool // every layer by itself
	unshared                 bool // every result in memory of its own, where it stays until the next run
	keepEstimates            bool // running statistics don't change
	weighted                 bool // targets may be weighted

	penalty float64 // weight of the gradient penalty
	hessian bool    // a Hessian-vector product instead of a loss and its gradients

	part *ops.Part
}

// WithInputGradient makes the step compute the gradient of the images, too.
func WithInputGradient() StepOption { return func(c *stepConfig) { c.inputGradient = true } }

// WithWeightedTargets makes the step take targets that are multiplied by weights, such as those of
// classes, and needn't sum to 1. The loss must be cross-entropy.
func WithWeightedTargets() StepOption { return func(c *stepConfig) { c.weighted = true } }

// WithoutDropout makes the step compute the loss of prediction: without dropout, and with the running
// statistics in BatchNorm, which it doesn't change.
func WithoutDropout() StepOption { return func(c *stepConfig) { c.noDropout = true } }

// WithPart makes the step compute a part of the batch: Images and Targets hold the part's images, and
// the loss and the gradients are those of the whole batch, with the same bits as a step of all of it.
// In a part of several turns, Run is called for each, and the last call has the result.
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
		return nil, fmt.Errorf("model %q: weight of the gradient penalty is %g: want a finite number of at least 0", m.spec.Name, config.penalty)
	}
	if config.part != nil {
		if config.penalty > 0 {
			return nil, fmt.Errorf("model %q: a gradient penalty is computed of a part of a batch: want the whole batch at once", m.spec.Name)
		}
		if err := m.checkPart(batch, config.part); err != nil {
			return nil, err
		}
		_, batch = config.part.Images()
	}
	return m.newStep(batch, config)
}

func (m *Model) checkPart(batch int, p *ops.Part) error {
	if len(m.recompute) > 0 {
		return fmt.Errorf("model %q: layers are computed again, and the step computes a part of a batch: want one of them", m.spec.Name)
	}
	if batch != p.Batch() {
		return fmt.Errorf("model %q: batch is %d, the part is of one of %d", m.spec.Name, batch, p.Batch())
	}
	if p.Turns() == 1 {
		return nil
	}
	for _, n := range m.nodes {
		if l, ok := n.Layer.(BatchNorm); ok && !l.Frozen {
			return fmt.Errorf("model %q: layer %q (BatchNorm) normalises each image by the whole batch, which is computed in %d turns: want 1",
				m.spec.Name, n.Name, p.Turns())
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

// lowerStep makes the symbolic graph of the loss and its gradients.
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
	case twice: // what is computed again has no gradient of its own
		return net, nil
	}
	return net, net.recompute()
}

// planStep lays out the results of a step's ops, in the order of the compiled graph; its outputs and the logits can be read after the run.
func (s *symbolic) planStep(compiled *G.ExprGraph) (*plan, error) {
	order, err := tapeOrder(compiled)
	if err != nil {
		return nil, err
	}
	return newPlan(order, append(s.outputs(), s.logits)), nil
}

// compile keeps only what the loss and the wanted gradients need: gorgonia's Grad also makes the gradient of the first layer's input.
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

// split makes every op compute the step's part of the batch. Gradients share the state of their ops.
func (s *Step) split() error {
	if s.config.part == nil {
		return nil
	}
	forward := map[*G.Node]*G.Node{}
	keep(s.net.loss, forward)
	for n := range forward {
		if n.Op() == nil {
			continue
		}
		if err := ops.Split(n.Op(), s.config.part); err != nil {
			return err
		}
	}
	return nil
}

// Images is the step's input (N, C, H, W), to be filled before [Step.Run].
func (s *Step) Images() *tensor.Dense { return s.x }

// SetImages makes x the step's input, of the same shape and element type, in the place of the tensor that Images was: a batch that lies in
// memory already needs no copy.
func (s *Step) SetImages(x *tensor.Dense) error {
	if x == nil {
		return fmt.Errorf("model %q: images are nil: want %v %v", s.model.spec.Name, s.x.Shape(), s.x.Dtype())
	}
	if err := G.Let(s.net.x, x); err != nil {
		return fmt.Errorf("model %q: images of %v %v: want %v %v", s.model.spec.Name, x.Shape(), x.Dtype(), s.x.Shape(), s.x.Dtype())
	}
	s.x = x
	return nil
}

// Targets is what the step's output should be (N, classes), a distribution for each image (one-hot for a label), to be filled before
// [Step.Run].
func (s *Step) Targets() *tensor.Dense { return s.t }

// load fills the images and the targets.
func (s *Step) load(images *tensor.Dense, targets []float64) {
	copyValues(s.x, 0, images, 0, images.Shape().TotalSize())
	for i, t := range targets {
		setAt(s.t, i, t)
	}
}

// Run computes the loss and the gradients of the batch in Images and Targets with the model's
// parameters as they are now, and moves the running statistics towards the batch's unless the loss
// isn't finite. The number of the step decides, with the model's seed, what dropout drops.
func (s *Step) Run(step uint64) (loss float64, err error) {
	s.net.rng.Step = step
	s.machine.Reset()
	if err := s.machine.RunAll(); err != nil {
		return 0, err
	}
	if s.config.part != nil && s.config.part.Err() != nil {
		return 0, s.config.part.Err()
	}
	loss, err = scalar(s.net.loss.Value())
	if err != nil || !xmath.IsFinite(loss) || s.config.keepEstimates {
		return loss, err
	}
	return loss, s.net.updateEstimates()
}

// updateEstimates moves the running statistics towards those of the last batch:
// running = (1-momentum)·running + momentum·batch (Ioffe and Szegedy 2015, as PyTorch writes it).
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

// Gradients gives [gorgonia.Solver] the parameters with their gradients of the last Run, in the order of Params: of those
// that are trained. The gradients are valid
// until the next Run.
func (s *Step) Gradients() []G.ValueGrad { return s.pairs }

// InputGradient is the gradient of the images in the last Run, (N, C, H, W). The step must have been made [WithInputGradient]. It is valid
// until the next Run.
func (s *Step) InputGradient() (*tensor.Dense, error) {
	if !s.config.inputGradient {
		return nil, fmt.Errorf("the step was made without WithInputGradient")
	}
	return dense(s.net.grads[len(s.net.grads)-1].Value())
}

// Logits are the outputs (N, classes) of the last Run, valid until the next.
func (s *Step) Logits() (*tensor.Dense, error) { return dense(s.net.logits.Value()) }

// Close ends the step's machine.
func (s *Step) Close() error { return s.machine.Close() }

// parameterGradient is a parameter with the node of its gradient.
type parameterGradient struct {
	parameter *Parameter
	grad      *G.Node
}

func (p *parameterGradient) Name() string { return p.parameter.Name }

func (p *parameterGradient) Value() G.Value { return p.parameter.Value }

func (p *parameterGradient) Grad() (G.Value, error) { return p.grad.Value(), nil }

// GradientPenalty adds a loss on a gradient to the step's:
//
//	weight · 1/N Σn |∂L[n]/∂x[n]|²
//
// the mean over the batch of the squared length of each image's gradient, with L[n] the loss of image n
// (double backpropagation: Drucker and LeCun 1992). A network that is trained with it changes its
// answer less when an image changes a little. [Step.Run] returns the sum of both losses. A step costs
// up to three times one without it. Passes whose ops can be differentiated only once are left out.
func GradientPenalty(weight float64) StepOption { return func(c *stepConfig) { c.penalty = weight } }
