package onnx

import (
	"fmt"
	"slices"

	"gorgonia.org/tensor"

	"convgraph/graph"
)

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

// scaleAndShift are the two last inputs of a normalization, over n channels.
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
// GroupNorm as one of (N, groups, rest), followed by the scale and the shift.
func instanceNormalization(c *call) ([]value, error) {
	v, err := c.x(0)
	if err != nil {
		return nil, err
	}
	if v.rank() < 3 {
		return nil, fmt.Errorf("of %s is not supported: want (N, C, H, W)", v.text())
	}
	groups := v.size(1)
	if v.size(0) > 1 {
		return one(c.instances(v))
	}
	if len(v.shape) != 3 || !v.inOrder() || v.shape[0]%groups != 0 {
		if v, err = c.im.channels(v, 1); err != nil {
			return nil, err
		}
	}
	each := v.shape[0] / groups
	spread := func(d *tensor.Dense) *tensor.Dense {
		return dense(pick(d.Data(), d.Shape().TotalSize()*each, func(i int) int { return i / each }),
			[]int{d.Shape().TotalSize() * each})
	}
	if each == 1 {
		spread = nil
	}
	return c.im.grouped(c, v, groups, c.float("epsilon", 1e-5), spread)
}

// instances normalizes each channel of each of several images that one image here holds.
func (c *call) instances(v value) (value, error) {
	v, err := c.im.together(v, []int{0, 1})
	if err != nil {
		return value{}, err
	}
	n := v.shape[0]
	repeated := func(d *tensor.Dense) *tensor.Dense {
		return dense(pick(d.Data(), n, func(i int) int { return i % d.Shape().TotalSize() }), []int{n})
	}
	out, err := c.im.grouped(c, v, n, c.float("epsilon", 1e-5), repeated)
	if err != nil {
		return value{}, err
	}
	return out[0], nil
}

func (im *importer) grouped(c *call, v value, groups int, eps float64,
	spread func(d *tensor.Dense) *tensor.Dense) ([]value, error) {
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
	out, err := c.im.layerNorm(v, axis, eps, func(n int) ([]param, error) { return c.scaleAndShift(n, nil) },
		inputName(c, 1))
	return one(out, err)
}

// layerNorm normalizes over the axes from one on.
func (im *importer) layerNorm(v value, axis int, eps float64, params func(n int) ([]param, error),
	weight string) (value, error) {
	if v.isBatch(axis) {
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

// lrn: ONNX divides alpha by the size. For an even size ONNX's window extends further after the
// channel, ours further before it, so the channels are reversed.
func lrn(c *call) ([]value, error) {
	size := c.size("size", c.int("size", 0))
	layer := graph.LRN{Size: size, K: c.float("bias", 1), Alpha: c.float("alpha", 1e-4) / float64(max(size, 1)),
		Beta: c.float("beta", 0.75)}
	v, err := c.x(0)
	if err != nil {
		return nil, err
	}
	if v, err = c.im.channels(v, 1); err != nil {
		return nil, err
	}
	if size%2 != 0 {
		return one(c.im.add(layer, []value{v}, ""))
	}
	backwards := span(0, v.size(1))
	slices.Reverse(backwards)
	if v, err = c.im.taken(v, 1, backwards); err != nil {
		return nil, err
	}
	out, err := c.im.add(layer, []value{v}, "")
	if err != nil {
		return nil, err
	}
	return one(c.im.taken(out, 1, backwards))
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
		if v.isBatch(axis) {
			return nil, fmt.Errorf("over the images of a batch is not supported: want axis 1 or later")
		}
		over := []int{axis}
		if c.im.opset < 13 {
			over = span(axis, v.rank()-axis)
		}
		return one(c.im.along(v, over, layer))
	}
}

// along applies a softmax to the elements of some axes.
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
