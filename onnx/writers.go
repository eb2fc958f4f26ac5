package onnx

import (
	"cmp"
	"fmt"
	"slices"

	"gorgonia.org/tensor"

	"convgraph/graph"
	"convgraph/onnx/schema"
)

// writers are the layers, by kind, with the functions that export them.
var writers = map[string]func(e *exporter, n *graph.Node) error{
	"conv2d":           writeConv,
	"max_pool":         writeMaxPool,
	"avg_pool":         writeAvgPool,
	"lp_pool":          writeLpPool,
	"subsample":        writeSubsample,
	"affine":           writeAffine,
	"flatten":          plainOp("Flatten", intAttribute("axis", 1)),
	"normalize":        writeNormalize,
	"relu":             plainOp("Relu"),
	"sigmoid":          plainOp("Sigmoid"),
	"tanh":             writeTanh,
	"leaky_relu":       alphaOp("LeakyRelu", "alpha", 0.01),
	"prelu":            writePReLU,
	"elu":              alphaOp("Elu", "alpha", 1),
	"celu":             alphaOp("Celu", "alpha", 1),
	"selu":             plainOp("Selu"),
	"silu":             writeSiLU,
	"gelu":             writeGELU,
	"mish":             needing(18, plainOp("Mish")),
	"softplus":         plainOp("Softplus"),
	"softsign":         plainOp("Softsign"),
	"clip":             writeClip,
	"hard_sigmoid":     writeHardSigmoid,
	"hard_swish":       plainOp("HardSwish"),
	"erf":              plainOp("Erf"),
	"lrn":              writeLRN,
	"batch_norm":       writeBatchNorm,
	"group_norm":       writeGroupNorm,
	"layer_norm":       writeLayerNorm,
	"global_avg_pool":  plainOp("GlobalAveragePool"),
	"global_max_pool":  plainOp("GlobalMaxPool"),
	"scale":            writeScale,
	"slice":            writeSlice,
	"take":             writeTake,
	"rearrange":        writeRearrange,
	"pad":              writePad,
	"resize":           writeResize,
	"channel_shuffle":  writeShuffle,
	"pad_channels":     writePadChannels,
	"dropout":          writeDropout,
	"dropout2d":        plainOp("Identity"), // nothing in prediction, and ONNX's drops single numbers
	"stochastic_depth": plainOp("Identity"),
	"softmax":          writeSoftmax,
	"log_softmax":      writeLogSoftmax,
	"add":              writeAdd,
	"subtract":         pairOp("Sub"),
	"multiply":         writeMultiply,
	"divide":           pairOp("Div"),
	"maximum":          pairOp("Max"),
	"minimum":          pairOp("Min"),
	"concat":           writeConcat,
}

func plainOp(name string, attributes ...schema.Attribute) func(e *exporter, n *graph.Node) error {
	return func(e *exporter, _ *graph.Node) error {
		e.opWith(name, []string{e.x()}, attributes...)
		return nil
	}
}

func pairOp(name string) func(e *exporter, n *graph.Node) error {
	return func(e *exporter, _ *graph.Node) error {
		e.op(name, e.input(0), e.input(1))
		return nil
	}
}

func needing(opset int64, write func(e *exporter, n *graph.Node) error) func(e *exporter, n *graph.Node) error {
	return func(e *exporter, n *graph.Node) error {
		e.need(opset)
		return write(e, n)
	}
}

// alphaOp is an activation of one constant, as its function has it.
func alphaOp(name, attribute string, fallback float64) func(e *exporter, n *graph.Node) error {
	return func(e *exporter, n *graph.Node) error {
		alpha := fallback
		if constants := n.Layer.(graph.ActivationFunction).Function().Constants; len(constants) > 0 {
			alpha = constants[0].Value
		}
		e.opWith(name, []string{e.x()}, floatAttribute(attribute, alpha))
		return nil
	}
}

func writeConv(e *exporter, n *graph.Node) error {
	l := n.Layer.(graph.Conv2D)
	params, err := e.params("weight", "bias")
	if err != nil {
		return err
	}
	if l.Connections != nil {
		params[0] = e.fullWeight(l, params[0], n.Inputs[0].Shape[0])
	}
	attributes := append(windowAttributes(l.Kernel, orOnes(l.Stride), l.Pad, l.PadBegin, l.PadEnd, l.Dilation),
		intAttribute("group", int64(max(l.Groups, 1))))
	e.opWith("Conv", append([]string{e.x()}, params...), attributes...)
	return nil
}

