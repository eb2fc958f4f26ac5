package onnx

import (
	"fmt"
	"math"

	"gorgonia.org/tensor"

	"convgraph/graph"
	"convgraph/onnx/schema"
)

// converters are the operators that carry the chain on.
var converters = map[string]func(*importer, *schema.Node, *attributes) error{
	"Add":         (*importer).addBias,
	"AveragePool": (*importer).averagePool,
	"Conv":        (*importer).conv,
	"Div":         (*importer).div,
	"Dropout":     (*importer).dropout,
	"Flatten":     (*importer).flatten,
	"Gemm":        (*importer).gemm,
	"Identity":    func(*importer, *schema.Node, *attributes) error { return nil },
	"LRN":         (*importer).lrn,
	"MatMul":      (*importer).matMul,
	"MaxPool":     (*importer).maxPool,
	"Mul":         (*importer).mul,
	"Pad":         (*importer).padNode,
	"Relu":        func(im *importer, _ *schema.Node, _ *attributes) error { return im.add(step{layer: graph.ReLU{}}) },
	"Reshape":     (*importer).reshape,
	"Sigmoid":     func(im *importer, _ *schema.Node, _ *attributes) error { return im.add(step{layer: graph.Sigmoid{}}) },
	"Softmax":     (*importer).softmax,
	"Sub":         (*importer).sub,
	"Tanh":        (*importer).tanh,
}

// windowed are the operators that a Pad can fold into.
var windowed = map[string]bool{"Conv": true, "MaxPool": true, "AveragePool": true}

// input returns the name of an optional input, "" if it is left out.
func input(n *schema.Node, i int) string {
	if i < len(n.Inputs) {
		return n.Inputs[i]
	}
	return ""
}

func (im *importer) conv(n *schema.Node, a *attributes) error {
	weight, err := im.parameter(input(n, 1))
	if err != nil {
		return err
	}
	if weight.Dims() != 4 {
		return fmt.Errorf("weight has shape %v: only 2-D convolution is supported", weight.Shape())
	}
	kernel := graph.Pair{weight.Shape()[2], weight.Shape()[3]}
	if given := a.pair("kernel_shape", kernel); given != kernel {
		return fmt.Errorf("kernel_shape is %v, the weight's %v", given, kernel)
	}
	c := graph.Conv2D{
		Filters: weight.Shape()[0], Kernel: kernel, Stride: a.pair("strides", graph.Square(1)),
		Dilation: a.pair("dilations", graph.Square(1)), Groups: a.count("group", 1),
	}
	if c.Pad, err = im.pads(a, c.Kernel, c.Stride, c.Dilation); err != nil {
		return err
	}
	if err := im.takePad(&c.Pad, func(v float64) bool { return v == 0 }); err != nil {
		return err
	}
	s := step{layer: c, name: layerName(n.Inputs[1]), weight: weight}
	if err := im.bias(&s, input(n, 2), c.Filters); err != nil {
		return err
	}
	return im.add(s)
}

// bias reads a layer's bias; without one it is 0, and an Add may bring it.
func (im *importer) bias(s *step, name string, size int) (err error) {
	if name == "" {
		s.bias = tensor.New(tensor.Of(s.weight.Dtype()), tensor.WithShape(size))
		s.openBias = true
		return nil
	}
	s.bias, err = im.parameter(name)
	if err != nil {
		return err
	}
	s.bias, err = spread(s.bias, size)
	return err
}

// spread reshapes a bias (size), (1, size) or of a single number to (size).
func spread(bias *tensor.Dense, size int) (*tensor.Dense, error) {
	shape := bias.Shape()
	total := shape.TotalSize()
	if total != 1 && (total != size || shape[len(shape)-1] != size) {
		return nil, fmt.Errorf("bias has shape %v: want (%d), or one number", shape, size)
	}
	out := tensor.New(tensor.Of(bias.Dtype()), tensor.WithShape(size))
	for i := range size {
		out.Set(i, bias.Get(min(i, total-1)))
	}
	return out, nil
}

