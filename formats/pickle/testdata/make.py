"""Writes the samples with NumPy (pip install numpy): a tiny net's parameters in
the form of params.pkl, in protocols 2 to 5, and one file of every other form."""
import pickle
from collections import OrderedDict

import numpy as np


def dump(name, value, protocol=4):
    with open(name + ".pkl", "wb") as f:
        pickle.dump(value, f, protocol)


params = {
    "W1": np.arange(16.0).reshape(2, 2, 2, 2) / 3 - 1,
    "b1": np.array([0.25, -200.5]),
    "W2": np.arange(6.0).reshape(3, 2) / 7,
}
for protocol in range(2, 6):
    dump(f"params{protocol}", params, protocol)

ramp = np.arange(6).reshape(2, 3)
forms = OrderedDict(
    half=(ramp - 2.5).astype(np.float16),
    single=(ramp / 4).astype(np.float32),
    big_endian=(ramp - 2.5).astype(">f8"),
    fortran=np.asfortranarray(ramp.astype(np.float64)),
    transposed=ramp.astype(np.float32).T,
    sliced=np.arange(24.0).reshape(4, 6)[::2, 1:5:3],
    labels=ramp[0].astype(np.int64),
    bytes=ramp.astype(np.uint8),
    mask=ramp % 2 == 0,
    scalar=np.float32(7.5),
    zero_d=np.array(2.5),
    epoch=20,
    rate=0.001,
    done=True,
    note="left out",
    nothing=None,
    nested={"list": [ramp.astype(np.float32), (np.ones(2), 3)], 7: np.zeros(1)},
)
forms["tied"] = forms["single"]
dump("forms4", forms, 4)
dump("forms5", forms, 5)
dump("forms2", forms, 2)
dump("lone", np.array([1.0, 2.0]))

dump("object", {"a": np.array([{}, None], dtype=object)})
dump("text", {"a": np.array(["cat"])})
dump("complex", {"a": np.ones(2) * 1j})
dump("record", {"a": np.zeros(1, dtype=[("x", "<f4")])})
dump("set", {"a": {1, 2}})
dump("function", {"a": print})
dump("matrix", np.matrix([[1.0]]))
dump("range", {"a": range(3)})
