"""Writes small graphs in the styles of exporters and of all operator sets, with random inputs and the
answers of onnx's reference evaluator: graphs/*.onnx and graphs.npz (pip install onnx). What is spelled
out in many nodes is in graphs whose names begin with "one_": they are read as the one layer they were."""
import os
import sys

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper
from onnx.reference import ReferenceEvaluator

rng = np.random.default_rng(11)
folder = sys.argv[1] if len(sys.argv) > 1 else "graphs"
os.makedirs(folder, exist_ok=True)
answers = {}
DIMS = [2, 4, 6, 5]  # of the input, unless a graph says otherwise


def node(op, inputs, outputs, **attributes):
    return helper.make_node(op, inputs.split(), outputs.split(), **attributes)


def floats(*shape, low=-1.0, high=1.0):
    return rng.uniform(low, high, shape).astype(np.float32)


def save(name, nodes, opset=17, dims=None, constants=None, batch="N", functions=(), domains=(), answer=None, output="y", x=None, input_type=TensorProto.FLOAT):
    """One graph from x to y."""
    dims = dims or DIMS
    shape = ([batch] if batch else [dims[0]]) + list(dims[1:])
    inits = [numpy_helper.from_array(np.asarray(v), k) for k, v in (constants or {}).items()]
    out = helper.make_tensor_value_info(output, input_type, None)
    g = helper.make_graph(nodes, name, [helper.make_tensor_value_info("x", input_type, shape)], [out], inits)
    imports = [helper.make_opsetid("", opset)] + [helper.make_opsetid(d, 1) for d in domains]
    m = helper.make_model(g, opset_imports=imports, functions=list(functions), ir_version=8 if opset < 20 else 10)
    if x is None:
        x = floats(*dims, low=-3, high=3)
    y = answer(x) if answer else ReferenceEvaluator(m).run(None, {"x": x})[0]
    onnx.save(m, os.path.join(folder, name + ".onnx"))
    answers[name + ".x"], answers[name + ".y"] = x, np.asarray(y).astype(np.float32)


def scalar(v):
    return np.float32(v)


def ints(*v):
    return np.array(v, np.int64)


# ---- What was one layer.
save("one_silu", [node("Sigmoid", "x", "s"), node("Mul", "x s", "y")])
save("one_silu_swapped", [node("Sigmoid", "x", "s"), node("Mul", "s x", "y")])
save("one_silu_by_exp", [node("Neg", "x", "n"), node("Exp", "n", "e"), node("Add", "e one", "p"), node("Div", "x p", "y")], constants={"one": scalar(1)})
save("one_hardswish_clip", [node("Add", "x three", "a"), node("Clip", "a zero six", "c"), node("Mul", "x c", "m"), node("Div", "m six", "y")],
     constants={"three": scalar(3), "zero": scalar(0), "six": scalar(6)})
save("one_hardswish_paddle", [node("Add", "x three", "a"), node("Clip", "a zero six", "c"), node("Mul", "c sixth", "s"), node("Mul", "x s", "y")],
     constants={"three": scalar(3), "zero": scalar(0), "six": scalar(6), "sixth": scalar(1 / 6)})
save("one_hardswish_relu6", [node("Add", "x three", "a"), node("Relu", "a", "r"), node("Min", "r six", "c"), node("Mul", "c sixth", "s"), node("Mul", "s x", "y")],
     constants={"three": scalar(3), "six": scalar(6), "sixth": scalar(1 / 6)})
save("one_hardswish_hardsigmoid", [node("HardSigmoid", "x", "s", alpha=1 / 6, beta=0.5), node("Mul", "x s", "y")])
save("one_hardsigmoid", [node("Add", "x three", "a"), node("Clip", "a zero six", "c"), node("Div", "c six", "y")],
     constants={"three": scalar(3), "zero": scalar(0), "six": scalar(6)})
save("one_gelu", [node("Div", "x root", "d"), node("Erf", "d", "e"), node("Add", "e one", "p"), node("Mul", "x p", "m"), node("Mul", "m half", "y")],
     constants={"root": scalar(np.sqrt(2)), "one": scalar(1), "half": scalar(0.5)})
save("one_gelu_half_first", [node("Mul", "x half", "h"), node("Mul", "x root", "d"), node("Erf", "d", "e"), node("Add", "one e", "p"), node("Mul", "h p", "y")],
     constants={"root": scalar(np.sqrt(0.5)), "one": scalar(1), "half": scalar(0.5)})
save("one_gelu_tanh", [node("Pow", "x three", "c"), node("Mul", "c k", "k3"), node("Add", "x k3", "i"), node("Mul", "i r", "s"), node("Tanh", "s", "t"),
                       node("Add", "t one", "p"), node("Mul", "x half", "h"), node("Mul", "h p", "y")],
     constants={"three": scalar(3), "k": scalar(0.044715), "r": scalar(np.sqrt(2 / np.pi)), "one": scalar(1), "half": scalar(0.5)})
save("one_gelu_tanh_cubes", [node("Mul", "x x", "q"), node("Mul", "q x", "c"), node("Mul", "c k", "k3"), node("Add", "x k3", "i"), node("Mul", "i r", "s"),
                             node("Tanh", "s", "t"), node("Add", "t one", "p"), node("Mul", "x p", "m"), node("Mul", "m half", "y")],
     constants={"k": scalar(0.044715), "r": scalar(np.sqrt(2 / np.pi)), "one": scalar(1), "half": scalar(0.5)})
save("one_mish", [node("Softplus", "x", "s"), node("Tanh", "s", "t"), node("Mul", "x t", "y")])
save("one_mish_by_log", [node("Exp", "x", "e"), node("Add", "e one", "p"), node("Log", "p", "s"), node("Tanh", "s", "t"), node("Mul", "x t", "y")], constants={"one": scalar(1)})
save("one_relu6", [node("Relu", "x", "r"), node("Min", "r six", "y")], constants={"six": scalar(6)})
save("one_relu_by_max", [node("Max", "x zero", "y")], constants={"zero": scalar(0)})
save("clip_far_out", [node("Max", "x lo", "m"), node("Min", "m hi", "y")], constants={"lo": scalar(-100), "hi": scalar(200)}, x=floats(*DIMS, low=-300, high=300))
save("clip_far_out", [node("Max", "x lo", "m"), node("Min", "m hi", "y")], constants={"lo": scalar(-100), "hi": scalar(200)}, x=floats(*DIMS, low=-300, high=300))
save("one_leaky_by_max", [node("Mul", "x slope", "s"), node("Max", "x s", "y")], constants={"slope": scalar(0.1)})
save("one_softsign", [node("Abs", "x", "a"), node("Add", "a one", "p"), node("Div", "x p", "y")], constants={"one": scalar(1)})
save("one_swish_beta", [node("Mul", "x one", "b"), node("Sigmoid", "b", "s"), node("Mul", "x s", "y")], constants={"one": scalar(1)})

layer_norm = lambda axis, square: [node("ReduceMean", "x", "m", axes=[axis]), node("Sub", "x m", "d"), square, node("ReduceMean", "q", "v", axes=[axis]),
                                   node("Add", "v eps", "e"), node("Sqrt", "e", "r"), node("Div", "d r", "n"), node("Mul", "n g", "s"), node("Add", "s b", "y")]
