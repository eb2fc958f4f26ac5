"""OpenVINO's side of the benchmarks:

    python3 openvino_predict.py WORK MODEL [--batch N --threads N --seconds S --count N]
    python3 openvino_predict.py version

WORK is Predict1 or PredictBatch; MODEL is a network of torch_models.py, which OpenVINO converts from
PyTorch. It runs on the CPU in float32. A batch is one request, so the hint is always latency: that of
throughput would leave the request a part of the threads. measure.py says what it prints.
"""
import warnings

import numpy as np
import openvino as ov
import openvino.opset8 as ops
import torch
from openvino.frontend.pytorch import ConversionExtension, ModuleExtension

import measure
from torch_models import LRN, MODELS, for_prediction

# PyTorch computes local response normalization by parts; OpenVINO has an operation for it, which is faster.
EXTENSIONS = [
    ModuleExtension(torch.nn.LocalResponseNorm, "bench::lrn", convert=lambda norm, operation, x: operation(x),
                    evaluate=lambda norm, x: torch.zeros_like(x)),
    ConversionExtension("bench::lrn", lambda call: ops.lrn(
        call.get_input(0), np.array([1]), LRN["alpha"], LRN["beta"], LRN["k"], LRN["size"]).outputs()),
]


def prepare(args):
    warnings.simplefilter("ignore")  # of PyTorch, about the way in which OpenVINO reads its networks
    net, x = for_prediction(args.model, args.batch)
    converted = ov.convert_model(net, example_input=x, input=list(x.shape), extension=EXTENSIONS)
    compiled = ov.Core().compile_model(converted, "CPU", {
        "INFERENCE_PRECISION_HINT": "f32", "INFERENCE_NUM_THREADS": args.threads, "PERFORMANCE_HINT": "LATENCY"})
    request = compiled.create_infer_request()
    request.set_input_tensor(ov.Tensor(x.numpy()))
    return lambda: request.infer(share_outputs=True)


if __name__ == "__main__":
    measure.main(measure.arguments(__doc__, MODELS, ["Predict1", "PredictBatch"]), ov.__version__, prepare)
