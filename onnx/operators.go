package onnx

import (
	"fmt"
	"math"
	"slices"

	"gorgonia.org/tensor"

	"convgraph/graph"
)

// operators are the operators that depend on the images, and what makes layers of them.
var operators = map[string]func(c *call) ([]value, error){
	"Abs":                   absolute,
	"Add":                   arithmetic(sum),
	"ArgMax":                argMax,
	"AveragePool":           averagePool,
	"BatchNormalization":    batchNormalization,
	"Cast":                  cast,
	"Celu":                  elementwise(func(c *call) graph.ActivationFunction { return graph.CELU{Alpha: c.float("alpha", 1)} }),
	"Clip":                  clipped,
	"Concat":                concat,
	"Conv":                  conv,
	"ConvTranspose":         convTranspose,
	"DepthToSpace":          depthToSpace,
	"Div":                   arithmetic(quotient),
	"Dropout":               dropout,
	"Elu":                   elementwise(func(c *call) graph.ActivationFunction { return graph.ELU{Alpha: c.float("alpha", 1)} }),
	"Erf":                   elementwise(func(*call) graph.ActivationFunction { return graph.Erf{} }),
	"Exp":                   scalarFunction("Exp", math.Exp),
	"Flatten":               flatten,
	"Gather":                gather,
	"Gelu":                  elementwise(gelu),
	"Gemm":                  gemm,
	"GlobalAveragePool":     globalPool(graph.GlobalAvgPool{}),
	"GlobalMaxPool":         globalPool(graph.GlobalMaxPool{}),
	"GroupNormalization":    groupNormalization,
	"HardSigmoid":           elementwise(hardSigmoid),
	"HardSwish":             elementwise(func(*call) graph.ActivationFunction { return graph.HardSwish{} }),
	"Identity":              same,
	"InstanceNormalization": instanceNormalization,
	"LRN":                   lrn,
	"LayerNormalization":    layerNormalization,
	"LeakyRelu":             elementwise(leakyRelu),
	"LogSoftmax":            softmax(func(axis int) graph.Layer { return graph.LogSoftmax{Axis: axis} }),
	"LpPool":                lpPool,
	"MatMul":                matMul,
	"Max":                   arithmetic(largest),
	"MaxPool":               maxPool,
	"Min":                   arithmetic(smallest),
	"Mish":                  elementwise(func(*call) graph.ActivationFunction { return graph.Mish{} }),
	"Mul":                   arithmetic(times),
	"Neg":                   neg,
	"PRelu":                 prelu,
	"Pad":                   pad,
	"Pow":                   power,
	"Reciprocal":            scalarFunction("Reciprocal", func(x float64) float64 { return 1 / x }),
	"ReduceMax":             reduce(graph.GlobalMaxPool{}, false),
	"ReduceMean":            reduce(graph.GlobalAvgPool{}, false),
	"ReduceSum":             reduce(graph.GlobalAvgPool{}, true),
	"Relu":                  elementwise(func(*call) graph.ActivationFunction { return graph.ReLU{} }),
	"Reshape":               reshape,
	"Resize":                resize,
	"Selu":                  selu,
	"Sigmoid":               elementwise(func(*call) graph.ActivationFunction { return graph.Sigmoid{} }),
	"Slice":                 sliced,
	"Softmax":               softmax(func(axis int) graph.Layer { return graph.Softmax{Axis: axis} }),
	"Softplus":              elementwise(func(*call) graph.ActivationFunction { return graph.Softplus{} }),
	"Softsign":              elementwise(func(*call) graph.ActivationFunction { return graph.Softsign{} }),
	"SpaceToDepth":          spaceToDepth,
	"Split":                 split,
	"Sqrt":                  squareRoot,
	"Squeeze":               squeeze,
	"Sub":                   arithmetic(difference),
	"Sum":                   arithmetic(sum),
	"Tanh":                  elementwise(func(*call) graph.ActivationFunction { return graph.Tanh{} }),
	"Transpose":             transpose,
	"Unsqueeze":             unsqueeze,
	"Upsample":              resize,
}

func one(v value, err error) ([]value, error) {
	if err != nil {
		return nil, err
	}
	return []value{v}, nil
}

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

// absolute is the larger of x and -x.
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

