"""Writes what PyTorch answers in float64 with the weights beside this folder, for squeezenet_test.go:

    python3 make_reference.py > logits.json.gz

The pictures are 256x256 levels (3, y, x) of red, green and blue:

    0: (x·(c+1) + y·(3-c) + ⌊x·y / 8⌋) mod 256
    1: ((x xor y)·(c+2)) mod 256

The network is built here as Caffe has it: the middle 227x227 from pixel 14 on, blue, green and red, less
104, 117 and 123, poolings that round up, and a last convolution with a padding of 1.
"""
import gzip
import json
import struct
import sys

import numpy as np
import torch
from torch.nn import functional as F



def load(path):
    """A safetensors file of float16: a length, a JSON header, the numbers."""
    data = open(path, "rb").read()
    size, = struct.unpack("<Q", data[:8])
    header, body = json.loads(data[8:8 + size]), data[8 + size:]
    for name, info in header.items():
        if name != "__metadata__":
            values = np.frombuffer(body[slice(*info["data_offsets"])], "<f2").astype(np.float64)
            yield name, torch.from_numpy(values.reshape(info["shape"]))


P = dict(load("../squeezenet1_0.safetensors"))


def conv(x, name, **options):
    return F.relu(F.conv2d(x, P[name + ".weight"], P[name + ".bias"], **options))


def fire(x, i):
    s = conv(x, f"features.{i}.squeeze")
    return torch.cat([conv(s, f"features.{i}.expand1x1"), conv(s, f"features.{i}.expand3x3", padding=1)], 1)


def logits(x):
    x = F.max_pool2d(conv(x, "features.0", stride=2), 3, 2, ceil_mode=True)
    for i in (3, 4, 5):
        x = fire(x, i)
    x = F.max_pool2d(x, 3, 2, ceil_mode=True)
    for i in (7, 8, 9, 10):
        x = fire(x, i)
    x = F.max_pool2d(x, 3, 2, ceil_mode=True)
    return conv(fire(x, 12), "classifier.1", padding=1).mean((2, 3))


c, y, x = np.mgrid[0:3, 0:256, 0:256]
pictures = np.stack([(x * (c + 1) + y * (3 - c) + x * y // 8) % 256, ((x ^ y) * (c + 2)) % 256])
batch = torch.from_numpy(pictures[:, ::-1, 14:241, 14:241].copy()).double() - torch.tensor([104.0, 117.0, 123.0]).reshape(3, 1, 1)
text = json.dumps({"torch": torch.__version__, "logits": [[round(v, 7) for v in row] for row in logits(batch).tolist()]})
sys.stdout.buffer.write(gzip.compress(text.encode(), 9, mtime=0))