save("one_layernorm_channels", layer_norm(1, node("Pow", "d two", "q")), constants={"two": scalar(2), "eps": scalar(1e-6), "g": floats(1, 4, 1, 1), "b": floats(1, 4, 1, 1)})
save("one_layernorm_by_mul", layer_norm(1, node("Mul", "d d", "q")), constants={"eps": scalar(1e-6), "g": floats(4, 1, 1), "b": floats(4, 1, 1)})
save("one_layernorm_last", [node("Transpose", "x", "t", perm=[0, 2, 3, 1])] + [node("ReduceMean", "t", "m", axes=[-1]), node("Sub", "t m", "d"), node("Pow", "d two", "q"),
                            node("ReduceMean", "q", "v", axes=[-1]), node("Add", "v eps", "e"), node("Sqrt", "e", "r"), node("Div", "d r", "n"), node("Mul", "n g", "s"),
                            node("Add", "s b", "z"), node("Transpose", "z", "y", perm=[0, 3, 1, 2])],
     constants={"two": scalar(2), "eps": scalar(1e-6), "g": floats(4), "b": floats(4)})
save("one_layernorm_reciprocal", [node("ReduceMean", "x", "m", axes=[1]), node("Sub", "x m", "d"), node("Mul", "d d", "q"), node("ReduceMean", "q", "v", axes=[1]),
                                  node("Add", "v eps", "e"), node("Sqrt", "e", "r"), node("Reciprocal", "r", "i"), node("Mul", "d i", "n"), node("Mul", "n g", "s"), node("Add", "s b", "y")],
     constants={"eps": scalar(1e-6), "g": floats(4, 1, 1), "b": floats(4, 1, 1)})
save("one_layernorm_axes_input", [node("ReduceMean", "x a", "m"), node("Sub", "x m", "d"), node("Pow", "d two", "q"), node("ReduceMean", "q a", "v"),
                                  node("Add", "v eps", "e"), node("Sqrt", "e", "r"), node("Div", "d r", "y")],
     opset=18, constants={"a": ints(1), "two": scalar(2), "eps": scalar(1e-6)})

gate = {"w1": floats(2, 4, 1, 1), "b1": floats(2), "w2": floats(4, 2, 1, 1), "b2": floats(4)}
save("se", [node("GlobalAveragePool", "x", "p"), node("Conv", "p w1 b1", "c"), node("Relu", "c", "r"), node("Conv", "r w2 b2", "e"), node("Sigmoid", "e", "s"),
                node("Mul", "x s", "y")], constants=gate)
save("se_mean", [node("ReduceMean", "x", "p", axes=[2, 3], keepdims=1), node("Conv", "p w1 b1", "c"), node("Relu", "c", "r"), node("Conv", "r w2 b2", "e"),
                     node("HardSigmoid", "e", "s"), node("Mul", "s x", "y")], constants=gate)
save("se_dense", [node("GlobalAveragePool", "x", "p"), node("Flatten", "p", "f"), node("Gemm", "f w1 b1", "c", transB=1), node("Relu", "c", "r"),
                      node("Gemm", "r w2 b2", "e", transB=1), node("Sigmoid", "e", "s"), node("Unsqueeze", "s a", "u"), node("Mul", "x u", "y")],
     constants={"w1": floats(2, 4), "b1": floats(2), "w2": floats(4, 2), "b2": floats(4), "a": ints(2, 3)})
save("shuffle", [node("Reshape", "x s1", "a"), node("Transpose", "a", "b", perm=[0, 2, 1, 3, 4]), node("Reshape", "b s2", "c"), node("Conv", "c w", "y", group=2)],
     constants={"s1": ints(-1, 2, 2, 6, 5), "s2": ints(-1, 4, 6, 5), "w": floats(4, 2, 1, 1)})
save("shuffle_by_shape", [node("Shape", "x", "s"), node("Gather", "s zero", "n"), node("Unsqueeze", "n first", "n1"), node("Concat", "n1 r1", "s1", axis=0),
                          node("Concat", "n1 r2", "s2", axis=0), node("Reshape", "x s1", "a"), node("Transpose", "a", "b", perm=[0, 2, 1, 3, 4]),
                          node("Reshape", "b s2", "c"), node("Conv", "c w", "y", group=2)],
     constants={"zero": np.int64(0), "first": ints(0), "r1": ints(2, 2, 6, 5), "r2": ints(4, 6, 5), "w": floats(4, 2, 1, 1)})
save("one_conv_nhwc", [node("Transpose", "x", "a", perm=[0, 2, 3, 1]), node("Transpose", "a", "b", perm=[0, 3, 1, 2]), node("Conv", "b w", "c"),
                       node("Transpose", "c", "d", perm=[0, 2, 3, 1]), node("Add", "d bias", "e"), node("Transpose", "e", "y", perm=[0, 3, 1, 2])],
     constants={"w": floats(3, 4, 3, 3), "bias": floats(3)})
save("one_conv_bias", [node("Conv", "x w", "c"), node("Add", "c bias", "y")], constants={"w": floats(3, 4, 3, 3), "bias": floats(1, 3, 1, 1)})
save("one_conv_bias_first", [node("Conv", "x w", "c"), node("Add", "bias c", "y")], constants={"w": floats(3, 4, 3, 3), "bias": floats(3, 1, 1)})
save("one_conv_bias_reshaped", [node("Conv", "x w", "c"), node("Reshape", "bias s", "b"), node("Add", "c b", "y")],
     constants={"w": floats(3, 4, 3, 3), "bias": floats(3), "s": ints(1, -1, 1, 1)})
save("one_conv_pad", [node("Pad", "x p", "a"), node("Conv", "a w b", "y", strides=[2, 2])], constants={"p": ints(0, 0, 0, 0, 0, 0, 1, 1), "w": floats(3, 4, 3, 3), "b": floats(3)})
save("one_lrn_pool3d", [node("Mul", "x x", "q"), node("Unsqueeze", "q one", "u"), node("Pad", "u p", "d"), node("AveragePool", "d", "m", kernel_shape=[3, 1, 1], strides=[1, 1, 1]),
                        node("Squeeze", "m one", "s"), node("Mul", "s alpha", "a"), node("Add", "a k", "b"), node("Pow", "b beta", "r"), node("Div", "x r", "y")],
     constants={"one": ints(1), "p": ints(0, 0, 1, 0, 0, 0, 0, 1, 0, 0), "alpha": scalar(0.3), "k": scalar(2), "beta": scalar(0.75)})
save("dense_of_means", [node("ReduceMean", "x", "m", axes=[2, 3], keepdims=0), node("MatMul", "m w", "p"), node("Add", "p b", "y")], constants={"w": floats(4, 3), "b": floats(3)})
save("one_normalize", [node("Sub", "x m", "a"), node("Div", "a d", "y")], constants={"m": floats(1, 4, 1, 1), "d": floats(1, 4, 1, 1, low=0.5, high=2)})
save("one_groupnorm", [node("Reshape", "x s", "r"), node("InstanceNormalization", "r one zero", "n", epsilon=1e-5), node("Shape", "x", "z"), node("Reshape", "n z", "b"),
                       node("Mul", "b g", "m"), node("Add", "m t", "y")],
     constants={"s": ints(0, 2, -1), "one": np.ones(2, np.float32), "zero": np.zeros(2, np.float32), "g": floats(4, 1, 1), "t": floats(4, 1, 1)})
