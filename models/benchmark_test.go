package models_test

import (
	"testing"

	"convgraph/graph"
	"convgraph/models"
)

func BenchmarkStepRaw(b *testing.B) {
	m, _ := graph.New(models.DefaultSimpleConvNet().Spec())
	s, _ := m.NewStep(100)
	x := s.Images().Float32s()
	for i := range x {
		x[i] = float32(i%17) / 17
	}
	b.ReportAllocs()
	for b.Loop() {
		s.Run(0)
	}
}