// scalarFunction is a function that has no layer by itself, but may be a part of one.
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

func same(c *call) ([]value, error) {
	v, err := c.lazy(0)
	return one(v, err)
}

func cast(c *call) ([]value, error) {
	c.int("saturate", 1)
	c.attributes.text("round_mode", "up")
	switch to := c.int("to", 0); to {
	case 1, 10, 11, 16: // numbers are in the model's own type
		c.im.nothing = true
		return same(c)
	default:
		return nil, fmt.Errorf("to element type %d is not supported: want floats", to)
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
		c.fail("attribute \"approximate\" is %q: want \"none\" or \"tanh\"", approximate)
		return graph.GELU{}
	}
}

// selu is SELU, or gamma times an ELU where the constants are others.
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

// clip is min(max(x, low), high); a bound past the range of float32 is none.
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

// power is x^p: a square as x·x; any other only as a part of something that is spelled out.
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

// lazyForm is an input that may be a part of something spelled out.
func (c *call) lazyForm(i int) (value, error) {
	if c.has(i) && c.inputs[i].value != nil && c.inputs[i].value.form != nil {
		return *c.inputs[i].value, nil
	}
	return c.lazy(i)
}

func dropout(c *call) ([]value, error) {
	rate := c.float("ratio", 0.5)
	c.int("seed", 0)
	c.int("is_test", 1)
	if ratio, err := c.optional(1); err != nil {
		return nil, err
	} else if ratio != nil {
		if rate, err = c.im.scalar(ratio); err != nil {
			return nil, err
		}
	}
	if mode, err := c.optional(2); err != nil {
		return nil, err
	} else if mode != nil {
		if on, err := c.im.fixedInts(mode); err != nil || len(on) != 1 || on[0] != 0 {
			return nil, fmt.Errorf("training_mode is on: export the model for inference")
		}
	}
	if rate == 0 {
		return same(c)
	}
	v, err := c.x(0)
	if err != nil {
		return nil, err
	}
	return one(c.im.add(graph.Dropout{Rate: rate}, []value{v}, ""))
}

func batchNormalization(c *call) ([]value, error) {
	eps, momentum := c.float("epsilon", 1e-5), c.float("momentum", 0.9)
	c.only("spatial", 1)
	c.int("is_test", 1)
	c.only("training_mode", 0)
	v, err := c.x(0)
	if err != nil {
		return nil, err
	}
	if v, err = c.im.channels(v, 1); err != nil {
		return nil, err
	}
	var params []param
	for i, name := range []string{"weight", "bias", "running_mean", "running_var"} {
		constant, err := c.constant(1 + i)
		if err != nil {
			return nil, err
		}
		value, err := c.im.parameter(constant, v.shape[0])
		if err != nil {
			return nil, err
		}
		params = append(params, param{name, value})
	}
	layer := graph.BatchNorm{Eps: eps, Momentum: shortest(float32(1 - momentum))}
	if !(layer.Momentum >= 0 && layer.Momentum <= 1) {
		layer.Momentum = 0
	}
	if layer.Momentum == 0.1 {
		layer.Momentum = 0
	}
	if layer.Eps == 1e-5 {
		layer.Eps = 0
	}
	return one(c.im.add(layer, []value{v}, c.node.Inputs[1], params...))
}

// scaleAndShift are the two last inputs of a normalisation, over n channels.
func (c *call) scaleAndShift(n int, spread func(d *tensor.Dense) *tensor.Dense) ([]param, error) {
	var params []param
	for i, name := range []string{"weight", "bias"} {
		constant, err := c.optional(1 + i)
		if err != nil {
			return nil, err
		}
		if constant == nil {
			params = append(params, param{name, uniform(float64(1-i), n)})
			continue
		}
		value, err := c.im.parameter(constant, constant.count())
		if err != nil {
			return nil, err
		}
		if spread != nil {
			value = spread(value)
		}
		params = append(params, param{name, value})
	}
	return params, nil
}

// uniform is n numbers of one value.
func uniform(v float64, n int) *tensor.Dense {
	return dense(pick([]float32{float32(v)}, n, func(int) int { return 0 }), []int{n})
}

