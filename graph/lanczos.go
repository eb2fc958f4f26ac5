package graph

import (
	"cmp"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"

	"gorgonia.org/tensor"
)

// A Curvature is a direction in which the loss bends: an eigenvalue of the Hessian and its
// eigenvector.
type Curvature struct {
	Value     float64         // second derivative of the loss along the direction
	Bound     float64         // approximate upper bound on the distance from Value to an eigenvalue of the Hessian
	Direction []*tensor.Dense // of length 1, a tensor for each trained parameter
}

// Largest computes the largest eigenvalues of the batch's Hessian, in decreasing order, by the
// given number of Lanczos steps. Each step computes one product and stores one vector of all
// parameters. The same seed gives the same result.
func (h *Hessian) Largest(count, steps int, seed uint64) ([]Curvature, error) {
	size := 0
	for _, v := range h.Vector() {
		size += v.Shape().TotalSize()
	}
	steps = min(steps, size)
	if count < 1 || steps < count {
		return nil, fmt.Errorf("got %d eigenvalues in %d steps, want at least 1 eigenvalue and a step for each",
			count, steps)
	}
	basis, diagonal, beside, err := h.lanczos(size, steps, seed)
	if err != nil {
		return nil, err
	}
	values, vectors := symmetricEigen(tridiagonal(diagonal, beside))
	var all []Curvature
	for _, i := range topOf(values)[:min(count, len(values))] {
		direction := make([]float64, size)
		for j, q := range basis {
			axpy(vectors[j][i], q, direction)
		}
		last := len(basis) - 1
		bound := math.Abs(beside[last]*vectors[last][i]) + h.rounding()*math.Abs(values[i])
		all = append(all, Curvature{values[i], bound, h.parts(direction)})
	}
	return all, nil
}

// rounding returns the relative error of a product for the element type.
func (h *Hessian) rounding() float64 {
	if h.step.model.dtype == tensor.Float64 {
		return 1e-14
	}
	return 1e-5
}

// topOf returns the indices of the values, in decreasing order of the values.
func topOf(values []float64) []int {
	order := make([]int, len(values))
	for i := range order {
		order[i] = i
	}
	slices.SortStableFunc(order, func(i, j int) int { return cmp.Compare(values[j], values[i]) })
	return order
}

// lanczos computes an orthonormal basis Q of the vectors H^k·q for a random q. In that basis H is
// tridiagonal: diagonal holds q·H·q, beside the elements next to the diagonal. Each new vector is
// orthogonalized against all earlier ones, twice: otherwise rounding makes an eigenvalue appear
// several times (Paige 1971).
func (h *Hessian) lanczos(size, steps int, seed uint64) (basis [][]float64, diagonal, beside []float64, err error) {
	random := rand.New(rand.NewPCG(seed, 0))
	q := make([]float64, size)
	for i := range q {
		q[i] = random.NormFloat64()
	}
	scaleBy(1/math.Sqrt(innerOf(q, q)), q)
	largest := 0.0
	for range steps {
		basis = append(basis, q)
		w, err := h.times(q)
		if err != nil {
			return nil, nil, nil, err
		}
		diagonal = append(diagonal, innerOf(w, q))
		for range 2 {
			for _, earlier := range basis {
				axpy(-innerOf(w, earlier), earlier, w)
			}
		}
		length := math.Sqrt(innerOf(w, w))
		beside = append(beside, length)
		largest = max(largest, length, math.Abs(diagonal[len(diagonal)-1]))
		if length <= 1e-10*largest { // the basis spans every H^k·q
			break
		}
		scaleBy(1/length, w)
		q = w
	}
	return basis, diagonal, beside, nil
}

// times returns H·q.
func (h *Hessian) times(q []float64) ([]float64, error) {
	rest := q
	for _, v := range h.Vector() {
		for i := range v.Shape().TotalSize() {
			setAt(v, i, rest[i])
		}
		rest = rest[v.Shape().TotalSize():]
	}
	products, err := h.Product()
	if err != nil {
		return nil, err
	}
	out := make([]float64, 0, len(q))
	for _, p := range products {
		out = append(out, float64s(p)...)
	}
	return out, nil
}

// parts cuts a vector into tensors with the shapes of the parameters.
func (h *Hessian) parts(v []float64) (parts []*tensor.Dense) {
	for _, like := range h.Vector() {
		n := like.Shape().TotalSize()
		parts = append(parts, denseOf(h.step.model.dtype, like.Shape(), v[:n]))
		v = v[n:]
	}
	return parts
}

func innerOf(a, b []float64) (sum float64) {
	for i, v := range a {
		sum += v * b[i]
	}
	return sum
}

// axpy adds factor·x to y.
func axpy(factor float64, x, y []float64) {
	for i, v := range x {
		y[i] += factor * v
	}
}

func scaleBy(factor float64, x []float64) {
	for i := range x {
		x[i] *= factor
	}
}

// tridiagonal returns the symmetric matrix with the given elements on and beside its diagonal.
func tridiagonal(diagonal, beside []float64) [][]float64 {
	a := make([][]float64, len(diagonal))
	for i := range a {
		a[i] = make([]float64, len(diagonal))
		a[i][i] = diagonal[i]
		if i > 0 {
			a[i][i-1], a[i-1][i] = beside[i-1], beside[i-1]
		}
	}
	return a
}

// symmetricEigen returns the eigenvalues of a symmetric matrix, which it overwrites; vectors[·][i]
// is the eigenvector of values[i]. It uses Jacobi rotations: each makes one off-diagonal element 0,
// and the others shrink from sweep to sweep.
func symmetricEigen(a [][]float64) (values []float64, vectors [][]float64) {
	n := len(a)
	v := make([][]float64, n)
	for i := range v {
		v[i] = make([]float64, n)
		v[i][i] = 1
	}
	const sweeps = 50 // about ten are enough
	for range sweeps {
		for p := range n {
			for q := p + 1; q < n; q++ {
				rotate(a, v, p, q)
			}
		}
	}
	for i := range n {
		values = append(values, a[i][i])
	}
	return values, v
}

// rotate rotates the axes p and q by the angle that makes a[p][q] 0.
func rotate(a, v [][]float64, p, q int) {
	if a[p][q] == 0 {
		return
	}
	theta := (a[q][q] - a[p][p]) / (2 * a[p][q])
	t := 1 / (math.Abs(theta) + math.Sqrt(theta*theta+1))
	if theta < 0 {
		t = -t
	}
	c := 1 / math.Sqrt(t*t+1)
	s := t * c
	for i := range a {
		a[i][p], a[i][q] = c*a[i][p]-s*a[i][q], s*a[i][p]+c*a[i][q]
	}
	for i := range a {
		a[p][i], a[q][i] = c*a[p][i]-s*a[q][i], s*a[p][i]+c*a[q][i]
		v[i][p], v[i][q] = c*v[i][p]-s*v[i][q], s*v[i][p]+c*v[i][q]
	}
	a[p][q], a[q][p] = 0, 0
}