// pads reads where a window's padding comes from. Only as much before as after
// is supported.
func (im *importer) pads(a *attributes, kernel, stride, dilation graph.Pair) (graph.Pair, error) {
	auto, given := a.text("auto_pad", "NOTSET"), a.ints("pads")
	var begin, end graph.Pair
	switch {
	case auto == "NOTSET" && len(given) == 4:
		begin = graph.Pair{a.size("pads", given[0]), a.size("pads", given[1])}
		end = graph.Pair{a.size("pads", given[2]), a.size("pads", given[3])}
	case len(given) != 0 && (auto != "VALID" || sum(given) != 0):
		return begin, fmt.Errorf("auto_pad %q with pads %v: expected auto_pad alone, or 4 pads", auto, given)
	case auto == "SAME_UPPER" || auto == "SAME_LOWER":
		if im.shape.Dims() != 3 {
			return begin, fmt.Errorf("input is %v: want (channels, height, width)", im.shape)
		}
		for axis := range begin {
			total := samePad(im.shape[1+axis], kernel[axis], max(stride[axis], 1), dilation[axis])
			begin[axis], end[axis] = total/2, total-total/2
		}
	case auto != "NOTSET" && auto != "VALID":
		return begin, fmt.Errorf("auto_pad %q is not supported", auto)
	}
	if begin != end {
		return begin, fmt.Errorf("padding of %v before and %v after: only as much before as after is supported", begin, end)
	}
	return begin, nil
}

// samePad is the padding in all that gives ceil(size/stride) places.
func samePad(size, kernel, stride, dilation int) int {
	places := (size + stride - 1) / stride
	return max(0, (places-1)*stride+(kernel-1)*dilation+1-size)
}

func sum(values []int64) (total int64) {
	for _, v := range values {
		total += v
	}
	return total
}

// takePad folds a Pad node that stands before a window, if the value it pads
// with is what the window's own padding amounts to.
func (im *importer) takePad(own *graph.Pair, fits func(value float64) bool) error {
	if im.pad == nil {
		return nil
	}
	if !fits(im.pad.value) {
		return fmt.Errorf("follows a Pad with %g (%s), which does not fold into it", im.pad.value, describe(im.pad.node))
	}
	own[0] += im.pad.pad[0]
	own[1] += im.pad.pad[1]
	im.pad = nil
	return nil
}

func (im *importer) maxPool(n *schema.Node, a *attributes) error {
	a.int("storage_order", 0) // of the indices, which are not supported
	kernel, stride, pad, err := im.pool(n, a)
	if err != nil {
		return err
	}
	if err := im.takePad(&pad, func(v float64) bool { return v <= -math.MaxFloat32 }); err != nil {
		return err
	}
	return im.add(step{layer: graph.MaxPool{Kernel: kernel, Stride: stride, Pad: pad}})
}

func (im *importer) averagePool(n *schema.Node, a *attributes) error {
	counted := a.int("count_include_pad", 0) != 0
	kernel, stride, pad, err := im.pool(n, a)
	if err != nil {
		return err
	}
	if !counted && pad != (graph.Pair{}) {
		return fmt.Errorf("padding %v that does not count (count_include_pad 0) is not supported", pad)
	}
	if err := im.takePad(&pad, func(v float64) bool { return v == 0 }); err != nil {
		return err
	}
	return im.add(step{layer: graph.AvgPool{Kernel: kernel, Stride: stride, Pad: pad}})
}

// pool reads what both poolings have in common.
func (im *importer) pool(n *schema.Node, a *attributes) (kernel, stride, pad graph.Pair, err error) {
	one := graph.Square(1)
	kernel, stride = a.pair("kernel_shape", graph.Pair{}), a.pair("strides", one)
	if dilation := a.pair("dilations", one); dilation != one {
		return kernel, stride, pad, fmt.Errorf("dilations %v are not supported in pooling", dilation)
	}
	if pad, err = im.pads(a, kernel, stride, one); err != nil {
		return kernel, stride, pad, err
	}
	if a.int("ceil_mode", 0) != 0 {
		err = im.checkCeil(kernel, stride, pad)
	}
	return kernel, stride, pad, err
}

// checkCeil: rounding up is supported where it changes nothing.
func (im *importer) checkCeil(kernel, stride, pad graph.Pair) error {
	if im.shape.Dims() != 3 {
		return fmt.Errorf("input is %v: want (channels, height, width)", im.shape)
	}
	for axis := range kernel {
		size := im.shape[1+axis] + 2*pad[axis]
		if im.pad != nil {
			size += 2 * im.pad.pad[axis]
		}
		if (size-kernel[axis])%stride[axis] != 0 {
			return fmt.Errorf("ceil_mode 1 is supported only where windows fit exactly: %d does not divide %d-%d", stride[axis], size, kernel[axis])
		}
	}
	return nil
}