save("one_batchnorm", [node("BatchNormalization", "x g b m v", "y")],
     constants={"g": floats(4), "b": floats(4), "m": floats(4), "v": floats(4, low=0.5, high=2)})

# ---- Attributes and inputs over the operator sets.
save("clip6", [node("Clip", "x", "y", min=-0.5, max=1.25)], opset=6)
save("clip6_max", [node("Clip", "x", "y", max=1.25)], opset=10)
save("clip11_max", [helper.make_node("Clip", ["x", "", "hi"], ["y"])], opset=11, constants={"hi": scalar(1.25)})
save("clip13_min", [node("Clip", "x lo", "y")], opset=13, constants={"lo": scalar(0.25)})
save("dropout7", [node("Dropout", "x", "d", ratio=0.25), node("Relu", "d", "y")], opset=7, answer=lambda x: np.maximum(x, 0))
save("dropout12", [node("Dropout", "x r", "d"), node("Relu", "d", "y")], opset=12, constants={"r": scalar(0.25)})
save("dropout22_off", [node("Dropout", "x r t", "d"), node("Relu", "d", "y")], opset=22, constants={"r": scalar(0.25), "t": np.bool_(False)})
save("squeeze11", [node("ReduceMean", "x", "m", axes=[2, 3]), node("Squeeze", "m", "s", axes=[2, 3]), node("Softmax", "s", "y", axis=1)], opset=11)
save("squeeze13", [node("ReduceMean", "x", "m", axes=[2, 3]), node("Squeeze", "m a", "s"), node("Softmax", "s", "y")], opset=13, constants={"a": ints(-1, 2)})
save("unsqueeze11", [node("ReduceMean", "x", "m", axes=[2, 3], keepdims=0), node("Unsqueeze", "m", "u", axes=[2, 3]), node("Mul", "x u", "y")], opset=11)
save("unsqueeze13", [node("ReduceMean", "x", "m", axes=[2, 3], keepdims=0), node("Unsqueeze", "m a", "u"), node("Mul", "x u", "y")], opset=13, constants={"a": ints(2, 3)})
save("mean13", [node("ReduceMean", "x", "y", axes=[-1, -2])], opset=13)
save("mean18", [node("ReduceMean", "x a", "y", keepdims=0)], opset=18, constants={"a": ints(2, 3)})
save("mean18_of_nothing", [node("ReduceMean", "x", "m", noop_with_empty_axes=1), node("Relu", "m", "y")], opset=18, answer=lambda x: np.maximum(x, 0))
save("mean_over_width", [node("ReduceMean", "x", "y", axes=[3])], opset=13)
save("mean_over_channels", [node("ReduceMean", "x", "y", axes=[1], keepdims=0)], opset=13)
save("sum11", [node("ReduceSum", "x", "y", axes=[2, 3], keepdims=0)], opset=11)
save("sum13", [node("ReduceSum", "x a", "y")], opset=13, constants={"a": ints(1)})
save("max11", [node("ReduceMax", "x", "y", axes=[2, 3])], opset=11)
save("max18", [node("ReduceMax", "x a", "y")], opset=18, constants={"a": ints(2)})


def softmax2d(x, axis):
    flat = x.reshape(int(np.prod(x.shape[:axis])), -1)
    e = np.exp(flat - flat.max(1, keepdims=True))
    return (e / e.sum(1, keepdims=True)).reshape(x.shape)


save("softmax11", [node("Softmax", "x", "y")], opset=11, answer=lambda x: softmax2d(x, 1))
save("softmax11_axis2", [node("Softmax", "x", "y", axis=2)], opset=11, answer=lambda x: softmax2d(x, 2))
save("softmax11_pooled", [node("GlobalAveragePool", "x", "p"), node("Softmax", "p", "y", axis=1)], opset=11)
save("logsoftmax11", [node("LogSoftmax", "x", "y")], opset=11, answer=lambda x: np.log(softmax2d(x, 1)))
save("softmax13", [node("Softmax", "x", "y")], opset=13)
save("softmax13_axis1", [node("Softmax", "x", "y", axis=1)], opset=13)
save("logsoftmax13", [node("LogSoftmax", "x", "y", axis=-3)], opset=13)
norm = {"g": floats(4), "b": floats(4), "m": floats(4), "v": floats(4, low=0.5, high=2)}
normal = lambda x: (x - norm["m"].reshape(4, 1, 1)) / np.sqrt(norm["v"].reshape(4, 1, 1) + 1e-3) * norm["g"].reshape(4, 1, 1) + norm["b"].reshape(4, 1, 1)
save("batchnorm6", [node("BatchNormalization", "x g b m v", "y", epsilon=1e-3, is_test=1, spatial=1)], opset=6, constants=norm, answer=normal)
save("batchnorm7", [node("BatchNormalization", "x g b m v", "y", epsilon=1e-3, spatial=1)], opset=7, constants=norm, answer=normal)
save("batchnorm9", [node("BatchNormalization", "x g b m v", "y", epsilon=1e-3, momentum=0.99)], opset=9, constants=norm, answer=normal)
save("batchnorm14", [node("BatchNormalization", "x g b m v", "y", epsilon=1e-3, training_mode=0)], opset=14, constants=norm)
save("batchnorm15", [node("BatchNormalization", "x g b m v", "y", epsilon=1e-3)], opset=15, constants=norm)
twice = lambda x: x.repeat(2, 2).repeat(2, 3)
save("upsample7", [node("Upsample", "x", "y", mode="nearest", scales=[1.0, 1.0, 2.0, 2.0])], opset=7, answer=twice)
save("upsample9", [node("Upsample", "x s", "y", mode="nearest")], opset=9, constants={"s": np.float32([1, 1, 2, 2])}, answer=twice)
save("resize10", [node("Resize", "x s", "y", mode="nearest")], opset=10, constants={"s": np.float32([1, 1, 2, 2])}, answer=twice)
save("resize11", [helper.make_node("Resize", ["x", "roi", "s"], ["y"], mode="linear", coordinate_transformation_mode="align_corners")], opset=11,
     constants={"roi": np.zeros(0, np.float32), "s": np.float32([1, 1, 1.5, 2])})
save("resize11_sizes", [helper.make_node("Resize", ["x", "roi", "e", "z"], ["y"], mode="nearest", coordinate_transformation_mode="asymmetric", nearest_mode="floor")], opset=11,
     constants={"roi": np.zeros(0, np.float32), "e": np.zeros(0, np.float32), "z": ints(2, 4, 9, 11)}, batch=None)
save("resize13", [helper.make_node("Resize", ["x", "", "s"], ["y"], mode="linear", coordinate_transformation_mode="pytorch_half_pixel")], opset=13,
     constants={"s": np.float32([1, 1, 0.5, 2])})
