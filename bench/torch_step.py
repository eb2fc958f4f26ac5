"""PyTorch's side of the benchmarks:

    python3 torch_step.py WORK MODEL [--batch N --threads N --seconds S --count N --channels-last --compile]
    python3 torch_step.py version

WORK is TrainStep (forward, backward, optimizer), Predict1 or PredictBatch (forward in inference
mode); MODEL is SimpleConvNet, LeNet, AlexNet, ResNet20 or ResNet18 (which needs torchvision). The
data are random float32 in memory; PyTorch runs in eager mode with its defaults, unless told to take
channels last or to compile.

It measures like `go test -bench -benchtime S -count N` and prints JSON: ms, N measurements, each the
mean time of a run over S seconds; cpu_ms, the same in processor time; peak_mb, the process's peak memory without importing PyTorch.
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


class Block(nn.Module):
    """The block of a ResNet for CIFAR; its shortcut takes every other pixel and adds empty channels."""

    def __init__(self, inputs, outputs, stride):
        super().__init__()
        self.widen = (outputs - inputs) // 2
        self.stride = stride
        self.layers = nn.Sequential(nn.Conv2d(inputs, outputs, 3, stride, 1, bias=False), nn.BatchNorm2d(outputs), nn.ReLU(),
                                    nn.Conv2d(outputs, outputs, 3, 1, 1, bias=False), nn.BatchNorm2d(outputs))

    def forward(self, x):
        y = self.layers(x)
        if self.stride > 1:
            x = F.pad(x[:, :, ::self.stride, ::self.stride], (0, 0, 0, 0, self.widen, self.widen))
        return F.relu(y + x)


def resnet20():
    layers, inputs = [nn.Conv2d(3, 16, 3, 1, 1, bias=False), nn.BatchNorm2d(16), nn.ReLU()], 16
    for outputs in 16, 32, 64:
        for i in range(3):
            layers.append(Block(inputs, outputs, 2 if i == 0 and outputs > 16 else 1))
            inputs = outputs
    return nn.Sequential(*layers, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(64, 10))


def resnet18():
    import torchvision
    return torchvision.models.resnet18()


def adam(parameters):
    return torch.optim.Adam(parameters, lr=1e-3)


def sgd_momentum(parameters):
    return torch.optim.SGD(parameters, lr=0.01, momentum=0.9, weight_decay=5e-4)


MODELS = {  # constructor, shape of an image, classes, optimizer
    "SimpleConvNet": (simple_conv_net, (1, 28, 28), 10, adam),
    "LeNet": (lenet, (1, 28, 28), 10, adam),
    "AlexNet": (alexnet, (3, 227, 227), 1000, sgd_momentum),
    "ResNet20": (resnet20, (3, 32, 32), 10, sgd_momentum),
    "ResNet18": (resnet18, (3, 224, 224), 1000, sgd_momentum),
}


def placed(net, x, channels_last, compiled):
    if channels_last:
        net, x = net.to(memory_format=torch.channels_last), x.contiguous(memory_format=torch.channels_last)
    return torch.compile(net) if compiled else net, x


def training_step(model, batch, channels_last, compiled):
    make, shape, classes, optimizer = MODELS[model]
    net, x = placed(make(), torch.randn(batch, *shape), channels_last, compiled)
    t = torch.randint(0, classes, (batch,))
    opt = optimizer(net.parameters())

    def step():
        opt.zero_grad(set_to_none=True)
        F.cross_entropy(net(x), t).backward()
        opt.step()
    return step


def prediction(model, batch, channels_last, compiled):
    make, shape, _, _ = MODELS[model]
    net, x = placed(make().eval(), torch.randn(batch, *shape), channels_last, compiled)

    def predict():
        with torch.inference_mode():
            net(x)
    return predict


def mean_ms(work, runs):
    return mean_times(work, runs)[0]


def mean_times(work, runs):
    """The means of a run's time and processor time, in ms."""
    start, cpu = time.perf_counter(), time.process_time()
    for _ in range(runs):
        work()
    return (time.perf_counter() - start) * 1e3 / runs, (time.process_time() - cpu) * 1e3 / runs


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
    parser.add_argument("--channels-last", action="store_true")
    parser.add_argument("--compile", action="store_true")
    args = parser.parse_args()
    if args.work == "version":
        print(json.dumps({"version": torch.__version__}))
        return

    torch.set_num_threads(args.threads)
    torch.manual_seed(0)
    imported = peak_mb()
    work = (training_step if args.work == "TrainStep" else prediction)(
        args.model, args.batch, args.channels_last, args.compile)
    mean_ms(work, 2)  # the first runs choose kernels and fill caches
    runs = max(1, math.ceil(args.seconds * 1e3 / mean_ms(work, 2)))
    times = [mean_times(work, runs) for _ in range(args.count)]
    print(json.dumps({"ms": [ms for ms, _ in times], "cpu_ms": [cpu for _, cpu in times], "peak_mb": peak_mb() - imported}))


if __name__ == "__main__":
    main()
