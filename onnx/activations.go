package onnx

import (
	"fmt"
	"math"

	"convgraph/graph"
)

// elementwise is an activation.
func elementwise(layer func(c *call) graph.ActivationFunction) func(c *call) ([]value, error) {
	return func(c *call) ([]value, error) {
		v, err := c.lazy(0)
		if err != nil {
			return nil, err
		}
		return one(c.im.activation(v, layer(c)))
	}
}

// absolute is max(x, -x).
func absolute(c *call) ([]value, error) {
	v, err := c.lazy(0)
	if err != nil {
		return nil, err
	}
	return one(c.im.apply(v, math.Abs, func(im *importer, args []value) (value, error) {
		negative, err := im.scaleBy(args[0], -1, 0)
		if err != nil {
			return value{}, err
		}
		return im.add(graph.Maximum{}, []value{args[0], negative}, "")
	}))
}

// scalarFunction is a function without a layer of its own. It may be a part of an activation.
func scalarFunction(name string, f func(float64) float64) func(c *call) ([]value, error) {
	return func(c *call) ([]value, error) {
		v, err := c.lazy(0)
		if err != nil {
			return nil, err
		}
		where := describe(c.node)
		return one(c.im.apply(v, f, func(*importer, []value) (value, error) {
			return value{}, fmt.Errorf("%s: %s is supported only as a part of an activation", where, name)
		}))
	}
}

func leakyRelu(c *call) graph.ActivationFunction {
	alpha := c.float("alpha", 0.01)
	if alpha == 0 {
		return graph.ReLU{}
	}
	return graph.LeakyReLU{Alpha: alpha}
}

func hardSigmoid(c *call) graph.ActivationFunction {
	return graph.HardSigmoid{Alpha: c.float("alpha", 0.2), Beta: c.float("beta", 0.5)}
}

func gelu(c *call) graph.ActivationFunction {
	switch approximate := c.attributes.text("approximate", "none"); approximate {
	case "none":
		return graph.GELU{}
	case "tanh":
		return graph.GELU{Approximate: true}
	default:
		c.fail("attribute \"approximate\": got %q, want \"none\" or \"tanh\"", approximate)
		return graph.GELU{}
	}
}

// selu is SELU, or for other constants gamma times an ELU.
func selu(c *call) ([]value, error) {
	const alpha, gamma = 1.67326319217681884765625, 1.05070102214813232421875
	a, g := c.float("alpha", alpha), c.float("gamma", gamma)
	v, err := c.lazy(0)
	if err != nil {
		return nil, err
	}
	if math.Abs(a-alpha) < 1e-6 && math.Abs(g-gamma) < 1e-6 {
		return one(c.im.activation(v, graph.SELU{}))
	}
	if v, err = c.im.activation(v, graph.ELU{Alpha: a}); err != nil {
		return nil, err
	}
	return one(c.im.linear(v, g, 0))
}

func clipped(c *call) ([]value, error) {
	low, high := c.float("min", math.Inf(-1)), c.float("max", math.Inf(1))
	for i, bound := range []*float64{&low, &high} {
		limit, err := c.optional(1 + i)
		if err != nil {
			return nil, err
		}
		if limit == nil {
			continue
		}
		if *bound, err = c.im.scalar(limit); err != nil {
			return nil, err
		}
	}
	v, err := c.lazy(0)
	if err != nil {
		return nil, err
	}
	return one(c.im.clip(v, low, high))
}

// clip is min(max(x, low), high). A bound beyond float32's range is no bound.
func (im *importer) clip(v value, low, high float64) (value, error) {
	low, high = max(low, -math.MaxFloat32), min(high, math.MaxFloat32)
	switch {
	case math.IsNaN(low) || math.IsNaN(high):
		return value{}, fmt.Errorf("from %g to %g: want numbers", low, high)
	case low == -math.MaxFloat32 && high == math.MaxFloat32:
		return v, nil
	case low == 0 && high == math.MaxFloat32:
		return im.activation(v, graph.ReLU{})
	case low >= high: // every number becomes high
		return im.linear(v, 0, high)
	}
	return im.activation(v, graph.Clip{Min: low, Max: high})
}

func neg(c *call) ([]value, error) {
	v, err := c.lazy(0)
	if err != nil {
		return nil, err
	}
	return one(c.im.linear(v, -1, 0))
}

