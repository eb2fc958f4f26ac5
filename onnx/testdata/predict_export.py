"""Names what pictures show, by a network that `convgraph export` wrote: predict_export.py NET.onnx PICTURE…"""
import json, sys
import numpy as np, onnxruntime
from PIL import Image

net = onnxruntime.InferenceSession(sys.argv[1])
about = net.get_modelmeta().custom_metadata_map
names, how = json.loads(about["class_names"]), json.loads(about.get("preprocess", "{}"))
inside = np.array(net.get_inputs()[0].shape[:1:-1])  # width and height
outside = inside * max(how.get("resize", 0) / min(inside), 1)
smooth = Image.BICUBIC if how.get("interpolation") == "bicubic" else Image.BILINEAR
for path in sys.argv[2:]:
    img = Image.open(path).convert("RGB")  # or "L" for a network of gray pictures
    size = outside if how.get("fit") == "stretch" else np.array(img.size) * max(outside / img.size)
    size = (size + 1e-9).astype(int)  # as torchvision rounds
    left, top = np.rint((size - inside) / 2).astype(int)
    img = img.resize(size, smooth).crop((left, top, left + inside[0], top + inside[1]))
    x = (np.asarray(img).reshape(*inside[::-1], -1) / 255 - how.get("mean", 0)) / how.get("std", 1)
    p = net.run(["probabilities"], {"input": x.transpose(2, 0, 1)[None].astype(np.float32)})[0][0]
    print(path, names[p.argmax()], p.max())
