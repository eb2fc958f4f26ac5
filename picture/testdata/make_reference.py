"""Writes reference.json.gz: picture files as Pillow writes them, and what Pillow and torchvision make of them.

    pip install pillow torchvision numpy && python make_reference.py
"""
import base64, gzip, io, json, os
import numpy as np
from PIL import Image, ImageOps
from torchvision import transforms
from torchvision.transforms import InterpolationMode

random = np.random.default_rng(1)


def b64(data): return base64.b64encode(data).decode()


def photo(height, width):
    """Smooth colours with some noise, so that every pixel tells where it came from."""
    y, x = np.mgrid[:height, :width]
    planes = [127 + 120 * np.sin(x / (2 + c) + y / (3 + 2 * c) + c) for c in range(3)]
    noisy = np.stack(planes, -1) + random.normal(0, 12, (height, width, 3))
    return Image.fromarray(noisy.clip(0, 255).astype(np.uint8))


def saved(img, fmt, **options):
    b = io.BytesIO()
    img.save(b, fmt, **options)
    return b.getvalue()


def exif(orientation):
    e = Image.Exif()
    e[0x0112] = orientation
    return e


def formats():
    img = photo(5, 7)
    palette = img.quantize(8)
    alpha = img.convert("RGBA")
    alpha.putalpha(Image.fromarray(random.integers(0, 256, (5, 7)).astype(np.uint8)))
    grey = img.convert("L")
    black = Image.new("RGBA", img.size, (0, 0, 0, 255))
    animation = io.BytesIO()
    palette.save(animation, "GIF", save_all=True, append_images=[palette.rotate(180)])
    files = {
        "colour.png": (saved(img, "PNG"), img),
        "grey.png": (saved(grey, "PNG"), grey),
        "palette.png": (saved(palette, "PNG"), palette),
        "palette.gif": (saved(palette, "GIF"), palette),
        "animation.gif": (animation.getvalue(), palette),
        "lossless.webp": (saved(img, "WEBP", lossless=True), img),
        "lossy.webp": (saved(img, "WEBP", quality=100), img),
        "colour.bmp": (saved(img, "BMP"), img),
        "palette.bmp": (saved(palette, "BMP"), palette),
        "raw.tif": (saved(img, "TIFF"), img),
        "lzw.tif": (saved(img, "TIFF", compression="tiff_lzw"), img),
        "deflate.tif": (saved(grey, "TIFF", compression="tiff_deflate"), grey),
        "colour.jpg": (saved(img, "JPEG", quality=100, subsampling=0), img),
    }
    return {name: {"file": b64(data), "size": list(want.size), "rgb": b64(np.asarray(want.convert("RGB")).tobytes())}
            for name, (data, want) in files.items()}


def orientations():
    img = photo(3, 5)
    all = {}
    for fmt, options in {"PNG": {}, "WEBP": {"lossless": True}, "TIFF": {}, "JPEG": {"quality": 100, "subsampling": 0}}.items():
        for o in range(1, 9):
            data = saved(img, fmt, exif=exif(o), **options)
            want = ImageOps.exif_transpose(Image.open(io.BytesIO(data)))
            all[f"{fmt} {o}"] = {"file": b64(data), "size": list(want.size), "rgb": b64(np.asarray(want.convert("RGB")).tobytes())}
    return all


class HorizontallyFirst:
    """A resize in two steps: Pillow 13 chooses which axis comes first, older versions begin with the rows."""

    def __init__(self, resize): self.resize = resize

    def __call__(self, img):
        want = self.resize(img)
        filter = {"bilinear": Image.BILINEAR, "bicubic": Image.BICUBIC}[self.resize.interpolation.value]
        got = img.resize((want.width, img.height), filter).resize(want.size, filter)
        levels = np.abs(np.asarray(got).astype(int) - np.asarray(want).astype(int)).max()
        assert levels <= (1 if filter == Image.BILINEAR else 8), f"{levels} levels between the two orders"  # a cubic's overshoot is clipped
        return got


IMAGENET = {"mean": [0.485, 0.456, 0.406], "std": [0.229, 0.224, 0.225]}


def preprocessing():
    """Cases: the declaration, the input, the picture and torchvision's transforms for it."""
    modes = {"bilinear": InterpolationMode.BILINEAR, "bicubic": InterpolationMode.BICUBIC}
    pictures, cases = [], []
    for height, width in [(61, 43), (43, 60), (20, 20), (9, 47)]:
        img = photo(height, width)
        pictures.append(b64(saved(img, "PNG")))
        for name, mode in modes.items():
            for channels, declared in [(3, {"interpolation": name, **IMAGENET}), (1, {"interpolation": name, "mean": [0.1307], "std": [0.3081]})]:
                grey = [transforms.Grayscale()] if channels == 1 else []
                end = [transforms.ToTensor(), transforms.Normalize(declared["mean"], declared["std"])]
                for fit, resize, size, steps in [
                    ("shorter", 16, (14, 14), [transforms.Resize(16, mode), transforms.CenterCrop(14)]),
                    ("shorter", 25, (24, 17), [transforms.Resize(25, mode), transforms.CenterCrop((24, 17))]),
                    ("stretch", 0, (11, 19), [transforms.Resize((11, 19), mode)]),
                    ("stretch", 21, (18, 18), [transforms.Resize((21, 21), mode), transforms.CenterCrop(18)]),
                ]:
                    x = transforms.Compose(grey + [HorizontallyFirst(s) if isinstance(s, transforms.Resize) else s for s in steps] + end)(img)
                    cases.append({"declared": {"fit": fit, **({"resize": resize} if resize else {}), **declared},
                                  "input": [channels, *size], "picture": len(pictures) - 1, "values": b64(x.numpy().astype("<f4").tobytes())})
    return {"pictures": pictures, "cases": cases}


with open(os.path.join(os.path.dirname(__file__), "reference.json.gz"), "wb") as f:
    f.write(gzip.compress(json.dumps({"formats": formats(), "orientations": orientations(), "preprocessing": preprocessing()}).encode(), mtime=0))