func isUniform(d *tensor.Dense, v float64) bool {
	for i := range d.Shape().TotalSize() {
		switch x := d.Get(i).(type) {
		case float32:
			if float64(x) != v {
				return false
			}
		case float64:
			if x != v {
				return false
			}
		}
	}
	return true
}

// instanceNormalization is a GroupNorm of as many groups as channels. PyTorch's exporters write a
// GroupNorm as one of (N, groups, rest), with the scale and the shift behind it.
func instanceNormalization(c *call) ([]value, error) {
	v, err := c.x(0)
	if err != nil {
		return nil, err
	}
	if v.rank() < 3 {
		return nil, fmt.Errorf("of %s is not supported: want (N, C, H, W)", v.text())
	}
	groups := v.size(1)
	if len(v.shape) != 3 || !v.inOrder() || len(v.axes[0]) > 0 || v.shape[0]%groups != 0 {
		if v, err = c.im.channels(v, 1); err != nil {
			return nil, err
		}
	}
	each := v.shape[0] / groups
	spread := func(d *tensor.Dense) *tensor.Dense {
		return dense(pick(d.Data(), d.Shape().TotalSize()*each, func(i int) int { return i / each }), []int{d.Shape().TotalSize() * each})
	}
	if each == 1 {
		spread = nil
	}
	return c.im.grouped(c, v, groups, c.float("epsilon", 1e-5), spread)
}

func (im *importer) grouped(c *call, v value, groups int, eps float64, spread func(d *tensor.Dense) *tensor.Dense) ([]value, error) {
	params, err := c.scaleAndShift(v.shape[0], spread)
	if err != nil {
		return nil, err
	}
	out, err := im.add(graph.GroupNorm{Groups: groups, Eps: eps}, []value{v}, inputName(c, 1), params...)
	if err == nil {
		im.open(out, params)
	}
	return one(out, err)
}

// open says that following nodes may still set a scale of 1 and a shift of 0.
func (im *importer) open(v value, params []param) {
	s := &im.steps[v.source]
	s.open["weight"] = isUniform(params[0].value, 1) && isUniform(params[1].value, 0)
	s.open["bias"] = isUniform(params[1].value, 0)
}

func inputName(c *call, i int) string {
	if i < len(c.node.Inputs) {
		return c.node.Inputs[i]
	}
	return ""
}

func groupNormalization(c *call) ([]value, error) {
	groups := c.count("num_groups", 0)
	c.int("stash_type", 1)
	v, err := c.x(0)
	if err != nil {
		return nil, err
	}
	if v, err = c.im.image(v); err != nil {
		return nil, err
	}
	var spread func(d *tensor.Dense) *tensor.Dense
	scale, err := c.constant(1)
	if err != nil {
		return nil, err
	}
	if each := v.shape[0] / max(groups, 1); scale.count() == groups && each > 1 { // before operator set 21
		spread = func(d *tensor.Dense) *tensor.Dense {
			n := d.Shape().TotalSize() * each
			return dense(pick(d.Data(), n, func(i int) int { return i / each }), []int{n})
		}
	}
	return c.im.grouped(c, v, groups, c.float("epsilon", 1e-5), spread)
}

func layerNormalization(c *call) ([]value, error) {
	eps := c.float("epsilon", 1e-5)
	c.int("stash_type", 1)
	v, err := c.x(0)
	if err != nil {
		return nil, err
	}
	axis, err := within(c.int("axis", -1), v.rank())
	if err != nil {
		return nil, err
	}
	out, err := c.im.layerNorm(v, axis, eps, func(n int) ([]param, error) { return c.scaleAndShift(n, nil) }, inputName(c, 1))
	return one(out, err)
}

// layerNorm normalises over the axes from one on.
func (im *importer) layerNorm(v value, axis int, eps float64, params func(n int) ([]param, error), weight string) (value, error) {
	if axis == 0 {
		return value{}, fmt.Errorf("over the batch is not supported")
	}
	v, err := im.together(v, span(axis, v.rank()-axis))
	if err != nil {
		return value{}, err
	}
	p, err := params(v.shape[0])
	if err != nil {
		return value{}, err
	}
	out, err := im.add(graph.LayerNorm{Eps: eps}, []value{v}, weight, p...)
	if err == nil {
		im.open(out, p)
	}
	return out, err
}

