package onnx

import (
	"fmt"
	"math"
	"slices"

	"convgraph/onnx/schema"
)

// folds are the operators that are evaluated if all their inputs are constants: exporters write
// shape arithmetic and the construction of weights as nodes.
var folds = map[string]func(c *call) ([]*constant, error){
	"Add":             foldAdd,
	"And":             foldCompare(func(a, b float64) bool { return a != 0 && b != 0 }),
	"Cast":            foldCast,
	"CastLike":        foldCastLike,
	"Ceil":            foldFunction(math.Ceil),
	"Concat":          foldConcat,
	"Constant":        foldConstant,
	"ConstantOfShape": foldConstantOfShape,
	"Div":             foldDiv,
	"Dropout":         foldSame,
	"Equal":           foldCompare(func(a, b float64) bool { return a == b }),
	"Exp":             foldFunction(math.Exp),
	"Expand":          foldExpand,
	"Flatten":         foldFlatten,
	"Floor":           foldFunction(math.Floor),
	"Gather":          foldGather,
	"Greater":         foldCompare(func(a, b float64) bool { return a > b }),
	"GreaterOrEqual":  foldCompare(func(a, b float64) bool { return a >= b }),
	"Identity":        foldSame,
	"Less":            foldCompare(func(a, b float64) bool { return a < b }),
	"LessOrEqual":     foldCompare(func(a, b float64) bool { return a <= b }),
	"Log":             foldFunction(math.Log),
	"Max":             foldReduce(math.Max),
	"Min":             foldReduce(math.Min),
	"Mul":             foldMul,
	"Neg":             foldFunction(func(v float64) float64 { return -v }),
	"Not":             foldFunction(func(v float64) float64 { return oneIf(v == 0) }),
	"Or":              foldCompare(func(a, b float64) bool { return a != 0 || b != 0 }),
	"Pow":             foldBinary(math.Pow),
	"Range":           foldRange,
	"Reciprocal":      foldFunction(func(v float64) float64 { return 1 / v }),
	"ReduceProd":      foldProduct,
	"Reshape":         foldReshape,
	"Shape":           foldShape,
	"Size":            foldSize,
	"Slice":           foldSlice,
	"Split":           foldSplit,
	"Sqrt":            foldFunction(math.Sqrt),
	"Squeeze":         foldSqueeze,
	"Sub":             foldSub,
	"Tile":            foldTile,
	"Transpose":       foldTranspose,
	"Unsqueeze":       foldUnsqueeze,
	"Where":           foldWhere,
}

// made is one constant, the result of a node.
func (c *call) made(like *constant, dims []int, values any) ([]*constant, error) {
	return []*constant{{name: c.output(0), dims: dims, kind: like.kind, values: values}}, nil
}

// taken is a constant made of the elements of another.
func (c *call) taken(from *constant, dims []int, index func(i int) int) (*constant, error) {
	n := count(dims)
	if n > maxFolded && !from.filled {
		return nil, fmt.Errorf("got a constant of %d elements, want at most %d", n, maxFolded)
	}
	if from.filled {
		out := *from
		out.dims = dims
		return &out, nil
	}
	if err := c.im.spend(8 * n); err != nil {
		return nil, err
	}
	values, err := c.im.numbers(from)
	if err != nil {
		return nil, err
	}
	return &constant{name: c.output(0), dims: dims, kind: from.kind, values: pick(values, n, index)}, nil
}

// maxFolded bounds the results of arithmetic; weights that only change their shape aren't bounded.
const maxFolded = 1 << 26

// moved is a constant with another shape for the same elements.
func moved(from *constant, dims []int) ([]*constant, error) {
	if from.count() != count(dims) {
		return nil, fmt.Errorf("can't reshape %v to %v", from.dims, dims)
	}
	out := *from
	out.dims = dims
	return []*constant{&out}, nil
}

func foldSame(c *call) ([]*constant, error) {
	from, err := c.constant(0)
	if err != nil {
		return nil, err
	}
	return []*constant{from}, nil
}

