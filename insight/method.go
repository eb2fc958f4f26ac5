package insight

import (
	"fmt"
	"math/rand/v2"
	"strings"

	"gorgonia.org/tensor"

	"convgraph/graph"
)

// A Method computes heat: how much a class's score, before softmax or sigmoid, depends on each
// pixel of a picture.
type Method string

const (
	// Gradient is the absolute gradient of the score, the largest of the channels (Simonyan,
	// Vedaldi and Zisserman 2013).
	Gradient Method = "gradient"
	// GradCAM is the weighted sum of a late layer's maps, where it is positive; a map's weight is
	// the mean of the score's gradient with respect to it (Selvaraju et al. 2017, equations 1 and
	// 2).
	GradCAM Method = "grad-cam"
	// IntegratedGradients is the mean gradient on the line from a blank picture, times the
	// difference from it (Sundararajan, Taly and Yan 2017, equation 1). Its sum is the difference
	// of the scores.
	IntegratedGradients Method = "integrated-gradients"
	// SmoothGrad is the mean gradient of noisy copies of the picture (Smilkov et al. 2017).
	SmoothGrad Method = "smoothgrad"
	// Occlusion is how much the score falls when a square around the pixel is blank (Zeiler and
	// Fergus 2014, section 4.2).
	Occlusion Method = "occlusion"
)

// Methods lists all methods.
var Methods = []Method{Gradient, GradCAM, IntegratedGradients, SmoothGrad, Occlusion}

// Options are the settings of the methods. The zero value has usable defaults.
type Options struct {
	Layer   string  // whose maps GradCAM weighs; "" is [LastMaps]
	Steps   int     // of IntegratedGradients; 0 is 50
	Samples int     // noisy copies for SmoothGrad; 0 is 30
	Noise   float64 // their standard deviation, as a share of the range of the values; 0 is 0.15
	Seed    uint64  // of that noise
	Window  int     // side of Occlusion's square; 0 is a sixth of the picture's shorter side
	Stride  int     // between its squares; 0 is a third of the window
}

// Heat is a number for each pixel.
type Heat struct {
	Height, Width int
	Values        []float32 // row by row
	Signed        bool      // below 0 the pixel speaks against the class
}

// Heat computes the heat of a class for a prepared picture. A blank picture is all zeros: the mean
// color if the model's preprocessing subtracts one.
func (method Method) Heat(m *graph.Model, pixels []float32, class int, o Options) (*Heat, error) {
	input := m.Spec().Input
	switch {
	case m.Dtype() != tensor.Float32:
		return nil, fmt.Errorf("model %q is of %v, want float32", m.Spec().Name, m.Dtype())
	case input.Dims() != 3:
		return nil, fmt.Errorf("model %q takes %v, want pictures (C, H, W)", m.Spec().Name, input)
	case len(pixels) != input.TotalSize():
		return nil, fmt.Errorf("got %d values, want %d for %v", len(pixels), input.TotalSize(), input)
	case m.LogitsNode().Shape.Dims() != 1:
		return nil, fmt.Errorf("model %q gives maps %v, want single outputs", m.Spec().Name, m.LogitsNode().Shape)
	case class < 0 || class >= m.Classes():
		return nil, fmt.Errorf("model %q: class is %d, want 0 to %d", m.Spec().Name, class, m.Classes()-1)
	}
	q := &question{model: m, pixels: pixels, class: class, Options: o.withDefaults(input)}
	switch method {
	case Gradient:
		return q.gradient()
	case GradCAM:
		return q.gradCAM()
	case IntegratedGradients:
		return q.integrated()
	case SmoothGrad:
		return q.smooth()
	case Occlusion:
		return q.occlusion()
	}
	return nil, fmt.Errorf("method is %.40q, want one of %s", string(method), MethodNames())
}

// MethodNames returns the methods' names, for help texts and errors.
func MethodNames() string {
	names := make([]string, len(Methods))
	for i, m := range Methods {
		names[i] = string(m)
	}
	return strings.Join(names, ", ")
}

func (o Options) withDefaults(input tensor.Shape) Options {
	orElse := func(v *int, otherwise int) {
		if *v <= 0 {
			*v = otherwise
		}
	}
	orElse(&o.Steps, 50)
	orElse(&o.Samples, 30)
	orElse(&o.Window, max(1, min(input[1], input[2])/6))
	orElse(&o.Stride, max(1, o.Window/3))
	if !(o.Noise > 0) {
		o.Noise = 0.15
	}
	return o
}

// question is a picture and a class to compute heat for.
type question struct {
	model  *graph.Model
	pixels []float32
	class  int
	Options
}

