package ops

import (
	"slices"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	G "gorgonia.org/gorgonia"
	"gorgonia.org/tensor"

	"convgraph/ops/gradcheck"
)

// This file spoils second derivatives by realistic mistakes. The check that the op passes must find
// them.

// spoiltSeconds are ways to spoil a gradient's rule. The check sees a wrong factor of a term by the
// term, so it sees any other factor, too.
var spoiltSeconds = map[string]func(s second) []second{
	"without the transpose": func(s second) []second {
		s.transposed = spoilt(s.transposed, 0)
		return []second{s}
	},
	"without a term":           func(s second) []second { return eachBend(s, 0) },
	"a term of the wrong sign": func(s second) []second { return eachBend(s, -1) },
}

// eachBend spoils one bend at a time.
func eachBend(s second, factor float64) (all []second) {
	for i := range s.bends {
		one := s
		one.bends = slices.Clone(s.bends)
		one.bends[i].node = spoilt(s.bends[i].node, factor)
		all = append(all, one)
	}
	return all
}

func spoilt(right nodeFunc, factor float64) nodeFunc {
	return func(n around) (*G.Node, error) {
		node, err := right(n)
		if err != nil {
			return nil, err
		}
		return Scale(node, factor)
	}
}

// TestSecondMutantsAreCaught spoils every term of every op's second derivatives.
func TestSecondMutantsAreCaught(t *testing.T) {
	for _, s := range subjects {
		t.Run(s.name, func(t *testing.T) {
			if s.name == "ConvReLUPool2D" {
				t.Skip("it has no second derivatives")
			}
			require.NoError(t, s.checkSecond(t, s.build))
			r, err := s.build(append(slices.Clone(s.inputs), s.targetShape()...))
			require.NoError(t, err)
			for input := range s.inputs {
				for name, spoil := range spoiltSeconds {
					for i := range spoil(r.vjps[input].second) {
						err := s.checkSecond(t, func(in []tensor.Shape) (rule[float64], error) {
							r, err := s.build(in)
							if err == nil {
								r.vjps[input].second = spoil(r.vjps[input].second)[i]
							}
							return r, err
						})
						assert.Error(t, err, "gradient of input %d %s (%d)", input, name, i)
					}
				}
			}
		})
	}
}

func (s subject) targetShape() []tensor.Shape {
	if s.target == nil {
		return nil
	}
	return []tensor.Shape{s.target.Shape()}
}

// checkSecond squares the op's result, so that a linear op has second derivatives, too.
func (s subject) checkSecond(t *testing.T, build builder[float64]) error {
	t.Helper()
	report, err := gradcheck.CheckSecond(s.random(), func(g *G.ExprGraph, in []*G.Node) (*G.Node, error) {
		y, err := s.with(build)(g, in)
		if err != nil {
			return nil, err
		}
		return Multiply(y, y)
	}, projected)
	require.NoError(t, err)
	return report.Err()
}

// A curvature at the wrong argument is caught.
func TestCurvatureOfWrongArgumentIsCaught(t *testing.T) {
	for _, f := range Functions() {
		if f.PiecewiseLinear {
			continue
		}
		t.Run(f.Name, func(t *testing.T) {
			require.NoError(t, functionSubject(f).checkSecond(t, elementwise[float64](f)))
			right := f.Curvature
			wrong := f.Value
			switch f.Name {
			case "ELU", "SELU", "CELU":
				wrong = func(y float64) float64 { return -y }
			case "HardSwish":
				wrong = func(x float64) float64 { return 2 * x }
			}
			f.Curvature = func(v float64) float64 { return right(wrong(v)) }
			err := functionSubject(f).checkSecond(t, elementwise[float64](f))
			assert.Error(t, err, f.Name)
		})
	}
}
