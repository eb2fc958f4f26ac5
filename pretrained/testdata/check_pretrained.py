"""Takes two networks with ImageNet weights through PyTorch and ONNX, here and back, and compares the logits of four pictures with
those that come with the weights: check_pretrained.py CONVGRAPH FOLDER, where the folder has NAME.safetensors (float16) and
NAME_samples.npz of squeezenet1_0 and efficientnet_lite0 (pip install torch onnx onnxscript onnxruntime)."""
import json
import os
import subprocess
import sys
import tempfile

import numpy as np
import onnxruntime
import torch
from nets import Lite0, SqueezeNet



def load(path):
    """The arrays of a .safetensors file of float16."""
    with open(path, "rb") as f:
        data = f.read()
    n = int.from_bytes(data[:8], "little")
    header = json.loads(data[8:8 + n])
    header.pop("__metadata__", None)
    part = lambda e: np.frombuffer(data[8 + n:][slice(*e["data_offsets"])], np.float16).reshape(e["shape"]).astype(np.float32)
    return {k: torch.from_numpy(part(e)) for k, e in header.items()}


binary, folder = os.path.abspath(sys.argv[1]), sys.argv[2]
# SqueezeNet as its authors have it: `go run ./examples/pretrained squeezenet.safetensors`, `convgraph summary squeezenet.safetensors -json-spec`.
specs = {"squeezenet1_0": sys.argv[3], "efficientnet_lite0": "efficientnet_lite0"}
for name, net in [("squeezenet1_0", SqueezeNet()), ("efficientnet_lite0", Lite0())]:
    path = os.path.join(folder, name)
    net.load_state_dict(load(path + ".safetensors"), strict=False)
    net.eval()
    samples = np.load(path + "_samples.npz")
    x, y = samples["x"], samples["y"]

    def differ(what, got):
        worst = np.abs(got - y).max()
        print(f"{name}: {what}: {worst:.1e} of {np.abs(y).max():.3g}", "" if worst < 1e-4 else "TOO FAR")

    with torch.no_grad(), tempfile.TemporaryDirectory() as d:
        at = lambda f: os.path.join(d, f)
        tensor = torch.from_numpy(x)
        differ("PyTorch", net(tensor).numpy())
        np.savez(at("in.npz"), x=x)
        torch.save(net.state_dict(), at("net.pt"))
        torch.onnx.export(net, (tensor,), at("script.onnx"), dynamo=False, input_names=["x"], dynamic_axes={"x": {0: "N"}})
        torch.onnx.export(net, (tensor,), at("dynamo.onnx"), dynamo=True, dynamic_shapes=({0: torch.export.Dim("N")},), verbose=False)
        for source, extra in [(path + ".safetensors", ["-model", specs[name]]), (at("net.pt"), ["-model", specs[name]]), (at("script.onnx"), []), (at("dynamo.onnx"), [])]:
            what = os.path.basename(source)
            subprocess.run([binary, "import", source, *extra, "-o", at("p.safetensors")], check=True, stdout=subprocess.DEVNULL)
            run = lambda params: subprocess.run([binary, "run", params, at("in.npz"), "-o", at("out.npz")], check=True)
            run(at("p.safetensors"))
            differ(f"{what} here", np.load(at("out.npz"))["logits"])
            subprocess.run([binary, "export", at("p.safetensors"), "-o", at("back.onnx")], check=True, stdout=subprocess.DEVNULL)
            session = onnxruntime.InferenceSession(at("back.onnx"))
            differ(f"{what} here, to onnxruntime", session.run(None, {"input": x})[0])
            subprocess.run([binary, "import", at("back.onnx"), "-o", at("q.safetensors")], check=True, stdout=subprocess.DEVNULL)
            run(at("q.safetensors"))
            differ(f"{what} here, to ONNX and back", np.load(at("out.npz"))["logits"])