// fullWeight spreads the kernels of a partly connected layer (connections, kh, kw) over (filters,
// channels, kh, kw): a kernel of zeros is appended and used where nothing is connected.
func (e *exporter) fullWeight(l graph.Conv2D, weight string, channels int) string {
	zeros := e.floats([]int{1, l.Kernel[0], l.Kernel[1]}, make([]float64, l.Kernel[0]*l.Kernel[1])...)
	all := e.opWith("Concat", []string{weight, zeros}, intAttribute("axis", 0))
	var which []int
	at, none := 0, 0
	for _, inputs := range l.Connections {
		none += len(inputs)
	}
	for _, inputs := range l.Connections {
		for channel := range channels {
			if slices.Contains(inputs, channel) {
				which = append(which, at)
				at++
				continue
			}
			which = append(which, none)
		}
	}
	table := e.op("Reshape", e.ints(which...), e.ints(len(l.Connections), channels))
	return e.opWith("Gather", []string{all, table}, intAttribute("axis", 0))
}

func writeMaxPool(e *exporter, n *graph.Node) error {
	l := n.Layer.(graph.MaxPool)
	attributes := windowAttributes(l.Kernel, orKernel(l.Stride, l.Kernel), l.Pad, l.PadBegin, l.PadEnd, l.Dilation)
	e.opWith("MaxPool", []string{e.x()}, append(attributes, ceilAttribute(l.Ceil))...)
	return nil
}

func writeAvgPool(e *exporter, n *graph.Node) error {
	l := n.Layer.(graph.AvgPool)
	counted := int64(1)
	if l.ExcludePad {
		counted = 0
	}
	attributes := append(windowAttributes(l.Kernel, orKernel(l.Stride, l.Kernel), l.Pad, l.PadBegin, l.PadEnd,
		l.Dilation), ceilAttribute(l.Ceil))
	if orOnes(l.Dilation) == graph.Square(1) {
		attributes = slices.DeleteFunc(attributes, func(a schema.Attribute) bool { return a.Name == "dilations" })
	} else {
		e.need(19)
	}
	e.opWith("AveragePool", []string{e.x()}, append(attributes, intAttribute("count_include_pad", counted))...)
	return nil
}

// writeLpPool refuses what ONNX's operator can't express.
func writeLpPool(e *exporter, n *graph.Node) error {
	l := n.Layer.(graph.LpPool)
	power := cmp.Or(l.P, 2)
	p := int64(power)
	if float64(p) != power {
		return fmt.Errorf("p is %g: ONNX's LpPool has whole powers", power)
	}
	if reachesBeyond(l, n.Inputs[0].Shape, n.Shape) {
		return fmt.Errorf("windows reach beyond the padding: runtimes differ in what they sum there")
	}
	e.need(18)
	attributes := append(windowAttributes(l.Kernel, orKernel(l.Stride, l.Kernel), l.Pad, l.PadBegin, l.PadEnd,
		l.Dilation), ceilAttribute(l.Ceil), intAttribute("p", p))
	e.opWith("LpPool", []string{e.x()}, attributes...)
	return nil
}

// reachesBeyond reports whether the last windows begin in the input but end beyond its padding.
func reachesBeyond(l graph.LpPool, in, out tensor.Shape) bool {
	stride, dilation := orKernel(l.Stride, l.Kernel), orOnes(l.Dilation)
	for axis, kernel := range l.Kernel {
		padded := in[1+axis] + 2*l.Pad[axis] + l.PadBegin[axis] + l.PadEnd[axis]
		if (out[1+axis]-1)*stride[axis]+(kernel-1)*dilation[axis] >= padded {
			return true
		}
	}
	return false
}

// writeSubsample writes a depthwise convolution: y = coefficient·Σ window + bias has the
// coefficient as every weight of its channel's kernel.
func writeSubsample(e *exporter, n *graph.Node) error {
	l, channels := n.Layer.(graph.Subsample), n.Inputs[0].Shape[0]
	params, err := e.params("coefficient", "bias")
	if err != nil {
		return err
	}
	column := e.op("Reshape", params[0], e.ints(channels, 1, 1, 1))
	weight := e.op("Expand", column, e.ints(channels, 1, l.Kernel[0], l.Kernel[1]))
	zero := graph.Pair{}
	attributes := append(windowAttributes(l.Kernel, orKernel(l.Stride, l.Kernel), zero, zero, zero, zero),
		intAttribute("group", int64(channels)))
	e.opWith("Conv", []string{e.x(), weight, params[1]}, attributes...)
	return nil
}

