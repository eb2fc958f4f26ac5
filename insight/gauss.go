package insight

import "math"

// gaussLegendre returns the nodes and the weights of Gauss-Legendre quadrature on [0, 1]. The nodes
// are the roots of the Legendre polynomial of degree n, found by Newton's method.
//
//	P₀ = 1, P₁ = x, k·Pₖ = (2k-1)·x·Pₖ₋₁ - (k-1)·Pₖ₋₂
//	P'ₙ = n·(x·Pₙ - Pₙ₋₁)/(x²-1), weight 2/((1-x²)·P'ₙ²), both on [-1, 1]
func gaussLegendre(n int) (nodes, weights []float64) {
	nodes, weights = make([]float64, n), make([]float64, n)
	for i := range n {
		x := -math.Cos(math.Pi * (float64(i) + 0.75) / (float64(n) + 0.5)) // near the root
		var slope float64
		for range 20 {
			var value float64
			value, slope = legendre(n, x)
			step := value / slope
			x -= step
			if math.Abs(step) < 1e-15 {
				break
			}
		}
		nodes[i], weights[i] = (x+1)/2, 1/((1-x*x)*slope*slope)
	}
	return nodes, weights
}

// legendre returns the polynomial of degree n at x, and its derivative.
func legendre(n int, x float64) (value, slope float64) {
	before, value := 1.0, x
	for k := 2; k <= n; k++ {
		before, value = value, (float64(2*k-1)*x*value-float64(k-1)*before)/float64(k)
	}
	return value, float64(n) * (x*value - before) / (x*x - 1)
}
