package graph

import (
	"fmt"

	G "gorgonia.org/gorgonia"
	"gorgonia.org/tensor"
)

// A Step is a model's loss and gradients for one batch size: the symbolic graph, differentiated by gorgonia and compiled for its tape
// machine. It works on the model's own parameters and owns everything else, so running it allocates nothing that grows with the batch.
// A Step is for one goroutine at a time.
type Step struct {
	model   *Model
	config  stepConfig
	net     *network
	machine G.VM
	x, t    *tensor.Dense
	xgrad   *G.Node
	nodes   G.Nodes
	pairs   []G.ValueGrad
}

// A StepOption changes how [Model.NewStep] makes a step.
type StepOption func(*stepConfig)

type stepConfig struct{ inputGradient, noDropout, unfused bool }

// WithInputGradient makes the step compute the gradient of the images, too.
func WithInputGradient() StepOption { return func(c *stepConfig) { c.inputGradient = true } }

// WithoutDropout leaves dropout out of the step, so that its loss is that of prediction.
func WithoutDropout() StepOption { return func(c *stepConfig) { c.noDropout = true } }

// NewStep lowers the model for batches of the given size and compiles its loss and gradients.
func (m *Model) NewStep(batch int, options ...StepOption) (*Step, error) {
	if batch < 1 {
		return nil, fmt.Errorf("model %q: batch is %d: want at least 1", m.spec.Name, batch)
	}
	config := stepConfig{unfused: m.unfused}
	for _, o := range options {
		o(&config)
	}
	return m.newStep(batch, config)
}

func (m *Model) newStep(batch int, config stepConfig) (*Step, error) {
	building.Lock()
	defer building.Unlock()

	net, err := m.lower(batch, lowering{training: !config.noDropout, fused: !config.unfused})
	if err != nil {
		return nil, err
	}
	if err := net.addLoss(m); err != nil {
		return nil, err
	}
	s := &Step{model: m, config: config, net: net, x: zeros(m.dtype, net.x.Shape()), t: zeros(m.dtype, net.t.Shape())}
	if err := s.differentiate(config); err != nil {
		return nil, fmt.Errorf("model %q: %w", m.spec.Name, err)
	}
	if err := s.compile(); err != nil {
		return nil, fmt.Errorf("model %q: %w", m.spec.Name, err)
	}
	for i, p := range m.params {
		s.pairs = append(s.pairs, &parameterGradient{Param: p, grad: s.nodes[i]})
	}
	return s, nil
}

func (s *Step) differentiate(config stepConfig) error {
	wrt := append(G.Nodes(nil), s.net.params...)
	if config.inputGradient {
		wrt = append(wrt, s.net.x)
	}
	if len(wrt) == 0 {
		return fmt.Errorf("it has no parameters: there is nothing to differentiate")
	}
	grads, err := G.Grad(s.net.loss, wrt...)
	if err != nil {
		return err
	}
	s.nodes = grads
	if config.inputGradient {
		s.xgrad = grads[len(grads)-1]
	}
	return nil
}

// compile keeps only what the loss and the wanted gradients need: gorgonia's Grad also makes the gradient of the first layer's input.
func (s *Step) compile() error {
	inputs := append(G.Nodes{s.net.x, s.net.t}, s.net.params...)
	outputs := append(G.Nodes{s.net.loss}, s.nodes...)
	program, locations, err := G.CompileFunction(s.net.graph, inputs, outputs)
	if err != nil {
		return err
	}
	if err := G.Let(s.net.x, s.x); err != nil {
		return err
	}
	if err := G.Let(s.net.t, s.t); err != nil {
		return err
	}
	s.machine = G.NewTapeMachine(s.net.graph, G.WithPrecompiled(program, locations))
	return nil
}

// Images is the step's input (N, C, H, W), to be filled before [Step.Run].
func (s *Step) Images() *tensor.Dense { return s.x }

// Targets is what the step's output should be (N, classes), a distribution for each image (one-hot for a label), to be filled before
// [Step.Run].
func (s *Step) Targets() *tensor.Dense { return s.t }

// Run computes the loss and the gradients of the batch in Images and Targets with the model's parameters as they are now. The number of
// the step decides, with the model's seed, what dropout drops.
func (s *Step) Run(step uint64) (loss float64, err error) {
	s.net.noise.Step = step
	s.machine.Reset()
	if err := s.machine.RunAll(); err != nil {
		return 0, err
	}
	return scalar(s.net.loss.Value())
}

// Gradients gives [gorgonia.Solver] the parameters with their gradients of the last Run, in the order of Params.
func (s *Step) Gradients() []G.ValueGrad { return s.pairs }

// InputGradient is the gradient of the images in the last Run, (N, C, H, W). The step must have been made [WithInputGradient].
func (s *Step) InputGradient() (*tensor.Dense, error) {
	if s.xgrad == nil {
		return nil, fmt.Errorf("the step was made without WithInputGradient")
	}
	return dense(s.xgrad.Value())
}

// Logits are the outputs (N, classes) of the last Run.
func (s *Step) Logits() (*tensor.Dense, error) { return dense(s.net.logits.Value()) }

// Close ends the step's machine.
func (s *Step) Close() error { return s.machine.Close() }

// parameterGradient is a parameter with the node of its gradient.
type parameterGradient struct {
	Param
	grad *G.Node
}

func (p *parameterGradient) Name() string           { return p.Param.Name }
func (p *parameterGradient) Value() G.Value         { return p.Param.Value }
func (p *parameterGradient) Grad() (G.Value, error) { return p.grad.Value(), nil }

func scalar(v G.Value) (float64, error) {
	switch v := v.(type) {
	case *G.F32:
		return float64(*v), nil
	case *G.F64:
		return float64(*v), nil
	}
	return 0, fmt.Errorf("the loss is a %T: want a float", v)
}

func dense(v G.Value) (*tensor.Dense, error) {
	d, ok := v.(*tensor.Dense)
	if !ok {
		return nil, fmt.Errorf("the value is a %T: want a tensor; has the step been run?", v)
	}
	return d, nil
}
