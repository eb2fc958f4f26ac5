package onnx

import (
	"fmt"
	"slices"

	"convgraph/graph"
)

// A form is a part of a normalization that an exporter wrote as many nodes. Each node advances the
// form by the tables below; the last one makes the layer:
//
//	layer norm:      x - mean(x), its square, the mean of that + eps, its root, the quotient
//	local response:  x², its mean over neighboring channels, · alpha + k, its power, x divided by that
//
// Most of these values can't be computed on their own; any other reader of them gets an error.
type form struct {
	kind       formKind
	of         value // x
	axes       []int // that a layer norm's mean is over
	eps        float64
	begin, end int // channels of zeros around a local response's squares
	layer      graph.LRN
}

type formKind int

const (
	square formKind = iota
	mean
	centered
	centeredSquare
	variance
	std
	inverseStd
	paddedSquare
	windowMean
	response
)

var partOf = map[formKind]string{
	square: "a square", mean: "a mean", centered: "a value less its mean",
	centeredSquare: "the square of a value less its mean",
	variance:       "a variance", std: "a std", inverseStd: "a std",
	paddedSquare: "squares for a local response normalization", windowMean: "means over channels",
	response: "a local response",
}

// becomes is the value that a node makes of v where that is the next form.
func becomes(v value, f form) value {
	v.expr, v.form = nil, &f
	v.pending = fmt.Errorf("reads %s, which is supported only as a part of a normalization", partOf[f.kind])
	return v
}

// same says that two values are one.
func (v value) isSame(w value) bool {
	return v.source == w.source && v.expr == w.expr && v.layout.same(w.layout)
}

// squareOf is the form of v·v.
func (im *importer) squareOf(v value) *form {
	v.form = nil
	return &form{kind: square, of: v}
}

// reducedForm is the form of a mean over some axes.
func (im *importer) reducedForm(v value, axes []int, keep, sum bool) *form {
	switch {
	case !keep || sum:
		return nil
	case v.form != nil && v.form.kind == centeredSquare:
		if slices.Equal(v.form.axes, axes) && v.layout.same(v.form.of.layout) {
			f := *v.form
			f.kind = variance
			return &f
		}
		return nil
	case v.pending != nil:
		return nil
	}
	v.form = nil
	return &form{kind: mean, of: v, axes: axes}
}

// pairForm is arithmetic between two values, one of them a form.
func (im *importer) pairForm(s sort, u, v value) (out value, ok bool, err error) {
	switch {
	case s == difference && v.is(mean) && v.form.of.isSame(u):
		f := *v.form
		f.kind = centered
		f.of.single = false
		return becomes(u, f), true, nil
	case s == times && u.is(centered) && v.is(centered) && u.form.of.isSame(v.form.of):
		return u.squared(), true, nil
	case s == quotient && u.is(centered) && v.is(std), s == times && u.is(centered) && v.is(inverseStd):
		return im.spelledLayerNorm(u, v)
	case s == times && u.is(inverseStd) && v.is(centered):
		return im.spelledLayerNorm(v, u)
	case s == quotient && v.is(response) && v.form.of.isSame(u) && v.layout.same(u.layout):
		x, err := im.settle(u)
		if err != nil {
			return value{}, true, err
		}
		out, err := im.add(v.form.layer, []value{x}, "")
		return out, true, err
	}
	return value{}, false, nil
}

func (v value) is(k formKind) bool { return v.form != nil && v.form.kind == k }

func (v value) squared() value {
	f := *v.form
	f.kind = centeredSquare
	return becomes(v, f)
}

// spelledLayerNorm makes the layer of (x - mean) / std.
func (im *importer) spelledLayerNorm(u, v value) (value, bool, error) {
	f := v.form
	x := f.of
	if !u.form.of.isSame(x) || !u.layout.same(x.layout) || !v.layout.same(x.reduced(f.axes, true)) ||
		!slices.Equal(u.form.axes, f.axes) {
		return value{}, false, nil
	}
	if !slices.Equal(f.axes, span(f.axes[0], x.rank()-f.axes[0])) && len(f.axes) != 1 {
		return value{}, true, fmt.Errorf("a normalization over the axes %v of %s is not supported", f.axes, x.text())
	}
	x, err := im.settle(x)
	if err != nil {
		return value{}, true, err
	}
	if x, err = im.together(x, f.axes); err != nil {
		return value{}, true, err
	}
	n := x.shape[0]
	params := []param{{"weight", uniform(1, n)}, {"bias", uniform(0, n)}}
	out, err := im.add(graph.LayerNorm{Eps: f.eps}, []value{x}, "", params...)
	if err == nil {
		im.open(out, params)
	}
	return out, true, err
}