func writeAffine(e *exporter, n *graph.Node) error {
	x := e.x()
	if n.Inputs[0].Shape.Dims() > 1 {
		x = e.opWith("Flatten", []string{x}, intAttribute("axis", 1))
	}
	params, err := e.params("weight", "bias")
	if err != nil {
		return err
	}
	e.opWith("Gemm", append([]string{x}, params...), intAttribute("transB", 1))
	return nil
}

func writeNormalize(e *exporter, n *graph.Node) error {
	l := n.Layer.(graph.Normalize)
	shape := []int{len(l.Mean), 1, 1}
	e.op("Div", e.op("Sub", e.x(), e.floats(shape, l.Mean...)), e.floats(shape, l.Std...))
	return nil
}

// writeTanh writes A·tanh(B·x), without multiplications by 1.
func writeTanh(e *exporter, n *graph.Node) error {
	l := n.Layer.(graph.Tanh)
	e.last = e.x()
	e.times(l.B)
	e.op("Tanh", e.last)
	e.times(l.A)
	return nil
}

// times multiplies the last value by a factor; one of 0 means 1.
func (e *exporter) times(factor float64) {
	if factor != 0 && factor != 1 {
		e.op("Mul", e.last, e.floats(nil, factor))
	}
}

func writePReLU(e *exporter, n *graph.Node) error {
	slope, err := e.parameter("weight")
	if err != nil {
		return err
	}
	if shape := n.Shape; shape.Dims() == 3 {
		slope = e.op("Reshape", slope, e.ints(n.Param("weight").Shape[0], 1, 1))
	}
	e.op("PRelu", e.x(), slope)
	return nil
}

func writeSiLU(e *exporter, _ *graph.Node) error {
	e.op("Mul", e.x(), e.op("Sigmoid", e.x()))
	return nil
}

func writeGELU(e *exporter, n *graph.Node) error {
	e.need(20)
	approximate := "none"
	if n.Layer.(graph.GELU).Approximate {
		approximate = "tanh"
	}
	e.opWith("Gelu", []string{e.x()}, textAttribute("approximate", approximate))
	return nil
}

func writeClip(e *exporter, n *graph.Node) error {
	l := n.Layer.(graph.Clip)
	e.op("Clip", e.x(), e.floats(nil, l.Min), e.floats(nil, l.Max))
	return nil
}

func writeHardSigmoid(e *exporter, n *graph.Node) error {
	l := n.Layer.(graph.HardSigmoid)
	if l.Alpha == 0 && l.Beta == 0 {
		l.Alpha, l.Beta = 1./6, 0.5
	}
	e.opWith("HardSigmoid", []string{e.x()}, floatAttribute("alpha", l.Alpha), floatAttribute("beta", l.Beta))
	return nil
}

// writeLRN: ONNX divides alpha by the size. For an even size ONNX's window extends further after
// the channel, ours further before it; such a layer is written as several operators.
func writeLRN(e *exporter, n *graph.Node) error {
	l := n.Layer.(graph.LRN)
	if l.Size%2 == 1 {
		e.opWith("LRN", []string{e.x()}, intAttribute("size", int64(l.Size)),
			floatAttribute("alpha", l.Alpha*float64(l.Size)),
			floatAttribute("beta", l.Beta), floatAttribute("bias", l.K))
		return nil
	}
	depth := e.ints(1)
	squares := e.op("Unsqueeze", e.op("Mul", e.x(), e.x()), depth)
	padded := e.op("Pad", squares, e.ints(0, 0, l.Size/2, 0, 0, 0, 0, (l.Size-1)/2, 0, 0))
	means := e.op("Squeeze", e.opWith("AveragePool", []string{padded}, intsAttribute("kernel_shape", l.Size, 1, 1)),
		depth)
	scaled := e.op("Add", e.op("Mul", means, e.floats(nil, l.Alpha*float64(l.Size))), e.floats(nil, l.K))
	e.op("Div", e.x(), e.op("Pow", scaled, e.floats(nil, l.Beta)))
	return nil
}

