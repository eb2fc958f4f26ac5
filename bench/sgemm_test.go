package main

import (
	"testing"

	"convgraph/internal/kernel"
)

// BenchmarkSGEMM1024 multiplies float32 matrices of 1024x1024.
func BenchmarkSGEMM1024(b *testing.B) {
	const n = 1024
	x, y, z := make([]float32, n*n), make([]float32, n*n), make([]float32, n*n)
	for i := range x {
		x[i], y[i] = float32(i%17)/17-0.5, float32(i%19)/19-0.5
	}
	for b.Loop() {
		kernel.Gemm(false, false, n, n, n, x, n, y, n, z, n)
	}
}