// scalarForm is arithmetic between a form and a number.
func (im *importer) scalarForm(s sort, v value, x float64, swapped bool) (value, bool) {
	if v.form == nil {
		return value{}, false
	}
	f := *v.form
	switch {
	case s == sum && f.kind == variance && f.eps == 0 && x > 0:
		f.eps = x
	case s == quotient && swapped && x == 1 && f.kind == std:
		f.kind = inverseStd
	case s == times && f.kind == windowMean && f.layer.K == 0:
		f.layer.Alpha *= x
	case s == sum && f.kind == windowMean && f.layer.K == 0:
		f.layer.K = x
	default:
		return value{}, false
	}
	return becomes(v, f), true
}

// poweredForm is a power of a form.
func (im *importer) poweredForm(v value, p float64) (value, bool) {
	if v.form == nil {
		return value{}, false
	}
	f := *v.form
	switch {
	case f.kind == centered && p == 2:
		return v.squared(), true
	case f.kind == variance && p == 0.5 && f.eps > 0:
		f.kind = std
	case f.kind == variance && p == -0.5 && f.eps > 0, f.kind == std && p == -1:
		f.kind = inverseStd
	case f.kind == windowMean && f.layer.K > 0:
		f.kind, f.layer.Beta = response, p
	default:
		return value{}, false
	}
	return becomes(v, f), true
}

// paddedForm takes a Pad of the channels of squares in, as the depth of (N, 1, C, H, W).
func (c *call) paddedForm() (value, bool, error) {
	v := c.formOf(square)
	if v == nil || v.rank() != 5 {
		return value{}, false, nil
	}
	begin, end, fill, err := c.pads(5)
	if err != nil {
		return value{}, true, err
	}
	depth := begin[2] + end[2]
	total := 0
	for i := range begin {
		total += max(begin[i], -begin[i]) + max(end[i], -end[i])
	}
	if fill != 0 || total != depth || c.attributes.text("mode", "constant") != "constant" {
		return value{}, true, fmt.Errorf("of %s is supported only along the channels", v.text())
	}
	f := *v.form
	f.kind, f.begin, f.end = paddedSquare, begin[2], end[2]
	return becomes(*v, f), true, nil
}

// windowForm takes an AveragePool over the channels of squares in.
func (c *call) windowForm() (value, bool, error) {
	v := c.formOf(square)
	if v == nil {
		v = c.formOf(paddedSquare)
	}
	if v == nil || v.rank() != 5 {
		return value{}, false, nil
	}
	counted := c.int("count_include_pad", 0) != 0
	kernel, strides, pads := c.ints("kernel_shape"), c.ints("strides"), c.ints("pads")
	c.only("ceil_mode", 0)
	c.attributes.text("auto_pad", "NOTSET")
	f := *v.form
	if len(pads) == 6 && counted {
		f.begin, f.end = f.begin+c.size("pads", pads[0]), f.end+c.size("pads", pads[3])
		pads[0], pads[3] = 0, 0
	}
	plain := !slices.ContainsFunc(pads, func(n int64) bool { return n != 0 }) &&
		!slices.ContainsFunc(strides, func(n int64) bool { return n != 1 })
	if len(kernel) != 3 || kernel[1] != 1 || kernel[2] != 1 || !plain || kernel[0] < 1 || kernel[0] > maxSize {
		return value{}, true, fmt.Errorf("kernel_shape: got %v, want channels, one by one", kernel)
	}
	n := int(kernel[0])
	if f.begin != n/2 || f.end != (n-1)/2 || !slices.Equal(v.axes[2], v.own(0)) || len(v.shape) != 3 || !v.inOrder() {
		return value{}, true, fmt.Errorf("of %d channels with %d zeros before and %d after them is not supported",
			n, f.begin, f.end)
	}
	f.kind, f.layer = windowMean, graph.LRN{Size: n, Alpha: 1 / float64(n)}
	return becomes(*v, f), true, nil
}

// formOf is the first input if it is of the given form.
func (c *call) formOf(k formKind) *value {
	if !c.has(0) || c.inputs[0].value == nil || !c.inputs[0].value.is(k) {
		return nil
	}
	return c.inputs[0].value
}
