"""Computes the numbers that reference_test.go holds the ops to: python3 make_reference.py > reference.json.gz

Every case is one op on one geometry, in float64: its inputs, its output y, a random gradient dy of the output, and what PyTorch's autograd
makes of it for every input. Nothing here is drawn from a clock or from PyTorch's generator, so the same PyTorch gives the same file.

The file is gzipped JSON: {"torch": version, "cases": [case…]}. A case holds the op's name and arguments and

    inputs  the op's operands in the order of its Go constructor, each {"shape": […], "data": […]} in row-major order
    y, dy   the output and its gradient; a scalar has the empty shape
    grads   one gradient per input, null where there is none (a label)
    statistics  of BatchNorm: what goes into the running mean and variance

Inputs are small multiples of 1/4 (short in the file, exact in float32) or, in every third case, numbers of two decimals (their sums round).
"""
import argparse
import gzip
import itertools
import json
import math
import random
import sys

import torch
import torch.nn.functional as F


# Numbers ------------------------------------------------------------------------------------------------------------------------------

class Draw:
    """Tensors of a case. Seeded with the case's place, so that a case doesn't change when another is added behind it."""

    def __init__(self, op, index):
        self.random = random.Random(f"{op} {index}")
        self.decimals = index % 3 == 2

    def number(self):
        return self.random.randint(-300, 300) / 100 if self.decimals else self.random.randint(-12, 12) / 4

    def tensor(self, *shape):
        return torch.tensor([self.number() for _ in range(math.prod(shape))], dtype=torch.float64).reshape(shape)

    def distinct(self, *shape, below=None):
        """No two values of a plane are equal, so that the largest of a window is one place only; all are below the given number, if any."""
        *planes, height, width = shape
        steps = [i - height * width // 2 for i in range(height * width)]
        if below is not None:
            steps = [4 * below - 1 - i for i in range(height * width)]
        values = [step / 4 for _ in range(math.prod(planes)) for step in self.random.sample(steps, len(steps))]
        return torch.tensor(values, dtype=torch.float64).reshape(shape)

    def labels(self, rows, classes):
        return torch.tensor([self.random.randrange(classes) for _ in range(rows)], dtype=torch.float64)

    def distributions(self, rows, classes):
        """Rows of eighths that sum to 1."""
        t = torch.zeros(rows, classes, dtype=torch.float64)
        for row, _ in itertools.product(range(rows), range(8)):
            t[row, self.random.randrange(classes)] += 1 / 8
        return t


# Ops: each takes its arguments and its inputs, and is differentiated by autograd --------------------------------------------------------

def conv2d(x, w, b, stride, pad, dilation, groups):
    return F.conv2d(x, w, b, stride, pad, dilation, groups)


def uneven_conv2d(x, w, b=None, *, stride, padBegin, padEnd, dilation, groups):
    return F.conv2d(F.pad(x, sides(padBegin, padEnd)), w, b, stride, 0, dilation, groups)


def sides(begin, end):
    """Pads of height and width in the order of F.pad."""
    return begin[1], end[1], begin[0], end[0]


def partial_conv2d(x, w, b, connections, stride, pad):
    """The kernels w (connections, kh, kw) put where they belong in a full weight that is zero elsewhere."""
    places = [(k, c) for k, inputs in enumerate(connections) for c in inputs]
    full = torch.zeros(len(connections), x.shape[1], *w.shape[1:], dtype=w.dtype)
    full = full.index_put(tuple(torch.tensor(p) for p in zip(*places)), w)
    return F.conv2d(x, full, b, stride, pad)


def max_pool2d(x, kernel, stride, pad):
    """Padded by hand: PyTorch refuses pads above half the kernel."""
    return F.max_pool2d(F.pad(x, (pad[1], pad[1], pad[0], pad[0]), value=-math.inf), kernel, stride)


def avg_pool2d(x, kernel, stride, pad):
    """Padded by hand for the same reason; equals count_include_pad=True."""
    return F.avg_pool2d(F.pad(x, (pad[1], pad[1], pad[0], pad[0])), kernel, stride)


def any_max_pool2d(x, kernel, stride, pad, dilation, ceil):
    return F.max_pool2d(x, kernel, stride, pad, dilation, ceil_mode=ceil)


def any_avg_pool2d(x, kernel, stride, pad, ceil, excludePad):
    return F.avg_pool2d(x, kernel, stride, pad, ceil_mode=ceil, count_include_pad=not excludePad)


def uneven_max_pool2d(x, kernel, stride, padBegin, padEnd, dilation):
    return F.max_pool2d(F.pad(x, sides(padBegin, padEnd), value=-math.inf), kernel, stride, 0, dilation)


def uneven_avg_pool2d(x, kernel, stride, padBegin, padEnd, excludePad):
    y = F.avg_pool2d(F.pad(x, sides(padBegin, padEnd)), kernel, stride)
    if excludePad:
        y = y / F.avg_pool2d(F.pad(torch.ones_like(x), sides(padBegin, padEnd)), kernel, stride)
    return y


def subsample2d(x, coefficient, bias, kernel, stride, pad):
    sums = avg_pool2d(x, kernel, stride, pad) * (kernel[0] * kernel[1])
    return sums * coefficient[:, None, None] + bias[:, None, None]


def lrn(x, size, k, alpha, beta):
    """Krizhevsky et al. 2012: alpha multiplies the plain sum of squares. PyTorch divides its own by the window's size."""
    return F.local_response_norm(x, size, alpha=alpha * size, beta=beta, k=k)


def softmax_cross_entropy(x, target):
    return F.cross_entropy(x, target.long() if target.dim() == 1 else target)


def weighted_cross_entropy(x, target):
    return -(target * F.log_softmax(x, dim=1)).sum() / len(x)


def affine(x, w, b=None):
    return F.linear(x.flatten(1), w, b)


def softmax(x):
    return F.softmax(x, dim=1)


def log_softmax(x):
    return F.log_softmax(x, dim=1)


def batch_norm(x, weight, bias, eps):
    return F.batch_norm(x, None, None, weight, bias, training=True, eps=eps)


def batch_statistics(x):
    """What batch normalization adds to the running mean and variance, all of it with momentum 1."""
    mean, variance = torch.zeros(x.shape[1], dtype=x.dtype), torch.zeros(x.shape[1], dtype=x.dtype)
    F.batch_norm(x, mean, variance, training=True, momentum=1)
    return mean, variance


def frozen_batch_norm(x, weight, bias, mean, variance, eps):
    return F.batch_norm(x, mean, variance, weight, bias, training=False, eps=eps)


def group_norm(x, weight, bias, groups, eps):
    return F.group_norm(x, groups, weight, bias, eps)


def instance_norm(x, weight, bias, groups, eps):
    """GroupNorm with a group for each channel."""
    return F.instance_norm(x, weight=weight, bias=bias, eps=eps)


def layer_norm(x, weight, bias, eps):
    """Over axis 1, which PyTorch's own takes last."""
    return F.layer_norm(x.movedim(1, -1), (x.shape[1],), weight, bias, eps).movedim(-1, 1)


def scaled_tanh(x, a, b):
    return a * torch.tanh(b * x)


def add(*terms):
    return sum(terms[1:], terms[0])


def multiply(x, gate):
    return x * gate if x.dim() == gate.dim() else x * gate[:, :, None, None]


def scale_shift(x, w, b=None):
    return x * w if b is None else x * w + b


def take(x, axis, indices):
    return x.index_select(axis, torch.tensor(indices))


def rearrange(x, dims, order, shape):
    return x.reshape(len(x), *dims).permute(0, *[axis + 1 for axis in order]).reshape(len(x), *shape)


def resample(x, rows, columns):
    """The taps put where they belong in a matrix for each axis."""
    def matrix(lines, n):
        m = torch.zeros(len(lines), n, dtype=x.dtype)
        for i, taps in enumerate(lines):
            for tap in taps:
                m[i, tap["index"]] += tap["weight"]
        return m
    return matrix(rows, x.shape[2]) @ x @ matrix(columns, x.shape[3]).T


def concat(*inputs):
    return torch.cat(inputs, dim=1)


def channel_slice(x, channels):
    return x[:, channels[0]:channels[1]]


def channel_shuffle(x, groups):
    return F.channel_shuffle(x, groups)


def pad_planes(x, border, value):
    top, bottom, left, right = border
    return F.pad(x, (left, right, top, bottom), value=value)


def global_avg_pool(x):
    return F.adaptive_avg_pool2d(x, 1)


def global_max_pool(x):
    return F.adaptive_max_pool2d(x, 1)


def hard_sigmoid(x, alpha, beta):
    """F.hardsigmoid divides its gradient by 6 in float32 even where x is float64."""
    return F.hardtanh(alpha * x + beta, 0, 1)


def softplus(x):
    """PyTorch takes x itself above a threshold; ours is exact."""
    return F.softplus(x, threshold=700)


def functions():
    """op, function, arguments: activations of one variable."""
    yield "ReLU", torch.relu, {}
    yield "Sigmoid", torch.sigmoid, {}
    yield "Tanh", scaled_tanh, {"a": 1, "b": 1}
    yield "Tanh", scaled_tanh, {"a": 1.7159, "b": 2 / 3}
    for alpha in (0.01, 0.25, 0):
        yield "LeakyReLU", lambda x, alpha: F.leaky_relu(x, alpha), {"alpha": alpha}
    for low, high in ((0, 6), (-1, 1), (-0.25, 20)):
        yield "Clip", lambda x, low, high: F.hardtanh(x, low, high), {"low": low, "high": high}
    for alpha in (1, 0.5, 0):
        yield "ELU", lambda x, alpha: F.elu(x, alpha), {"alpha": alpha}
    yield "SELU", F.selu, {}
    for alpha in (1, 2, 0.25):
        yield "CELU", lambda x, alpha: F.celu(x, alpha), {"alpha": alpha}
    for alpha, beta in ((1 / 6, 1 / 2), (0.25, 0.5), (0.5, -1)):
        yield "HardSigmoid", hard_sigmoid, {"alpha": alpha, "beta": beta}
    yield "Softsign", F.softsign, {}
    yield "Erf", torch.erf, {}
    yield "SiLU", F.silu, {}
    yield "HardSwish", F.hardswish, {}
    yield "Mish", F.mish, {}
    yield "GELU", F.gelu, {}
    yield "GELUTanh", lambda x: F.gelu(x, approximate="tanh"), {}
    yield "Softplus", softplus, {}


# Where activations have kinks, next to them, where their powers overflow, and between; exact in float32.
KINKS = [-1000, -100, -88.75, -40, -20.5, -20, -12, -6.125, -4.5, -3 - 2**-12, -3, -3 + 2**-12, -2, -1.278564453125, -1, -0.25, -2**-20, 0,
         2**-20, 0.0625, 0.25, 1, 2, 3 - 2**-12, 3, 3 + 2**-12, 4.5, 6 - 2**-12, 6, 6 + 2**-12, 12, 15.5, 20, 20.5, 40, 88.75, 100, 1000]


# Geometries ---------------------------------------------------------------------------------------------------------------------------

def conv_geometries():
    """x shape, out channels, kernel, stride, pad, dilation, groups."""
    one, none = (1, 1), (0, 0)
    yield (2, 1, 6, 6), 2, (3, 3), one, none, one, 1
    yield (1, 1, 28, 9), 3, (5, 5), one, none, one, 1  # batch 1, the book's kernel
    yield (2, 3, 5, 7), 4, (1, 1), one, none, one, 1  # 1x1
    yield (2, 3, 7, 5), 4, (1, 1), (2, 3), none, one, 1  # stride above the kernel
    yield (2, 2, 9, 11), 3, (2, 2), (3, 4), none, one, 1
    yield (2, 2, 10, 10), 3, (3, 3), (5, 5), (1, 1), one, 1
    yield (3, 4, 3, 5), 6, (3, 5), one, none, one, 1  # kernel = input
    yield (2, 4, 3, 3), 5, (3, 3), (2, 2), none, one, 1
    yield (1, 1, 1, 1), 1, (1, 1), one, none, one, 1  # the smallest there is
    yield (1, 2, 1, 1), 2, (3, 3), one, (1, 1), one, 1  # mostly padding
    yield (1, 1, 2, 2), 2, (5, 5), one, (2, 2), one, 1
    yield (2, 2, 5, 5), 2, (3, 3), one, (3, 4), one, 1  # windows in nothing but padding
    yield (2, 2, 7, 8), 3, (3, 3), one, (1, 1), one, 1  # same size
    yield (2, 2, 7, 8), 3, (3, 3), one, (2, 0), one, 1  # pads apart
    yield (2, 2, 7, 8), 3, (3, 3), one, (0, 2), one, 1
    yield (2, 2, 8, 7), 3, (2, 4), (2, 1), (1, 2), one, 1
    yield (2, 2, 7, 7), 3, (3, 3), (2, 2), none, one, 1
    yield (2, 2, 8, 8), 3, (3, 3), (2, 2), none, one, 1  # the last row and column are never read
    yield (2, 2, 8, 9), 3, (3, 2), (3, 2), (1, 1), one, 1
    yield (2, 2, 9, 9), 3, (3, 3), one, none, (2, 2), 1  # dilation
    yield (2, 2, 9, 10), 3, (3, 2), one, (2, 1), (2, 3), 1
    yield (1, 2, 11, 9), 3, (3, 3), (2, 1), (1, 2), (3, 2), 1
    yield (1, 1, 13, 7), 2, (4, 1), (3, 2), (2, 0), (3, 1), 1
    yield (1, 1, 31, 31), 2, (11, 11), (4, 4), none, one, 1  # AlexNet's first layer, small
    yield (1, 3, 19, 15), 4, (11, 11), (4, 4), (2, 2), one, 1
    yield (2, 3, 8, 8), 17, (3, 3), one, none, one, 1  # out channels beyond a vector's width
    yield (1, 1, 6, 41), 2, (3, 3), one, none, one, 1  # long rows
    yield (1, 1, 41, 6), 2, (3, 3), one, (1, 1), one, 1
    yield (5, 2, 4, 4), 3, (2, 2), one, none, one, 1  # more images
    yield (1, 17, 4, 4), 2, (3, 3), one, (1, 1), one, 1
    yield (2, 4, 6, 6), 6, (3, 3), one, (1, 1), one, 2  # groups
    yield (2, 6, 5, 5), 3, (3, 3), one, none, one, 3
    yield (1, 4, 9, 9), 4, (5, 5), one, (2, 2), one, 2
    yield (2, 6, 7, 6), 9, (3, 2), (2, 1), (1, 0), one, 3
    yield (2, 4, 7, 7), 8, (1, 1), one, none, one, 4
    yield (1, 4, 8, 8), 4, (3, 3), one, none, (2, 2), 2
    yield (2, 3, 6, 6), 3, (3, 3), one, (1, 1), one, 3  # depthwise
    yield (2, 5, 7, 6), 5, (3, 3), (2, 2), (1, 1), one, 5
    yield (2, 3, 6, 5), 6, (2, 3), one, none, one, 3  # depthwise, two outputs a channel
    yield (1, 4, 5, 5), 8, (5, 5), one, none, one, 4
    draw = random.Random("conv geometries")
    for _ in range(40):
        yield random_conv(draw)


def random_conv(draw):
    groups = draw.choice((1, 1, 2, 3))
    in_channels, out_channels = groups * draw.randint(1, 3), groups * draw.randint(1, 3)
    kernel = [draw.randint(1, 4) for _ in range(2)]
    dilation = [draw.randint(1, 2) for _ in range(2)]
    pad = [draw.randint(0, 3) for _ in range(2)]
    size = [max(draw.randint(4, 10), d * (k - 1) + 1 - 2 * p) for k, d, p in zip(kernel, dilation, pad)]
    stride = [draw.randint(1, 4) for _ in range(2)]
    return (draw.randint(1, 3), in_channels, *size), out_channels, kernel, stride, pad, dilation, groups


def pool_geometries(name, extra):
    """x shape, kernel, stride, pad."""
    none = (0, 0)
    yield (2, 2, 6, 6), (2, 2), (2, 2), none
    yield (1, 1, 7, 9), (2, 2), (2, 2), none  # a row and a column are left over
    yield (2, 2, 7, 7), (3, 3), (2, 2), none  # overlapping, as in AlexNet
    yield (1, 3, 8, 6), (3, 3), (1, 1), none
    yield (2, 1, 9, 10), (2, 3), (4, 4), none  # stride above the kernel
    yield (2, 2, 5, 4), (5, 4), (5, 4), none  # kernel = input
    yield (2, 2, 4, 4), (1, 1), (1, 1), none
    yield (2, 2, 5, 5), (1, 1), (2, 3), none
    yield (1, 2, 6, 6), (2, 2), (2, 2), (1, 1)  # padding
    yield (2, 2, 7, 6), (3, 3), (2, 2), (1, 1)
    yield (1, 2, 7, 6), (3, 2), (2, 3), (1, 0)
    yield (1, 2, 6, 7), (2, 3), (1, 2), (0, 1)
    yield (1, 1, 5, 5), (3, 3), (1, 1), (2, 2)  # corners see one value
    yield (1, 1, 1, 1), (3, 3), (1, 1), (1, 1)
    yield (1, 5, 3, 13), (2, 4), (1, 3), (1, 2)
    yield (3, 3, 5, 3), (2, 2), (3, 3), (1, 1)
    yield (1, 1, 24, 9), (2, 2), (2, 2), none
    yield (1, 1, 5, 35), (3, 3), (2, 2), none
    draw = random.Random(f"{name} geometries")
    for _ in range(extra):
        kernel = [draw.randint(1, 4) for _ in range(2)]
        pad = [draw.randint(0, k - 1) for k in kernel]
        size = [draw.randint(4, 9) for _ in range(2)]
        yield (draw.randint(1, 3), draw.randint(1, 3), *size), kernel, [draw.randint(1, 5) for _ in range(2)], pad


def uneven_conv_geometries():
    """x shape, out channels, kernel, stride, pads at the beginning and the end, dilation, groups."""
    one, none = (1, 1), (0, 0)
    yield (2, 2, 6, 7), 3, (3, 3), one, (1, 0), (0, 1), one, 1
    yield (2, 2, 6, 7), 3, (3, 3), (2, 2), none, one, one, 1  # SAME_UPPER of an even size
    yield (2, 2, 6, 8), 3, (3, 3), (2, 2), one, none, one, 1  # SAME_LOWER
    yield (1, 2, 4, 5), 2, (2, 3), one, (3, 0), (1, 4), one, 1  # windows in nothing but padding
    yield (1, 2, 7, 7), 2, (3, 2), (2, 3), (0, 2), (3, 1), (2, 3), 1
    yield (2, 3, 7, 8), 3, (3, 3), (2, 2), none, one, one, 3  # depthwise
    yield (2, 4, 6, 6), 4, (3, 3), one, one, one, one, 4
    yield (1, 2, 9, 9), 6, (5, 5), (2, 2), (1, 2), (2, 1), one, 2  # three outputs a channel
    yield (1, 3, 8, 7), 6, (3, 3), one, (2, 1), (2, 3), (2, 2), 3
    yield (2, 4, 5, 5), 6, (1, 1), one, none, none, one, 2
    draw = random.Random("uneven conv geometries")
    for _ in range(12):
        shape, out, kernel, stride, pad, dilation, groups = random_conv(draw)
        yield shape, out, kernel, stride, [p + draw.randint(0, 2) for p in pad], [p + draw.randint(0, 2) for p in pad], dilation, groups


def any_pool_geometries(name, dilated):
    """x shape, kernel, stride, pad, dilation, ceil: those that PyTorch has by itself."""
    one, two, three = (1, 1), (2, 2), (3, 3)
    yield (2, 2, 6, 6), three, two, (0, 0), one, True
    yield (2, 2, 6, 6), three, two, one, one, True
    yield (2, 2, 5, 7), two, two, (0, 0), one, True
    yield (2, 2, 5, 5), two, three, one, one, True  # a window would begin in the padding at the end
    yield (1, 1, 2, 1), (3, 2), (3, 2), (0, 0), one, True  # larger than the input
    yield (1, 2, 7, 7), three, one, one, one, True
    draw = random.Random(f"{name} any geometries")
    for _ in range(16):
        kernel = [draw.randint(1, 4) for _ in range(2)]
        pad = [draw.randint(0, k // 2) for k in kernel]
        dilation = [draw.randint(1, 3) for _ in range(2)] if dilated else one
        size = [max(draw.randint(4, 9), d * (k - 1) + 1 - p) for k, p, d in zip(kernel, pad, dilation)]
        yield (draw.randint(1, 3), draw.randint(1, 3), *size), kernel, [draw.randint(1, 4) for _ in range(2)], pad, dilation, draw.random() < 0.7


def uneven_pool_geometries():
    """x shape, kernel, stride, pads at the beginning and the end."""
    yield (2, 2, 6, 6), (3, 3), (2, 2), (0, 0), (1, 1)
    yield (2, 2, 6, 6), (3, 3), (2, 2), (1, 1), (0, 0)
    yield (1, 2, 5, 4), (2, 3), (1, 1), (1, 0), (0, 2)
    yield (1, 3, 7, 19), (4, 4), (2, 3), (3, 1), (0, 2)


def lrn_geometries():
    """x shape, size, k, alpha, beta."""
    yield (2, 7, 2, 3), 5, 2, 1e-4, 0.75  # AlexNet's constants
    yield (1, 96, 1, 1), 5, 2, 1e-4, 0.75
    for shape, size in itertools.product([(2, 6, 2, 2), (1, 3, 3, 4), (1, 11, 1, 3)], [1, 3, 5]):
        yield shape, size, 2, 0.05, 0.75
    yield (2, 5, 2, 2), 3, 1, 0.25, 0.5
    yield (2, 5, 2, 2), 3, 1, 0.25, 1
    yield (1, 8, 2, 2), 7, 0.5, 0.1, 0.6
    yield (2, 6, 1, 3), 2, 2, 0.1, 0.75  # even windows reach one channel further back
    yield (2, 6, 1, 3), 4, 2, 0.1, 0.75
    yield (1, 2, 2, 2), 5, 2, 0.1, 0.75  # the window is wider than the channels
    yield (1, 1, 3, 3), 5, 2, 0.1, 0.75
    yield (3, 4, 1, 1), 3, 2, 0, 0.75


def cross_entropy_geometries():
    """rows, classes, factor of the logits, whether the target is a distribution a row."""
    sizes = [(1, 2), (1, 10), (4, 3), (7, 10), (10, 10), (3, 17), (2, 101), (33, 2)]
    for rows, classes in sizes:
        yield rows, classes, 1, False
    for factor in (0.01, 20, 400):  # nearly equal; beyond float32's exp; beyond float64's
        yield 5, 6, factor, False
    for rows, classes in sizes[:5]:
        yield rows, classes, 1, True


def norm_geometries():
    """x shape, eps. Sets of two values get a large eps: without it, dx is what is left of terms that cancel."""
    yield (3, 3, 4, 5), 1e-5
    yield (2, 6, 1, 1), 0.1  # two values a channel
    yield (1, 4, 3, 7), 1e-5  # one image
    yield (3, 1, 4, 4), 0.1  # one channel
    yield (2, 4, 5, 5), 1e-5
    yield (5, 12, 1, 3), 1e-5
    yield (1, 2, 7, 13), 0.1  # an odd plane
    yield (8, 3, 2, 1), 1e-3
    yield (8, 5), 1e-5  # features
    yield (3, 16), 0.1
    yield (2, 33), 0.1


def affine_geometries():
    """x shape, outputs."""
    yield (1, 1), 1
    yield (1, 20), 7
    yield (5, 20), 1
    yield (4, 3), 5
    yield (7, 11), 13
    yield (3, 33), 10
    yield (17, 5), 4
    yield (2, 64), 3
    yield (16, 16), 2
    yield (2, 3, 4, 2), 5  # images, flattened by the op
    yield (3, 2, 5), 4
    yield (1, 3, 3, 3), 17


def add_geometries():
    """shape, terms."""
    yield from itertools.product([(5,), (3, 7), (2, 3, 4, 5)], [2, 3, 5])


def multiply_geometries():
    """x shape, gate shape."""
    yield (7,), (7,)
    yield (3, 5), (3, 5)
    yield (2, 3, 4, 5), (2, 3, 4, 5)
    yield (2, 3, 4, 5), (2, 3)
    yield (2, 3, 4, 5), (2, 3, 1, 1)
    yield (2, 17, 1, 1), (2, 17)
    yield (3, 2, 7, 7), (3, 2, 1, 1)


def pad_geometries():
    """x shape; top, bottom, left, right; value."""
    yield (2, 3, 4, 5), (1, 2, 3, 4), 0
    yield (1, 2, 3, 3), (0, 0, 0, 0), 1
    yield (2, 1, 5, 3), (0, 1, 0, 1), -0.5
    yield (1, 1, 1, 1), (2, 0, 0, 3), 2


def scale_geometries():
    """x shape, shape of the factors and terms."""
    yield (3, 5), (5,)
    yield (4, 3), (1,)
    yield (2, 3, 4, 5), (3, 1, 1)
    yield (2, 3, 4, 5), (1, 4, 1)
    yield (3, 2, 3, 4), (2, 1, 4)
    yield (1, 2, 3, 3), (2, 3, 3)


def take_geometries():
    """x shape, axis, indices."""
    yield (2, 5), 1, [4, 0, 0, 2]
    yield (2, 3, 4, 5), 1, [2, 1, 0]
    yield (2, 3, 4, 5), 2, [3, 3, 0]
    yield (1, 2, 3, 7), 3, [0, 2, 4, 6]


def rearrange_geometries():
    """x shape; sizes, order of the axes and shape of a sample."""
    yield (2, 3, 4, 5), [3, 4, 5], [1, 2, 0], [4, 5, 3]
    yield (2, 6, 2, 2), [2, 3, 2, 2], [1, 0, 2, 3], [6, 2, 2]
    yield (3, 4, 3, 2), [2, 2, 3, 2], [2, 0, 3, 1], [3, 2, 4]
    yield (2, 12), [3, 4], [1, 0], [12]
    yield (2, 2, 3, 4), [2, 3, 4], [0, 1, 2], [24]


def resample_geometries():
    """x shape, rows and columns read for each of the result, some of which read nothing."""
    draw = random.Random("resample geometries")

    def lines(n, count):
        for _ in range(count):
            indices = sorted(draw.sample(range(n), draw.randint(0, min(n, 4))))
            yield [{"index": i, "weight": draw.randint(-4, 8) / 4} for i in indices]

    for shape, height, width in [((2, 3, 4, 5), 7, 3), ((1, 2, 6, 6), 3, 9), ((3, 1, 1, 4), 5, 4), ((2, 2, 7, 2), 7, 1)]:
        yield shape, list(lines(shape[2], height)), list(lines(shape[3], width))


def plane_geometries():
    """Shapes of images."""
    yield (1, 1, 1, 1)
    yield (2, 3, 4, 5)
    yield (3, 2, 7, 7)
    yield (2, 17, 1, 9)


def loss_geometries():
    """Shape, factor of the logits."""
    for shape in [(1, 1), (5,), (4, 3), (7, 10), (2, 3, 4, 2)]:
        yield shape, 1
    for factor in (0.01, 20, 400):  # nearly equal; beyond float32's exp; beyond float64's
        yield (5, 6), factor


LENET_C3 = [[0, 1, 2], [1, 2, 3], [2, 3, 4], [3, 4, 5], [0, 4, 5], [0, 1, 5], [0, 1, 2, 3], [1, 2, 3, 4], [2, 3, 4, 5], [0, 3, 4, 5],
            [0, 1, 4, 5], [0, 1, 2, 5], [0, 1, 3, 4], [1, 2, 4, 5], [0, 2, 3, 5], [0, 1, 2, 3, 4, 5]]  # LeCun et al. 1998, Table I


def partial_conv_geometries():
    """x shape, connections, kernel, stride, pad."""
    yield (1, 6, 5, 5), LENET_C3, (3, 3), (1, 1), (0, 0)
    yield (2, 3, 6, 5), [[0], [1, 2], [0, 2]], (3, 3), (1, 1), (1, 1)
    yield (2, 2, 7, 7), [[1], [0], [0, 1]], (2, 3), (2, 2), (0, 1)
    yield (1, 4, 5, 6), [[0, 1, 2, 3]], (5, 1), (1, 1), (0, 0)


# Cases --------------------------------------------------------------------------------------------------------------------------------

class Cases:
    def __init__(self):
        self.cases = []
        self.counts = {}

    def draw(self, op):
        """The numbers of the op's next case."""
        return Draw(op, self.counts.get(op, 0))

    def add(self, op, function, inputs, constant=(), **arguments):
        index = self.counts.get(op, 0)
        self.counts[op] = index + 1
        inputs = [x.requires_grad_(i not in constant) for i, x in enumerate(inputs)]
        y = function(*inputs, **arguments)
        dy = Draw(op + " dy", index).tensor(*y.shape)
        y.backward(dy)
        self.cases.append({"op": op, **arguments, "inputs": [stored(x) for x in inputs], "y": stored(y), "dy": stored(dy),
                           "grads": [stored(x.grad) for x in inputs]})


def stored(t):
    if t is None:
        return None
    return {"shape": list(t.shape), "data": [int(v) if v == int(v) else v for v in t.detach().flatten().tolist()]}


def every_case():
    c = Cases()
    for shape, out, kernel, stride, pad, dilation, groups in conv_geometries():
        d = c.draw("Conv2D")
        inputs = [d.tensor(*shape), d.tensor(out, shape[1] // groups, *kernel), d.tensor(out)]
        c.add("Conv2D", conv2d, inputs, stride=stride, pad=pad, dilation=dilation, groups=groups)
    for shape, connections, kernel, stride, pad in partial_conv_geometries():
        d = c.draw("PartialConv2D")
        inputs = [d.tensor(*shape), d.tensor(sum(map(len, connections)), *kernel), d.tensor(len(connections))]
        c.add("PartialConv2D", partial_conv2d, inputs, connections=connections, stride=stride, pad=pad)
    for i, (shape, kernel, stride, pad) in enumerate(pool_geometries("MaxPool2D", 16)):
        x = c.draw("MaxPool2D").distinct(*shape, below=0 if i % 2 else None)  # all negative: padding of zeros would win
        c.add("MaxPool2D", max_pool2d, [x], kernel=kernel, stride=stride, pad=pad)
    for shape, kernel, stride, pad in pool_geometries("AvgPool2D", 12):
        c.add("AvgPool2D", avg_pool2d, [c.draw("AvgPool2D").tensor(*shape)], kernel=kernel, stride=stride, pad=pad)
    for shape, kernel, stride, pad in pool_geometries("Subsample2D", 0):
        d = c.draw("Subsample2D")
        inputs = [d.tensor(*shape), d.tensor(shape[1]), d.tensor(shape[1])]
        c.add("Subsample2D", subsample2d, inputs, kernel=kernel, stride=stride, pad=pad)
    for shape, size, k, alpha, beta in lrn_geometries():
        c.add("LRN", lrn, [c.draw("LRN").tensor(*shape)], size=size, k=k, alpha=alpha, beta=beta)
    for rows, classes, factor, soft in cross_entropy_geometries():
        d = c.draw("SoftmaxCrossEntropy")
        x, target = d.tensor(rows, classes) * factor, d.distributions(rows, classes) if soft else d.labels(rows, classes)
        c.add("SoftmaxCrossEntropy", softmax_cross_entropy, [x, target], constant=(1,))
    for rows, classes, factor, soft in cross_entropy_geometries():
        d = c.draw("WeightedCrossEntropy")
        x, target = d.tensor(rows, classes) * factor, d.distributions(rows, classes)
        weight = torch.arange(1, classes + 1, dtype=x.dtype) / 2
        weighted = F.cross_entropy(x, target, weight=weight)  # PyTorch's class weights
        torch.testing.assert_close(weighted_cross_entropy(x, target * weight), weighted)
        c.add("WeightedCrossEntropy", weighted_cross_entropy, [x, target * weight], constant=(1,))
    for shape, out in affine_geometries():
        d = c.draw("Affine")
        inputs = [d.tensor(*shape), d.tensor(out, math.prod(shape[1:])), d.tensor(out)]
        c.add("Affine", affine, inputs)
    for shape, terms in add_geometries():
        d = c.draw("Add")
        c.add("Add", add, [d.tensor(*shape) for _ in range(terms)])
    for shape, gate in multiply_geometries():
        d = c.draw("Multiply")
        c.add("Multiply", multiply, [d.tensor(*shape), d.tensor(*gate)])
    for rows, plane, channels in [(2, (3, 4), (1, 2)), (2, (2, 3), (3, 1, 2)), (3, (), (2, 5)), (1, (1, 1), (1, 1, 4, 2))]:
        d = c.draw("Concat")
        c.add("Concat", concat, [d.tensor(rows, n, *plane) for n in channels])
    for shape, channels in [((2, 5, 3, 2), (1, 4)), ((2, 5, 3, 2), (0, 2)), ((1, 4, 2, 2), (3, 4)), ((3, 7), (2, 6))]:
        c.add("Slice", channel_slice, [c.draw("Slice").tensor(*shape)], channels=channels)
    for shape, groups in [((2, 6, 2, 3), 2), ((2, 6, 2, 3), 3), ((1, 12, 1, 2), 4), ((2, 4, 3, 3), 1)]:
        c.add("ChannelShuffle", channel_shuffle, [c.draw("ChannelShuffle").tensor(*shape)], groups=groups)
    for shape, border, value in pad_geometries():
        c.add("Pad", pad_planes, [c.draw("Pad").tensor(*shape)], border=border, value=value)
    for shape in plane_geometries():
        c.add("GlobalAvgPool", global_avg_pool, [c.draw("GlobalAvgPool").tensor(*shape)])
        c.add("GlobalMaxPool", global_max_pool, [c.draw("GlobalMaxPool").distinct(*shape)])
    for shape, factor in loss_geometries():
        d = c.draw("BinaryCrossEntropy")
        inputs = [d.tensor(*shape) * factor, d.tensor(*shape).sigmoid().mul(64).round() / 64]
        c.add("BinaryCrossEntropy", F.binary_cross_entropy_with_logits, inputs, constant=(1,))
        d = c.draw("MeanSquaredError")
        c.add("MeanSquaredError", F.mse_loss, [d.tensor(*shape) * factor, d.tensor(*shape)], constant=(1,))
    for shape in [(1, 2), (3, 10), (7, 5)]:
        c.add("Softmax", softmax, [c.draw("Softmax").tensor(*shape)])
    for shape in [(2, 3, 2, 3), (1, 5, 7, 1), (3, 4, 1, 1)]:  # over the channels
        c.add("Softmax", softmax, [c.draw("Softmax").tensor(*shape)])
    for shape in [(5,), (2, 3, 4, 5), (3, 37)]:
        c.add("Sigmoid", torch.sigmoid, [c.draw("Sigmoid").tensor(*shape)])
        c.add("Tanh", scaled_tanh, [c.draw("Tanh").tensor(*shape)], a=1.7159, b=2 / 3)
        c.add("ReLU", torch.relu, [c.draw("ReLU").tensor(*shape)])
    add_further_windows(c)
    for shape in [(1, 2), (3, 10), (7, 5), (2, 100)]:
        c.add("LogSoftmax", log_softmax, [c.draw("LogSoftmax").tensor(*shape)])
    add_norms(c)
    for op, function, arguments in functions():
        c.add(op, function, [torch.tensor(KINKS, dtype=torch.float64)], **arguments)
        c.add(op, function, [c.draw(op).tensor(2, 3, 4, 5)], **arguments)
    for shape, slopes in [((2, 3, 4, 5), 3), ((2, 3, 4, 5), 1), ((7, 5), 5), ((3, 1, 9), 1)]:
        d = c.draw("PReLU")
        c.add("PReLU", F.prelu, [d.tensor(*shape), d.tensor(slopes)])
    add_pairs(c)
    add_moves(c)
    return c


def add_pairs(c):
    """Two operands of one shape. Those of Maximum and Minimum are equal at some places, where each gets half of the gradient."""
    for shape in [(7,), (3, 5), (2, 3, 4, 5)]:
        for op, function in [("Subtract", torch.sub), ("Maximum", torch.maximum), ("Minimum", torch.minimum)]:
            d = c.draw(op)
            a, b = d.tensor(*shape), d.tensor(*shape)
            b.view(-1)[::3] = a.view(-1)[::3]
            c.add(op, function, [a, b])
        d = c.draw("Divide")
        divisor = d.tensor(*shape)
        c.add("Divide", torch.div, [d.tensor(*shape), torch.where(divisor < 0, divisor - 0.5, divisor + 0.5)])
    for shape, factors in scale_geometries():
        for op, function, operands in [("ScaleShift", scale_shift, 2), ("ScaleShift", scale_shift, 1), ("Shift", torch.add, 1)]:
            d = c.draw(op)
            c.add(op, function, [d.tensor(*shape)] + [d.tensor(*factors) for _ in range(operands)])


def add_moves(c):
    for shape, axis, indices in take_geometries():
        c.add("Take", take, [c.draw("Take").tensor(*shape)], axis=axis, indices=indices)
    for shape, dims, order, out in rearrange_geometries():
        c.add("Rearrange", rearrange, [c.draw("Rearrange").tensor(*shape)], dims=dims, order=order, shape=out)
    for shape, rows, columns in resample_geometries():
        c.add("Resample", resample, [c.draw("Resample").tensor(*shape)], rows=rows, columns=columns)


def add_further_windows(c):
    """Uneven padding, windows rounded up, dilated poolings, averages without their padding, and operands without a bias."""
    for i, (shape, out, kernel, stride, begin, end, dilation, groups) in enumerate(uneven_conv_geometries()):
        d = c.draw("Conv2D")
        inputs = [d.tensor(*shape), d.tensor(out, shape[1] // groups, *kernel), d.tensor(out)][:2 + i % 2]
        c.add("Conv2D", uneven_conv2d, inputs, stride=stride, padBegin=begin, padEnd=end, dilation=dilation, groups=groups)
    for shape, kernel, stride, pad, dilation, ceil in any_pool_geometries("MaxPool2D", True):
        x = c.draw("MaxPool2D").distinct(*shape, below=0)
        c.add("MaxPool2D", any_max_pool2d, [x], kernel=kernel, stride=stride, pad=pad, dilation=dilation, ceil=ceil)
    for i, (shape, kernel, stride, pad, _, ceil) in enumerate(any_pool_geometries("AvgPool2D", False)):
        x = c.draw("AvgPool2D").tensor(*shape)
        c.add("AvgPool2D", any_avg_pool2d, [x], kernel=kernel, stride=stride, pad=pad, ceil=ceil, excludePad=i % 2 == 1)
    for shape, kernel, stride, begin, end in uneven_pool_geometries():
        arguments = {"kernel": kernel, "stride": stride, "padBegin": begin, "padEnd": end}
        c.add("MaxPool2D", uneven_max_pool2d, [c.draw("MaxPool2D").distinct(*shape, below=0)], dilation=(1, 1), **arguments)
        for exclude in (False, True):
            c.add("AvgPool2D", uneven_avg_pool2d, [c.draw("AvgPool2D").tensor(*shape)], excludePad=exclude, **arguments)
    for shape, out in [(3, 7), 5], [(2, 2, 3, 2), 17]:
        d = c.draw("Affine")
        c.add("Affine", affine, [d.tensor(*shape), d.tensor(out, math.prod(shape[1:]))])


def add_norms(c):
    for shape, eps in norm_geometries():
        channels = shape[1]

        def vectors(op):
            d = c.draw(op)
            return d, [d.tensor(*shape), d.tensor(channels), d.tensor(channels)]

        _, inputs = vectors("BatchNorm")
        c.add("BatchNorm", batch_norm, inputs, eps=eps)
        c.cases[-1]["statistics"] = [stored(s) for s in batch_statistics(inputs[0].detach())]
        d, inputs = vectors("FrozenBatchNorm")
        inputs += [d.tensor(channels), d.tensor(channels).abs()]
        c.add("FrozenBatchNorm", frozen_batch_norm, inputs, constant=(3, 4), eps=eps)
        if channels > 1:
            c.add("LayerNorm", layer_norm, vectors("LayerNorm")[1], eps=eps)
        for groups in sorted({1, 2, channels}):
            if channels % groups == 0 and math.prod(shape[1:]) > groups:  # a set of one value has no dx
                c.add("GroupNorm", group_norm, vectors("GroupNorm")[1], groups=groups, eps=eps)
        if math.prod(shape[2:]) > 1:  # PyTorch refuses planes of one value
            c.add("GroupNorm", instance_norm, vectors("GroupNorm")[1], groups=channels, eps=eps)


def main():
    argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter).parse_args()
    torch.set_num_threads(1)  # the order of every sum is PyTorch's own; one thread keeps it the same from run to run
    c = every_case()
    text = json.dumps({"torch": torch.__version__, "cases": c.cases}, separators=(",", ":"))
    sys.stdout.buffer.write(gzip.compress(text.encode(), 9, mtime=0))
    print(f"{len(c.cases)} cases: {c.counts}", file=sys.stderr)


if __name__ == "__main__":
    main()