// lrn: ONNX divides alpha by the size. Of an even size it takes the longer half behind the channel,
// where ours is before it.
func lrn(c *call) ([]value, error) {
	size := c.size("size", c.int("size", 0))
	if size%2 == 0 {
		return nil, fmt.Errorf("size is %d: want an odd one", size)
	}
	layer := graph.LRN{Size: size, K: c.float("bias", 1), Alpha: c.float("alpha", 1e-4) / float64(size), Beta: c.float("beta", 0.75)}
	v, err := c.x(0)
	if err != nil {
		return nil, err
	}
	if v, err = c.im.channels(v, 1); err != nil {
		return nil, err
	}
	return one(c.im.add(layer, []value{v}, ""))
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
	axis := 1
	dims := slope.dims
	if c.im.opset < 7 && len(dims) == 1 { // one for each channel, before broadcasting was a rule
		dims = append(dims, slices.Repeat([]int{1}, v.rank()-2)...)
	}
	if slope.count() > 1 {
		if axis, err = onlyAxis(dims, v.layout); err != nil {
			return nil, err
		}
		if v, err = c.im.channels(v, axis); err != nil {
			return nil, err
		}
	}
	weight, err := c.im.parameter(slope, slope.count())
	if err != nil {
		return nil, err
	}
	return one(c.im.add(graph.PReLU{Shared: slope.count() == 1}, []value{v}, c.node.Inputs[1], param{"weight", weight}))
}

// onlyAxis is the one axis of a value that a constant's shape has numbers for.
func onlyAxis(dims []int, l layout) (int, error) {
	found := -1
	for k := 1; k <= len(dims); k++ {
		if n := sizeFromEnd(dims, k); n > 1 {
			axis := l.rank() - k
			if found >= 0 || axis < 1 || l.size(axis) != n {
				return 0, fmt.Errorf("slopes of shape %v for %s are not supported: want one for each channel, or one", dims, l.text())
			}
			found = axis
		}
	}
	return found, nil
}

// softmax is over one axis; before operator set 13 over all axes from one on.
func softmax(layer func(axis int) graph.Layer) func(c *call) ([]value, error) {
	return func(c *call) ([]value, error) {
		v, err := c.x(0)
		if err != nil {
			return nil, err
		}
		fallback := int64(-1)
		if c.im.opset < 13 {
			fallback = 1
		}
		axis, err := within(c.int("axis", fallback), v.rank())
		if err != nil {
			return nil, err
		}
		if axis == 0 {
			return nil, fmt.Errorf("over the images of a batch is not supported: want axis 1 or later")
		}
		over := []int{axis}
		if c.im.opset < 13 {
			over = span(axis, v.rank()-axis)
		}
		return one(c.im.along(v, over, layer))
	}
}

// along puts a softmax on the numbers of some axes.
func (im *importer) along(v value, axes []int, layer func(axis int) graph.Layer) (value, error) {
	if len(axes) == 1 && len(v.shape) == 3 && v.product(v.axes[axes[0]]) != v.shape.TotalSize() {
		if own := v.ownAxis(axes[0]); own >= 0 {
			return im.add(layer(own), []value{v}, "")
		}
	}
	v, err := im.together(v, axes)
	if err != nil {
		return value{}, err
	}
	return im.add(layer(0), []value{v}, "")
}

// argMax at the end of a network gives the class: the network is what comes before it.
func argMax(c *call) ([]value, error) {
	v, err := c.x(0)
	if err != nil {
		return nil, err
	}
	axis, err := within(c.int("axis", 0), v.rank())
	if err != nil {
		return nil, err
	}
	c.int("keepdims", 1)
	c.only("select_last_index", 0)
	if axis == 0 || v.size(axis) != v.shape.TotalSize() {
		return nil, fmt.Errorf("along axis %d of %s is not supported: want the classes", axis, v.text())
	}
	if c.im.uses[c.output(0)] > 1 {
		return nil, fmt.Errorf("is supported only at the end")
	}
	c.im.nothing = true
	return one(v, nil)
}

