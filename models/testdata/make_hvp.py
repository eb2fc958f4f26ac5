"""Writes hvp.json: a Hessian-vector product of SimpleConvNet by torch.autograd.functional.hvp, in float64.

    python3 make_hvp.py > hvp.json

Images, parameters and the vector are simple numbers that repeat. Of each parameter's part the file holds its sum, the sum of its squares, and
three elements: the first, the middle one and the last.
"""

import json
import sys

import torch
import torch.nn.functional as F

SHAPES = [(30, 1, 5, 5), (30,), (100, 4320), (100,), (10, 100), (10,)]


def pattern(shape, step, shift, period, by):
    n = torch.Size(shape).numel()
    j = torch.arange(n, dtype=torch.int64)
    return (((j * step + shift) % period - period // 2).to(torch.float64) / by).reshape(shape)


def loss(w1, b1, w2, b2, w3, b3):
    x = pattern((2, 1, 28, 28), 5, 0, 19, 8)
    h = F.max_pool2d(F.relu(F.conv2d(x, w1, b1)), 2).flatten(1)
    return F.cross_entropy(F.linear(F.relu(F.linear(h, w2, b2)), w3, b3), torch.tensor([3, 7]))


def main():
    parameters = tuple(pattern(s, 7, k, 1009, 4096) for k, s in enumerate(SHAPES))
    v = tuple(pattern(s, 3, 2 * k, 31, 16) for k, s in enumerate(SHAPES))
    value, products = torch.autograd.functional.hvp(loss, parameters, v)
    digests = []
    for p in products:
        p = p.flatten()
        digests.append([float(p.sum()), float((p * p).sum())] + [float(p[i]) for i in (0, len(p) // 2, len(p) - 1)])
    json.dump({"torch": torch.__version__, "loss": float(value), "products": digests}, sys.stdout)


if __name__ == "__main__":
    main()