func foldConstant(c *call) ([]*constant, error) {
	n := c.node
	if len(n.Attributes) != 1 {
		return nil, fmt.Errorf("got %d attributes, want one", len(n.Attributes))
	}
	out := &constant{name: c.output(0), kind: schema.Float32}
	switch name := n.Attributes[0].Name; name {
	case "value":
		value, _ := c.take(name, schema.TensorValue)
		if value.Tensor == nil {
			return nil, fmt.Errorf("attribute %q has no tensor", name)
		}
		t := *value.Tensor
		if t.Name == "" {
			t.Name = out.name
		}
		stored, err := c.im.stored(&t)
		return []*constant{stored}, err
	case "value_float":
		value, _ := c.take(name, schema.Float)
		out.values = []float32{value.Float}
	case "value_floats":
		value, _ := c.take(name, schema.Floats)
		out.values, out.dims = slices.Clone(value.Floats), []int{len(value.Floats)}
	case "value_int":
		out.kind, out.values = schema.Int64, []number{{fixed: c.int(name, 0)}}
	case "value_ints":
		list := c.attributes.ints(name)
		values := make([]number, len(list))
		for i, v := range list {
			values[i].fixed = v
		}
		out.kind, out.values, out.dims = schema.Int64, values, []int{len(list)}
	default:
		return nil, fmt.Errorf("attribute %q is not supported", name)
	}
	return []*constant{out}, nil
}

func foldConstantOfShape(c *call) ([]*constant, error) {
	shape, err := c.constant(0)
	if err != nil {
		return nil, err
	}
	dims, err := c.im.sizes(shape)
	if err != nil {
		return nil, err
	}
	out := &constant{name: c.output(0), dims: dims, kind: schema.Float32, values: []float32{0}, filled: true}
	if attribute, ok := c.take("value", schema.TensorValue); ok && attribute.Tensor != nil {
		value, err := c.im.stored(attribute.Tensor)
		if err != nil {
			return nil, err
		}
		if value.count() != 1 {
			return nil, fmt.Errorf("its value: got shape %v, want one number", value.dims)
		}
		if out.values, err = c.im.numbers(value); err != nil {
			return nil, err
		}
		out.kind = value.kind
	}
	return []*constant{out}, nil
}

// sizes reads a shape.
func (im *importer) sizes(c *constant) ([]int, error) {
	list, err := im.fixedInts(c)
	if err != nil {
		return nil, err
	}
	dims := make([]int, len(list))
	for i, n := range list {
		if n < 0 || n > maxElements {
			return nil, fmt.Errorf("shape: got %v, want sizes from 0 to %d", list, maxElements)
		}
		dims[i] = int(n)
	}
	if len(dims) > maxRank || count(dims) > maxElements {
		return nil, fmt.Errorf("shape: got %.100v, want at most %d axes and %d elements", list, maxRank, maxElements)
	}
	return dims, nil
}

const maxRank = 32

func foldCast(c *call) ([]*constant, error) { return c.castTo(schema.ElementType(c.int("to", 0))) }

func foldCastLike(c *call) ([]*constant, error) {
	like, err := c.constant(1)
	if err != nil {
		return nil, err
	}
	return c.castTo(like.kind)
}

// castTo is a constant in another element type.
func (c *call) castTo(to schema.ElementType) ([]*constant, error) {
	from, err := c.constant(0)
	if err != nil {
		return nil, err
	}
	c.int("saturate", 1)
	c.attributes.text("round_mode", "up")
	out := &constant{name: c.output(0), dims: from.dims, kind: to}
	switch {
	case from.isFloat() && out.isFloat() && (to == schema.Float64) == (from.kind == schema.Float64):
		same := *from
		return []*constant{&same}, nil
	case out.isFloat():
		values, err := c.im.floats(from)
		if err != nil {
			return nil, err
		}
		return c.made(out, from.dims, rounded(values, to))
	}
	values, err := c.im.numbers(from)
	if err != nil {
		return nil, err
	}
	list, whole := values.([]number)
	if !whole {
		floats, err := c.im.floats(from)
		if err != nil {
			return nil, err
		}
		list = make([]number, len(floats))
		for i, v := range floats {
			if !(math.Abs(v) < 1<<62) {
				return nil, fmt.Errorf("%g isn't an integer", v)
			}
			list[i].fixed = int64(v)
		}
	}
	if to == schema.Bool {
		list = slices.Clone(list)
		for i, v := range list {
			list[i] = number{fixed: int64(oneIf(v != number{}))}
		}
	}
	return c.made(out, from.dims, list)
}

// rounded returns numbers rounded to an element type.
func rounded(values []float64, kind schema.ElementType) any {
	if kind == schema.Float64 {
		return values
	}
	out := make([]float32, len(values))
	for i, v := range values {
		out[i] = float32(v)
	}
	return out
}