func writeBatchNorm(e *exporter, n *graph.Node) error {
	l := n.Layer.(graph.BatchNorm)
	params, err := e.params("weight", "bias", "running_mean", "running_var")
	if err != nil {
		return err
	}
	momentum := l.Momentum
	if momentum == 0 {
		momentum = 0.1
	}
	e.opWith("BatchNormalization", append([]string{e.x()}, params...), floatAttribute("epsilon", orEps(l.Eps)),
		floatAttribute("momentum", 1-momentum))
	return nil
}

func orEps(eps float64) float64 {
	if eps == 0 {
		return 1e-5
	}
	return eps
}

func writeGroupNorm(e *exporter, n *graph.Node) error {
	l := n.Layer.(graph.GroupNorm)
	params, err := e.params("weight", "bias")
	if err != nil {
		return err
	}
	inputs, eps := append([]string{e.x()}, params...), floatAttribute("epsilon", orEps(l.Eps))
	if l.Groups == n.Shape[0] {
		e.opWith("InstanceNormalization", inputs, eps)
		return nil
	}
	e.need(21)
	e.opWith("GroupNormalization", inputs, eps, intAttribute("num_groups", int64(l.Groups)))
	return nil
}

// writeLayerNorm normalizes the last axis, which is made the channels' for images.
func writeLayerNorm(e *exporter, n *graph.Node) error {
	l := n.Layer.(graph.LayerNorm)
	params, err := e.params("weight", "bias")
	if err != nil {
		return err
	}
	x, image := e.x(), n.Shape.Dims() == 3
	if image {
		x = e.transpose(x, 1, 2, 0)
	}
	y := e.opWith("LayerNormalization", append([]string{x}, params...), intAttribute("axis", -1),
		floatAttribute("epsilon", orEps(l.Eps)))
	if image {
		e.transpose(y, 2, 0, 1)
	}
	return nil
}

func writeScale(e *exporter, _ *graph.Node) error {
	weight, err := e.parameter("weight")
	if err != nil {
		return err
	}
	bias, err := e.parameter("bias")
	if err != nil {
		return err
	}
	e.last = e.x()
	if weight != "" {
		e.op("Mul", e.last, weight)
	}
	if bias != "" {
		e.op("Add", e.last, bias)
	}
	return nil
}

func writeSlice(e *exporter, n *graph.Node) error {
	l := n.Layer.(graph.Slice)
	e.op("Slice", e.x(), e.ints(l.Begin), e.ints(l.End), e.ints(1))
	return nil
}

func writeTake(e *exporter, n *graph.Node) error {
	l := n.Layer.(graph.Take)
	e.opWith("Gather", []string{e.x(), e.ints(l.Indices...)}, intAttribute("axis", int64(l.Axis+1)))
	return nil
}

func writeRearrange(e *exporter, n *graph.Node) error {
	l := n.Layer.(graph.Rearrange)
	e.last = e.x()
	if l.Dims != nil {
		e.reshape(e.last, l.Dims...)
	}
	if l.Order != nil {
		e.transpose(e.last, l.Order...)
	}
	e.reshape(e.last, l.Shape...)
	return nil
}

func writePad(e *exporter, n *graph.Node) error {
	l := n.Layer.(graph.Pad)
	e.op("Pad", e.x(), e.ints(0, 0, l.Begin[0], l.Begin[1], 0, 0, l.End[0], l.End[1]), e.floats(nil, l.Value))
	return nil
}

func writePadChannels(e *exporter, n *graph.Node) error {
	l := n.Layer.(graph.PadChannels)
	e.op("Pad", e.x(), e.ints(0, l.Begin, 0, 0, 0, l.End, 0, 0))
	return nil
}