// transpose, reshape, flatten, squeeze and unsqueeze only change a value's layout.
func transpose(c *call) ([]value, error) {
	v, err := c.lazyForm(0)
	if err != nil {
		return nil, err
	}
	order, err := c.order(v.rank())
	if err != nil {
		return nil, err
	}
	if order[0] != 0 {
		if v.size(0) != 1 {
			return nil, fmt.Errorf("order %v of %s moves the batch: that is not supported", order, v.text())
		}
		return nil, fmt.Errorf("order %v moves the batch: that is not supported", order)
	}
	axes := make([][]int, len(order))
	for k, axis := range order {
		axes[k] = v.axes[axis]
	}
	v.layout = v.withAxes(axes)
	return one(v, nil)
}

func reshape(c *call) ([]value, error) {
	v, err := c.lazyForm(0)
	if err != nil {
		return nil, err
	}
	target, err := c.target()
	if err != nil {
		return nil, err
	}
	if len(target) == 0 {
		return nil, fmt.Errorf("to a scalar is not supported")
	}
	return one(c.im.reshaped(v, target))
}

// reshaped gives a value other axes. A fixed first size that is the file's fixed batch is the batch.
func (im *importer) reshaped(v value, target []number) (value, error) {
	target = slices.Clone(target)
	if im.batch > 0 && target[0].batch == 0 && target[0].fixed > 0 {
		switch n := target[0].fixed; {
		case n == im.batch*int64(v.size(0)):
			target[0] = number{batch: int64(v.size(0))}
		case n%im.batch == 0:
			target[0] = number{batch: n / im.batch}
		}
	}
	dims, err := resolve(target, v.dims())
	if err != nil {
		return value{}, err
	}
	for i, d := range dims {
		if d.image != 0 || (d.batch != 0) != (i == 0) || d.batch != 0 && d.fixed != 0 {
			return value{}, fmt.Errorf("of %s to %s moves the batch: that is not supported", v.text(), dimsText(dims))
		}
		if d.fixed > maxElements || d.batch > maxElements {
			return value{}, fmt.Errorf("of %s to %s is too large", v.text(), dimsText(dims))
		}
	}
	from := v.layout
	if v.inOrder() {
		from = newLayout(v.shape)
	}
	if l, ok := from.reshaped(dims); ok {
		v.layout = l
		return v, nil
	}
	if v, err = im.settle(v); err != nil {
		return value{}, err
	}
	if v, err = im.inOrder(v); err != nil {
		return value{}, err
	}
	if l, ok := newLayout(v.shape).reshaped(dims); ok {
		v.layout = l
		return v, nil
	}
	if v, err = im.row(v); err != nil {
		return value{}, err
	}
	l, ok := newLayout(v.shape).reshaped(dims)
	if !ok {
		return value{}, fmt.Errorf("of %s to %s is not supported", v.text(), dimsText(dims))
	}
	v.layout = l
	return v, nil
}

func flatten(c *call) ([]value, error) {
	v, err := c.lazy(0)
	if err != nil {
		return nil, err
	}
	axis, err := within(c.int("axis", 1), v.rank()+1)
	if err != nil {
		return nil, err
	}
	if axis == 0 {
		return nil, fmt.Errorf("from axis 0 on puts the images of a batch together: that is not supported")
	}
	v.layout = v.withAxes([][]int{slices.Concat(v.axes[:axis]...), slices.Concat(v.axes[axis:]...)})
	return one(v, nil)
}

func squeeze(c *call) ([]value, error) {
	v, err := c.lazyForm(0)
	if err != nil {
		return nil, err
	}
	axes, err := c.axes(1, 13)
	if err != nil {
		return nil, err
	}
	gone, err := withinAll(axes, v.rank())
	if err != nil {
		return nil, err
	}
	kept := [][]int{}
	for i, atoms := range v.axes {
		drop := slices.Contains(gone, i)
		if drop && (len(atoms) > 0 || i == 0) {
			if i == 0 && c.im.batch == 1 && len(atoms) == 0 {
				return nil, fmt.Errorf("takes the batch away: that is not supported")
			}
			return nil, fmt.Errorf("axis %d of %s: want one of size 1", i, v.text())
		}
		if !drop && !(axes == nil && i > 0 && len(atoms) == 0) {
			kept = append(kept, atoms)
		}
	}
	v.layout = v.withAxes(kept)
	return one(v, nil)
}

