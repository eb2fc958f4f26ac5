"""Writes sample.npz, packed.npz and the .npy files with NumPy (pip install numpy)."""
import numpy as np

ramp = np.arange(6).reshape(2, 3)
arrays = {
    "W1": ramp.astype(np.float32) / 4,
    "double": ramp / 3,
    "half": (ramp - 2.5).astype(np.float16),
    "big_endian": (ramp - 2.5).astype(">f8"),
    "big_endian_int": ramp.astype(">i4"),
    "fortran": np.asfortranarray(np.arange(24, dtype=np.float32).reshape(2, 3, 4)),
    "labels": ramp[0].astype(np.int64),
    "int16": (-ramp).astype(np.int16),
    "uint16": (65535 - ramp).astype(np.uint16),
    "bytes": ramp.astype(np.uint8),
    "int8": (-ramp).astype(np.int8),
    "mask": ramp % 2 == 0,
    "scalar": np.array(7.5),
}
np.savez("sample.npz", **arrays)
np.savez_compressed("packed.npz", zeros=np.zeros((100, 100), np.float32), ramp=ramp / 3)
np.save("complex.npy", ramp * 1j)
np.save("object.npy", np.array([{}, "x"], dtype=object), allow_pickle=True)
np.save("text.npy", np.array(["cat", "dog"]))
np.save("record.npy", np.array([(1, 2.0)], dtype=[("a", "<i4"), ("b", "<f8")]))
