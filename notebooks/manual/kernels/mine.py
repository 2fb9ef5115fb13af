import numpy as np


def quantize(x, p):
    return np.clip(np.floor(x * 2.0**p + 0.5), -128, 127).astype(np.int8)


def mended(x, p):
    with np.errstate(over="ignore"):
        return np.clip(np.rint(np.ldexp(x.astype(np.float64), p)), -128, 127).astype(np.int8)
