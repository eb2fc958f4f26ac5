package graph

import (
	"fmt"
	"hash/fnv"
	"math/rand/v2"
	"path"
	"slices"
	"strings"

	"gorgonia.org/tensor"

	"convgraph/internal/xmath"
)

// initial draws a parameter's values from a generator of its own, so that adding a layer changes no
// other layer's start.
func (m *Model) initial(p *Parameter) *tensor.Dense {
	value := zeros(m.dtype, p.Shape)
	next := func() float64 { return p.Start }
	if p.FanIn != 0 {
		h := fnv.New64a()
		h.Write([]byte(p.Name))
		init := p.Init.orElse(m.spec.Init).orElse(He())
		next = init.draw(p.FanIn, rand.New(rand.NewPCG(m.seed, h.Sum64())))
	}
	for i := range p.Shape.TotalSize() { // one by one: AlexNet's largest as float64 would be 300 MB
		setAt(value, i, next())
	}
	return value
}

// Params are the parameters in the order of the nodes. Changing Value's elements changes the model.
func (m *Model) Params() []*Parameter { return append([]*Parameter(nil), m.params...) }

// Param is the value of the parameter of the given name.
func (m *Model) Param(name string) (*tensor.Dense, error) {
	for _, p := range m.params {
		if p.Name == name {
			return p.Value, nil
		}
	}
	return nil, m.noParameter(name)
}

func (m *Model) noParameter(name string) error {
	const most = 40
	var names []string
	for _, p := range m.params {
		names = append(names, p.Name)
	}
	if more := len(names) - most; more > 0 {
		names = append(names[:most], fmt.Sprintf("and %d more", more))
	}
	return fmt.Errorf("model %q has no parameter %.80q: it has %s", m.spec.Name, name, strings.Join(names, ", "))
}

// Freeze takes the parameters whose names match a pattern out of training: they keep their values,
// and a BatchNorm whose running statistics are frozen uses them in training, too. The pattern is
// that of [path.Match] for the whole name or for the layer's name ("conv*", "layer1.*"); a layer's
// name also freezes every layer below it ("layer1" freezes "layer1.0.conv1.weight"). It returns the
// names, and an error if there is none. Steps made before aren't changed.
func (m *Model) Freeze(pattern string) (names []string, err error) {
	if _, err := path.Match(pattern, ""); err != nil {
		return nil, fmt.Errorf("pattern %q: %w", pattern, err)
	}
	for _, p := range m.params {
		if p.matches(pattern) {
			p.Frozen = true
			names = append(names, p.Name)
		}
	}
	if names == nil {
		return nil, fmt.Errorf("model %q: no parameter's name matches %q", m.spec.Name, pattern)
	}
	return names, nil
}

// trained are the parameters that have a gradient.
func (m *Model) trained() (trained []*Parameter) {
	for _, p := range m.params {
		if p.Trained() {
			trained = append(trained, p)
		}
	}
	return trained
}

// trainable says whether the model has a parameter that training learns.
func (m *Model) trainable() bool { return slices.ContainsFunc(m.params, (*Parameter).Trained) }

// CheckFinite is an error that names the first parameter that holds a NaN or an infinity: nothing can
// be predicted with it.
func (m *Model) CheckFinite() error {
	for _, p := range m.params {
		if finite(p.Value) {
			continue
		}
		for i, v := range float64s(p.Value) {
			if !xmath.IsFinite(v) {
				return fmt.Errorf("model %q: parameter %q is %v at %v: want finite numbers", m.spec.Name, p.Name, v, indices(p.Shape, i))
			}
		}
	}
	return nil
}
