"""Checks layers.onnx, which the Go test writes with -update, with onnx's
checker, and puts onnxruntime's answers to a random input into layers.npz
(pip install onnx onnxruntime)."""
import numpy as np
import onnx
import onnxruntime

onnx.checker.check_model(onnx.load("layers.onnx"), full_check=True)
session = onnxruntime.InferenceSession("layers.onnx")
x = np.random.default_rng(1).normal(size=(3, 2, 9, 9)).astype(np.float32)
for batch in (1, 3):
    logits, probabilities = session.run(["logits", "probabilities"], {"input": x[:batch]})
np.savez("layers.npz", x=x, logits=logits, probabilities=probabilities)

# Every kind of layer: kinds/*.onnx, which the Go test writes, too.
import glob, os
answers = {}
for path in sorted(glob.glob("kinds/*.onnx")):
    kind = os.path.basename(path)[:-5]
    onnx.checker.check_model(onnx.load(path), full_check=True)
    session = onnxruntime.InferenceSession(path)
    x = np.random.default_rng(2).normal(size=(2, 4, 6, 5)).astype(np.float32)
    answers[kind + ".x"] = x
    answers[kind + ".y"] = session.run(None, {"input": x})[-1]
np.savez("kinds.npz", **answers)
