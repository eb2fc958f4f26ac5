package ops_test

import (
	"math"
	"math/rand/v2"

	G "gorgonia.org/gorgonia"
	"gorgonia.org/tensor"

	"convgraph/ops"
)

// This file implements every op by plain loops that follow its definition.

// array is a row-major tensor.
type array struct {
	shape tensor.Shape
	data  []float64
}

func newArray(shape ...int) array {
	return array{shape, make([]float64, tensor.Shape(shape).TotalSize())}
}

// normal returns normally distributed elements.
func normal(r *rand.Rand, shape tensor.Shape) array {
	a := newArray(shape...)
	return a.apply(func(float64) float64 { return r.NormFloat64() })
}

func (a array) apply(f func(float64) float64) array {
	b := newArray(a.shape...)
	for i, x := range a.data {
		b.data[i] = f(x)
	}
	return b
}

func (a array) dense(dt tensor.Dtype) *tensor.Dense {
	d := tensor.New(tensor.Of(dt), tensor.WithShape(a.shape...))
	for i, x := range a.data {
		if dt == tensor.Float32 {
			d.Float32s()[i] = float32(x)
			continue
		}
		d.Float64s()[i] = x
	}
	return d
}

// at is the element (n, c, h, w); outside the image it is 0.
func (a array) at(n, c, h, w int) float64 {
	if !a.inside(h, w) {
		return 0
	}
	return a.data[a.place(n, c, h, w)]
}

func (a array) inside(h, w int) bool { return h >= 0 && h < a.shape[2] && w >= 0 && w < a.shape[3] }

func (a array) place(n, c, h, w int) int { return ((n*a.shape[1]+c)*a.shape[2]+h)*a.shape[3] + w }

// each calls f with each index of a four-dimensional array and sets the element to the result.
func (a array) each(f func(n, c, h, w int) float64) array {
	for n := range a.shape[0] {
		for c := range a.shape[1] {
			for h := range a.shape[2] {
				for w := range a.shape[3] {
					a.data[a.place(n, c, h, w)] = f(n, c, h, w)
				}
			}
		}
	}
	return a
}

func sum(xs []float64) float64 {
	total := 0.0
	for _, x := range xs {
		total += x
	}
	return total
}

// windows counts the windows along an axis.
func windows(size, kernel, stride, before, after, dilation int) int {
	n := 0
	for first := -before; first+dilation*(kernel-1) < size+after; first += stride {
		n++
	}
	return n
}

// poolWindows counts the windows of a pooling along an axis. With ceil there is one more if the
// last window leaves out elements of the padded input, unless it would begin in the padding at the
// end.
func poolWindows(x array, p ops.Pool, axis int) int {
	size, before, after := x.shape[2+axis], p.Pad[axis]+p.PadBegin[axis], p.Pad[axis]+p.PadEnd[axis]
	stride, dilation := orElse(p.Stride, p.Kernel)[axis], orOne(p.Dilation)[axis]
	n := windows(size, p.Kernel[axis], stride, before, after, dilation)
	next, lastSeen := n*stride-before, (n-1)*stride-before+dilation*(p.Kernel[axis]-1)
	if p.Ceil && (n == 0 || lastSeen < size+after-1) && next < size {
		n++
	}
	return n
}

func orOne(p ops.Pair) ops.Pair { return orElse(p, ops.Pair{1, 1}) }

func orElse(p, q ops.Pair) ops.Pair {
	if p == (ops.Pair{}) {
		return q
	}
	return p
}

func naiveConv2D(x, w, b array, c ops.Conv) array {
	stride, dilation, groups := orOne(c.Stride), orOne(c.Dilation), max(c.Groups, 1)
	perGroup, filtersPerGroup := x.shape[1]/groups, w.shape[0]/groups
	y := newArray(x.shape[0], w.shape[0],
		windows(x.shape[2], w.shape[2], stride[0], c.Pad[0]+c.PadBegin[0], c.Pad[0]+c.PadEnd[0], dilation[0]),
		windows(x.shape[3], w.shape[3], stride[1], c.Pad[1]+c.PadBegin[1], c.Pad[1]+c.PadEnd[1], dilation[1]))
	return y.each(func(n, k, i, j int) float64 {
		total := 0.0
		if b.data != nil {
			total = b.data[k]
		}
		for ch := range perGroup {
			for r := range w.shape[2] {
				for q := range w.shape[3] {
					h, v := i*stride[0]-c.Pad[0]-c.PadBegin[0]+r*dilation[0],
						j*stride[1]-c.Pad[1]-c.PadBegin[1]+q*dilation[1]
					total += w.at(k, ch, r, q) * x.at(n, k/filtersPerGroup*perGroup+ch, h, v)
				}
			}
		}
		return total
	})
}

func naivePartialConv2D(x, w, b array, connections [][]int, c ops.Conv) array {
	full := newArray(len(connections), x.shape[1], w.shape[1], w.shape[2])
	next := 0
	for k, inputs := range connections {
		for _, ch := range inputs {
			for i := range w.shape[1] * w.shape[2] {
				full.data[full.place(k, ch, 0, 0)+i] = w.data[next]
				next++
			}
		}
	}
	return naiveConv2D(x, full, b, c)
}

