"""Draws four classes of 60 pictures each (+ 20 to check): discs, squares, triangles and crosses of any color, size and place on a colored ground."""
import os, sys
import numpy as np
from PIL import Image, ImageDraw
rng = np.random.default_rng(5)
def draw(kind):
    ground, ink = rng.integers(0, 256, 3), rng.integers(0, 256, 3)
    while abs(ground - ink).sum() < 200: ink = rng.integers(0, 256, 3)
    img = Image.new("RGB", (160, 160), tuple(int(v) for v in ground)); d = ImageDraw.Draw(img)
    r = rng.integers(25, 60); x, y = rng.integers(r, 160 - r, 2); c = tuple(int(v) for v in ink); r, x, y = int(r), int(x), int(y)
    if kind == "disc": d.ellipse([x - r, y - r, x + r, y + r], fill=c)
    if kind == "square": d.rectangle([x - r, y - r, x + r, y + r], fill=c)
    if kind == "triangle": d.polygon([(x, y - r), (x - r, y + r), (x + r, y + r)], fill=c)
    if kind == "cross":
        d.line([x - r, y - r, x + r, y + r], fill=c, width=r // 3); d.line([x - r, y + r, x + r, y - r], fill=c, width=r // 3)
    a = np.asarray(img).astype(int) + rng.integers(-12, 13, (160, 160, 3))
    return Image.fromarray(np.clip(a, 0, 255).astype(np.uint8))
for kind in ("disc", "square", "triangle", "cross"):
    os.makedirs(f"{sys.argv[1]}/{kind}", exist_ok=True)
    for i in range(60): draw(kind).save(f"{sys.argv[1]}/{kind}/{i:03}.png")
