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

// initial draws the values of a parameter. Each parameter has its own generator, so adding a layer
// doesn't change the others.
func (m *Model) initial(p *Parameter) *tensor.Dense {
	value := zeros(m.dtype, p.Shape)
	next := func() float64 { return p.Start }
	if p.FanIn != 0 {
		h := fnv.New64a()
		h.Write([]byte(p.Name))
		init := p.Init.orElse(m.spec.Init).orElse(He())
		next = init.draw(p.FanIn, rand.New(rand.NewPCG(m.seed, h.Sum64())))
	}
	for i := range p.Shape.TotalSize() { // element by element: AlexNet's largest in float64 takes 300 MB
		setAt(value, i, next())
	}
	return value
}

// Params returns the parameters in the order of the nodes. Writing into their Values changes the
// model.
func (m *Model) Params() []*Parameter { return append([]*Parameter(nil), m.params...) }

// Param returns the value of the parameter with the given name.
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

// Freeze excludes the parameters whose names match a pattern from training: they keep their values,
// and a BatchNorm with frozen running statistics uses them in training too. It returns the names,
// and an error if nothing matches. Steps made earlier don't change.
//
// Patterns are those of [path.Match]. They match a whole name, or a layer's name: "conv*",
// "layer1.*". A prefix that ends before a dot matches too: "layer1" freezes
// "layer1.0.conv1.weight".
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

// trained returns the parameters that have a gradient.
func (m *Model) trained() (trained []*Parameter) {
	for _, p := range m.params {
		if p.Trained() {
			trained = append(trained, p)
		}
	}
	return trained
}

// trainable reports whether the model has a trained parameter.
func (m *Model) trainable() bool { return slices.ContainsFunc(m.params, (*Parameter).Trained) }

// CheckFinite returns an error that names the first parameter with a NaN or an infinity.
func (m *Model) CheckFinite() error {
	for _, p := range m.params {
		if finite(p.Value) {
			continue
		}
		for i, v := range float64s(p.Value) {
			if !xmath.IsFinite(v) {
				return fmt.Errorf("model %q: parameter %q: got %v at %v, want finite numbers",
					m.spec.Name, p.Name, v, indices(p.Shape, i))
			}
		}
	}
	return nil
}
