"""Writes random small graphs of arithmetic, shapes and reductions, with the answers of onnx's reference evaluator:
random_graphs.py FOLDER COUNT SEED (pip install onnx), and then ONNX_RANDOM=FOLDER go test ./onnx -run RandomGraphs."""
import os
import sys
import warnings

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper
from onnx.reference import ReferenceEvaluator

warnings.simplefilter("ignore")
folder, count, seed = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
os.makedirs(folder, exist_ok=True)
rng = np.random.default_rng(seed)


def pick(*options):
    return options[rng.integers(len(options))]


class Graph:
    """A graph whose values are known while it grows, for the input of one batch."""

    def __init__(self, shape, fixed):
        self.x = rng.uniform(-2, 2, shape).astype(np.float32)
        self.values, self.nodes, self.constants, self.fixed, self.n = [("x", self.x)], [], {}, fixed, 0

    def constant(self, a):
        self.n += 1
        name = f"c{self.n}"
        self.constants[name] = np.asarray(a)
        return name

    def add(self, op, inputs, **attributes):
        self.n += 1
        name = f"v{self.n}"
        node = helper.make_node(op, inputs, [name], **attributes)
        known = dict(self.values) | self.constants
        infos = [helper.make_tensor_value_info(i, helper.np_dtype_to_tensor_dtype(known[i].dtype), None) for i in dict.fromkeys(inputs)]
        g = helper.make_graph([node], "g", infos, [helper.make_tensor_value_info(name, TensorProto.FLOAT, None)])
        y = ReferenceEvaluator(helper.make_model(g, opset_imports=[helper.make_opsetid("", 18)])).run(None, {i: known[i] for i in inputs})[0]
        if y.size == 0 or y.size > 4000 or not np.isfinite(y).all() or np.abs(y).max() > 1e6:
            return
        self.nodes.append(node)
        self.values.append((name, y))

    def broadcast_shape(self, shape):
        """A shape that broadcasts with another, at times to a larger one."""
        out = [1 if rng.random() < 0.4 else n for n in shape]
        out = [rng.integers(2, 4) if n == 1 and s == 1 and rng.random() < 0.2 else n for n, s in zip(out, shape)]
        if not self.fixed and out:
            out[0] = 1
        return out[rng.integers(len(out) + 1):] if rng.random() < 0.5 else out

    def step(self):
        name, v = self.values[-1] if rng.random() < 0.7 else self.values[rng.integers(len(self.values))]
        first = 0 if self.fixed else 1
        axes = list(range(first, v.ndim))
        kind = rng.integers(10)
        if kind <= 2:
            c = self.constant(rng.uniform(0.5, 2, self.broadcast_shape(v.shape)).astype(np.float32))
            self.add(pick("Add", "Sub", "Mul", "Div", "Max", "Min"), pick([name, c], [c, name]))
        elif kind == 3:
            other, w = self.values[rng.integers(len(self.values))]
            try:
                np.broadcast_shapes(v.shape, w.shape)
            except ValueError:
                return
            if self.fixed or v.ndim == w.ndim:
                self.add(pick("Add", "Sub", "Mul", "Max", "Min"), [name, other])
        elif kind == 4:
            self.add(pick("Relu", "Sigmoid", "Tanh", "Abs", "Neg", "Softplus"), [name])
        elif kind == 5 and axes:
            over = sorted(rng.permutation(axes)[: rng.integers(1, len(axes) + 1)].tolist())
            self.add(pick("ReduceMean", "ReduceMax", "ReduceSum"), [name, self.constant(np.array(over, np.int64))], keepdims=int(pick(0, 1)))
        elif kind == 6 and axes:
            self.add("Transpose", [name], perm=list(range(first)) + rng.permutation(axes).tolist())
        elif kind == 7 and axes:
            rest = list(v.shape[first:])
            if rng.random() < 0.5 and len(rest) > 1:
                at = rng.integers(len(rest) - 1)
                rest[at:at + 2] = [rest[at] * rest[at + 1]]
            else:
                at = rng.integers(len(rest))
                for d in (2, 3):
                    if rest[at] % d == 0:
                        rest[at:at + 1] = pick([d, rest[at] // d], [rest[at] // d, d])
                        break
            self.add("Reshape", [name, self.constant(np.array(([] if self.fixed else [0]) + rest, np.int64))])
        elif kind == 8 and axes:
            axis = pick(*axes)
            n = v.shape[axis]
            if rng.random() < 0.5:
                b = rng.integers(n)
                e = rng.integers(b, n) + 1
                self.add("Slice", [name] + [self.constant(np.array([i], np.int64)) for i in (b, e, axis)])
            else:
                parts = [name, name] if rng.random() < 0.5 or not self.fixed else [name, self.constant(rng.uniform(-1, 1, v.shape).astype(np.float32))]
                self.add("Concat", parts, axis=int(axis))
        elif kind == 9 and axes:
            op = pick("Softmax", "Gather", "MatMul", "Unsqueeze", "Expand")
            axis = int(pick(*axes))
            if op == "Softmax":
                self.add(op, [name], axis=axis)
            elif op == "Gather":
                self.add(op, [name, self.constant(rng.integers(v.shape[axis], size=rng.integers(1, 4)).astype(np.int64))], axis=axis)
            elif op == "MatMul" and v.ndim > 1:
                batch = [v.shape[-3]] if v.ndim > 3 - first and v.ndim > 2 and rng.random() < 0.4 and (self.fixed or v.ndim > 3) else []
                self.add(op, [name, self.constant(rng.uniform(-1, 1, batch + [v.shape[-1], rng.integers(1, 4)]).astype(np.float32))])
            elif op == "Unsqueeze" and v.ndim < 6:
                self.add(op, [name, self.constant(np.array([axis], np.int64))])
            elif op == "Expand" and v.shape[axis] == 1:
                shape = [1] * v.ndim
                shape[axis] = 3
                self.add(op, [name, self.constant(np.array(shape, np.int64))])


answers, i = {}, 0
while i < count:
    fixed = rng.random() < 0.5
    g = Graph(pick([2, 3, 4, 5], [2, 4, 6, 2], [1, 3, 4, 4], [3, 8]) if not fixed else pick([2, 3, 4, 5], [1, 4, 3, 2], [3, 4], [4, 3, 2], [5]), fixed)
    for _ in range(rng.integers(3, 9)):
        g.step()
    name, y = g.values[-1]
    if not g.nodes or y.ndim < 1 + (not fixed):
        continue
    dims = ["N" if k == 0 and not fixed else n for k, n in enumerate(g.x.shape)]
    graph = helper.make_graph(g.nodes, "random", [helper.make_tensor_value_info("x", TensorProto.FLOAT, dims)],
                              [helper.make_tensor_value_info(name, TensorProto.FLOAT, None)], [numpy_helper.from_array(a, k) for k, a in g.constants.items()])
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=8), os.path.join(folder, f"{i:05}.onnx"))
    answers[f"{i:05}.x"], answers[f"{i:05}.y"] = g.x, y.astype(np.float32)
    i += 1
np.savez(folder + ".npz", **answers)
