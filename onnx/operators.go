package onnx

import (
	"fmt"
	"math"

	"convgraph/graph"
)

// operators are the operators on images, with the functions that import them.
var operators = map[string]func(c *call) ([]value, error){
	"Abs":                absolute,
	"Add":                arithmetic(sum),
	"ArgMax":             argMax,
	"AveragePool":        averagePool,
	"BatchNormalization": batchNormalization,
	"Cast":               cast,
	"Celu": elementwise(func(c *call) graph.ActivationFunction {
		return graph.CELU{Alpha: c.float("alpha", 1)}
	}),
	"CastLike":      castLike,
	"Clip":          clipped,
	"Concat":        concat,
	"Conv":          conv,
	"ConvTranspose": convTranspose,
	"DepthToSpace":  depthToSpace,
	"Div":           arithmetic(quotient),
	"Dropout":       dropout,
	"Elu": elementwise(func(c *call) graph.ActivationFunction {
		return graph.ELU{Alpha: c.float("alpha", 1)}
	}),
	"Erf":                   elementwise(func(*call) graph.ActivationFunction { return graph.Erf{} }),
	"Expand":                expand,
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
	"Log":                   scalarFunction("Log", math.Log),
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
	"Reciprocal":            reciprocal,
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
	"Swish":                 swish,
	"Tanh":                  elementwise(func(*call) graph.ActivationFunction { return graph.Tanh{} }),
	"Tile":                  tile,
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

// castLike is a Cast to another input's element type.
func castLike(c *call) ([]value, error) {
	c.int("saturate", 1)
	c.attributes.text("round_mode", "up")
	if !c.has(1) || c.inputs[1].constant != nil && !c.inputs[1].constant.isFloat() {
		return nil, fmt.Errorf("to integers is not supported: want floats")
	}
	c.im.nothing = true
	return same(c)
}
