"""Compares exports with onnxruntime. The folder holds what these write:

    go test ./graph -run TestWriteRandomNetworks -networks DIR
    go test ./onnx -run TestWriteExports -exports DIR
    python onnx/testdata/check_export.py DIR

For each NAME.onnx it runs onnx's checker and onnxruntime, and wants the answers in NAME.npz to 1e-4 of
the logits' scale (pip install onnx onnxruntime)."""
import glob, os, sys

import numpy as np
import onnx
import onnxruntime

LIMIT = 1e-4


def difference(path):
    """The largest difference between the answers, relative to the largest of our logits; that of probabilities as it is."""
    onnx.checker.check_model(onnx.load(path), full_check=True)
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3
    session = onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])
    ours = np.load(path[:-5] + ".npz")
    names = [o.name for o in session.get_outputs()]
    worst = 0.0
    for name, theirs in zip(names, session.run(None, {session.get_inputs()[0].name: ours["x"]})):
        want = ours["logits" if name == "logits" else "output"]
        if want.shape != theirs.shape:
            raise ValueError(f"{name} is {theirs.shape}, want {want.shape}")
        if not np.array_equal(np.isfinite(want), np.isfinite(theirs)):
            raise ValueError(f"{name} is finite at other places")
        finite = np.isfinite(want)
        scale = 1 if name == "probabilities" else max(1e-30, np.abs(want[finite]).max(initial=0))
        worst = max(worst, float(np.abs(want[finite] - theirs[finite]).max(initial=0) / scale))
    return worst


def main(folder):
    differences, failures = {}, 0
    for path in sorted(glob.glob(os.path.join(folder, "*.onnx"))):
        name = os.path.basename(path)[:-5]
        try:
            differences[name] = difference(path)
        except Exception as e:
            failures += 1
            print(f"{name}: {str(e)[:400]}")
            continue
        if not differences[name] <= LIMIT:
            failures += 1
            print(f"{name}: differs by {differences[name]:.2g} of its scale")
    if not differences:
        sys.exit(f"{folder}: no export to compare")
    worst = max(differences, key=differences.get)
    print(f"{len(differences)} compared, {failures} failed; the largest difference is {differences[worst]:.2g} ({worst})")
    sys.exit(failures > 0)


main(sys.argv[1])
