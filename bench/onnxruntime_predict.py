"""ONNX Runtime's side of the benchmarks:

    python3 onnxruntime_predict.py WORK MODEL [--batch N --threads N --seconds S --count N]
    python3 onnxruntime_predict.py version

WORK is Predict1 or PredictBatch; MODEL is a network of torch_models.py, which PyTorch exports to ONNX.
It runs on the CPU in float32, with its input and output in place. measure.py says what it prints.
"""
import io
import warnings

import onnxruntime
import torch

import measure
from torch_models import LRN, MODELS, for_prediction


class Norm(torch.autograd.Function):
    """Local response normalization as ONNX's own operation: PyTorch exports it by parts, which are slower."""

    @staticmethod
    def forward(context, x):
        return torch.zeros_like(x)

    @staticmethod
    def symbolic(graph, x):
        return graph.op("LRN", x, size_i=LRN["size"], alpha_f=LRN["alpha"], beta_f=LRN["beta"],
                        bias_f=LRN["k"]).setType(x.type())


def exported(net, x):
    torch.nn.LocalResponseNorm.forward = lambda norm, x: Norm.apply(x)
    file = io.BytesIO()
    torch.onnx.export(net, (x,), file, input_names=["x"], output_names=["y"], dynamo=False)
    return file.getvalue()


def prepare(args):
    warnings.simplefilter("ignore")  # of PyTorch, about its older exporter, which needs no further package
    net, x = for_prediction(args.model, args.batch)
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads, options.inter_op_num_threads = args.threads, 1
    session = onnxruntime.InferenceSession(exported(net, x), options, providers=["CPUExecutionProvider"])
    bound = session.io_binding()
    bound.bind_cpu_input("x", x.numpy())
    bound.bind_output("y")
    return lambda: session.run_with_iobinding(bound)


if __name__ == "__main__":
    measure.main(measure.arguments(__doc__, MODELS, ["Predict1", "PredictBatch"]), onnxruntime.__version__, prepare)