// naivePool calls f with each window of channel c, as a list without the padding.
func naivePool(x array, p ops.Pool, f func(c int, window []float64) float64) array {
	stride, dilation := orElse(p.Stride, p.Kernel), orOne(p.Dilation)
	y := newArray(x.shape[0], x.shape[1], poolWindows(x, p, 0), poolWindows(x, p, 1))
	return y.each(func(n, c, i, j int) float64 {
		var window []float64
		for r := range p.Kernel[0] {
			for q := range p.Kernel[1] {
				h, w := i*stride[0]-p.Pad[0]-p.PadBegin[0]+r*dilation[0],
					j*stride[1]-p.Pad[1]-p.PadBegin[1]+q*dilation[1]
				if x.inside(h, w) {
					window = append(window, x.at(n, c, h, w))
				}
			}
		}
		return f(c, window)
	})
}

// naiveAvgPool divides the sums of the windows of x by the sums of the same windows over a plane of
// ones, which covers the input alone or the padding, too.
func naiveAvgPool(x array, p ops.Pool) array {
	total := func(_ int, window []float64) float64 { return sum(window) }
	counted, windows := x.shape.Clone(), p
	if !p.ExcludePad {
		for axis := range 2 {
			counted[2+axis] += 2*p.Pad[axis] + p.PadBegin[axis] + p.PadEnd[axis]
		}
		windows.Pad, windows.PadBegin, windows.PadEnd = ops.Pair{}, ops.Pair{}, ops.Pair{}
	}
	counts := naivePool(newArray(counted...).apply(func(float64) float64 { return 1 }), windows, total)
	sums := naivePool(x, p, total)
	return sums.each(func(n, c, i, j int) float64 { return sums.at(n, c, i, j) / counts.at(n, c, i, j) })
}

func largest(_ int, window []float64) float64 {
	m := math.Inf(-1)
	for _, x := range window {
		m = math.Max(m, x)
	}
	return m
}

func naiveLRN(x array, norm ops.Norm) array {
	return newArray(x.shape...).each(func(n, c, h, w int) float64 {
		squares := 0.0
		for j := range x.shape[1] {
			if j >= c-norm.Size/2 && j <= c+(norm.Size-1)/2 {
				squares += x.at(n, j, h, w) * x.at(n, j, h, w)
			}
		}
		return x.at(n, c, h, w) / math.Pow(norm.K+norm.Alpha*squares, norm.Beta)
	})
}

// elementwise are the ops of one variable, on any shape.
var elementwise = map[string]struct {
	build func(*G.Node) (*G.Node, error)
	naive func(float64) float64
}{
	"ReLU":    {ops.ReLU, func(x float64) float64 { return math.Max(x, 0) }},
	"Sigmoid": {ops.Sigmoid, naiveSigmoid},
	"Tanh":    {ops.Tanh, math.Tanh},
	"ScaledTanh": {
		func(x *G.Node) (*G.Node, error) { return ops.ScaledTanh(x, 1.7159, 2.0/3) },
		func(x float64) float64 { return 1.7159 * math.Tanh(2.0/3*x) },
	},
	"Scale": {
		func(x *G.Node) (*G.Node, error) { return ops.Scale(x, -2.5) },
		func(x float64) float64 { return -2.5 * x },
	},
	"LeakyReLU": {
		func(x *G.Node) (*G.Node, error) { return ops.LeakyReLU(x, 0.2) },
		func(x float64) float64 { return math.Max(x, 0) + 0.2*math.Min(x, 0) },
	},
	"Clip": {
		func(x *G.Node) (*G.Node, error) { return ops.Clip(x, -0.7, 0.3) },
		func(x float64) float64 { return math.Max(-0.7, math.Min(0.3, x)) },
	},
	"ELU": {
		func(x *G.Node) (*G.Node, error) { return ops.ELU(x, 1.5) },
		func(x float64) float64 { return math.Max(x, 0) + math.Min(1.5*(math.Exp(x)-1), 0) },
	},
	"SELU": {ops.SELU, func(x float64) float64 {
		return 1.0507009873554805 * (math.Max(x, 0) + math.Min(1.6732632423543772*(math.Exp(x)-1), 0))
	}},
	"CELU": {
		func(x *G.Node) (*G.Node, error) { return ops.CELU(x, 0.5) },
		func(x float64) float64 { return math.Max(x, 0) + math.Min(0.5*(math.Exp(x/0.5)-1), 0) },
	},
	"HardSigmoid": {
		func(x *G.Node) (*G.Node, error) { return ops.HardSigmoid(x, 0.4, 0.5) },
		func(x float64) float64 { return math.Max(0, math.Min(1, 0.4*x+0.5)) },
	},
	"Softsign": {ops.Softsign, func(x float64) float64 { return x / (1 + math.Abs(x)) }},
	"Erf":      {ops.Erf, func(x float64) float64 { return 1 - math.Erfc(x) }},
	"SiLU":     {ops.SiLU, func(x float64) float64 { return x * naiveSigmoid(x) }},
	"HardSwish": {ops.HardSwish, func(x float64) float64 {
		return x * math.Max(0, math.Min(6, x+3)) / 6
	}},
	"Mish": {ops.Mish, func(x float64) float64 { return x * math.Tanh(math.Log(1+math.Exp(x))) }},
	"GELU": {ops.GELU, func(x float64) float64 { return x / 2 * (1 + math.Erf(x/math.Sqrt2)) }},
	"GELUTanh": {ops.GELUTanh, func(x float64) float64 {
		return x / 2 * (1 + math.Tanh(math.Sqrt(2/math.Pi)*(x+0.044715*math.Pow(x, 3))))
	}},
	"Softplus": {ops.Softplus, func(x float64) float64 { return math.Log(1 + math.Exp(x)) }},
	"own":      {cube.Apply, func(x float64) float64 { return math.Pow(x, 3) }},
}

