"""The peak memory of PyTorch's training step of a network of torchvision:

    python bench/torch_memory.py resnet50 16

Two steps of SGD with momentum on random images, as bench/memory does them. Prints MB (10^6 bytes).
"""
import resource
import sys
import time

import torch
import torchvision

name, batch = sys.argv[1], int(sys.argv[2])
model = torchvision.models.get_model(name)
optimizer = torch.optim.SGD(model.parameters(), lr=1e-4, momentum=0.9)
x, t = torch.rand(batch, 3, 224, 224), torch.arange(batch) % 1000
for _ in range(2):
    began = time.time()
    optimizer.zero_grad()
    torch.nn.functional.cross_entropy(model(x), t).backward()
    optimizer.step()
    print(f"step {time.time() - began:.1f} s")
print(f"peak {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 / 1e6:.0f} MB")
