"""Writes reference.json.gz: what Captum says of a small network, for insight_test.go.

    pip install torch captum && python make_reference.py
"""
import gzip
import json

import captum
import torch
from captum.attr import IntegratedGradients, LayerGradCam, NoiseTunnel, Occlusion, Saliency
from torch import nn

torch.manual_seed(3)
torch.set_default_dtype(torch.float64)

net = nn.Sequential(
    nn.Conv2d(3, 4, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2),
    nn.Conv2d(4, 6, 3), nn.ReLU(),
    nn.Flatten(), nn.Linear(6 * 4 * 5, 3),
)
x = torch.randn(1, 3, 12, 14).float().double()
net.float().double()  # the weights as float32 holds them
target = 1
noise = torch.randn(4, 3, 12, 14).float().double()


def flat(t):
    return [float(v) for v in t.detach().flatten()]


def given(mean, std, generator=None):
    """In place of torch.normal: the noise that the test adds, too."""
    return mean + std * noise.reshape(std.shape)


smooth = NoiseTunnel(Saliency(net))
torch_normal, torch.normal = torch.normal, given
smoothed = smooth.attribute(x, nt_type="smoothgrad", nt_samples=4, stdevs=0.5, target=target, abs=False)
torch.normal = torch_normal

cam = LayerGradCam(net, net[4]).attribute(x, target=target, relu_attributions=True)
reference = {
    "made_with": f"captum {captum.__version__}, torch {torch.__version__}",
    "parameters": {name: flat(value) for name, value in net.state_dict().items()},
    "x": flat(x),
    "noise": flat(noise),
    "gradient": flat(Saliency(net).attribute(x, target=target).amax(1)),
    "integrated": flat(IntegratedGradients(net).attribute(x, target=target, n_steps=20).sum(1)),
    "smooth": flat(smoothed.abs().amax(1)),
    "occlusion": flat(Occlusion(net).attribute(x, sliding_window_shapes=(3, 4, 4), strides=(3, 3, 3), target=target)[:, 0]),
    "cam": flat(cam),
    "cam_resized": flat(nn.functional.interpolate(cam, (12, 14), mode="bilinear", align_corners=False)),
}
with gzip.GzipFile("reference.json.gz", "w", mtime=0) as f:
    f.write(json.dumps(reference).encode())
print({k: len(v) for k, v in reference.items()})
