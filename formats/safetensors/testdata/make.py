"""Writes sample.safetensors with the Python package (pip install numpy ml_dtypes safetensors)."""
import ml_dtypes
import numpy as np
from safetensors.numpy import save_file

ramp = np.arange(6).reshape(2, 3)
save_file(
    {
        "conv1.weight": (ramp / 4).astype(np.float32),
        "double": (ramp / 3).astype(np.float64),
        "half": (ramp - 2.5).astype(np.float16),
        "brain": (ramp * 0.5).astype(ml_dtypes.bfloat16),
        "labels": ramp.astype(np.int64)[0],
        "bytes": ramp.astype(np.uint8),
        "mask": ramp % 2 == 0,
        "scalar": np.array(7.5, np.float32),
    },
    "sample.safetensors",
    metadata={"format": "np", "spec": '{"name": "tiny"}'},
)