save("resize18_axes", [helper.make_node("Resize", ["x", "", "", "z"], ["y"], mode="linear", axes=[2, 3])], opset=18, constants={"z": ints(12, 7)})
save("resize19", [helper.make_node("Resize", ["x", "", "s"], ["y"], mode="linear", coordinate_transformation_mode="half_pixel_symmetric")], opset=19, constants={"s": np.float32([1, 1, 2, 1.3])})
pads = [0, 0, 1, 2, 0, 0, 2, 0]
save("pad6", [node("Pad", "x", "y", pads=pads, value=0.5)], opset=6, answer=lambda x: np.pad(x, ((0, 0), (0, 0), (1, 2), (2, 0)), constant_values=0.5))
save("pad11", [node("Pad", "x p v", "y")], opset=11, constants={"p": ints(*pads), "v": scalar(0.5)})
save("pad13_reflect", [node("Pad", "x p", "y", mode="reflect")], opset=13, constants={"p": ints(*pads)})
save("pad18_axes", [helper.make_node("Pad", ["x", "p", "", "a"], ["y"])], opset=18, constants={"p": ints(1, 2, 0, 1), "a": ints(-1, 2)})
save("pad19_wrap", [node("Pad", "x p", "y", mode="wrap")], opset=19, constants={"p": ints(*pads)})
save("slice9", [node("Slice", "x", "y", axes=[2, 3], starts=[1, -4], ends=[9223372036854775807, -1])], opset=9, answer=lambda x: x[:, :, 1:, -4:-1])
save("slice10", [node("Slice", "x b e a s", "y")], opset=10, constants={"b": ints(-1, 1), "e": ints(-100, 100), "a": ints(2, 1), "s": ints(-2, 2)})
save("slice13_short", [node("Slice", "x b e a", "y")], opset=13, constants={"b": np.int32([1]), "e": np.int32([3]), "a": np.int32([1])})
save("split11", [node("Split", "x", "a b", axis=1, split=[1, 3]), node("Concat", "b a", "y", axis=1)], opset=11)
save("split13", [node("Split", "x s", "a b", axis=1), node("Concat", "b a", "y", axis=1)], opset=13, constants={"s": ints(3, 1)})
save("split18", [node("Split", "x", "a b c", axis=2, num_outputs=3), node("Concat", "c b a", "y", axis=2)], opset=18)
save("averagepool7", [node("AveragePool", "x", "y", kernel_shape=[3, 3], pads=[1, 1, 1, 1], strides=[2, 2], count_include_pad=1)], opset=7)
save("averagepool10_ceil", [node("AveragePool", "x", "y", kernel_shape=[3, 2], strides=[2, 2], ceil_mode=1)], opset=10)
save("averagepool19", [node("AveragePool", "x", "y", kernel_shape=[2, 2], dilations=[2, 2], pads=[1, 0, 0, 1])], opset=19)
save("averagepool22_same", [node("AveragePool", "x", "y", kernel_shape=[3, 3], strides=[2, 2], auto_pad="SAME_UPPER")], opset=22)
save("maxpool8", [node("MaxPool", "x", "y", kernel_shape=[3, 3], pads=[1, 1, 1, 1], strides=[2, 2], storage_order=0)], opset=8)
save("maxpool10", [node("MaxPool", "x", "y", kernel_shape=[2, 2], dilations=[2, 2], ceil_mode=1, strides=[2, 1])], opset=10)
save("maxpool22_valid", [node("MaxPool", "x", "y", kernel_shape=[3, 3], auto_pad="VALID")], opset=22)


def group_norm(x, scale, bias):
    g = x.reshape(x.shape[0], 2, -1)
    n = (g - g.mean(2, keepdims=True)) / np.sqrt(g.var(2, keepdims=True) + 1e-5)
    return n.reshape(x.shape) * scale.reshape(1, -1, 1, 1) + bias.reshape(1, -1, 1, 1)


scale2, shift2, scale4, shift4 = floats(2), floats(2), floats(4), floats(4)
save("groupnorm18", [node("GroupNormalization", "x g b", "y", num_groups=2)], opset=18, constants={"g": scale2, "b": shift2}, answer=lambda x: group_norm(x, scale2.repeat(2), shift2.repeat(2)))
save("groupnorm21", [node("GroupNormalization", "x g b", "y", num_groups=2)], opset=21, constants={"g": scale4, "b": shift4}, answer=lambda x: group_norm(x, scale4, shift4))
save("cast13", [node("Cast", "x", "c", to=1), node("Relu", "c", "y")], opset=13)
save("cast19", [node("Cast", "x", "c", to=1, saturate=1), node("Relu", "c", "y")], opset=19)
save("castlike", [node("CastLike", "x one", "c"), node("Relu", "c", "y")], opset=15, constants={"one": scalar(1)})
save("gelu20", [node("Gelu", "x", "y", approximate="tanh")], opset=20)
save("mish18", [node("Mish", "x", "y")], opset=18)
save("hardswish14", [node("HardSwish", "x", "y")], opset=14)
save("swish24", [node("Swish", "x", "y", alpha=1.0)], opset=24, answer=lambda x: x / (1 + np.exp(-x)))
save("swish24_alpha", [node("Swish", "x", "y", alpha=1.702)], opset=24, answer=lambda x: x / (1 + np.exp(-1.702 * x)))
save("relu25", [node("Relu", "x", "y")], opset=25)
save("layernorm17", [node("Transpose", "x", "t", perm=[0, 2, 3, 1]), node("LayerNormalization", "t g b", "n", axis=-1), node("Transpose", "n", "y", perm=[0, 3, 1, 2])],
     opset=17, constants={"g": floats(4), "b": floats(4)})