// padNode keeps a Pad for the window that follows.
func (im *importer) padNode(n *schema.Node, a *attributes) error {
	if mode := a.text("mode", "constant"); mode != "constant" {
		return fmt.Errorf("mode %q is not supported", mode)
	}
	pads, value := a.ints("pads"), a.float("value", 0)
	if im.opset >= 11 {
		var err error
		if pads, value, err = im.padInputs(n); err != nil {
			return err
		}
	}
	rank := 1 + im.shape.Dims()
	if len(pads) != 2*rank {
		return fmt.Errorf("%d pads for an input of %d dimensions: want 2 for each", len(pads), rank)
	}
	if sum(pads) == 0 && allZero(pads) {
		return nil
	}
	if rank != 4 || pads[0] != 0 || pads[1] != 0 || pads[4] != 0 || pads[5] != 0 || pads[2] != pads[6] || pads[3] != pads[7] {
		return fmt.Errorf("pads %v: only height and width, as much before as after, is supported", pads)
	}
	im.pad = &padding{pad: graph.Pair{a.size("pads", pads[2]), a.size("pads", pads[3])}, value: value, node: n}
	return nil
}

func (im *importer) padInputs(n *schema.Node) (pads []int64, value float64, err error) {
	if input(n, 3) != "" {
		return nil, 0, fmt.Errorf("padding of chosen axes is not supported")
	}
	if pads, err = im.ints(input(n, 1)); err != nil {
		return nil, 0, err
	}
	if name := input(n, 2); name != "" {
		value, err = im.scalar(name)
	}
	return pads, value, err
}

func allZero(values []int64) bool {
	for _, v := range values {
		if v != 0 {
			return false
		}
	}
	return true
}

func (im *importer) lrn(_ *schema.Node, a *attributes) error {
	size := a.size("size", a.int("size", 0))
	if size%2 == 0 {
		return fmt.Errorf("size %d: only an odd size is supported", size)
	}
	return im.add(step{layer: graph.LRN{
		Size: size, K: a.float("bias", 1), Alpha: a.float("alpha", 1e-4) / float64(size), Beta: a.float("beta", 0.75),
	}})
}

func (im *importer) dropout(n *schema.Node, a *attributes) error {
	rate := a.float("ratio", 0.5)
	a.int("seed", 0)
	if name := input(n, 1); name != "" {
		var err error
		if rate, err = im.scalar(name); err != nil {
			return err
		}
	}
	if name := input(n, 2); name != "" {
		t, ok := im.constants[name]
		if !ok {
			return fmt.Errorf("training_mode %q is not constant", name)
		}
		mode, err := t.Dense()
		if err != nil {
			return err
		}
		if on, ok := mode.Get(0).(int64); !ok || on != 0 {
			return fmt.Errorf("training_mode is on: export the model for inference")
		}
	}
	return im.add(step{layer: graph.Dropout{Rate: rate}})
}

func (im *importer) flatten(_ *schema.Node, a *attributes) error {
	axis := a.int("axis", 1)
	if rank := int64(1 + im.shape.Dims()); axis < 0 {
		axis += rank
	}
	if axis != 1 {
		return fmt.Errorf("axis %d is not supported: want 1, one row for each sample", axis)
	}
	return im.toRow()
}

// toRow flattens a sample; one that is flat stays.
func (im *importer) toRow() error {
	if im.shape.Dims() == 1 {
		return nil
	}
	return im.add(step{layer: graph.Flatten{}})
}

// reshape is supported where it flattens each sample, or does nothing.
func (im *importer) reshape(n *schema.Node, a *attributes) error {
	target, err := im.reshapeTarget(n, a)
	if err != nil {
		return err
	}
	if len(target) == 0 {
		return fmt.Errorf("to a scalar is not supported")
	}
	if im.batch > 0 && target[0] == im.batch {
		target[0] = batchProbe
	}
	dims := []int64{batchProbe}
	for _, d := range im.shape {
		dims = append(dims, int64(d))
	}
	out, err := resolve(target, dims)
	if err != nil {
		return err
	}
	switch {
	case out[0] == batchProbe && len(out) == 2:
		return im.toRow()
	case fmt.Sprint(out) == fmt.Sprint(dims):
		return nil
	}
	return fmt.Errorf("of %v to %v is not supported: only flattening each sample is", im.shape, target)
}