func unsqueeze(c *call) ([]value, error) {
	v, err := c.lazyForm(0)
	if err != nil {
		return nil, err
	}
	axes, err := c.axes(1, 13)
	if err != nil {
		return nil, err
	}
	rank := v.rank() + len(axes)
	added, err := withinAll(axes, rank)
	if err != nil {
		return nil, err
	}
	if rank > maxRank || slices.Contains(added, 0) {
		return nil, fmt.Errorf("axes %v of %s are not supported", axes, v.text())
	}
	var out [][]int
	rest := v.axes
	for i := range rank {
		if slices.Contains(added, i) {
			out = append(out, nil)
			continue
		}
		out, rest = append(out, rest[0]), rest[1:]
	}
	v.layout = v.withAxes(out)
	return one(v, nil)
}

func depthToSpace(c *call) ([]value, error) {
	mode := c.attributes.text("mode", "DCR")
	if mode != "DCR" && mode != "CRD" {
		return nil, fmt.Errorf("mode %q is not supported", mode)
	}
	b := c.count("blocksize", 0)
	v, err := c.x(0)
	if err != nil {
		return nil, err
	}
	if v, err = c.im.image(v); err != nil {
		return nil, err
	}
	channels, height, width := v.shape[0], v.shape[1], v.shape[2]
	if c.attributes.err != nil || channels%(b*b) != 0 {
		return nil, fmt.Errorf("of %d channels in blocks of %d is not supported", channels, b)
	}
	depth := channels / (b * b)
	layer := graph.Rearrange{Dims: []int{b, b, depth, height, width}, Order: []int{2, 3, 0, 4, 1}, Shape: []int{depth, height * b, width * b}}
	if mode == "CRD" {
		layer.Dims, layer.Order = []int{depth, b, b, height, width}, []int{0, 3, 1, 4, 2}
	}
	return one(c.im.add(layer, []value{v}, ""))
}

func spaceToDepth(c *call) ([]value, error) {
	b := c.count("blocksize", 0)
	mode := c.attributes.text("mode", "DCR")
	if mode != "DCR" && mode != "CRD" {
		return nil, fmt.Errorf("mode %q is not supported", mode)
	}
	v, err := c.x(0)
	if err != nil {
		return nil, err
	}
	if v, err = c.im.image(v); err != nil {
		return nil, err
	}
	channels, height, width := v.shape[0], v.shape[1], v.shape[2]
	if c.attributes.err != nil || height%b != 0 || width%b != 0 {
		return nil, fmt.Errorf("of %d rows and %d columns in blocks of %d is not supported", height, width, b)
	}
	layer := graph.Rearrange{
		Dims: []int{channels, height / b, b, width / b, b}, Order: []int{2, 4, 0, 1, 3}, Shape: []int{channels * b * b, height / b, width / b},
	}
	if mode == "CRD" {
		layer.Order = []int{0, 2, 4, 1, 3}
	}
	return one(c.im.add(layer, []value{v}, ""))
}

func globalPool(layer graph.Layer) func(c *call) ([]value, error) {
	return func(c *call) ([]value, error) {
		v, err := c.x(0)
		if err != nil {
			return nil, err
		}
		return one(c.im.pooled(v, span(2, v.rank()-2), true, layer))
	}
}

// reduce is the mean, the largest or the sum over some axes.
func reduce(layer graph.Layer, sum bool) func(c *call) ([]value, error) {
	return func(c *call) ([]value, error) {
		asInputFrom := int64(18)
		if sum {
			asInputFrom = 13
		}
		axes, err := c.axes(1, asInputFrom)
		if err != nil {
			return nil, err
		}
		keep := c.int("keepdims", 1) != 0
		empty := c.int("noop_with_empty_axes", 0) != 0
		raw, err := c.lazyForm(0)
		if err != nil {
			return nil, err
		}
		over, err := withinAll(axes, raw.rank())
		if err != nil {
			return nil, err
		}
		if len(axes) == 0 {
			if empty {
				return same(c)
			}
			return nil, fmt.Errorf("over the batch, too, is not supported: want axes")
		}
		slices.Sort(over)
		if over[0] == 0 {
			return nil, fmt.Errorf("over the batch is not supported")
		}
		form := c.im.reducedForm(raw, over, keep, sum)
		out, err := func() (value, error) {
			v, err := c.x(0)
			if err != nil {
				return v, err
			}
			out, err := c.im.pooled(v, over, keep, layer)
			if err != nil || !sum {
				return out, err
			}
			n := 1
			for _, axis := range over {
				n *= v.size(axis)
			}
			return c.im.linear(out, float64(n), 0)
		}()
		if form == nil {
			return one(out, err)
		}
		if err != nil {
			out = raw
			out.pending, out.expr = err, nil
			out.layout = raw.reduced(over, keep)
		}
		out.form = form
		return one(out, nil)
	}
}