// cube is a function that package ops lacks.
var cube = ops.Function{
	Name: "Cube", Formula: "x³",
	Value: func(x float64) float64 { return x * x * x },
	Slope: func(x float64) float64 { return 3 * x * x },

	Curvature: func(x float64) float64 { return 6 * x },
}

func naiveSigmoid(x float64) float64 { return 1 / (1 + math.Exp(-x)) }

func naivePReLU(x, slope array) array {
	y := newArray(x.shape...)
	plane := 1
	if x.shape.Dims() > 1 {
		plane = x.shape.TotalSize() / (x.shape[0] * x.shape[1])
	}
	for i, v := range x.data {
		y.data[i] = math.Max(v, 0) + slope.data[i/plane%len(slope.data)]*math.Min(v, 0)
	}
	return y
}

// naiveNorm normalises each set of values by its mean and biased variance. setOf returns the set of
// a value from its sample, channel and index in the plane. Then each channel gets its weight and
// bias.
func naiveNorm(x, weight, bias array, eps float64, setOf func(n, c, place int) int) array {
	sets := map[int][]float64{}
	for i, v := range x.data {
		s := setOf(coordinatesIn(x.shape, i))
		sets[s] = append(sets[s], v)
	}
	y := newArray(x.shape...)
	for i, v := range x.data {
		n, c, place := coordinatesIn(x.shape, i)
		mean, variance := moments(sets[setOf(n, c, place)])
		y.data[i] = (v-mean)/math.Sqrt(variance+eps)*weight.data[c] + bias.data[c]
	}
	return y
}

// moments returns the mean and the biased variance.
func moments(xs []float64) (mean, variance float64) {
	mean = sum(xs) / float64(len(xs))
	for _, x := range xs {
		variance += (x - mean) * (x - mean) / float64(len(xs))
	}
	return mean, variance
}

// coordinatesIn returns the sample, the channel and the index in the plane of element i of an array
// (N, C, …).
func coordinatesIn(shape tensor.Shape, i int) (n, c, place int) {
	sample := shape.TotalSize() / shape[0]
	plane := sample / shape[1]
	return i / sample, i % sample / plane, i % plane
}

// naiveSoftmax works along axis 1.
func naiveSoftmax(x array) array {
	y := x.apply(math.Exp)
	totals := map[[2]int]float64{}
	for i, power := range y.data {
		n, _, place := coordinatesIn(x.shape, i)
		totals[[2]int{n, place}] += power
	}
	for i := range y.data {
		n, _, place := coordinatesIn(x.shape, i)
		y.data[i] /= totals[[2]int{n, place}]
	}
	return y
}

// naiveCrossEntropy takes classes (N) or distributions (N, classes).
func naiveCrossEntropy(x, target array) array {
	p := naiveSoftmax(x)
	total := 0.0
	for n := range x.shape[0] {
		for c := range x.shape[1] {
			total -= probability(target, n, c) * math.Log(p.data[n*x.shape[1]+c])
		}
	}
	return array{tensor.ScalarShape(), []float64{total / float64(x.shape[0])}}
}

func probability(target array, n, c int) float64 {
	if target.shape.Dims() == 2 {
		return target.data[n*target.shape[1]+c]
	}
	if int(target.data[n]) == c {
		return 1
	}
	return 0
}

func classTargets(x tensor.Shape) array {
	t := newArray(x[0])
	for n := range t.data {
		t.data[n] = float64((3*n + 1) % x[1])
	}
	return t
}

func distributionTargets(x tensor.Shape) array {
	return naiveSoftmax(normal(rand.New(rand.NewPCG(99, 0)), x))
}

func naiveAffine(x, w, b array) array {
	features := w.shape[1]
	y := newArray(x.shape[0], w.shape[0])
	for n := range x.shape[0] {
		for o := range w.shape[0] {
			total := 0.0
			if b.data != nil {
				total = b.data[o]
			}
			for i := range features {
				total += x.data[n*features+i] * w.data[o*features+i]
			}
			y.data[n*w.shape[0]+o] = total
		}
	}
	return y
}
