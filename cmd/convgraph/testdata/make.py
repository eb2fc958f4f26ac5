"""Writes the parameters of small.json and partial.json in the forms that other
programs keep them in, with images, labels and the nets' answers and gradients
in small_io.npz and partial_io.npz (pip install torch numpy safetensors)."""
import pickle
from collections import OrderedDict

import numpy as np
import torch
from safetensors.numpy import save_file
from torch import nn

torch.manual_seed(1)

# small.json, under the names of a Sequential, of modules called as ours, and of modules defined in another order
small = nn.Sequential(nn.Conv2d(1, 3, 3), nn.ReLU(), nn.MaxPool2d(2), nn.Flatten(), nn.Linear(27, 5), nn.ReLU(), nn.Linear(5, 4))
state = small.state_dict()
torch.save(state, "small.pt")
ours = ["conv1.weight", "conv1.bias", "fc1.weight", "fc1.bias", "fc2.weight", "fc2.bias"]
torch.save(OrderedDict(reversed(list(zip(ours, state.values())))), "small_named.pt")
theirs = ["features.0.weight", "features.0.bias", "hidden.weight", "hidden.bias", "head.weight", "head.bias"]
other = OrderedDict(list(zip(theirs, state.values()))[::-1])
torch.save(OrderedDict(other, steps=torch.tensor(7)), "small_other.pt")

# the book's names and layout: affine weights are (in, out)
book = {}
for n, i in enumerate([0, 4, 6], 1):
    weight, bias = state[f"{i}.weight"].numpy(), state[f"{i}.bias"].numpy()
    book[f"W{n}"], book[f"b{n}"] = (weight if weight.ndim == 4 else np.ascontiguousarray(weight.T)), bias
np.savez("small.npz", **book)
with open("small.pkl", "wb") as f:
    pickle.dump({k: v.astype(np.float64) for k, v in book.items()}, f)
save_file({name: value.numpy() for name, value in zip(ours, state.values())}, "small.safetensors")

x, t = torch.randn(3, 1, 8, 8, requires_grad=True), torch.tensor([0, 3, 1])
logits = small(x)
loss = nn.functional.cross_entropy(logits, t)
loss.backward()
gradients = {f"d.{name}": p.grad.numpy() for name, p in zip(ours, small.parameters())}
np.savez("small_io.npz", x=x.detach().numpy(), t=t.numpy(), logits=logits.detach().numpy(), loss=loss.detach().numpy(),
         **{"d.x": x.grad.numpy()}, **gradients)


class Masked(nn.Conv2d):
    """A convolution whose filters see only some of the channels."""

    def __init__(self, channels, filters, kernel, seen):
        super().__init__(channels, filters, kernel)
        self.mask = torch.zeros(filters, channels, 1, 1)
        for f, cs in enumerate(seen):
            self.mask[f, cs] = 1
        with torch.no_grad():
            self.weight *= self.mask


# partial.json: all kernels of the masked convolution are in the file, zeros where it is not connected; the last convolution, as large as
# its input, is a Linear there
partial = nn.Sequential(nn.Conv2d(1, 2, 3), nn.Sigmoid(), Masked(2, 3, 2, [[0], [1], [0, 1]]), nn.Sigmoid(), nn.Flatten(),
                        nn.Linear(27, 4), nn.Sigmoid(), nn.Linear(4, 2))
torch.save(partial.state_dict(), "partial.pt")
x = torch.randn(2, 1, 6, 6)
np.savez("partial_io.npz", x=x.numpy(), logits=partial(x).detach().numpy())
with torch.no_grad():
    partial[2].weight[1, 0, 1, 1] = 0.5
torch.save(partial.state_dict(), "unmasked.pt")