// reduced is a layout with some axes of size 1, or without them. It stands for a value that only a
// spelled-out normalisation reads.
func (l layout) reduced(over []int, keep bool) layout {
	var axes [][]int
	for i, atoms := range l.axes {
		switch {
		case !slices.Contains(over, i):
			axes = append(axes, atoms)
		case keep:
			axes = append(axes, nil)
		}
	}
	return l.withAxes(axes)
}

// pooled puts a global pooling on some axes.
func (im *importer) pooled(v value, over []int, keep bool, layer graph.Layer) (value, error) {
	var gone []int
	for _, axis := range over {
		gone = append(gone, v.axes[axis]...)
	}
	rest := []int{}
	for _, a := range v.sequence() {
		if !slices.Contains(gone, a) {
			rest = append(rest, a)
		}
	}
	sorted := slices.Sorted(slices.Values(gone))
	if len(v.shape) != 3 || !slices.Equal(sorted, slices.Concat(v.own(1), v.own(2))) {
		var err error
		if v, err = im.rearrange(v, slices.Concat(rest, gone), []int{v.product(rest), v.product(gone), 1}); err != nil {
			return value{}, err
		}
	}
	kept := v.layout
	out, err := im.add(layer, []value{v}, "")
	if err != nil {
		return value{}, err
	}
	// The channels stay, as the atoms that they were.
	channels := kept.own(0)
	l := layout{shape: tensor.Shape{kept.shape[0], 1, 1}}
	for _, a := range channels {
		l.atoms = append(l.atoms, kept.atoms[a])
	}
	for i, atoms := range kept.axes {
		var axis []int
		for _, a := range atoms {
			if at := slices.Index(channels, a); at >= 0 {
				axis = append(axis, at)
			}
		}
		if keep || !slices.Contains(over, i) {
			l.axes = append(l.axes, axis)
		}
	}
	out.layout = l
	return out, nil
}

func concat(c *call) ([]value, error) {
	first, err := c.x(0)
	if err != nil {
		return nil, err
	}
	axis, err := within(c.int("axis", 1), first.rank())
	if err != nil {
		return nil, err
	}
	if axis == 0 {
		return nil, fmt.Errorf("along the batch is not supported")
	}
	parts := make([]value, len(c.inputs))
	for i := range parts {
		if parts[i], err = c.x(i); err != nil {
			return nil, err
		}
		if parts[i].rank() != first.rank() {
			return nil, fmt.Errorf("of %s and %s is not supported", first.text(), parts[i].text())
		}
	}
	if len(parts) == 1 {
		return one(parts[0], nil)
	}
	if !slices.ContainsFunc(parts, func(v value) bool { return !joins(v, first, axis) }) {
		return one(c.im.joined(parts, axis))
	}
	for i := range parts {
		if parts[i], err = c.im.canonical(parts[i], axis); err != nil {
			return nil, err
		}
		if !joins(parts[i], parts[0], axis) {
			return nil, fmt.Errorf("of %s and %s along axis %d: want the other sizes alike", first.text(), parts[i].text(), axis)
		}
	}
	return one(c.im.joined(parts, axis))
}

// joins says that two values have the axis as their channels and are alike otherwise.
func joins(v, w value, axis int) bool {
	if v.ownAxis(axis) != 0 || w.ownAxis(axis) != 0 || !v.shape[1:].Eq(w.shape[1:]) {
		return false
	}
	a, b := v.replaced(axis, 0, 2), w.replaced(axis, 0, 2)
	return a.same(b)
}

func (im *importer) joined(parts []value, axis int) (value, error) {
	out, err := im.add(graph.Concat{}, parts, "")
	if err != nil {
		return value{}, err
	}
	channels := 0
	for _, p := range parts {
		channels += p.shape[0]
	}
	out.layout = parts[0].replaced(axis, 0, channels)
	return out, nil
}

