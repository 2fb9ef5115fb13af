"""Small worlds in full: all pairs of int8 codes and zero points, of 4-bit codes, all arrays of up to four values."""

import functools
import itertools

import numpy as np
from oracles import affine, packing, selection

from refcompress import (
    affine_dequantize,
    affine_quantize,
    n_m_mask,
    n_m_sparsify,
    pack_int4,
    prune,
    restore,
    sparsify,
    top_k_mask,
    unpack_int4,
)

SCALES = (1.0, 0.1, 3.0, 2.0**-149, 1e30, 1 / 3)
TYPES = {"float16": np.float16, "float32": np.float32, "float64": np.float64}
ROUNDING = ("half_even", "half_away", "half_up", "half_down", "half_odd", "floor", "ceil", "toward_zero")
ROUNDING += ("away_from_zero",)
VALUES = (0.0, -0.0, 1.0, -1.0, 2.0, 5e-324, -5e-324)


def as_float(v, sign):
    """A rational that is a float, or None, an infinity; a 0 and an infinity have the sign of what was rounded."""
    return sign * float("inf") if v is None else float(v) or sign * 0.0


def dequantized_pairs(scales=SCALES):
    """All int8 q with all int8 z; a name and what returns how many were compared and how many differ."""
    for s, (dtype, kind) in itertools.product(scales, TYPES.items()):
        yield f"affine_dequantize s={s:g} {dtype}", functools.partial(_dequantized, s, dtype, kind)


def _dequantized(s, dtype, kind):
    codes = np.arange(-128, 128)
    s32 = float(np.float32(s))
    wrong = 0
    for z in range(-128, 128):
        row = affine_dequantize(codes, np.float32(s), z, dtype=dtype)
        expected = [as_float(affine.dequantized(q, s32, z, dtype), 1 if q >= z else -1) for q in range(-128, 128)]
        wrong += int((row.view(f"u{row.itemsize}") != np.array(expected, kind).view(f"u{row.itemsize}")).sum())
    return 65_536, wrong


def quantized_pairs(words=ROUNDING, scales=(1.0, 0.1, 3.0)):
    """All x = n s / 2 (rounded) for int8 n with all 4-bit z, under every setting at 4 bits."""
    for word, s in itertools.product(words, scales):
        yield f"affine_quantize s={s:g} {word}", functools.partial(_quantized, word, s)


def _quantized(word, s):
    orders = ("after_rounding", "before_rounding")
    s32 = np.float32(s)
    x = (np.arange(-128, 128).astype(np.float32) * s32 / np.float32(2)).astype(np.float32)
    count = wrong = 0
    for z, scaling, added, overflow in itertools.product(
        range(-8, 8), ("divide", "exact", "reciprocal"), orders, ("saturate", "wrap")
    ):
        how = {"bits": 4, "rounding": word, "scaling": scaling, "zero_point_added": added, "overflow": overflow}
        found = affine_quantize(x, s32, z, **how).tolist()
        wrong += sum(f != affine.quantized(v, float(s32), z, **how) for f, v in zip(found, x.tolist(), strict=True))
        count += len(found)
    return count, wrong


def packed_pairs():
    """All pairs of 4-bit codes, and all bytes."""
    for signed, order in itertools.product((True, False), ("low_first", "high_first")):
        yield f"pack_int4 and unpack_int4 {order} signed={signed}", functools.partial(_packed, signed, order)


def _packed(signed, order):
    low = -8 if signed else 0
    pairs = [list(pair) for pair in itertools.product(range(low, low + 16), repeat=2)]
    found = pack_int4(pairs, signed=signed, order=order).tolist()
    wrong = sum(f != packing.packed_row(pair, 4, order) for f, pair in zip(found, pairs, strict=True))
    bytes_ = [[byte] for byte in range(256)]
    back = unpack_int4(np.array(bytes_, np.uint8), 2, signed=signed, order=order).tolist()
    wrong += sum(b != packing.unpacked_row(row, 2, 4, order, signed) for b, row in zip(back, bytes_, strict=True))
    return 512, wrong


def short_arrays(dtype="float64", longest=4, values=VALUES):
    """All arrays of up to four of seven values, all k, both tie rules: the whole top-k family, with signs of zero."""
    for length in range(longest + 1):
        yield f"top-k family, length {length}, {dtype}", functools.partial(_short, dtype, length, values)


def _short(dtype, length, values):
    def same(a, b):
        return a.tobytes() == np.array(b, dtype).tobytes()

    count = wrong = 0
    for items in itertools.product(values, repeat=length):
        x = np.array(items, dtype)
        own = x.tolist()  # a subnormal of float64 is 0 in a narrower dtype
        for k, ties in itertools.product(range(length + 1), ("lowest_index", "highest_index")):
            mask = selection.mask(own, k, ties)
            kept = [v if m else 0.0 for v, m in zip(own, mask, strict=True)]
            wrong += top_k_mask(x, k, ties=ties).tolist() != mask
            wrong += not same(sparsify(x, k, ties=ties), kept)
            for order in ("index", "magnitude"):
                places = selection.pruned(own, k, order, ties)
                held, found = prune(x, k, order=order, ties=ties)
                wrong += found.tolist() != places or not same(held, [own[i] for i in places])
                wrong += not same(restore(held, found, (length,)), kept)
            count += 4
            if length and k:
                wrong += n_m_mask(x, n=k, m=length, ties=ties).tolist() != mask
                wrong += not same(n_m_sparsify(x, n=k, m=length, ties=ties), kept)
                count += 2
    return count, wrong
