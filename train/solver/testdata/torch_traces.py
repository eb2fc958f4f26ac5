"""Writes torch.json.gz: what PyTorch's optimizers, norm clipping and schedules make of fixed gradients, in float64.

Run in this folder, with PyTorch (CPU) and NumPy installed:  python torch_traces.py
"""

import gzip
import json

import numpy as np
import torch

STEPS = 25
SHAPES = {"fc1.weight": (3, 4), "fc1.bias": (4,)}

RUNS = [
    # name, constants of ours, optimizer, its arguments, norm to clip to
    ("sgd", {"lr": 0.1, "weight_decay": 0.05}, torch.optim.SGD, {"lr": 0.1, "weight_decay": 0.05}, None),
    ("momentum", {"lr": 0.05, "momentum": 0.9, "weight_decay": 5e-4}, torch.optim.SGD,
     {"lr": 0.05, "momentum": 0.9, "weight_decay": 5e-4}, None),
    ("nesterov", {"lr": 0.05, "momentum": 0.8, "weight_decay": 1e-2}, torch.optim.SGD,
     {"lr": 0.05, "momentum": 0.8, "weight_decay": 1e-2, "nesterov": True}, None),
    ("adagrad", {"lr": 0.1, "weight_decay": 0.1}, torch.optim.Adagrad, {"lr": 0.1, "eps": 1e-7, "weight_decay": 0.1}, None),
    ("rmsprop", {"lr": 0.01, "decay": 0.95, "weight_decay": 0.1}, torch.optim.RMSprop,
     {"lr": 0.01, "alpha": 0.95, "eps": 1e-7, "weight_decay": 0.1}, None),
    # without epsilon the book's Adam is PyTorch's
    ("adam", {"lr": 0.01, "epsilon": -1, "weight_decay": 0.2}, torch.optim.Adam, {"lr": 0.01, "eps": 0.0, "weight_decay": 0.2}, None),
    ("adamw", {}, torch.optim.AdamW, {}, None),
    ("adamw", {"lr": 0.05, "beta1": 0.8, "beta2": 0.95, "epsilon": 1e-3, "weight_decay": 0.3}, torch.optim.AdamW,
     {"lr": 0.05, "betas": (0.8, 0.95), "eps": 1e-3, "weight_decay": 0.3}, None),
    ("adamw", {"lr": 0.05, "weight_decay": -1, "clip_norm": 0.5}, torch.optim.AdamW, {"lr": 0.05, "weight_decay": 0.0}, 0.5),
    ("momentum", {"lr": 0.1, "weight_decay": 0.05, "clip_norm": 1.0}, torch.optim.SGD,
     {"lr": 0.1, "momentum": 0.9, "weight_decay": 0.05}, 1.0),
]


def flat(arrays):
    return {name: np.asarray(a).ravel().tolist() for name, a in arrays.items()}


def run(optimizer, arguments, clip, initial, gradients):
    params = {name: torch.tensor(a, requires_grad=True) for name, a in initial.items()}
    opt = optimizer(list(params.values()), **arguments)
    after = []
    for grads in gradients:
        for name, p in params.items():
            p.grad = torch.tensor(grads[name])
        if clip is not None:
            torch.nn.utils.clip_grad_norm_(list(params.values()), clip)
        opt.step()
        after.append(flat({name: p.detach().numpy() for name, p in params.items()}))
    return after


def rates(make, steps, measures=None):
    opt = torch.optim.SGD([torch.zeros(1, requires_grad=True)], lr=0.5)
    schedule = make(opt)
    result = []
    for i in range(steps):
        result.append(opt.param_groups[0]["lr"])
        opt.step()
        schedule.step(*([] if measures is None else [measures[i]]))
    return result


def main():
    rng = np.random.default_rng(7)
    initial = {name: rng.standard_normal(s) for name, s in SHAPES.items()}
    gradients = [{name: rng.standard_normal(s) * 10 ** rng.uniform(-2, 0.5) for name, s in SHAPES.items()} for _ in range(STEPS)]
    sched = torch.optim.lr_scheduler
    measures = [float(x) for x in 1 / (1 + np.arange(40) // 4) + 0.02 * rng.standard_normal(40)]
    data = {
        "pytorch": torch.__version__,
        "shapes": SHAPES,
        "initial": flat(initial),
        "gradients": [flat(g) for g in gradients],
        "runs": [{"optimizer": name, "config": config, "after": run(opt, arguments, clip, initial, gradients)}
                 for name, config, opt, arguments, clip in RUNS],
        "step_decay": rates(lambda o: sched.StepLR(o, step_size=7, gamma=0.3), 30),
        "cosine": rates(lambda o: sched.CosineAnnealingLR(o, T_max=20, eta_min=0.01), 21),
        "plateau": {"measures": measures,
                    "rates": rates(lambda o: sched.ReduceLROnPlateau(o, factor=0.5, patience=2, min_lr=0.1), 40, measures)},
    }
    with gzip.GzipFile("torch.json.gz", "wb", mtime=0) as f:
        f.write(json.dumps(data).encode())


if __name__ == "__main__":
    main()
