"""Writes what PyTorch's two exporters make of small nets, with an input and the
net's answer in one .npz each (pip install torch onnx onnxscript). The nodes'
metadata, stack traces of this script, are taken out again."""
import numpy as np
import onnx
import torch
from torch import nn

torch.manual_seed(0)


class View(nn.Module):
    """Flattens by the batch's size, as programs of old do."""

    def __init__(self):
        super().__init__()
        self.conv = nn.Conv2d(1, 3, 3, padding=1, bias=False)
        self.fc = nn.Linear(3 * 3 * 3, 4)

    def forward(self, x):
        x = torch.max_pool2d(torch.relu(self.conv(x)), 2)
        return self.fc(x.view(x.size(0), -1))


class Norm(nn.Module):
    def forward(self, x):
        return nn.functional.local_response_norm(torch.relu(x), 4, alpha=0.5, beta=0.75, k=2.0)


NETS = {
    "view": (View(), (1, 6, 6)),
    "pad": (nn.Sequential(nn.ZeroPad2d(2), nn.Conv2d(1, 2, 3), nn.Tanh(), nn.AvgPool2d(2, 2, 1), nn.Flatten(), nn.Linear(50, 3)), (1, 6, 6)),
    "groups": (nn.Sequential(nn.Conv2d(2, 4, 3, 2, groups=2), nn.Sigmoid(), nn.Flatten(), nn.Dropout(), nn.Linear(16, 3), nn.ReLU(),
                             nn.Linear(3, 2, bias=False), nn.Softmax(1)), (2, 5, 5)),
    "norm": (nn.Sequential(nn.Conv2d(1, 6, 3), Norm(), nn.LocalResponseNorm(3, 0.2, 0.5, 1.0), nn.Flatten(), nn.Linear(24, 2)), (1, 4, 4)),
}
for name, (net, shape) in NETS.items():
    net.eval()
    x = torch.randn(3, *shape)
    torch.onnx.export(net, (x,), f"{name}_script.onnx", dynamo=False, input_names=["x"], dynamic_axes={"x": {0: "batch"}})
    torch.onnx.export(net, (x,), f"{name}_dynamo.onnx", dynamo=True, external_data=False, dynamic_shapes=({0: torch.export.Dim("batch")},))
    model = onnx.load(f"{name}_dynamo.onnx")
    for node in model.graph.node:
        del node.metadata_props[:]
    onnx.save(model, f"{name}_dynamo.onnx")
    np.savez(f"{name}.npz", x=x.numpy(), y=net(x).detach().numpy())
