"""PyTorch's side of the benchmarks:

    python3 torch_step.py WORK MODEL [--batch N --threads N --seconds S --count N]
    python3 torch_step.py version

WORK is TrainStep (forward, backward, optimizer), Predict1 or PredictBatch (forward in inference
mode); MODEL is SimpleConvNet, LeNet or AlexNet. The data are random float32 in memory; PyTorch runs
in eager mode with its defaults.

It measures like `go test -bench -benchtime S -count N` and prints JSON: ms, N measurements, each the
mean time of a run over S seconds; peak_mb, the process's peak memory without importing PyTorch.
"""
import argparse
import json
import math
import resource
import sys
import time

import torch
import torch.nn as nn
import torch.nn.functional as F


def simple_conv_net():
    return nn.Sequential(nn.Conv2d(1, 30, 5), nn.ReLU(), nn.MaxPool2d(2), nn.Flatten(),
                         nn.Linear(4320, 100), nn.ReLU(), nn.Linear(100, 10))


def lenet():
    return nn.Sequential(nn.Conv2d(1, 6, 5, padding=2), nn.Sigmoid(), nn.AvgPool2d(2),
                         nn.Conv2d(6, 16, 5), nn.Sigmoid(), nn.AvgPool2d(2), nn.Flatten(),
                         nn.Linear(400, 120), nn.Sigmoid(), nn.Linear(120, 84), nn.Sigmoid(), nn.Linear(84, 10))


def alexnet():
    def norm():  # PyTorch divides alpha by the window's size: the paper's 1e-4 is 5e-4 here
        return nn.LocalResponseNorm(5, alpha=5e-4, beta=0.75, k=2)
    return nn.Sequential(nn.Conv2d(3, 96, 11, 4), nn.ReLU(), norm(), nn.MaxPool2d(3, 2),
                         nn.Conv2d(96, 256, 5, padding=2, groups=2), nn.ReLU(), norm(), nn.MaxPool2d(3, 2),
                         nn.Conv2d(256, 384, 3, padding=1), nn.ReLU(),
                         nn.Conv2d(384, 384, 3, padding=1, groups=2), nn.ReLU(),
                         nn.Conv2d(384, 256, 3, padding=1, groups=2), nn.ReLU(), nn.MaxPool2d(3, 2), nn.Flatten(),
                         nn.Linear(9216, 4096), nn.ReLU(), nn.Dropout(), nn.Linear(4096, 4096), nn.ReLU(), nn.Dropout(),
                         nn.Linear(4096, 1000))


def adam(parameters):
    return torch.optim.Adam(parameters, lr=1e-3)


def sgd_momentum(parameters):
    return torch.optim.SGD(parameters, lr=0.01, momentum=0.9, weight_decay=5e-4)


MODELS = {  # constructor, shape of an image, classes, optimizer
    "SimpleConvNet": (simple_conv_net, (1, 28, 28), 10, adam),
    "LeNet": (lenet, (1, 28, 28), 10, adam),
    "AlexNet": (alexnet, (3, 227, 227), 1000, sgd_momentum),
}


def training_step(model, batch):
    make, shape, classes, optimizer = MODELS[model]
    net = make()
    x, t = torch.randn(batch, *shape), torch.randint(0, classes, (batch,))
    opt = optimizer(net.parameters())

    def step():
        opt.zero_grad(set_to_none=True)
        F.cross_entropy(net(x), t).backward()
        opt.step()
    return step


def prediction(model, batch):
    make, shape, _, _ = MODELS[model]
    net, x = make().eval(), torch.randn(batch, *shape)

    def predict():
        with torch.inference_mode():
            net(x)
    return predict


def mean_ms(work, runs):
    start = time.perf_counter()
    for _ in range(runs):
        work()
    return (time.perf_counter() - start) * 1e3 / runs


def peak_mb():
    unit = 1 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit / 1e6


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("work", choices=["TrainStep", "Predict1", "PredictBatch", "version"])
    parser.add_argument("model", nargs="?", choices=MODELS, default="SimpleConvNet")
    parser.add_argument("--batch", type=int, default=100)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--seconds", type=float, default=0.5)
    parser.add_argument("--count", type=int, default=5)
    args = parser.parse_args()
    if args.work == "version":
        print(json.dumps({"version": torch.__version__}))
        return

    torch.set_num_threads(args.threads)
    torch.manual_seed(0)
    imported = peak_mb()
    work = (training_step if args.work == "TrainStep" else prediction)(args.model, args.batch)
    mean_ms(work, 2)  # the first runs choose kernels and fill caches
    runs = max(1, math.ceil(args.seconds * 1e3 / mean_ms(work, 2)))
    ms = [mean_ms(work, runs) for _ in range(args.count)]
    print(json.dumps({"ms": ms, "peak_mb": peak_mb() - imported}))


if __name__ == "__main__":
    main()