func writeResize(e *exporter, n *graph.Node) error {
	l, in := n.Layer.(graph.Resize), n.Inputs[0].Shape
	e.need(18)
	or := func(v, fallback string) string {
		if v == "" {
			return fallback
		}
		return v
	}
	cubic := l.Cubic
	if cubic == 0 {
		cubic = -0.75
	}
	attributes := []schema.Attribute{
		textAttribute("mode", or(l.Mode, "nearest")),
		textAttribute("coordinate_transformation_mode", or(l.Coordinates, "half_pixel")),
		textAttribute("nearest_mode", or(l.Rounding, "round_prefer_floor")), floatAttribute("cubic_coeff_a", cubic),
		intAttribute("antialias", asInt(l.Antialias)), intAttribute("exclude_outside", asInt(l.NoOutside)),
		intsAttribute("axes", 2, 3),
	}
	region := ""
	if l.Coordinates == "tf_crop_and_resize" {
		region = e.floats([]int{4}, l.Region[:]...)
	}
	if l.Scale == [2]float64{} {
		e.opWith("Resize", []string{e.x(), region, "", e.ints(l.Size[0], l.Size[1])}, attributes...)
		return nil
	}
	scales := schema.Tensor{Name: e.constantName(), Type: schema.Float32, Dims: []int64{2}}
	for axis, s := range l.Scale {
		if s == 0 {
			s = float64(l.Size[axis]) / float64(in[1+axis])
		}
		scales.Floats = append(scales.Floats, float32(s))
	}
	e.graph.Initializers = append(e.graph.Initializers, scales)
	e.opWith("Resize", []string{e.x(), region, scales.Name}, attributes...)
	return nil
}

func asInt(is bool) int64 { return int64(oneIf(is)) }

func writeShuffle(e *exporter, n *graph.Node) error {
	groups, c, h, w := n.Layer.(graph.ChannelShuffle).Groups, n.Shape[0], n.Shape[1], n.Shape[2]
	e.reshape(e.transpose(e.reshape(e.x(), groups, c/groups, h, w), 1, 0, 2, 3), c, h, w)
	return nil
}

// writeDropout writes nothing, except for the factor of a classic one.
func writeDropout(e *exporter, n *graph.Node) error {
	l := n.Layer.(graph.Dropout)
	if l.Classic {
		e.last = e.x()
		e.times(1 - l.Rate)
		return nil
	}
	rate := schema.Tensor{Name: e.constantName(), Type: schema.Float32, Floats: []float32{float32(l.Rate)}}
	e.graph.Initializers = append(e.graph.Initializers, rate)
	e.op("Dropout", e.x(), rate.Name)
	return nil
}

func writeSoftmax(e *exporter, n *graph.Node) error {
	e.opWith("Softmax", []string{e.x()}, intAttribute("axis", int64(n.Layer.(graph.Softmax).Axis+1)))
	return nil
}

func writeLogSoftmax(e *exporter, n *graph.Node) error {
	e.opWith("LogSoftmax", []string{e.x()}, intAttribute("axis", int64(n.Layer.(graph.LogSoftmax).Axis+1)))
	return nil
}

func writeAdd(e *exporter, n *graph.Node) error {
	op := "Add"
	if len(n.Inputs) > 2 {
		op = "Sum"
	}
	e.opWith(op, e.inputs())
	return nil
}

func (e *exporter) inputs() []string {
	names := make([]string, len(e.node.Inputs))
	for i := range names {
		names[i] = e.input(i)
	}
	return names
}

func writeMultiply(e *exporter, n *graph.Node) error {
	gate := e.input(1)
	if x := n.Inputs[0].Shape; x.Dims() == 3 && n.Inputs[1].Shape.Dims() == 1 {
		gate = e.reshape(gate, x[0], 1, 1)
	}
	e.op("Mul", e.input(0), gate)
	return nil
}

func writeConcat(e *exporter, _ *graph.Node) error {
	e.opWith("Concat", e.inputs(), intAttribute("axis", 1))
	return nil
}

// windowAttributes writes the geometry of convolutions and poolings.
func windowAttributes(kernel, stride, pad, begin, end, dilation graph.Pair) []schema.Attribute {
	return []schema.Attribute{
		intsAttribute("kernel_shape", kernel[:]...), intsAttribute("strides", stride[:]...),
		intsAttribute("pads", pad[0]+begin[0], pad[1]+begin[1], pad[0]+end[0], pad[1]+end[1]),
		intsAttribute("dilations", pairOf(orOnes(dilation))...),
	}
}

func pairOf(p graph.Pair) []int { return p[:] }

func ceilAttribute(ceil bool) schema.Attribute { return intAttribute("ceil_mode", asInt(ceil)) }

func orOnes(p graph.Pair) graph.Pair { return orKernel(p, graph.Square(1)) }

// orKernel replaces sizes of 0 by those of another pair.
func orKernel(p, other graph.Pair) graph.Pair {
	for axis := range p {
		if p[axis] == 0 {
			p[axis] = other[axis]
		}
	}
	return p
}
