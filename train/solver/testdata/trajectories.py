"""Writes trajectories.json.gz: 50 steps of every optimizer on a small convolutional net, in float64. The gradients are PyTorch's autograd's;
the updates are the formulas of the book's common/optimizer.py in NumPy, and for AdamW torch.optim.AdamW.

Run in this folder, with PyTorch (CPU) and NumPy installed:  python trajectories.py
"""

import gzip
import json

import numpy as np
import torch
from torch import nn

STEPS, BATCH = 50, 8
torch.manual_seed(0)
torch.set_default_dtype(torch.float64)
rng = np.random.default_rng(0)
images = rng.integers(0, 256, (40, 1, 8, 8))
labels = rng.integers(0, 4, 40)
for image, label in zip(images, labels):  # something to learn: a bright row
    image[0, 2 * label] = 255


def net():
    torch.manual_seed(1)
    return nn.Sequential(nn.Conv2d(1, 3, 3), nn.ReLU(), nn.MaxPool2d(2), nn.Flatten(), nn.Linear(27, 8), nn.Sigmoid(), nn.Linear(8, 4))


class SGD:
    def __init__(self, lr):
        self.lr = lr

    def update(self, params, grads):
        for k in params:
            params[k] -= self.lr * grads[k]


class Slots:
    """Zeros of the parameters' shapes."""

    def slot(self, name, params):
        if not hasattr(self, name):
            setattr(self, name, {k: np.zeros_like(p) for k, p in params.items()})
        return getattr(self, name)


class Momentum(Slots):
    def __init__(self, lr, momentum):
        self.lr, self.momentum = lr, momentum

    def update(self, params, grads):
        v = self.slot("v", params)
        for k in params:
            v[k] = self.momentum * v[k] - self.lr * grads[k]
            params[k] += v[k]


class Nesterov(Slots):
    def __init__(self, lr, momentum):
        self.lr, self.momentum = lr, momentum

    def update(self, params, grads):
        v = self.slot("v", params)
        for k in params:
            params[k] += self.momentum * self.momentum * v[k]
            params[k] -= (1 + self.momentum) * self.lr * grads[k]
            v[k] *= self.momentum
            v[k] -= self.lr * grads[k]


class AdaGrad(Slots):
    def __init__(self, lr):
        self.lr = lr

    def update(self, params, grads):
        h = self.slot("h", params)
        for k in params:
            h[k] += grads[k] * grads[k]
            params[k] -= self.lr * grads[k] / (np.sqrt(h[k]) + 1e-7)


class RMSprop(Slots):
    def __init__(self, lr, decay):
        self.lr, self.decay = lr, decay

    def update(self, params, grads):
        h = self.slot("h", params)
        for k in params:
            h[k] *= self.decay
            h[k] += (1 - self.decay) * grads[k] * grads[k]
            params[k] -= self.lr * grads[k] / (np.sqrt(h[k]) + 1e-7)


class Adam(Slots):
    def __init__(self, lr, beta1, beta2):
        self.lr, self.beta1, self.beta2, self.iter = lr, beta1, beta2, 0

    def update(self, params, grads):
        m, v = self.slot("m", params), self.slot("v", params)
        self.iter += 1
        lr = self.lr * np.sqrt(1 - self.beta2**self.iter) / (1 - self.beta1**self.iter)
        for k in params:
            m[k] += (1 - self.beta1) * (grads[k] - m[k])
            v[k] += (1 - self.beta2) * (grads[k] ** 2 - v[k])
            params[k] -= lr * m[k] / (np.sqrt(v[k]) + 1e-7)


class AdamW:
    """PyTorch's, on the net's own parameters."""

    def __init__(self, lr, decay):
        self.lr, self.decay, self.torch = lr, decay, None

    def bind(self, params):
        self.torch = torch.optim.AdamW(params, lr=self.lr, weight_decay=self.decay)


RUNS = [  # our name, our constants, the rule
    ("sgd", {"lr": 0.5}, lambda: SGD(0.5)),
    ("momentum", {"lr": 0.1, "momentum": 0.9}, lambda: Momentum(0.1, 0.9)),
    ("nesterov", {"lr": 0.1, "momentum": 0.9}, lambda: Nesterov(0.1, 0.9)),
    ("adagrad", {"lr": 0.05}, lambda: AdaGrad(0.05)),
    ("rmsprop", {"lr": 0.01, "decay": 0.99}, lambda: RMSprop(0.01, 0.99)),
    ("adam", {"lr": 0.01, "beta1": 0.9, "beta2": 0.999}, lambda: Adam(0.01, 0.9, 0.999)),
    ("adamw", {"lr": 0.01, "weight_decay": 0.1}, lambda: AdamW(0.01, 0.1)),
]
NAMES = ["conv1.weight", "conv1.bias", "fc1.weight", "fc1.bias", "fc2.weight", "fc2.bias"]


def values(model):
    return {n: p.detach().numpy().ravel().tolist() for n, p in zip(NAMES, model.parameters())}


def run(rule):
    model, losses = net(), []
    if isinstance(rule, AdamW):
        rule.bind(model.parameters())
    for step in range(STEPS):
        rows = [(step * BATCH + i) % len(images) for i in range(BATCH)]
        model.zero_grad()
        loss = nn.functional.cross_entropy(model(torch.tensor(images[rows] / 255)), torch.tensor(labels[rows]))
        loss.backward()
        losses.append(loss.item())
        if isinstance(rule, AdamW):
            rule.torch.step()
            continue
        params = {n: p.detach().numpy() for n, p in zip(NAMES, model.parameters())}  # views
        rule.update(params, {n: p.grad.numpy() for n, p in zip(NAMES, model.parameters())})
        with torch.no_grad():
            for n, p in zip(NAMES, model.parameters()):
                p.copy_(torch.from_numpy(params[n]))
    return {"losses": losses, "final": values(model)}


result = {
    "batch": BATCH, "images": images.ravel().tolist(), "labels": labels.tolist(), "initial": values(net()),
    "runs": [{"optimizer": name, "config": config, **run(rule())} for name, config, rule in RUNS],
}
with gzip.GzipFile("trajectories.json.gz", "wb", mtime=0) as f:
    f.write(json.dumps(result).encode())
for r in result["runs"]:
    print(r["optimizer"], r["losses"][0], r["losses"][-1])