save("layernorm17_whole", [node("LayerNormalization", "x g b", "y", axis=1)], opset=17, constants={"g": floats(4, 6, 5), "b": floats(4, 6, 5)})
slopes = floats(4)
save("prelu6", [node("PRelu", "x s", "y")], opset=6, constants={"s": slopes}, answer=lambda x: np.where(x > 0, x, x * slopes.reshape(4, 1, 1)))
save("prelu9", [node("PRelu", "x s", "y")], opset=9, constants={"s": slopes.reshape(4, 1, 1)})
save("prelu16_by_column", [node("PRelu", "x s", "y")], opset=16, constants={"s": floats(5)})
save("prelu16_by_number", [node("PRelu", "x s", "y")], opset=16, constants={"s": floats(4, 1, 5)})
bias4 = floats(4)
save("add6_axis", [node("Add", "x b", "y", broadcast=1, axis=1)], opset=6, constants={"b": bias4}, answer=lambda x: x + bias4.reshape(4, 1, 1))
save("mul6_axis", [node("Mul", "x b", "y", broadcast=1, axis=1)], opset=6, constants={"b": bias4}, answer=lambda x: x * bias4.reshape(4, 1, 1))
w120, b3 = floats(120, 3), floats(3)
save("gemm6", [node("Flatten", "x", "f"), node("Gemm", "f w b", "y", broadcast=1, alpha=0.5)], opset=6, constants={"w": w120, "b": b3}, answer=lambda x: 0.5 * x.reshape(2, 120) @ w120 + b3)
save("gemm7", [node("Flatten", "x", "f"), node("Gemm", "f w b", "y", transB=1, beta=2.0)], opset=7, constants={"w": floats(3, 120), "b": floats(3)})
save("gemm11_no_bias", [node("Flatten", "x", "f"), node("Gemm", "f w", "y")], opset=11, constants={"w": floats(120, 3)})
save("flatten9", [node("Flatten", "x", "f", axis=1), node("Relu", "f", "y")], opset=9)
save("flatten13_negative", [node("Flatten", "x", "f", axis=-3), node("Relu", "f", "y")], opset=13)
save("reshape14_allowzero", [node("Reshape", "x s", "r", allowzero=1), node("Relu", "r", "y")], opset=14, constants={"s": ints(-1, 120)})
save("constantofshape", [node("ConstantOfShape", "s", "c", value=helper.make_tensor("v", TensorProto.FLOAT, [1], [0.5])), node("Add", "x c", "y")], opset=9, constants={"s": ints(4, 1, 1)})
save("sum6", [node("Relu", "x", "r"), node("Sum", "x r r", "y")], opset=6)
save("sum8_broadcast", [node("Sum", "x b c", "y")], opset=8, constants={"b": floats(4, 1, 1), "c": floats(5)})
save("lppool18", [node("LpPool", "x", "y", kernel_shape=[2, 2], p=1, strides=[2, 2])], opset=18)
save("celu12", [node("Celu", "x", "y", alpha=0.7)], opset=12)
save("depthtospace13", [node("DepthToSpace", "x", "y", blocksize=2, mode="CRD")], opset=13)
save("range11", [node("Range", "a b c", "i"), node("Gather", "x i", "y", axis=1)], opset=11, constants={"a": np.int64(1), "b": np.int64(4), "c": np.int64(1)})
save("where_on_shapes", [node("Shape", "x", "s"), node("Gather", "s one", "c"), node("Equal", "c four", "q"), node("Where", "q s1 s2", "t"), node("Reshape", "x t", "r"), node("Relu", "r", "y")],
     opset=13, constants={"one": np.int64(1), "four": np.int64(4), "s1": ints(0, 2, 60), "s2": ints(0, 4, 30)})
save("expand13", [node("GlobalAveragePool", "x", "p"), node("Expand", "p s", "e"), node("Sub", "x e", "y")], opset=13, constants={"s": ints(1, 4, 6, 5)})
save("expand_by_shape", [node("GlobalAveragePool", "x", "p"), node("Shape", "x", "s"), node("Expand", "p s", "e"), node("Sub", "x e", "y")], opset=13)
save("tile13", [node("Tile", "x t", "y")], opset=13, constants={"t": ints(1, 1, 2, 3)})

# ---- Broadcasting of values and constants.
save("add_means", [node("GlobalAveragePool", "x", "p"), node("Add", "x p", "y")])
save("sub_means_first", [node("GlobalAveragePool", "x", "p"), node("Sub", "p x", "y")])
save("div_means", [node("Sigmoid", "x", "s"), node("ReduceMean", "s", "p", axes=[1], keepdims=1), node("Div", "x p", "y")])
save("mul_by_plane", [node("ReduceMean", "x", "p", axes=[1], keepdims=1), node("Sigmoid", "p", "s"), node("Mul", "x s", "y")])
save("max_of_planes", [node("ReduceMean", "x", "p", axes=[1], keepdims=1), node("Max", "x p", "y")])
save("max_of_constant", [node("Max", "x c", "y")], constants={"c": floats(4, 1, 1)})
save("min_of_constant", [node("Min", "c x", "y")], constants={"c": floats(4, 6, 5)})
save("constant_over_value", [node("Sigmoid", "x", "s"), node("Div", "c s", "y")], constants={"c": floats(4, 1, 1)})
save("add_grows", [node("GlobalAveragePool", "x", "p"), node("Add", "p c", "y")], constants={"c": floats(1, 4, 3, 2)})
save("add_by_column", [node("Add", "x c", "y")], constants={"c": floats(5)})
save("add_by_row", [node("Add", "x c", "y")], constants={"c": floats(6, 1)})
save("mul_by_plane_constant", [node("Mul", "x c", "y")], constants={"c": floats(1, 1, 6, 5)})
save("sub_constant_first", [node("Sub", "c x", "y")], constants={"c": floats(4, 1, 1)})
save("outer_product", [node("ReduceMean", "x", "r", axes=[3]), node("ReduceMean", "x", "c", axes=[2]), node("Mul", "r c", "y")])
save("outer_sum", [node("ReduceMean", "x", "r", axes=[3]), node("ReduceMean", "x", "c", axes=[2]), node("Add", "r c", "y")])

# ---- A batch that is a part of the image.
save("batch_add", [node("Add", "x c", "y")], batch=None, constants={"c": floats(2, 4, 1, 1)})
save("batch_transposed", [node("Transpose", "x", "t", perm=[1, 0, 2, 3]), node("Mul", "t c", "y")], batch=None, constants={"c": floats(4, 1, 6, 1)})
save("batch_softmax", [node("Softmax", "x", "y", axis=0)], batch=None)
save("batch_mean", [node("ReduceMean", "x", "y")], batch=None)
save("batch_concat", [node("Concat", "x c x", "y", axis=0)], batch=None, constants={"c": floats(3, 4, 6, 5)})
save("batch_slice", [node("Slice", "x b e", "y")], batch=None, constants={"b": ints(1), "e": ints(2)})
save("batch_instance_norm", [node("Slice", "x b e", "s"), node("Concat", "x s", "c", axis=0), node("InstanceNormalization", "c g h", "y")], batch=None,
     constants={"b": ints(1), "e": ints(2), "g": floats(4), "h": floats(4)})
save("batch_gemm", [node("Gemm", "x w b", "y", transA=1, alpha=0.5, beta=2.0)], dims=[4, 3], batch=None, constants={"w": floats(4, 5), "b": floats(3, 5)})
save("batch_one_squeezed", [node("GlobalAveragePool", "x", "p"), node("Squeeze", "p", "s"), node("MatMul", "s w", "m"), node("Add", "m b", "y")], dims=[1, 4, 6, 5], batch=None,
     constants={"w": floats(4, 3), "b": floats(3)})
save("image_without_batch", [node("Unsqueeze", "x a", "u"), node("Conv", "u w", "y")], dims=[4, 6, 5], batch=None, constants={"a": ints(0), "w": floats(2, 4, 3, 3)})
save("matrices_of_channels", [node("MatMul", "x w", "y")], constants={"w": floats(4, 5, 3)})
save("matrices_of_one_channel", [node("ReduceMean", "x", "m", axes=[1]), node("MatMul", "m w", "y")], constants={"w": floats(3, 5, 2)})

# ---- As tf2onnx and Keras write networks: channels last.
nhwc = [2, 8, 6, 3]
tf = {"w1": floats(4, 3, 3, 3), "b1": floats(4), "w2": floats(4, 1, 3, 3), "g": floats(4), "h": floats(4), "m": floats(4), "v": floats(4, low=0.5, high=2), "w": floats(4, 5), "b": floats(5),
      "p": ints(0, 0, 0, 0, 0, 0, 1, 1), "a": ints(1, 2)}
