package onnx

import (
	"fmt"
	"slices"

	"convgraph/onnx/schema"
)

// A sequence is a list of tensors, as written by PyTorch's exporter. It exists only while a file is
// read; the network has none.
type sequence struct{ items []operand }

// sequenceOperators are those that read or make a sequence.
var sequenceOperators map[string]func(c *call) (operand, error)

func init() {
	sequenceOperators = map[string]func(c *call) (operand, error){
		"ConcatFromSequence": concatFromSequence,
		"SequenceAt":         sequenceAt,
		"SequenceConstruct":  func(c *call) (operand, error) { return ofItems(c.inputs), nil },
		"SequenceEmpty":      sequenceEmpty,
		"SequenceErase":      sequenceErase,
		"SequenceInsert":     sequenceInsert,
		"SequenceLength":     sequenceLength,
		"SplitToSequence":    splitToSequence,
	}
}

func ofItems(items []operand) operand { return operand{sequence: &sequence{items}} }

// items are those of a sequence, the first input.
func (c *call) items() ([]operand, error) {
	if len(c.inputs) == 0 || c.inputs[0].sequence == nil {
		return nil, fmt.Errorf("input 0 is not a sequence")
	}
	return c.inputs[0].sequence.items, nil
}

// position resolves an index into a sequence of n that may count from the end.
func (c *call) position(input, n int, fallback int64) (int, error) {
	at, err := c.optional(input)
	if err != nil {
		return 0, err
	}
	if at == nil {
		return within(fallback, n)
	}
	list, err := c.im.fixedInts(at)
	if err != nil {
		return 0, err
	}
	if len(list) != 1 {
		return 0, fmt.Errorf("an index: got shape %v, want one number", at.dims)
	}
	return within(list[0], n)
}

func sequenceEmpty(c *call) (operand, error) {
	c.int("dtype", 1)
	return ofItems(nil), nil
}

func sequenceAt(c *call) (operand, error) {
	items, err := c.items()
	if err != nil {
		return operand{}, err
	}
	at, err := c.position(1, len(items), 0)
	if err != nil {
		return operand{}, err
	}
	return items[at], nil
}

func sequenceInsert(c *call) (operand, error) {
	items, err := c.items()
	if err != nil {
		return operand{}, err
	}
	if !c.has(1) {
		return operand{}, fmt.Errorf("input 1 is missing")
	}
	if err := c.im.inside(len(items)); err != nil {
		return operand{}, err
	}
	at, err := c.position(2, len(items)+1, int64(len(items)))
	if err != nil {
		return operand{}, err
	}
	return ofItems(slices.Insert(slices.Clone(items), at, c.inputs[1])), nil
}

func sequenceErase(c *call) (operand, error) {
	items, err := c.items()
	if err != nil {
		return operand{}, err
	}
	at, err := c.position(1, len(items), -1)
	if err != nil {
		return operand{}, err
	}
	if err := c.im.inside(len(items)); err != nil {
		return operand{}, err
	}
	return ofItems(slices.Delete(slices.Clone(items), at, at+1)), nil
}

func sequenceLength(c *call) (operand, error) {
	items, err := c.items()
	if err != nil {
		return operand{}, err
	}
	return operand{constant: &constant{name: c.output(0), kind: schema.Int64,
		values: []number{{fixed: int64(len(items))}}}}, nil
}

func concatFromSequence(c *call) (operand, error) {
	items, err := c.items()
	if err != nil {
		return operand{}, err
	}
	axis, stack := c.int("axis", 0), c.int("new_axis", 0) != 0
	if c.attributes.err != nil {
		return operand{}, c.attributes.err
	}
	return c.im.stacked(items, axis, stack)
}

// stacked is one tensor of several: a Concat, along a new axis if there is one to be.
func (im *importer) stacked(items []operand, axis int64, isNew bool) (operand, error) {
	if len(items) == 0 {
		return operand{}, fmt.Errorf("concatenates an empty sequence")
	}
	if isNew {
		var err error
		if items, err = im.unsqueezed(items, axis); err != nil {
			return operand{}, err
		}
	}
	n := &schema.Node{Op: "Concat", Inputs: make([]string, len(items)),
		Attributes: []schema.Attribute{{Name: "axis", Type: schema.Int, Int: axis}}}
	c := &call{im: im, node: n, attributes: newAttributes(n), inputs: items}
	if slices.ContainsFunc(items, func(o operand) bool { return o.sequence != nil }) {
		return operand{}, fmt.Errorf("of sequences is not supported")
	}
	if c.allConstant() {
		made, err := foldConcat(c)
		if err != nil {
			return operand{}, err
		}
		return operand{constant: made[0]}, nil
	}
	made, err := concat(c)
	if err != nil {
		return operand{}, err
	}
	made[0].single = false
	return operand{value: &made[0]}, nil
}

