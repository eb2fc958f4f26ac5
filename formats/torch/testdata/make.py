"""Writes the samples with PyTorch (pip install torch)."""
import argparse
import datetime
import pathlib
from collections import OrderedDict, defaultdict

import numpy as np
import torch
from torch import nn

torch.manual_seed(1)


def fill(module):
    """Every parameter counts up from 0 in eighths, exact in every float type."""
    with torch.no_grad():
        for p in module.parameters():
            p.copy_(torch.arange(p.numel()).reshape(p.shape) / 8)
    return module


def net():
    return fill(nn.Sequential(OrderedDict(conv1=nn.Conv2d(1, 2, 3), norm=nn.BatchNorm2d(2), fc1=nn.Linear(4, 3))))


state = net().state_dict()
torch.save(state, "float32.pt")
torch.save(state, "protocol4.pt", pickle_protocol=4)
torch.save(state, "legacy.pth", _use_new_zipfile_serialization=False)
torch.save(net().double().state_dict(), "float64.pt")
torch.save(net().half().state_dict(), "float16.pt")
torch.save(net().bfloat16().state_dict(), "bfloat16.pt")

ramp = torch.arange(24.0).reshape(4, 6)
views = OrderedDict(
    whole=ramp,
    transposed=ramp.t(),
    window=ramp[1:3, 2:6:2],
    permuted=ramp.reshape(2, 3, 4).permute(2, 0, 1),
    tied=ramp,
    scalar=torch.tensor(7.5),
    labels=torch.tensor([3, -1]),
    mask=torch.tensor([True, False]),
    bytes=torch.tensor([1, 255], dtype=torch.uint8),
    parameter=nn.Parameter(torch.tensor([0.5])),
)
torch.save(views, "views.pt")
torch.save(views, "views.pth", _use_new_zipfile_serialization=False)

model = net()
optimizer = torch.optim.SGD(model.parameters(), lr=0.1, momentum=0.9)
torch.save({"epoch": 3, "model": model.state_dict(), "optimizer": optimizer.state_dict(), "note": "left out"}, "checkpoint.pt")

torch.save({"wide": torch.ones(1).expand(1000)}, "expanded.pt")
torch.save({"z": torch.ones(2, dtype=torch.complex64)}, "complex.pt")
torch.save({"s": torch.eye(2).to_sparse()}, "sparse.pt")
torch.save(nn.Linear(1, 1), "module.pt")
torch.jit.script(nn.ReLU()).save("script.pt")

# What nobody asks for, of every kind that training scripts put beside a state dict.
others = {
    "args": argparse.Namespace(lr=0.1, device=torch.device("cpu")), "when": datetime.date(2026, 11, 28),
    "where": pathlib.PurePosixPath("runs/1"), "best": np.float64(0.5), "rng": np.arange(3), "names": {"a", "b"}, "frozen": frozenset([1]),
    "dtype": torch.float32, "size": torch.Size([1, 2]), "empty": torch.zeros(0), "complex": torch.ones(2, dtype=torch.complex64),
    "conjugated": torch.ones(2, dtype=torch.complex64).conj(), "unsigned": torch.ones(2, dtype=torch.uint16),
    "sparse": torch.eye(2).to_sparse(), "quantized": torch.quantize_per_tensor(torch.ones(2), 0.5, 0, torch.qint8),
    "counts": defaultdict(list, {"a": [1]}), ("tuple", 1): 2, "net": nn.Linear(1, 1),
}
torch.save({"state_dict": state, "others": others}, "others.pt")
newer = others | {"counts": defaultdict(int, a=1)}  # protocol 4 calls a list by a name that the reader refuses
torch.save({"state_dict": state, "others": newer}, "others4.pt", pickle_protocol=4)
older = {k: v for k, v in others.items() if k not in ("unsigned", "net")}
torch.save({"state_dict": state, "others": older}, "others.pth", _use_new_zipfile_serialization=False)