save("tf2onnx", [node("Transpose", "x", "t", perm=[0, 3, 1, 2]), node("Pad", "t p", "d"), node("Conv", "d w1 b1", "c", strides=[2, 2]), node("Relu", "c", "r"), node("Conv", "r w2", "e", group=4, auto_pad="SAME_UPPER", strides=[2, 2]),
                 node("BatchNormalization", "e g h m v", "n"), node("Clip", "n zero six", "q"), node("ReduceMean", "q", "s", axes=[2, 3], keepdims=1), node("Squeeze", "s a2", "f"),
                 node("MatMul", "f w", "k"), node("Add", "k b", "l"), node("Softmax", "l", "y", axis=-1)], opset=15, dims=nhwc,
     constants={**tf, "zero": scalar(0), "six": scalar(6), "a2": ints(2, 3)})
save("keras", [node("Transpose", "x", "t", perm=[0, 3, 1, 2]), node("Conv", "t w1", "c", auto_pad="SAME_UPPER"), node("Transpose", "c", "u", perm=[0, 2, 3, 1]), node("Add", "u b1", "d"),
               node("Relu", "d", "r"), node("ReduceMean", "r", "s", axes=[1, 2], keepdims=0), node("MatMul", "s w", "k"), node("Add", "k b", "l"), node("Softmax", "l", "y", axis=-1)], opset=13, dims=nhwc, constants=tf)
save("keras_pad_nhwc", [node("Pad", "x pn", "d"), node("Transpose", "d", "t", perm=[0, 3, 1, 2]), node("Conv", "t w1 b1", "c", strides=[2, 2]), node("Transpose", "c", "u", perm=[0, 2, 3, 1]),
                        node("Mul", "u g", "e"), node("Add", "e h", "n"), node("Transpose", "n", "o", perm=[0, 3, 1, 2]), node("MaxPool", "o", "q", kernel_shape=[2, 2], strides=[1, 1]),
                        node("Transpose", "q", "k", perm=[0, 2, 3, 1]), node("Reshape", "k flat", "y")], opset=13, dims=nhwc,
     constants={**tf, "pn": ints(0, 1, 1, 0, 0, 1, 1, 0), "flat": ints(-1, 24)})
save("keras_concat_nhwc", [node("Transpose", "x", "t", perm=[0, 3, 1, 2]), node("Conv", "t w1 b1", "c", auto_pad="SAME_UPPER"), node("Transpose", "c", "u", perm=[0, 2, 3, 1]),
                           node("Concat", "u x", "k", axis=3), node("Transpose", "k", "l", perm=[0, 3, 1, 2]), node("AveragePool", "l", "y", kernel_shape=[2, 2])], opset=13, dims=nhwc, constants=tf)
save("keras_preprocess", [node("Mul", "x s", "i"), node("Sub", "i one", "d"), node("Transpose", "d", "t", perm=[0, 3, 1, 2]), node("Conv", "t w1 b1", "y")], opset=13, dims=nhwc,
     constants={**tf, "s": scalar(1 / 127.5), "one": scalar(1)})
save("keras_se_nhwc", [node("Transpose", "x", "t", perm=[0, 3, 1, 2]), node("Conv", "t w1 b1", "c0"), node("Transpose", "c0", "c", perm=[0, 2, 3, 1]), node("ReduceMean", "c", "p0", axes=[1, 2], keepdims=1),
                       node("Transpose", "p0", "p2", perm=[0, 3, 1, 2]), node("Conv", "p2 k1 j1", "e"), node("Sigmoid", "e", "f"), node("Mul", "e f", "i"), node("Conv", "i k2 j2", "o"),
                       node("Sigmoid", "o", "q"), node("Transpose", "q", "q2", perm=[0, 2, 3, 1]), node("Mul", "c q2", "z"), node("Transpose", "z", "y", perm=[0, 3, 1, 2])], opset=13, dims=nhwc,
     constants={**tf, "k1": floats(2, 4, 1, 1), "j1": floats(2), "k2": floats(4, 2, 1, 1), "j2": floats(4)})
save("tf_identity_chains", [node("Identity", "x", "i1"), node("Transpose", "i1", "t", perm=[0, 3, 1, 2]), node("Identity", "w1", "wi"), node("Conv", "t wi", "c"), node("Identity", "c", "i2"), node("Relu", "i2", "y")],
     opset=13, dims=nhwc, constants=tf)
save("tf_weights_transposed", [node("Transpose", "x", "t", perm=[0, 3, 1, 2]), node("Transpose", "k", "kt", perm=[3, 2, 0, 1]), node("Conv", "t kt", "y")], opset=13, dims=nhwc, constants={"k": floats(3, 3, 3, 4)})
save("tf_depthwise", [node("Transpose", "x", "t", perm=[0, 3, 1, 2]), node("Transpose", "k", "kt", perm=[2, 3, 0, 1]), node("Reshape", "kt s", "kr"), node("Conv", "t kr", "y", group=3)], opset=13, dims=nhwc,
     constants={"k": floats(3, 3, 3, 2), "s": ints(6, 1, 3, 3)})

# ---- As PaddlePaddle writes networks: everything is a Constant node.
const = lambda name, v: helper.make_node("Constant", [], [name], value=numpy_helper.from_array(np.asarray(v), name))
save("paddle", [const("w", floats(4, 4, 3, 3)), const("b", floats(4)), const("bs", ints(1, 4, 1, 1)), node("Conv", "x w", "c", pads=[1, 1, 1, 1], strides=[1, 1], dilations=[1, 1], group=1, kernel_shape=[3, 3]),
                node("Reshape", "b bs", "br"), node("Add", "c br", "d"), const("three", np.float32([3])), const("zero", np.float32(0)), const("six", np.float32(6)), const("sixth", np.float32([1 / 6])),
                node("Add", "d three", "h1"), node("Clip", "h1 zero six", "h2"), node("Mul", "d h2", "h3"), node("Mul", "h3 sixth", "h"),
                node("GlobalAveragePool", "h", "p"), node("Shape", "p", "s"), const("z0", ints(0)), const("z1", ints(1)), node("Slice", "s z0 z1", "n"), const("rest", ints(-1)),
                node("Concat", "n rest", "t", axis=0), node("Reshape", "p t", "f"), const("fw", floats(4, 5)), const("fb", floats(5)), node("MatMul", "f fw", "m"), node("Add", "m fb", "l"),
                node("Identity", "l", "l2"), node("Softmax", "l2", "y", axis=-1)], opset=13)
save("paddle_scale", [const("s", np.float32([1.5])), const("o", np.float32([0.25])), node("Mul", "x s", "a"), node("Add", "a o", "d"), node("Relu", "d", "y")], opset=11)
save("paddle_flatten", [node("Shape", "x", "s"), const("z0", ints(0)), const("z1", ints(1)), const("ax", ints(0)), node("Slice", "s z0 z1 ax", "n"), const("rest", ints(-1)), node("Concat", "n rest", "t", axis=0),
                        node("Reshape", "x t", "f"), const("w", floats(120, 3)), const("b", floats(3)), node("MatMul", "f w", "m"), node("Add", "m b", "y")], opset=11)