func (im *importer) gemm(n *schema.Node, a *attributes) error {
	a.only("transA", 0)
	alpha, beta, transB := a.float("alpha", 1), a.float("beta", 1), a.int("transB", 0)
	weight, err := im.matrix(n, transB != 0)
	if err != nil {
		return err
	}
	scaleBy(weight, alpha)
	units := weight.Shape()[0]
	s := step{layer: graph.Affine{Units: units}, name: layerName(n.Inputs[1]), weight: weight}
	if err := im.bias(&s, input(n, 2), units); err != nil {
		return err
	}
	scaleBy(s.bias, beta)
	return im.add(s)
}

func (im *importer) matMul(n *schema.Node, _ *attributes) error {
	weight, err := im.matrix(n, false)
	if err != nil {
		return err
	}
	units := weight.Shape()[0]
	s := step{layer: graph.Affine{Units: units}, name: layerName(n.Inputs[1]), weight: weight}
	if err := im.bias(&s, "", units); err != nil {
		return err
	}
	return im.add(s)
}

// matrix reads the weight of Gemm or MatMul as (units, features).
func (im *importer) matrix(n *schema.Node, unitsFirst bool) (*tensor.Dense, error) {
	weight, err := im.parameter(input(n, 1))
	if err != nil {
		return nil, err
	}
	if weight.Dims() != 2 || im.shape.Dims() != 1 {
		return nil, fmt.Errorf("of an input (N, then %v) and a weight %v: want (N, features) and a matrix", im.shape, weight.Shape())
	}
	if unitsFirst {
		return weight, nil
	}
	return transposed(weight), nil
}

// addBias gives the layer before its bias: (units) after a matrix product,
// (filters, 1, 1) after a convolution, each with 1s before.
func (im *importer) addBias(n *schema.Node, _ *attributes) error {
	last := im.last()
	if last == nil || !last.openBias {
		return fmt.Errorf("is supported only as the bias of a Conv, MatMul or Gemm right before it that has none")
	}
	name, err := im.other(n)
	if err != nil {
		return err
	}
	bias, err := im.parameter(name)
	if err != nil {
		return err
	}
	if _, conv := last.layer.(graph.Conv2D); conv && bias.Shape().TotalSize() > 1 {
		shape := bias.Shape().Clone()
		if len(shape) < 3 || shape[len(shape)-1] != 1 || shape[len(shape)-2] != 1 {
			return fmt.Errorf("bias has shape %v: want (%d, 1, 1)", shape, last.bias.Shape()[0])
		}
		if err := bias.Reshape(shape[:len(shape)-2]...); err != nil {
			return err
		}
	}
	if last.bias, err = spread(bias, last.bias.Shape()[0]); err != nil {
		return err
	}
	last.openBias = false
	return nil
}

// softmax: over the classes of (N, classes), every version's default axis is
// the same.
func (im *importer) softmax(_ *schema.Node, a *attributes) error {
	if axis := a.int("axis", -1); axis != -1 && axis != 1 {
		return fmt.Errorf("axis %d is not supported: want the classes", axis)
	}
	return im.add(step{layer: graph.Softmax{}})
}

// transposed returns a matrix's transpose, row-major.
func transposed(d *tensor.Dense) *tensor.Dense {
	rows, columns := d.Shape()[0], d.Shape()[1]
	switch data := d.Data().(type) {
	case []float32:
		return tensor.New(tensor.WithShape(columns, rows), tensor.WithBacking(transposedSlice(data, rows, columns)))
	default:
		return tensor.New(tensor.WithShape(columns, rows), tensor.WithBacking(transposedSlice(d.Float64s(), rows, columns)))
	}
}

func transposedSlice[T any](data []T, rows, columns int) []T {
	out := make([]T, len(data))
	for r := range rows {
		for c := range columns {
			out[c*rows+r] = data[r*columns+c]
		}
	}
	return out
}