// power is x^p: a square as x·x, any other power only as a part of an activation or a
// normalization.
func power(c *call) ([]value, error) {
	v, err := c.lazyForm(0)
	if err != nil {
		return nil, err
	}
	exponent, err := c.constant(1)
	if err != nil {
		return nil, err
	}
	p, err := c.im.scalar(exponent)
	if err != nil {
		return nil, err
	}
	if out, ok := c.im.poweredForm(v, p); ok {
		return one(out, nil)
	}
	if v.pending != nil {
		return nil, v.pending
	}
	f := func(x float64) float64 { return math.Pow(x, p) }
	where := describe(c.node)
	out, err := c.im.apply(v, f, func(im *importer, args []value) (value, error) {
		switch p {
		case 1:
			return args[0], nil
		case 2:
			return im.add(graph.Multiply{}, []value{args[0], args[0]}, "")
		}
		return value{}, fmt.Errorf("%s: a power of %g is supported only as a part of an activation", where, p)
	})
	if err == nil && p == 2 {
		out.form = c.im.squareOf(v)
	}
	return one(out, err)
}

// reciprocal is 1/x, or 1/std in a normalization.
func reciprocal(c *call) ([]value, error) {
	v, err := c.lazyForm(0)
	if err != nil {
		return nil, err
	}
	if out, ok := c.im.poweredForm(v, -1); ok {
		return one(out, nil)
	}
	if v, err = c.lazy(0); err != nil {
		return nil, err
	}
	return one(c.im.inverse(v, 1))
}

func squareRoot(c *call) ([]value, error) {
	v, err := c.lazyForm(0)
	if err != nil {
		return nil, err
	}
	if out, ok := c.im.poweredForm(v, 0.5); ok {
		return one(out, nil)
	}
	if v.pending != nil {
		return nil, v.pending
	}
	return scalarFunction("Sqrt", math.Sqrt)(c)
}

// swish is x·σ(alpha·x).
func swish(c *call) ([]value, error) {
	alpha := c.float("alpha", 1)
	v, err := c.lazy(0)
	if err != nil {
		return nil, err
	}
	if alpha == 1 {
		return one(c.im.activation(v, graph.SiLU{}))
	}
	scaled, err := c.im.linear(v, alpha, 0)
	if err != nil {
		return nil, err
	}
	gate, err := c.im.activation(scaled, graph.Sigmoid{})
	if err != nil {
		return nil, err
	}
	return one(c.im.values2(times, v, gate))
}

func prelu(c *call) ([]value, error) {
	slope, err := c.constant(1)
	if err != nil {
		return nil, err
	}
	v, err := c.x(0)
	if err != nil {
		return nil, err
	}
	if axis, ok := c.slopeAxis(slope, v.layout); ok {
		if v, err = c.im.channels(v, axis); err != nil {
			return nil, err
		}
	} else if slope.count() > 1 {
		return one(c.im.slopes(v, slope, c.node.Inputs[1]))
	}
	weight, err := c.im.parameter(slope, slope.count())
	if err != nil {
		return nil, err
	}
	return one(c.im.add(graph.PReLU{Shared: slope.count() == 1}, []value{v}, c.node.Inputs[1], param{"weight", weight}))
}

// slopeAxis returns the only axis along which slopes differ.
func (c *call) slopeAxis(slope *constant, l layout) (axis int, ok bool) {
	if c.im.opset < 7 && l.rank() > 1 && slope.count() == l.size(1) {
		return 1, slope.count() > 1 // one for each channel, before broadcasting was a rule
	}
	axis = -1
	for k := 1; k <= len(slope.dims); k++ {
		if n := sizeFromEnd(slope.dims, k); n > 1 {
			if axis >= 0 || k > l.rank() || l.isBatch(l.rank()-k) || l.size(l.rank()-k) != n {
				return 0, false
			}
			axis = l.rank() - k
		}
	}
	return axis, axis >= 0
}

// slopes is a PReLU of a row of features, each with its own slope.
func (im *importer) slopes(v value, slope *constant, name string) (value, error) {
	v, err := im.rearrange(v, span(0, len(v.atoms)), []int{v.shape.TotalSize()})
	if err != nil {
		return value{}, err
	}
	shape, numbers, err := im.spread(slope, v.layout)
	if err != nil {
		return value{}, err
	}
	return im.add(graph.PReLU{}, []value{v}, name, param{"weight", dense(numbers, shape)})
}
