"""OpenBLAS's side of the benchmarks: float32 1024x1024x1024 on one thread, with the OpenBLAS in
PyPI's NumPy.

python3 openblas.py [version] [--seconds S --count N] prints JSON: ms, N measurements, each the
mean time of a product over S seconds.
"""
import os

os.environ["OPENBLAS_NUM_THREADS"] = "1"  # read once, at import

import argparse
import json
import math
import time

import numpy as np


def blas():
    config = np.show_config(mode="dicts")["Build Dependencies"]["blas"]
    if "openblas" not in config["name"]:
        raise SystemExit(f"this NumPy uses {config['name']}, not OpenBLAS")
    return f"{config['version']} in NumPy {np.__version__}"


def mean_ms(work, runs):
    start = time.perf_counter()
    for _ in range(runs):
        work()
    return (time.perf_counter() - start) * 1e3 / runs


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("work", nargs="?", choices=["version"])
    parser.add_argument("--seconds", type=float, default=0.5)
    parser.add_argument("--count", type=int, default=5)
    args = parser.parse_args()
    version = blas()
    if args.work == "version":
        print(json.dumps({"version": version}))
        return

    a, b = np.random.default_rng(0).standard_normal((2, 1024, 1024), dtype=np.float32)
    c = np.empty_like(a)
    mean_ms(lambda: np.matmul(a, b, out=c), 2)
    runs = max(1, math.ceil(args.seconds * 1e3 / mean_ms(lambda: np.matmul(a, b, out=c), 3)))
    print(json.dumps({"ms": [mean_ms(lambda: np.matmul(a, b, out=c), runs) for _ in range(args.count)]}))


if __name__ == "__main__":
    main()
