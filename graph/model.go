package graph

import (
	"errors"
	"fmt"
	"hash/fnv"
	"math/rand/v2"
	"strings"
	"sync"

	"gorgonia.org/tensor"
)

// A Model is a network with its parameters. Predicting is safe from many goroutines at once; while a [Step] of the model trains, its
// parameters change under everybody.
type Model struct {
	spec   *Spec
	stages []stage
	params []Param
	dtype  tensor.Dtype
	seed   uint64

	unfused bool // no pass is made

	mu         sync.Mutex
	predictors map[predictorKind][]*predictor // idle ones
}

// A Param is a named tensor that the model learns. Its name is its layer's with its own: "conv1.weight".
type Param struct {
	Name  string
	Value *tensor.Dense
}

// An Option changes how [New] makes a model; nil changes nothing.
type Option func(*Model)

// WithSeed sets the seed that the initial parameters and, in training, the dropout masks come from. It is 1 without this option.
func WithSeed(seed uint64) Option { return func(m *Model) { m.seed = seed } }

// WithDtype sets the element type, tensor.Float32 (without this option) or tensor.Float64 (slower; for checking numbers).
func WithDtype(dt tensor.Dtype) Option { return func(m *Model) { m.dtype = dt } }

// WithoutFusion runs every layer by itself, without the passes that make one op of several. The results are the same, to the bit.
func WithoutFusion() Option { return func(m *Model) { m.unfused = true } }

// New infers the shapes of a spec and draws its initial parameters. The same seed gives the same parameters, in either element type up to
// rounding. An error names the layer that doesn't fit, what came and what it wants.
func New(spec *Spec, options ...Option) (*Model, error) {
	m, err := declare(spec, options)
	if err != nil {
		return nil, err
	}
	for _, p := range m.parameters() {
		m.params = append(m.params, m.initial(p))
	}
	return m, nil
}

var errNilSpec = errors.New("the model's spec is nil")

// declare is a model that has no parameters yet.
func declare(spec *Spec, options []Option) (*Model, error) {
	if spec == nil {
		return nil, errNilSpec
	}
	stages, err := spec.stages()
	if err != nil {
		return nil, err
	}
	m := &Model{spec: spec, stages: stages, dtype: tensor.Float32, seed: 1, predictors: map[predictorKind][]*predictor{}}
	for _, o := range options {
		if o != nil {
			o(m)
		}
	}
	if m.dtype != tensor.Float32 && m.dtype != tensor.Float64 {
		return nil, fmt.Errorf("model %q: element type is %v: want float32 or float64", spec.Name, m.dtype)
	}
	return m, nil
}

// parameters are the declarations of all layers, under the names of Params.
func (m *Model) parameters() (all []Parameter) {
	for _, s := range m.stages {
		for _, p := range s.parameters {
			p.Name = s.name + "." + p.Name
			all = append(all, p)
		}
	}
	return all
}

// initial draws a parameter from a generator of its own, so that adding a layer changes no other layer's start.
func (m *Model) initial(p Parameter) Param {
	value := zeros(m.dtype, p.Shape)
	next := func() float64 { return p.Value }
	if p.FanIn != 0 {
		h := fnv.New64a()
		h.Write([]byte(p.Name))
		next = p.Init.orElse(m.spec.Init).orElse(He()).draw(p.FanIn, rand.New(rand.NewPCG(m.seed, h.Sum64())))
	}
	for i := range p.Shape.TotalSize() { // one by one: AlexNet's largest as float64 would be 300 MB
		setAt(value, i, next())
	}
	return Param{Name: p.Name, Value: value}
}

func zeros(dt tensor.Dtype, shape tensor.Shape) *tensor.Dense {
	return tensor.New(tensor.Of(dt), tensor.WithShape(shape...))
}

func denseOf(dt tensor.Dtype, shape tensor.Shape, values []float64) *tensor.Dense {
	d := zeros(dt, shape)
	for i, v := range values {
		setAt(d, i, v)
	}
	return d
}

// Spec is the declaration the model was made from.
func (m *Model) Spec() *Spec { return m.spec }

// Dtype is the element type of the parameters and of everything computed.
func (m *Model) Dtype() tensor.Dtype { return m.dtype }

// Classes is the length of the output.
func (m *Model) Classes() int { return m.stages[len(m.stages)-1].out.TotalSize() }

// Params are the parameters in the order of the layers. The tensors are the model's own: to write into one changes the model.
func (m *Model) Params() []Param { return append([]Param(nil), m.params...) }

// Param is the parameter of the given name.
func (m *Model) Param(name string) (*tensor.Dense, error) {
	for _, p := range m.params {
		if p.Name == name {
			return p.Value, nil
		}
	}
	return nil, m.noParameter(name)
}

// HasProbabilities says whether the last layer is Softmax.
func (m *Model) HasProbabilities() bool {
	_, ok := m.stages[len(m.stages)-1].layer.(Softmax)
	return ok
}

func (m *Model) noParameter(name string) error {
	var names []string
	for _, p := range m.parameters() {
		names = append(names, p.Name)
	}
	return fmt.Errorf("model %q has no parameter %q: it has %s", m.spec.Name, name, strings.Join(names, ", "))
}
