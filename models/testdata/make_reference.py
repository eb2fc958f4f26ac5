"""Computes the numbers that reference_test.go holds the networks to:

    python3 make_reference.py > reference.json.gz

The networks are torchvision's, and three that it doesn't have: CIFAR's ResNet-20, EfficientNet-Lite0 and
"plain", a chain of layers. Every parameter, image and label is made by the formula below, so no weights are stored: a reader
makes the same ones. The same PyTorch gives the same file.

The file is gzipped JSON: {"torch", "torchvision", "numbers", "networks", "logits", "training"}:

    numbers   first values of some tensors that the formula makes, for whoever writes it again:
              {"name", "shape", "words", "values"}
    networks  {"name", "trained", "parameters"}: how many numbers are trained, and each parameter's
              {"name", "shape", "trained"} in PyTorch's order. Running statistics are not trained.
              num_batches_tracked is left out.
    logits    {"network", "input", "classes", "logits"}: what the network answers in prediction, float64
    training  {"network", "input", "classes", "batch", "lr", "momentum", "weight_decay", "losses",
              "gradients", "after", "float32"}: steps of SGD in float64. losses has the loss before each
              step; gradients has a digest of every gradient in the first step; after has one of every
              parameter and running statistic after the last. float32 has the losses of PyTorch's own
              float32, and the largest |difference|₂ / |tensor|₂ of its tensors after the last step.

The formula. Elements are numbered in row-major order; integers have 64 bits and wrap:

    word(name, i) = mix(fnv1a(name) + (i+1)·0x9E3779B97F4A7C15)   splitmix64, seeded by the FNV-1a hash
    mix(z)        : z ^= z>>30; z *= 0xBF58476D1CE4E5B9; z ^= z>>27; z *= 0x94D049BB133111EB; z ^= z>>31
    u(name, i)    = (word(name, i) >> 40) / 2²³ - 1               in [-1, 1), exact in float32
    a parameter   : u·√(6/n) for a weight of two or more dimensions, n the product of all but the first
                    (He et al. 2015); 1 + u/4 for other weights, 1 + u/2 for running_var, u/4 for all
                    others; computed in float64, rounded to float32
    images        : u("image", i); in training u("images S", i) for step S, from 0
    labels        : (word("labels S", row) >> 40) mod classes

A digest is {"name", "sum", "squares", "probe", "ends"}: Σx, Σx², Σx·u("probe", i), which sees two values
that change places, and the first and last three values.
"""
import argparse
import gzip
import json
import math
import sys

import numpy as np
import torch
import torchvision
from torch import nn
from torch.nn import functional as F


# The formula --------------------------------------------------------------------------------------------------------

def fnv1a(name):
    h = 0xCBF29CE484222325
    for byte in name.encode():
        h = (h ^ byte) * 0x100000001B3 % 2**64
    return h


def words(name, count):
    z = np.uint64(fnv1a(name)) + np.arange(1, count + 1, dtype=np.uint64) * np.uint64(0x9E3779B97F4A7C15)
    z = (z ^ z >> np.uint64(30)) * np.uint64(0xBF58476D1CE4E5B9)
    z = (z ^ z >> np.uint64(27)) * np.uint64(0x94D049BB133111EB)
    return z ^ z >> np.uint64(31)


def uniform(name, shape):
    u = (words(name, math.prod(shape)) >> np.uint64(40)).astype(np.float64) / 2**23 - 1
    return torch.from_numpy(u.reshape(shape))


def parameter(name, shape):
    u = uniform(name, shape)
    kind = name.rsplit(".")[-1]
    if kind == "weight" and len(shape) > 1:
        u = u * math.sqrt(6 / math.prod(shape[1:]))
    elif kind == "weight":
        u = 1 + u / 4
    elif kind == "running_var":
        u = 1 + u / 2
    else:
        u = u / 4
    return u.float().double()


def labels(name, rows, classes):
    return torch.from_numpy((words(name, rows) >> np.uint64(40)).astype(np.int64) % classes)


