"""OpenBLAS's side of the benchmarks: the float32 product of two 1024x1024 matrices on one thread, with the
OpenBLAS in PyPI's NumPy.

    python3 openblas.py SGEMM1024 [--seconds S --count N]
    python3 openblas.py version

measure.py says what it prints.
"""
import os

os.environ["OPENBLAS_NUM_THREADS"] = "1"  # read once, at import

import numpy as np

import measure


def version():
    config = np.show_config(mode="dicts")["Build Dependencies"]["blas"]
    if "openblas" not in config["name"]:
        raise SystemExit(f"this NumPy uses {config['name']}, not OpenBLAS")
    return f"{config['version']} in NumPy {np.__version__}"


def prepare(args):
    a, b = np.random.default_rng(0).standard_normal((2, 1024, 1024), dtype=np.float32)
    c = np.empty_like(a)
    return lambda: np.matmul(a, b, out=c)


if __name__ == "__main__":
    measure.main(measure.arguments(__doc__, [], ["SGEMM1024"]), version(), prepare)
