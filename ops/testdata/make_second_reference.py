"""Writes second_reference.json.gz: the second derivatives of every case of make_reference.py, by PyTorch's double backward in float64.

    python3 make_second_reference.py > second_reference.json.gz

A case's gradients g[i] = d<y, dy>/dx[i] are multiplied by vectors u[i] of simple numbers, and S = sum <g[i], u[i]> is differentiated with
respect to each x[i] that has a gradient, and to dy. Of each result the file holds two sums of its elements with simple weights, and three
elements: the first, the middle one and the last.
"""

import gzip
import json
import sys

import torch

import make_reference


def pattern(n, step, shift, period):
    """Quarters between -period/8 and period/8 that repeat after period elements."""
    j = torch.arange(n, dtype=torch.int64)
    return ((j * step + shift) % period - period // 2).to(torch.float64) / 4


def digest(t):
    flat = t.detach().flatten()
    n = len(flat)
    sums = [float((pattern(n, 7, 0, 13) * flat).sum()), float((pattern(n, 5, 3, 17) * flat).sum())]
    return sums + [float(flat[i]) for i in (0, n // 2, n - 1)]


# Functions whose own double backward has NaN at -1000 (Mish), or takes another side of the kink at 0 than their backward does, made of
# smaller ones.

def mish(x):
    return x * torch.tanh(make_reference.softplus(x))


def prelu(x, slope):
    return torch.where(x > 0, x, x * slope.reshape(-1, *[1] * (x.dim() - 2)))


COMPOSED = {"Mish": mish, "PReLU": prelu}


class SecondCases(make_reference.Cases):
    def __init__(self):
        super().__init__()
        self.seconds = []

    def add(self, op, function, inputs, constant=(), **arguments):
        copies = [x.detach().clone().requires_grad_(i not in constant) for i, x in enumerate(inputs)]
        super().add(op, function, inputs, constant, **arguments)
        dy = torch.tensor(self.cases[-1]["dy"]["data"], dtype=torch.float64).reshape(self.cases[-1]["dy"]["shape"]).requires_grad_()
        function = COMPOSED.get(op, function)
        y = function(*copies, **arguments)
        trained = [x for x in copies if x.requires_grad]
        grads = torch.autograd.grad(y, trained, dy, create_graph=True)
        total = sum((g.flatten() * pattern(g.numel(), 5, 3 * i, 11)).sum() for i, g in enumerate(grads))
        results = torch.autograd.grad(total, trained + [dy], allow_unused=True)
        self.seconds.append([None if r is None else digest(r) for r in results])


def main():
    torch.set_num_threads(1)
    make_reference.Cases = SecondCases
    c = make_reference.every_case()
    text = json.dumps({"torch": torch.__version__, "seconds": c.seconds}, separators=(",", ":"))
    sys.stdout.buffer.write(gzip.compress(text.encode(), 9, mtime=0))
    print(f"{len(c.seconds)} cases", file=sys.stderr)


if __name__ == "__main__":
    main()