// unsqueezed is items with a new axis of 1 each.
func (im *importer) unsqueezed(items []operand, axis int64) ([]operand, error) {
	out := make([]operand, len(items))
	for i, o := range items {
		at := integers("axes", number{fixed: axis})
		n := &schema.Node{Op: "Unsqueeze", Inputs: []string{"", ""},
			Attributes: []schema.Attribute{{Name: "axes", Type: schema.Ints, Ints: []int64{axis}}}}
		c := &call{im: im, node: n, attributes: newAttributes(n), inputs: []operand{o, {constant: at}}}
		if o.constant != nil {
			made, err := foldUnsqueeze(c)
			if err != nil {
				return nil, err
			}
			out[i] = operand{constant: made[0]}
			continue
		}
		made, err := unsqueeze(c)
		if err != nil {
			return nil, err
		}
		out[i] = operand{value: &made[0]}
	}
	return out, nil
}

// splitToSequence is a Split into parts of one size, or of sizes that are listed.
func splitToSequence(c *call) (operand, error) {
	if !c.has(0) {
		return operand{}, fmt.Errorf("input 0 is missing")
	}
	v, list := c.inputs[0].value, c.inputs[0].constant
	var dims []int
	switch {
	case v != nil:
		settled, err := c.x(0)
		if err != nil {
			return operand{}, err
		}
		v, dims = &settled, fixed(settled.dims())
	case list != nil:
		dims = list.dims
	default:
		return operand{}, fmt.Errorf("input 0 is a sequence: want a tensor")
	}
	axis, err := within(c.int("axis", 0), len(dims))
	if err != nil {
		return operand{}, err
	}
	if v != nil && v.isBatch(axis) {
		return operand{}, fmt.Errorf("of the batch is not supported")
	}
	sizes, drop, err := c.partSizes(dims[axis])
	if err != nil {
		return operand{}, err
	}
	var items []operand
	first := 0
	for _, n := range sizes {
		item, err := c.part(v, list, axis, span(first, n), drop)
		if err != nil {
			return operand{}, err
		}
		items = append(items, item)
		first += n
	}
	return ofItems(items), nil
}

// part is a part of a value or a constant along an axis, which goes if drop is true.
func (c *call) part(v *value, list *constant, axis int, indices []int, drop bool) (operand, error) {
	if v == nil {
		made, err := c.alongAxis(list, axis, indices)
		if err != nil {
			return operand{}, err
		}
		if drop {
			made.dims = slices.Delete(slices.Clone(made.dims), axis, axis+1)
		}
		return operand{constant: made}, nil
	}
	made, err := c.im.taken(*v, axis, indices)
	if err != nil {
		return operand{}, err
	}
	if drop {
		made.layout = made.withAxes(slices.Delete(slices.Clone(made.axes), axis, axis+1))
	}
	made.single = false
	return operand{value: &made}, nil
}

// partSizes returns the sizes of a sequence's parts of n; drop means that the axis is removed.
func (c *call) partSizes(n int) (sizes []int, drop bool, err error) {
	keep := c.int("keepdims", 1) != 0
	given, err := c.optional(1)
	if err != nil {
		return nil, false, err
	}
	if given == nil {
		return slices.Repeat([]int{1}, n), !keep, nil
	}
	list, err := c.im.fixedInts(given)
	if err != nil {
		return nil, false, err
	}
	if len(given.dims) == 0 && len(list) == 1 && list[0] > 0 {
		each := int(min(list[0], int64(n)))
		for rest := n; rest > 0; rest -= each {
			sizes = append(sizes, min(each, rest))
		}
		return sizes, false, nil
	}
	total := 0
	for _, s := range list {
		if s < 1 || s > int64(n) {
			return nil, false, fmt.Errorf("splits %d into %v", n, list)
		}
		sizes = append(sizes, int(s))
		total += int(s)
	}
	if total != n {
		return nil, false, fmt.Errorf("splits %d into %v", n, list)
	}
	return sizes, false, nil
}