save("paddle_dropout", [const("k", np.float32([0.8])), node("Mul", "x k", "d"), node("Relu", "d", "y")], opset=11)
save("paddle_cast_shape", [node("Shape", "x", "s"), node("Cast", "s", "s32", to=6), const("z0", ints(0)), const("z1", ints(1)), node("Slice", "s32 z0 z1", "n"), const("r", np.int32([4, 30])),
                           node("Concat", "n r", "t", axis=0), node("Cast", "t", "t64", to=7), node("Reshape", "x t64", "f"), node("ReduceMean", "f", "y", axes=[2])], opset=13)
save("paddle_hardsigmoid", [node("HardSigmoid", "x", "h", alpha=1 / 6, beta=0.5), node("Mul", "x h", "y")], opset=11)
save("paddle_pool", [node("AveragePool", "x", "a", kernel_shape=[3, 3], strides=[1, 1], pads=[1, 1, 1, 1], count_include_pad=0), node("MaxPool", "x", "m", kernel_shape=[3, 3], strides=[1, 1], pads=[1, 1, 1, 1]),
                     node("Concat", "a m x", "y", axis=1)], opset=11)

# ---- As PyTorch's newer exporter writes networks: local functions, axes as inputs.
domain = "pkg.torch"
local = lambda name, inputs, outputs, nodes, opset=18, attributes=(): helper.make_function(domain, name, inputs, outputs, nodes, [helper.make_opsetid("", opset), helper.make_opsetid(domain, 1)], list(attributes))
silu = local("silu", ["a"], ["r"], [node("Sigmoid", "a", "s"), node("Mul", "a s", "r")])
save("function", [helper.make_node("silu", ["x"], ["h"], domain=domain), helper.make_node("silu", ["h"], ["y"], domain=domain)], opset=18, functions=[silu], domains=[domain])
block = local("block", ["a", "w", "b"], ["r"], [node("Conv", "a w b", "c", pads=[1, 1, 1, 1]), helper.make_node("silu", ["c"], ["r"], domain=domain)])
save("function_nested", [helper.make_node("block", ["x", "conv1.weight", "conv1.bias"], ["h"], domain=domain), helper.make_node("block", ["h", "conv2.weight", "conv2.bias"], ["y"], domain=domain)], opset=18,
     functions=[silu, block], domains=[domain], constants={"conv1.weight": floats(3, 4, 3, 3), "conv1.bias": floats(3), "conv2.weight": floats(2, 3, 3, 3), "conv2.bias": floats(2)})
leaky = helper.make_node("LeakyRelu", ["a"], ["r"])
leaky.attribute.append(onnx.AttributeProto(name="alpha", ref_attr_name="slope", type=onnx.AttributeProto.FLOAT))
save("function_attribute", [helper.make_node("leaky", ["x"], ["y"], domain=domain, slope=0.3)], opset=18, functions=[local("leaky", ["a"], ["r"], [leaky], attributes=["slope"])], domains=[domain],
     answer=lambda x: np.where(x > 0, x, 0.3 * x))
mean = local("adaptive_pool", ["a"], ["r"], [helper.make_node("Constant", [], ["ax"], value_ints=[-1, -2]), node("ReduceMean", "a ax", "r", keepdims=1)])
save("function_constant", [helper.make_node("adaptive_pool", ["x"], ["p"], domain=domain), node("Flatten", "p", "y")], opset=18, functions=[mean], domains=[domain])
rank = local("IsScalar", ["a"], ["r"], [node("Shape", "a", "s"), node("Size", "s", "n"), helper.make_node("Constant", [], ["z"], value_int=0), node("Equal", "n z", "r")])
save("function_if", [helper.make_node("IsScalar", ["x"], ["c"], domain=domain),
                     helper.make_node("If", ["c"], ["y"], then_branch=helper.make_graph([node("Identity", "x", "o1")], "t", [], [helper.make_tensor_value_info("o1", 1, None)]),
                                      else_branch=helper.make_graph([node("Relu", "x", "o2")], "e", [], [helper.make_tensor_value_info("o2", 1, None)]))], opset=18, functions=[rank], domains=[domain])

# ---- Sequences and loops over constants.
save("sequence", [node("Relu", "x", "r"), node("SequenceConstruct", "x r", "q"), node("ConcatFromSequence", "q", "y", axis=1)])
save("sequence_insert", [helper.make_node("SequenceEmpty", [], ["q0"]), node("SequenceInsert", "q0 x", "q1"), node("Sigmoid", "x", "s"), node("SequenceInsert", "q1 s zero", "q2"), node("SequenceLength", "q2", "n"),
                         node("SequenceAt", "q2 last", "l"), node("SequenceAt", "q2 zero", "f"), node("Sub", "l f", "y")], constants={"zero": np.int64(0), "last": np.int64(-1)})
save("sequence_split", [node("SplitToSequence", "x two", "q", axis=1), node("SequenceAt", "q zero", "a"), node("SequenceAt", "q one", "b"), node("Mul", "a b", "y")],
     constants={"zero": np.int64(0), "one": np.int64(1), "two": np.int64(2)})
save("sequence_of_shapes", [helper.make_node("SequenceEmpty", [], ["q0"], dtype=7), node("Shape", "x", "s"), node("Slice", "s z0 z1", "n"), node("SequenceInsert", "q0 n", "q1"), node("SequenceInsert", "q1 r", "q2"),
                            node("ConcatFromSequence", "q2", "t", axis=0), node("Reshape", "x t", "f"), node("Relu", "f", "y")], constants={"z0": ints(0), "z1": ints(1), "r": ints(-1)})
info = lambda name, kind=1: helper.make_tensor_value_info(name, kind, None)
body = helper.make_graph([node("Mul", "h half", "h1"), node("Add", "h1 x", "h2"), node("Identity", "go", "go2")], "body", [info("i", 7), info("go", 9), info("h")], [info("go2", 9), info("h2")])
save("loop", [helper.make_node("Loop", ["three", "yes", "x"], ["y"], body=body)], constants={"three": np.int64(3), "yes": np.bool_(True), "half": scalar(0.5)})
body = helper.make_graph([node("Add", "i one", "j"), node("Mul", "j two", "k"), node("Identity", "go", "go2"), node("Unsqueeze", "k zero", "ku"), node("Identity", "ku", "out")], "body",
                         [info("i", 7), info("go", 9)], [info("go2", 9), info("out", 7)])
save("loop_of_constants", [helper.make_node("Loop", ["two", "yes"], ["list"], body=body), node("Reshape", "list flat", "l"), node("Concat", "n l r", "s", axis=0), node("Reshape", "x s", "f"), node("Relu", "f", "y")],
     constants={"one": np.int64(1), "two": np.int64(2), "yes": np.bool_(True), "zero": ints(0), "flat": ints(-1), "n": ints(0), "r": ints(15)})
sequence_type = helper.make_sequence_type_proto(helper.make_tensor_type_proto(7, None))
body = helper.make_graph([node("Gather", "sizes i", "e"), node("Mul", "e two", "e2"), node("Unsqueeze", "e2 zero", "eu"), node("SequenceInsert", "q eu", "q2"), node("Identity", "go", "go2")], "body",
                         [info("i", 7), info("go", 9), helper.make_value_info("q", sequence_type)], [info("go2", 9), helper.make_value_info("q2", sequence_type)])