// gradients computes the score's gradient with respect to n pictures. fill writes each picture, use
// gets each gradient.
func (q *question) gradients(n int, fill func(i int, picture []float32), use func(i int, gradient []float32)) error {
	const most = 4 // at a time: the memory of their activations is bounded
	for first := 0; first < n; {
		batch := min(most, n-first)
		if n-first >= most {
			batch = (n - first) / most * most
		}
		if err := q.gradientsOf(first, batch, min(most, batch), fill, use); err != nil {
			return err
		}
		first += batch
	}
	return nil
}

// gradientsOf is gradients for n pictures from first, in batches of a size that divides n.
func (q *question) gradientsOf(first, n, batch int, fill func(int, []float32), use func(int, []float32)) error {
	p, err := q.model.NewPullback(batch, q.model.LogitsNode().Name)
	if err != nil {
		return err
	}
	defer p.Close()
	for i := range batch {
		p.Weights().Float32s()[i*q.model.Classes()+q.class] = 1
	}
	size := len(q.pixels)
	x := make([]float32, batch*size)
	for start := first; start < first+n; start += batch {
		for i := range batch {
			fill(start+i, x[i*size:][:size])
		}
		_, gradient, err := p.Run(q.asBatch(x))
		if err != nil {
			return err
		}
		for i := range batch {
			use(start+i, gradient.Float32s()[i*size:][:size])
		}
	}
	return nil
}

func (q *question) asBatch(x []float32) *tensor.Dense {
	shape := append(tensor.Shape{len(x) / len(q.pixels)}, q.model.Spec().Input...)
	return tensor.New(tensor.WithShape(shape...), tensor.WithBacking(x))
}

func (q *question) gradient() (*Heat, error) {
	mean, err := q.meanGradient(1, func(_ int, x []float32) { copy(x, q.pixels) }, func(int) float64 { return 1 })
	if err != nil {
		return nil, err
	}
	return q.largest(mean), nil
}

// meanGradient returns the weighted sum of the gradients of n pictures.
func (q *question) meanGradient(n int, fill func(int, []float32), weight func(i int) float64) ([]float64, error) {
	sum := make([]float64, len(q.pixels))
	err := q.gradients(n, fill, func(i int, gradient []float32) {
		w := weight(i)
		for j, g := range gradient {
			sum[j] += w * float64(g)
		}
	})
	return sum, err
}

// largest returns the largest magnitude of each pixel's channels.
func (q *question) largest(values []float64) *Heat {
	h := q.blank()
	plane := len(h.Values)
	for i, v := range values {
		h.Values[i%plane] = max(h.Values[i%plane], float32(v), float32(-v))
	}
	return h
}

func (q *question) blank() *Heat {
	input := q.model.Spec().Input
	return &Heat{Height: input[1], Width: input[2], Values: make([]float32, input[1]*input[2])}
}

// integrated computes (x - 0) · ∫₀¹ ∂score(a·x)/∂x da by Gauss-Legendre quadrature. A pixel's heat
// is the sum over its channels.
func (q *question) integrated() (*Heat, error) {
	nodes, weights := gaussLegendre(q.Steps)
	mean, err := q.meanGradient(q.Steps, func(i int, x []float32) {
		for j, v := range q.pixels {
			x[j] = float32(nodes[i] * float64(v))
		}
	}, func(i int) float64 { return weights[i] })
	if err != nil {
		return nil, err
	}
	h := q.blank()
	h.Signed = true
	sums := make([]float64, len(h.Values))
	for j, g := range mean {
		sums[j%len(sums)] += g * float64(q.pixels[j])
	}
	for i, s := range sums {
		h.Values[i] = float32(s)
	}
	return h, nil
}

func (q *question) smooth() (*Heat, error) {
	least, greatest := q.pixels[0], q.pixels[0]
	for _, v := range q.pixels {
		least, greatest = min(least, v), max(greatest, v)
	}
	std := q.Noise * float64(greatest-least)
	var r *rand.Rand
	return q.smoothWith(func(sample, pixel int) float64 {
		if pixel == 0 {
			r = rand.New(rand.NewPCG(q.Seed, uint64(sample)))
		}
		return std * r.NormFloat64()
	})
}

// smoothWith calls noise for each pixel of each copy, in order.
func (q *question) smoothWith(noise func(sample, pixel int) float64) (*Heat, error) {
	mean, err := q.meanGradient(q.Samples, func(i int, x []float32) {
		for j, v := range q.pixels {
			x[j] = float32(float64(v) + noise(i, j))
		}
	}, func(int) float64 { return 1 / float64(q.Samples) })
	if err != nil {
		return nil, err
	}
	return q.largest(mean), nil
}
