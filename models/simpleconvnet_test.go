package models_test

import (
	"testing"

	"github.com/stretchr/testify/require"
	"gorgonia.org/tensor"

	"convgraph/graph"
	"convgraph/models"
)

func TestSmoke(t *testing.T) {
	m, err := graph.New(models.DefaultSimpleConvNet().Spec())
	require.NoError(t, err)
	t.Log(m.Summary())
	s, err := m.NewStep(100)
	require.NoError(t, err)
	x := s.Images().Float32s()
	for i := range x {
		x[i] = float32(i%17) / 17
	}
	y := s.Targets().Float32s()
	for i := range 100 {
		y[i*10+i%10] = 1
	}
	loss, err := s.Run(0)
	require.NoError(t, err)
	t.Log(loss)
	for _, g := range s.Gradients() {
		v, err := g.Grad()
		require.NoError(t, err)
		t.Log(v.Shape(), v.(*tensor.Dense).Float32s()[:3])
	}
	p, err := m.Probabilities(s.Images())
	require.NoError(t, err)
	t.Log(p.Shape(), p.Float32s()[:10])
}