save("loop_of_sequence", [node("Shape", "x", "s"), node("Slice", "s z2 z4", "sizes"), helper.make_node("SequenceEmpty", [], ["q0"], dtype=7), helper.make_node("Loop", ["two", "yes", "q0"], ["q9"], body=body),
                          node("ConcatFromSequence", "q9", "hw", axis=0), node("Slice", "s z0 z2", "nc"), node("Concat", "nc hw", "size", axis=0),
                          helper.make_node("Resize", ["x", "", "", "size"], ["y"], mode="nearest", coordinate_transformation_mode="asymmetric", nearest_mode="floor")],
     constants={"z0": ints(0), "z2": ints(2), "z4": ints(4), "two": np.int64(2), "yes": np.bool_(True), "zero": ints(0)})

# ---- As MXNet, Caffe2, CNTK and older PyTorch exporters write networks.
save("mxnet", [node("BatchNormalization", "x g b m v", "n", epsilon=2e-5), node("Conv", "n w", "c", pads=[1, 1, 1, 1], kernel_shape=[3, 3]), node("LeakyRelu", "c", "l", alpha=0.25),
               node("Flatten", "l", "f"), node("Gemm", "f fw fb", "y", transB=1, alpha=1.0, beta=1.0, transA=0)], opset=14,
     constants={**norm, "w": floats(2, 4, 3, 3), "fw": floats(3, 60), "fb": floats(3)})
save("mxnet_prelu", [node("PRelu", "x s", "y")], opset=8, constants={"s": floats(4, 1, 1)})
save("cntk", [node("Mul", "x f", "a"), node("Conv", "a w", "c", auto_pad="SAME_UPPER", dilations=[1, 1], group=1, kernel_shape=[3, 3], strides=[1, 1]), node("Add", "c b", "p"), node("Relu", "p", "r"),
              node("MaxPool", "r", "m", auto_pad="NOTSET", kernel_shape=[2, 2], pads=[0, 0, 0, 0], strides=[2, 2]), node("Reshape", "m s", "f1"), node("Reshape", "fw ws", "fw2"), node("MatMul", "f1 fw2", "k"), node("Add", "k fb", "y")],
     opset=8, dims=[1, 4, 6, 5], batch=None, constants={"f": np.float32(1 / 256), "w": floats(3, 4, 3, 3), "b": floats(3, 1, 1), "s": ints(1, 18), "fw": floats(3, 3, 2, 5), "ws": ints(18, 5), "fb": floats(1, 5)})
save("caffe2_fc", [node("Reshape", "x s", "f"), node("Gemm", "f w b", "y", transB=1)], opset=8, constants={"s": ints(0, -1), "w": floats(3, 120), "b": floats(3)})
save("torch_view", [node("Shape", "x", "s"), node("Constant", "", "z", value=numpy_helper.from_array(np.int64(0))), node("Gather", "s z", "n", axis=0), node("Unsqueeze", "n", "n1", axes=[0]),
                    node("Constant", "", "r", value=numpy_helper.from_array(ints(-1))), node("Concat", "n1 r", "t", axis=0), node("Reshape", "x t", "f"), node("Gemm", "f w b", "y", transB=1)], opset=9,
     constants={"w": floats(3, 120), "b": floats(3)})
save("torch_adaptive", [node("AveragePool", "x", "p", kernel_shape=[3, 5], strides=[3, 5]), node("Flatten", "p", "y")], opset=9)
save("coreml_padding", [node("Pad", "x", "p", pads=[0, 0, 0, 0, 0, 0, 1, 1], mode="constant", value=0.0), node("Conv", "p w b", "c", strides=[2, 2], kernel_shape=[3, 3]), node("Relu", "c", "y")], opset=7,
     constants={"w": floats(3, 4, 3, 3), "b": floats(3)}, answer=None)
save("lightgbm_like_identity", [node("Relu", "x", "r"), node("Identity", "r", "y")], opset=9)
save("focus", [node("Slice", "x a0 b0 ax st", "s1"), node("Slice", "s1 a0 b0 ay st", "q1"), node("Slice", "x a1 b0 ax st", "s2"), node("Slice", "s2 a0 b0 ay st", "q2"),
               node("Concat", "q1 q2", "c", axis=1), node("Conv", "c w", "y")], opset=12, dims=[2, 4, 6, 6],
     constants={"a0": ints(0), "a1": ints(1), "b0": ints(9223372036854775807), "ax": ints(2), "ay": ints(3), "st": ints(2), "w": floats(2, 8, 1, 1)})
save("glu", [node("Split", "x", "a b", axis=1), node("Sigmoid", "b", "s"), node("Mul", "a s", "y")], opset=13)
save("space_to_depth_spelled", [node("Reshape", "x s1", "a"), node("Transpose", "a", "b", perm=[0, 3, 5, 1, 2, 4]), node("Reshape", "b s2", "c"), node("Conv", "c w", "y")], dims=[2, 4, 6, 4],
     constants={"s1": ints(-1, 4, 3, 2, 2, 2), "s2": ints(-1, 16, 3, 2), "w": floats(2, 16, 1, 1)})
save("flatten_by_transpose", [node("Transpose", "x", "t", perm=[0, 2, 3, 1]), node("Reshape", "t s", "f"), node("MatMul", "f w", "y")], constants={"s": ints(-1, 120), "w": floats(120, 3)})
save("tokens", [node("Conv", "x w", "c", strides=[2, 2]), node("Reshape", "c s", "r"), node("Transpose", "r", "t", perm=[0, 2, 1]), node("LayerNormalization", "t g b", "n", axis=-1), node("MatMul", "n k", "m"),
                node("ReduceMean", "m", "y", axes=[1], keepdims=0)], constants={"w": floats(3, 4, 2, 2), "s": ints(0, 3, -1), "g": floats(3), "b": floats(3), "k": floats(3, 5)})
save("grouped_1x1_shuffle_split", [node("Split", "x", "a b", axis=1), node("Conv", "b w", "c", group=2), node("Concat", "a c", "d", axis=1), node("Reshape", "d s1", "e"), node("Transpose", "e", "f", perm=[0, 2, 1, 3, 4]),
                                   node("Reshape", "f s2", "y")], opset=13, constants={"w": floats(2, 1, 1, 1), "s1": ints(-1, 2, 2, 6, 5), "s2": ints(-1, 4, 6, 5)})

save("matrix_from_left", [node("Reshape", "x s", "r"), node("MatMul", "w r", "m"), node("Relu", "m", "y")], constants={"s": ints(0, 4, 30), "w": floats(3, 4)})
save("lrn_even", [node("LRN", "x", "y", size=2, alpha=0.5, beta=0.75, bias=1.5)], opset=13, answer=lambda x: x / (1.5 + 0.25 * (x ** 2 + np.concatenate([x[:, 1:], 0 * x[:, :1]], 1) ** 2)) ** 0.75)
save("reciprocal", [node("Sigmoid", "x", "s"), node("Reciprocal", "s", "y")])
save("number_over_value", [node("Sigmoid", "x", "s"), node("Div", "two s", "y")], constants={"two": scalar(2)})

np.savez_compressed(folder + ".npz", **answers)