func split(c *call) ([]value, error) {
	v, err := c.x(0)
	if err != nil {
		return nil, err
	}
	axis, err := within(c.int("axis", 0), v.rank())
	if err != nil {
		return nil, err
	}
	if axis == 0 {
		return nil, fmt.Errorf("of the batch is not supported")
	}
	sizes, err := c.splitSizes(v.size(axis))
	if err != nil {
		return nil, err
	}
	if v, err = c.im.separate(v, axis); err != nil {
		return nil, err
	}
	var parts []value
	first := 0
	for _, n := range sizes {
		part, err := c.im.taken(v, axis, span(first, n))
		if err != nil {
			return nil, err
		}
		parts = append(parts, part)
		first += n
	}
	return parts, nil
}

func sliced(c *call) ([]value, error) {
	v, err := c.x(0)
	if err != nil {
		return nil, err
	}
	ranges, err := c.slices(v.rank())
	if err != nil {
		return nil, err
	}
	for _, r := range ranges {
		if r.axis == 0 {
			if r.start == 0 && r.step == 1 && r.end >= math.MaxInt32 {
				continue
			}
			return nil, fmt.Errorf("of the batch is not supported")
		}
		if v, err = c.im.taken(v, r.axis, r.indices(v.size(r.axis))); err != nil {
			return nil, err
		}
	}
	return one(v, nil)
}

func gather(c *call) ([]value, error) {
	v, err := c.x(0)
	if err != nil {
		return nil, err
	}
	axis, err := within(c.int("axis", 0), v.rank())
	if err != nil {
		return nil, err
	}
	list, err := c.constant(1)
	if err != nil {
		return nil, err
	}
	if axis == 0 {
		return one(c.im.gatherByImage(v, list))
	}
	indices, err := c.im.indices(list, v.size(axis))
	if err != nil {
		return nil, err
	}
	if v, err = c.im.taken(v, axis, indices); err != nil {
		return nil, err
	}
	dims := v.dims()
	var target []number
	for _, n := range list.dims {
		target = append(target, number{fixed: int64(n)})
	}
	return one(c.im.reshaped(v, slices.Concat(dims[:axis], target, dims[axis+1:])))
}

// gatherByImage takes numbers from a batch that lies flat, (N·k, …), where each image takes its own:
// n·k + i for the image n. PyTorch's exporter writes some views so.
func (im *importer) gatherByImage(v value, list *constant) (value, error) {
	numbers, err := im.ints(list)
	if err != nil {
		return value{}, err
	}
	indices := make([]int, len(numbers))
	if len(list.dims) == 0 || list.dims[0] != 1 {
		return value{}, fmt.Errorf("from the batch is not supported")
	}
	for k, n := range numbers {
		if n.batch != 0 || n.image != int64(v.size(0)) || n.fixed < 0 || n.fixed >= n.image {
			return value{}, fmt.Errorf("from the batch is not supported")
		}
		indices[k] = int(n.fixed)
	}
	v.layout = v.withAxes(append([][]int{nil}, v.axes...))
	if v, err = im.taken(v, 1, indices); err != nil {
		return value{}, err
	}
	target := []number{{batch: 1}}
	for _, n := range list.dims[1:] {
		target = append(target, number{fixed: int64(n)})
	}
	return im.reshaped(v, append(target, v.dims()[2:]...))
}

// taken is the slices of a value at the indices of an axis.
func (im *importer) taken(v value, axis int, indices []int) (value, error) {
	n := v.size(axis)
	if len(indices) == 0 {
		return value{}, fmt.Errorf("leaves nothing of axis %d of %s", axis, v.text())
	}
	if slices.Equal(indices, span(0, n)) {
		return v, nil
	}
	v, err := im.separate(v, axis)
	if err != nil {
		return value{}, err
	}
	own := v.ownAxis(axis)
	var layer graph.Layer = graph.Take{Axis: own, Indices: indices}
	if first := indices[0]; own == 0 && slices.Equal(indices, span(first, len(indices))) {
		layer = graph.Slice{Begin: first, End: first + len(indices)}
	}
	out, err := im.add(layer, []value{v}, "")
	if err != nil {
		return value{}, err
	}
	out.layout = v.replaced(axis, own, len(indices))
	return out, nil
}