# Networks that torchvision doesn't have -----------------------------------------------------------------------------

class Plain(nn.Module):
    """A chain: what a network without branches or normalization can have."""

    def __init__(self, num_classes, channels):
        super().__init__()
        self.conv1 = nn.Conv2d(channels, 8, 5, stride=2, padding=2)
        self.conv2 = nn.Conv2d(8, 12, 3, padding=1, groups=2)
        self.fc1 = nn.Linear(12 * 4 * 4, 20)
        self.fc2 = nn.Linear(20, num_classes)

    def forward(self, x):
        x = F.max_pool2d(F.relu(self.conv1(x)), 3, 2, 1)
        x = F.avg_pool2d(F.relu(self.conv2(x)), 2)
        return self.fc2(F.relu(self.fc1(x.flatten(1))))


class CIFARBlock(nn.Module):
    def __init__(self, before, channels, stride):
        super().__init__()
        self.conv1 = nn.Conv2d(before, channels, 3, stride, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(channels)
        self.conv2 = nn.Conv2d(channels, channels, 3, 1, 1, bias=False)
        self.bn2 = nn.BatchNorm2d(channels)
        self.stride, self.added = stride, channels - before

    def forward(self, x):
        shortcut = F.pad(x[:, :, ::self.stride, ::self.stride], (0, 0, 0, 0, 0, self.added))
        y = F.relu(self.bn1(self.conv1(x)))
        return F.relu(self.bn2(self.conv2(y)) + shortcut)


class ResNet20(nn.Module):
    """He et al. 2015, section 4.2, with n = 3 and shortcuts A: where a block halves the sides and doubles
    the channels, its shortcut takes every second row and column, from the first, and appends channels of
    zeros. It has no parameters. Names are those of torchvision's ResNets; 269,722 parameters with three
    channels and ten classes."""

    def __init__(self, num_classes, channels):
        super().__init__()
        self.conv1 = nn.Conv2d(channels, 16, 3, 1, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(16)
        self.layer1 = nn.Sequential(*[CIFARBlock(16, 16, 1) for _ in range(3)])
        self.layer2 = nn.Sequential(CIFARBlock(16, 32, 2), *[CIFARBlock(32, 32, 1) for _ in range(2)])
        self.layer3 = nn.Sequential(CIFARBlock(32, 64, 2), *[CIFARBlock(64, 64, 1) for _ in range(2)])
        self.fc = nn.Linear(64, num_classes)

    def forward(self, x):
        x = F.relu(self.bn1(self.conv1(x)))
        return self.fc(self.layer3(self.layer2(self.layer1(x))).mean((2, 3)))


class LiteBlock(nn.Module):
    def __init__(self, before, expansion, channels, kernel, stride):
        super().__init__()
        hidden = before * expansion
        if expansion != 1:
            self._expand_conv = nn.Conv2d(before, hidden, 1, bias=False)
            self._bn0 = nn.BatchNorm2d(hidden, eps=1e-3, momentum=0.01)
        self._depthwise_conv = nn.Conv2d(hidden, hidden, kernel, stride, groups=hidden, bias=False)
        self._bn1 = nn.BatchNorm2d(hidden, eps=1e-3, momentum=0.01)
        self._project_conv = nn.Conv2d(hidden, channels, 1, bias=False)
        self._bn2 = nn.BatchNorm2d(channels, eps=1e-3, momentum=0.01)
        self.shortcut = stride == 1 and before == channels

    def forward(self, x):
        y = x
        if hasattr(self, "_expand_conv"):
            y = F.relu6(self._bn0(self._expand_conv(y)))
        y = F.relu6(self._bn1(self._depthwise_conv(same(y, self._depthwise_conv))))
        y = self._bn2(self._project_conv(y))
        return x + y if self.shortcut else y


def same(x, conv):
    """TensorFlow's padding SAME: of an odd number of rows the bottom gets one more than the top."""
    pads = []
    for size, k, s in zip(reversed(x.shape[2:]), reversed(conv.kernel_size), reversed(conv.stride)):
        pad = max(0, (-(-size // s) - 1) * s + k - size)
        pads += [pad // 2, pad - pad // 2]
    return F.pad(x, pads)


class EfficientNetLite0(nn.Module):
    """Names and settings of the package efficientnet_lite_pytorch, without drop-connect."""

    def __init__(self, num_classes, channels):
        super().__init__()
        self._conv_stem = nn.Conv2d(channels, 32, 3, 2, bias=False)
        self._bn0 = nn.BatchNorm2d(32, eps=1e-3, momentum=0.01)
        blocks, before = [], 32
        for kernel, stride, expansion, after, count in [(3, 1, 1, 16, 1), (3, 2, 6, 24, 2), (5, 2, 6, 40, 2), (3, 2, 6, 80, 3),
                                                        (5, 1, 6, 112, 3), (5, 2, 6, 192, 4), (3, 1, 6, 320, 1)]:
            for i in range(count):
                blocks.append(LiteBlock(before, expansion, after, kernel, 1 if i else stride))
                before = after
        self._blocks = nn.ModuleList(blocks)
        self._conv_head = nn.Conv2d(320, 1280, 1, bias=False)
        self._bn1 = nn.BatchNorm2d(1280, eps=1e-3, momentum=0.01)
        self._fc = nn.Linear(1280, num_classes)

    def forward(self, x):
        x = F.relu6(self._bn0(self._conv_stem(same(x, self._conv_stem))))
        for block in self._blocks:
            x = block(x)
        return self._fc(F.relu6(self._bn1(self._conv_head(x))).mean((2, 3)))


# Networks -----------------------------------------------------------------------------------------------------------

OURS = {"plain": Plain, "resnet20": ResNet20, "efficientnet_lite0": EfficientNetLite0}
USUAL = {"efficientnet_lite0": 1000}  # classes, if not 10
TRAINED = {"resnet18": 11_689_512, "resnet34": 21_797_672, "resnet50": 25_557_032, "squeezenet1_0": 1_248_424, "squeezenet1_1": 1_235_496,
           "efficientnet_lite0": 4_652_008, "mobilenet_v2": 3_504_872, "googlenet": 6_624_904, "resnet20": 269_722, "plain": 5_122}


def network(name, shape=(3, 32, 32), classes=None):
    """The network with the formula's parameters, in float64; without classes it has its usual number."""
    if name in OURS:
        net = OURS[name](classes or USUAL.get(name, 10), shape[0])
    else:
        options = {"aux_logits": False, "init_weights": False} if name == "googlenet" else {}
        net = getattr(torchvision.models, name)(weights=None, num_classes=classes or 1000, **options)
    net = net.double()
    with torch.no_grad():
        for key, value in tensors(net):
            value.copy_(parameter(key, value.shape))
    return net


def tensors(net):
    """Parameters and running statistics in PyTorch's order."""
    return [(k, v) for k, v in net.state_dict().items() if not k.endswith("num_batches_tracked")]


def table(name):
    net = network(name)
    trained = {k for k, _ in net.named_parameters()}
    count = sum(p.numel() for p in net.parameters())
    assert count == TRAINED[name], f"{name} has {count} parameters, want {TRAINED[name]}"
    parameters = [{"name": k, "shape": list(v.shape), "trained": k in trained} for k, v in tensors(net)]
    return {"name": name, "trained": count, "parameters": parameters}


def logits(name, images, shape, classes):
    with torch.no_grad():
        y = network(name, shape, classes).eval()(uniform("image", (images, *shape)))
    print(f"{name} {shape}: logits of {y.std():.3g} about {y.mean():.3g}", file=sys.stderr)
    return {"network": name, "input": list(shape), "classes": classes, "logits": y.tolist()}


# Training -----------------------------------------------------------------------------------------------------------

# The rates of the residual networks are small. In float32 a ReLU's input near 0 may round to the other side,
# which changes a gradient by some thousandths. At larger rates that grows from step to step, and float32
# is no longer within 1e-4 of float64.
STEPS = 5


def training(name, shape, classes, batch, lr, momentum=0.9, weight_decay=1e-4):
    losses, gradients, after = train(torch.float64, name, shape, classes, batch, lr, momentum, weight_decay)
    rough, _, rounded = train(torch.float32, name, shape, classes, batch, lr, momentum, weight_decay)
    far, worst = max((((b.double() - a).norm() / a.norm()).item(), k) for (k, a), (_, b) in zip(after, rounded))
    print(f"{name} {shape}: losses {losses}; float32 is off by {far:.2g} in {worst}", file=sys.stderr)
    return {"network": name, "input": list(shape), "classes": classes, "batch": batch,
            "lr": lr, "momentum": momentum, "weight_decay": weight_decay, "losses": losses,
            "gradients": [digest(k, v) for k, v in gradients], "after": [digest(k, v) for k, v in after],
            "float32": {"losses": rough, "off": far}}


def train(dtype, name, shape, classes, batch, lr, momentum, weight_decay):
    """The loss before every step, the gradients of the first, and what all tensors are after the last."""
    net = network(name, shape, classes).to(dtype).train()
    sgd = torch.optim.SGD(net.parameters(), lr=lr, momentum=momentum, weight_decay=weight_decay)
    losses, gradients = [], []
    for step in range(STEPS):
        x = uniform(f"images {step}", (batch, *shape)).to(dtype)
        sgd.zero_grad()
        loss = F.cross_entropy(net(x), labels(f"labels {step}", batch, classes))
        loss.backward()
        gradients = gradients or [(k, p.grad.clone()) for k, p in net.named_parameters()]
        losses.append(loss.item())
        sgd.step()
    return losses, gradients, tensors(net)


def digest(name, tensor):
    x = tensor.detach().double().flatten()
    return {"name": name, "sum": x.sum().item(), "squares": (x * x).sum().item(),
            "probe": (x * uniform("probe", x.shape)).sum().item(), "ends": torch.cat([x[:3], x[-3:]]).tolist()}


# The file -----------------------------------------------------------------------------------------------------------

def numbers():
    for name, shape in [("conv1.weight", (64, 3, 7, 7)), ("layer1.0.conv1.weight", (16, 16, 3, 3)),
                        ("fc.weight", (10, 64)), ("bn1.weight", (16,)), ("bn1.bias", (16,)),
                        ("bn1.running_mean", (16,)), ("bn1.running_var", (16,))]:
        yield {"name": name, "shape": shape, "words": [f"{w:016x}" for w in words(name, 4)],
               "values": parameter(name, shape).flatten()[:4].tolist()}


def everything():
    small = (3, 64, 64)
    return {
        "torch": torch.__version__,
        "torchvision": torchvision.__version__,
        "numbers": list(numbers()),
        "networks": [table(name) for name in TRAINED],
        "logits": [
            logits("plain", 2, (3, 32, 32), 10),
            logits("resnet20", 2, (3, 32, 32), 10),
            logits("resnet20", 2, (1, 28, 28), 10),
            *[logits(name, 2, small, 1000) for name in TRAINED if name not in OURS],
            logits("efficientnet_lite0", 2, (3, 64, 64), 1000),
            logits("efficientnet_lite0", 1, (3, 75, 75), 7),
            logits("resnet18", 1, (3, 224, 224), 1000),
            logits("googlenet", 1, (3, 75, 90), 7),
        ],
        "training": [
            training("plain", (3, 32, 32), 10, batch=8, lr=0.1),
            training("resnet20", (3, 32, 32), 10, batch=16, lr=0.002),
            training("resnet18", small, 10, batch=8, lr=0.0005),
        ],
    }


def main():
    argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter).parse_args()
    torch.set_num_threads(1)  # one thread keeps the order of every sum the same
    text = json.dumps(everything(), separators=(",", ":"))
    sys.stdout.buffer.write(gzip.compress(text.encode(), 9, mtime=0))


if __name__ == "__main__":
    main()
