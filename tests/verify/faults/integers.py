"""Requantization and packing as people write them: with one fault each, and without any."""

from fractions import Fraction

import numpy as np

try:
    import torch
except ImportError:  # then its members are left out
    torch = None
from verify.faults.kinds import Right, Wrong

# requantize: wrong


def to_int8(values, shape):
    return np.clip(np.asarray(values, np.int64), -128, 127).astype(np.int8).reshape(shape)


def high_mul(a, b):
    """SaturatingRoundingDoublingHighMul, statement by statement."""
    ab = int(a) * int(b)
    nudge = 1 << 30 if ab >= 0 else 1 - (1 << 30)
    q = abs(ab + nudge) >> 31
    return q if ab + nudge >= 0 else -q


def divide_by_pot(x, exponent):
    mask = (1 << exponent) - 1
    return (x >> exponent) + ((x & mask) > (mask >> 1) + (x < 0))


def old_tflite(acc, multiplier, shift, zero_point):
    def one(a):
        moved = max(min(a << max(shift, 0), 2**31 - 1), -(2**31))
        return divide_by_pot(high_mul(moved, multiplier), max(-shift, 0)) + zero_point

    return to_int8([one(int(a)) for a in acc.flat], acc.shape)


def rounds_magnitudes_twice(acc, multiplier, shift, zero_point):
    a = acc.astype(np.int64) << max(shift, 0)
    a = np.clip(a, -(2**31), 2**31 - 1) * multiplier
    sign = np.where(a < 0, -1, 1)
    high = (np.abs(a) + 2**30) // 2**31
    right = max(-shift, 0)
    return to_int8(sign * ((high + (1 << right >> 1)) >> right) + zero_point, acc.shape)


def xnnpack_float(acc, multiplier, shift, zero_point):
    scale = np.float32(multiplier * 2.0 ** (shift - 31))
    scaled = acc.astype(np.float32) * scale
    return to_int8(np.rint(np.clip(scaled, -1e9, 1e9)) + zero_point, acc.shape)


def lround_in_double(acc, multiplier, shift, zero_point):
    v = acc.astype(np.float64) * multiplier * 2.0 ** (shift - 31)
    return to_int8(np.sign(v) * np.floor(np.abs(v) + 0.5) + zero_point, acc.shape)


def double_and_floor(acc, multiplier, shift, zero_point):
    return to_int8(np.floor(acc.astype(np.float64) * multiplier * 2.0 ** (shift - 31) + 0.5) + zero_point, acc.shape)


def multiplies_in_int32(acc, multiplier, shift, zero_point):
    with np.errstate(over="ignore"):
        product = acc * np.int32(multiplier)
    n = 31 - shift
    return to_int8((product.astype(np.int64) + (1 << n >> 1) >> n) + zero_point, acc.shape)


def unsigned_rounding_constant(acc, multiplier, shift, zero_point):
    """C: acc is int64_t, the constant is uint64_t, and so is their sum."""
    n = 31 - shift
    total = (acc.astype(np.int64) * multiplier).view(np.uint64) + np.uint64(1 << n >> 1)
    return to_int8(np.minimum(total >> np.uint64(n), 2**40).astype(np.int64) + zero_point, acc.shape)


def divides_instead_of_shifting(acc, multiplier, shift, zero_point):
    n = 31 - shift
    total = [int(a) * multiplier + (1 << n >> 1) for a in acc.flat]
    return to_int8([(abs(t) >> n) * (1 if t >= 0 else -1) + zero_point for t in total], acc.shape)


def forgets_the_rounding_constant(acc, multiplier, shift, zero_point):
    return to_int8((acc.astype(np.int64) * multiplier >> (31 - shift)) + zero_point, acc.shape)


def q30_multiplier(acc, multiplier, shift, zero_point):
    n = 30 - shift
    p = acc.astype(np.int64) * multiplier
    return to_int8((p + (1 << n >> 1) >> n if n >= 0 else p << -n) + zero_point, acc.shape)


def shift_the_other_way(acc, multiplier, shift, zero_point):
    n = 31 + shift
    return to_int8((acc.astype(np.int64) * multiplier + (1 << n >> 1) >> n) + zero_point, acc.shape)


def zero_point_into_the_product(acc, multiplier, shift, zero_point):
    n = 31 - shift
    return to_int8(acc.astype(np.int64) * multiplier + zero_point + (1 << n >> 1) >> n, acc.shape)


def zero_point_into_the_accumulator(acc, multiplier, shift, zero_point):
    n = 31 - shift
    return to_int8((acc.astype(np.int64) + zero_point) * multiplier + (1 << n >> 1) >> n, acc.shape)


def scaled(acc, multiplier, shift):
    n = 31 - shift
    return acc.astype(np.int64) * multiplier + (1 << n >> 1) >> n


def saturates_before_the_zero_point(acc, multiplier, shift, zero_point):
    code = np.clip(scaled(acc, multiplier, shift), -128, 127).astype(np.int8)
    with np.errstate(over="ignore"):
        return code + np.int8(zero_point)


def forgets_to_saturate(acc, multiplier, shift, zero_point):
    return (scaled(acc, multiplier, shift) + zero_point).astype(np.int8)


def returns_int32(acc, multiplier, shift, zero_point):
    return scaled(acc, multiplier, shift) + zero_point


def fused_relu(acc, multiplier, shift, zero_point):
    return np.maximum(to_int8(scaled(acc, multiplier, shift) + zero_point, acc.shape), zero_point)


def symmetric_codes(acc, multiplier, shift, zero_point):
    return np.clip(scaled(acc, multiplier, shift) + zero_point, -127, 127).astype(np.int8)


def shifts_left_in_int32(acc, multiplier, shift, zero_point):
    if shift <= 0:
        return to_int8(scaled(acc, multiplier, shift) + zero_point, acc.shape)
    moved = (acc.astype(np.int64) << shift).astype(np.int32)
    return to_int8(scaled(moved, multiplier, 0) + zero_point, acc.shape)


def returns_low_word(acc, multiplier, shift, zero_point):
    return to_int8(scaled(acc, multiplier, shift).astype(np.int32) + np.int64(zero_point), acc.shape)


def sixteen_bit_multiplier(acc, multiplier, shift, zero_point):
    reduced = min((multiplier + 0x8000) >> 16, 0x7FFF)
    n = 15 - shift
    p = acc.astype(np.int64) * reduced
    return to_int8((p + (1 << n >> 1) >> n if n >= 0 else p << -n) + zero_point, acc.shape)


def cuts_the_high_word(acc, multiplier, shift, zero_point):
    """Without the rounding of the high multiply: only the second shift rounds."""
    moved = np.clip(acc.astype(np.int64) << max(shift, 0), -(2**31), 2**31 - 1)
    high, right = moved * multiplier >> 31, max(-shift, 0)
    return to_int8((high + (1 << right >> 1) >> right) + zero_point, acc.shape)


def vector_and_tail(acc, multiplier, shift, zero_point):
    """The vector loop rounds once, the loop for the rest twice."""
    flat, n = acc.reshape(-1), acc.size // 8 * 8
    whole = [to_int8(scaled(flat[:n], multiplier, shift) + zero_point, n)]
    return np.concatenate([*whole, old_tflite(flat[n:], multiplier, shift, zero_point)]).reshape(acc.shape)


def negative_only_twice(acc, multiplier, shift, zero_point):
    once = to_int8(scaled(acc, multiplier, shift) + zero_point, acc.shape)
    return np.where(acc < 0, rounds_magnitudes_twice(acc, multiplier, shift, zero_point), once)


def in_place(acc, multiplier, shift, zero_point):
    if acc.flags.writeable:
        acc *= 1
        acc -= acc // 2**30
    return to_int8(scaled(acc, multiplier, shift) + zero_point, acc.shape)


def torch_round(acc, multiplier, shift, zero_point):
    v = torch.round(acc.double() * (multiplier * 2.0 ** (shift - 31)))
    return torch.clamp(v + zero_point, -128, 127).to(torch.int8)


def unsigned_without_zero(acc, multiplier, shift, zero_point):
    return np.clip(scaled(acc, multiplier, shift), 0, 255).astype(np.uint8)


# requantize: right


def with_integers(acc, multiplier, shift, zero_point):
    def one(a):
        n = 31 - shift
        return min(max(((a * multiplier + (1 << n >> 1)) >> n) + zero_point, -128), 127)

    return np.array([one(int(a)) for a in acc.flat], np.int8).reshape(acc.shape)


def with_fractions(acc, multiplier, shift, zero_point):
    factor = multiplier * Fraction(2) ** (shift - 31)
    codes = [int((int(a) * factor + Fraction(1, 2)) // 1) + zero_point for a in acc.flat]
    return to_int8(codes, acc.shape)


def with_numpy(acc, multiplier, shift, zero_point):
    return to_int8(scaled(acc, multiplier, shift) + zero_point, acc.shape)


def with_torch(acc, multiplier, shift, zero_point):
    n = 31 - shift
    total = acc.to(torch.int64) * multiplier + (1 << n >> 1)
    return torch.clamp((total >> n) + zero_point, -128, 127).to(torch.int8)


def with_two_words(acc, multiplier, shift, zero_point):
    """The product in two halves of 32 bits, as a processor without 64-bit integers has it."""
    low = (acc.astype(np.int64) & 0xFFFF) * multiplier
    high = (acc.astype(np.int64) >> 16) * multiplier + (low >> 16)
    low &= 0xFFFF
    n = 31 - shift
    if n > 16:
        high += 1 << (n - 17)  # the constant lies above the low word
        codes = high >> (n - 16)
    else:
        codes = ((high << 16) + low + (1 << n >> 1)) >> n
    return to_int8(codes + zero_point, acc.shape)


def with_a_remainder(acc, multiplier, shift, zero_point):
    """Floor first; one more where the remainder is at least a half."""
    n = 31 - shift
    whole, rest = np.divmod(acc.astype(np.int64) * multiplier, np.int64(1 << n))
    return to_int8(whole + (rest >= (1 << n >> 1) + (n == 0)) + zero_point, acc.shape)


def with_thresholds(acc, multiplier, shift, zero_point):
    """The smallest accumulator of each code, and a search: the rule is monotone."""
    n = 31 - shift
    edges = [-((-(((2 * (q - zero_point) - 1) << n) // 2)) // multiplier) for q in range(-127, 128)]
    if n == 0:
        edges = [-(-(q - zero_point) // multiplier) for q in range(-127, 128)]
    return (np.searchsorted(np.array(edges), acc.astype(np.int64), side="right") - 128).astype(np.int8)


def gemmlowp_vectorized(acc, multiplier, shift, zero_point):
    moved = np.clip(acc.astype(np.int64) << max(shift, 0), -(2**31), 2**31 - 1)
    high = 2 * moved * multiplier + 2**31 >> 32
    right = max(-shift, 0)
    fixed = high + (np.minimum(high, 0) >> 63 if right else 0)  # one less where negative
    return to_int8((fixed + (1 << right >> 1) >> right) + zero_point, acc.shape)


def to_even_by_parity(acc, multiplier, shift, zero_point):
    n = 31 - shift
    p = acc.astype(np.int64) * multiplier
    whole, rest, half = p >> n, p & ((1 << n) - 1), 1 << n >> 1
    up = (rest > half) | ((rest == half) & (whole % 2 == 1)) if n else np.zeros(p.shape, bool)
    return np.clip(whole + up + zero_point, 0, 255).astype(np.uint8)


# packing: wrong


def padded(q):
    return np.concatenate([q, np.zeros((*q.shape[:-1], q.shape[-1] % 2), q.dtype)], axis=-1)


def first_code_high(q):
    wide = padded(q).astype(np.uint8) & 15
    return wide[..., ::2] << 4 | wide[..., 1::2]


def forgets_the_mask(q):
    wide = padded(q).astype(np.int64)
    return (wide[..., ::2] | wide[..., 1::2] << 4).astype(np.uint8)


def adds_the_codes(q):
    wide = padded(q).astype(np.int64)
    return (wide[..., ::2] + 16 * wide[..., 1::2]).astype(np.uint8)


def offset_binary(q):
    wide = (padded(q).astype(np.int64) + 8).astype(np.uint8)
    return wide[..., ::2] | wide[..., 1::2] << 4


def packs_across_rows(q):
    flat = padded(q.reshape(-1)).astype(np.uint8) & 15
    return flat[::2] | flat[1::2] << 4


def repeats_the_last(q):
    wide = np.concatenate([q, q[..., -1:]], axis=-1)[..., : -(-q.shape[-1] // 2) * 2].astype(np.uint8) & 15
    return wide[..., ::2] | wide[..., 1::2] << 4


def split_halves(q):
    n = q.shape[-1]
    if n == 0 or n % 32:
        wide = padded(q).astype(np.uint8) & 15
        return wide[..., ::2] | wide[..., 1::2] << 4
    blocks = (q.astype(np.uint8) & 15).reshape(*q.shape[:-1], n // 32, 32)
    return (blocks[..., :16] | blocks[..., 16:] << 4).reshape(*q.shape[:-1], n // 2)


def drops_the_odd_code(q):
    wide = q[..., : q.shape[-1] // 2 * 2].astype(np.uint8) & 15
    return wide[..., ::2] | wide[..., 1::2] << 4


def signed_bytes(q):
    return packs_right(q).astype(np.int8)


def big_endian_words(q):
    packed = packs_right(q)
    n = packed.shape[-1] // 4 * 4
    words = packed[..., :n].reshape(*packed.shape[:-1], n // 4, 4)[..., ::-1]
    return np.concatenate([words.reshape(*packed.shape[:-1], n), packed[..., n:]], axis=-1)


def no_sign_extension(packed, length):
    both = np.stack([packed & 15, packed >> 4], axis=-1)
    return both.reshape(*packed.shape[:-1], 2 * packed.shape[-1])[..., :length].astype(np.int8)


def low_nibble_unsigned(packed, length):
    both = np.stack([(packed & 15).view(np.int8), packed.view(np.int8) >> 4], axis=-1)
    return both.reshape(*packed.shape[:-1], 2 * packed.shape[-1])[..., :length]


def minus_eight(packed, length):
    return no_sign_extension(packed, length) - 8


def borrows_across_lanes(packed, length):
    """Four nibbles spread over a word; 0x08080808 subtracted once."""
    codes = no_sign_extension(packed, length).astype(np.uint8).reshape(-1, length) if length else None
    if codes is None:
        return no_sign_extension(packed, length)
    out = np.zeros((codes.shape[0], -(-length // 4) * 4), np.uint8)
    out[:, :length] = codes ^ 8
    out[:, length:] = 8
    words = np.ascontiguousarray(out).view("<u4") - np.uint32(0x08080808)
    return words.view(np.int8)[:, :length].reshape(*packed.shape[:-1], length)


def ignores_the_length(packed, length):
    return unpacks_right(packed, 2 * packed.shape[-1])


def one_stream(packed, length):
    codes = unpacks_right(packed.reshape(-1), 2 * packed.size)
    count = int(np.prod(packed.shape[:-1])) * length
    return codes[:count].reshape(*packed.shape[:-1], length)


def high_then_low(packed, length):
    both = np.stack([packed.view(np.int8) >> 4, (packed << 4).view(np.int8) >> 4], axis=-1)
    return both.reshape(*packed.shape[:-1], 2 * packed.shape[-1])[..., :length]


def all_lows_first(packed, length):
    low, high = (packed << 4).view(np.int8) >> 4, packed.view(np.int8) >> 4
    if length % 2:
        return unpacks_right(packed, length)
    return np.concatenate([low, high], axis=-1)[..., :length]


def sign_and_magnitude(packed, length):
    n = no_sign_extension(packed, length)
    return np.where(n & 8, -(n & 7), n)


def reads_the_buffer(packed, length):
    owner = packed
    while isinstance(owner.base, np.ndarray):
        owner = owner.base
    return unpacks_right(owner.ravel(order="K")[: packed.size].reshape(packed.shape), length)


# packing: right


def packs_right(q):
    wide = padded(q).astype(np.uint8) & 15
    return wide[..., ::2] | wide[..., 1::2] << 4


def packs_with_integers(q):
    """Eight codes to one integer."""
    n = q.shape[-1]
    out = np.zeros((*q.shape[:-1], -(-n // 2)), np.uint8)
    for row, packed in zip(q.reshape(-1, max(n, 1)), out.reshape(-1, max(-(-n // 2), 1)), strict=True):
        for start in range(0, n, 8):
            word = sum((int(code) % 16) << (4 * i) for i, code in enumerate(row[start : start + 8]))
            part = packed[start // 2 : start // 2 + 4]
            part[:] = list(word.to_bytes(4, "little"))[: part.size]
    return out


def packs_with_torch(q):
    wide = torch.nn.functional.pad(q.to(torch.int32), (0, q.shape[-1] % 2)) & 15
    return (wide[..., ::2] + 16 * wide[..., 1::2]).to(torch.uint8)


def packs_interleaved(q):
    n = -(-q.shape[-1] // 8) * 8
    wide = np.zeros((*q.shape[:-1], n), np.uint32)
    wide[..., : q.shape[-1]] = q.astype(np.int64) & 15
    words = np.zeros((*q.shape[:-1], n // 8), np.uint32)
    for i, source in enumerate((0, 2, 4, 6, 1, 3, 5, 7)):
        words |= wide[..., source::8] << np.uint32(4 * i)
    return words.astype("<u4").view(np.uint8).reshape(*q.shape[:-1], n // 2)


def unpacks_right(packed, length):
    both = np.stack([(packed << 4).view(np.int8) >> 4, packed.view(np.int8) >> 4], axis=-1)
    return both.reshape(*packed.shape[:-1], 2 * packed.shape[-1])[..., :length]


def unpacks_with_a_table(packed, length):
    table = np.array([[n - 16 if n >= 8 else n for n in (byte % 16, byte // 16)] for byte in range(256)])
    return table[packed].reshape(*packed.shape[:-1], 2 * packed.shape[-1])[..., :length]


def unpacks_with_integers(packed, length):
    """Four bytes to one integer."""
    size = packed.shape[-1]
    out = np.zeros((*packed.shape[:-1], length), np.int8)
    for row, codes in zip(packed.reshape(-1, max(size, 1)), out.reshape(-1, max(length, 1)), strict=True):
        for start in range(0, size, 4):
            word = int.from_bytes(row[start : start + 4].tobytes(), "little")
            part = codes[2 * start : 2 * start + 8]
            part[:] = [((word >> (4 * i) & 15) ^ 8) - 8 for i in range(part.size)]
    return out


def unpacks_with_torch(packed, length):
    both = torch.stack([packed % 16, packed // 16], dim=-1).to(torch.int16)
    return torch.where(both > 7, both - 16, both).flatten(-2)[..., :length]


def unpacks_unsigned(packed, length):
    bits = np.unpackbits(packed, axis=-1, bitorder="little")
    weights = np.array([1, 2, 4, 8], np.uint8)
    nibbles = bits.reshape(*packed.shape[:-1], 2 * packed.shape[-1], 4) @ weights
    return nibbles[..., :length]


R = "requantize"
WRONG = [
    Wrong("old TFLite", R, old_tflite, "gemmlowp"),
    Wrong("magnitudes rounded twice", R, rounds_magnitudes_twice, "rounds twice, .*halves away from zero; agrees"),
    Wrong("float as in XNNPACK", R, xnnpack_float, "scales in float32 and rounds halves to even"),
    Wrong("lround in double", R, lround_in_double, "float64 and rounds halves away"),
    Wrong("floor(v + 0.5) in double", R, double_and_floor, "float64"),
    Wrong("int32 product", R, multiplies_in_int32, "32 bits"),
    Wrong("unsigned rounding constant", R, unsigned_rounding_constant, "as unsigned numbers"),
    Wrong("division for a shift", R, divides_instead_of_shifting, "divides toward zero"),
    Wrong("no rounding constant", R, forgets_the_rounding_constant, "rounds down"),
    Wrong("multiplier in Q30", R, q30_multiplier, "one place too few"),
    Wrong("shift the other way", R, shift_the_other_way, "positive shift for one to the right"),
    Wrong("zero point in the product", R, zero_point_into_the_product, "zero point before the shift"),
    Wrong("zero point in the accumulator", R, zero_point_into_the_accumulator, "zero point to acc"),
    Wrong("saturated before the zero point", R, saturates_before_the_zero_point, "before the zero point.*wraps"),
    Wrong("cast without saturation", R, forgets_to_saturate, "without saturating"),
    Wrong("int32 result", R, returns_int32, "does not saturate"),
    Wrong("relu fused in", R, fused_relu, "clamps at the zero point"),
    Wrong("symmetric codes", R, symmetric_codes, "never gives the lowest code"),
    Wrong("left shift in int32", R, shifts_left_in_int32, "shifts acc to the left in 32 bits"),
    Wrong("low word of the result", R, returns_low_word, "low 32 bits of the scaled value"),
    Wrong("multiplier of 16 bits", R, sixteen_bit_multiplier, "multiplier to 16 bits"),
    Wrong("high word cut off", R, cuts_the_high_word, "rounds the second of two shifts alone"),
    Wrong("tail rounds twice", R, vector_and_tail, "gemmlowp.*only in the last n mod 8"),
    Wrong("negative ones round twice", R, negative_only_twice, "rounds twice, .*only where acc is negative"),
    Wrong("writes into acc", R, in_place, "changes its input acc"),
    Wrong("torch.round", R, torch_round, "float64 and rounds halves to even", arrays="torch"),
    Wrong("unsigned, zero point forgotten", R, unsigned_without_zero, "does not add the zero point", {"signed": False}),
    Wrong("single where double is due", R, with_integers, "rounds halves up", {"rounding": "double"}),
    Wrong("pack: first code high", "pack_int4", first_code_high, "into its high nibble; agrees with order=high_first"),
    Wrong("pack: no mask", "pack_int4", forgets_the_mask, "does not mask the low nibble"),
    Wrong("pack: adds", "pack_int4", adds_the_codes, "borrows from the high nibble"),
    Wrong("pack: offset binary", "pack_int4", offset_binary, "adds 8 to the codes .*and to the padding"),
    Wrong("pack: across rows", "pack_int4", packs_across_rows, "flat, across the rows"),
    Wrong("pack: last code repeated", "pack_int4", repeats_the_last, "up with the last code"),
    Wrong("pack: halves of 32", "pack_int4", split_halves, "first half of every 32"),
    Wrong("pack: odd code dropped", "pack_int4", drops_the_odd_code, "drops the last code"),
    Wrong("pack: signed bytes", "pack_int4", signed_bytes, "as int8"),
    Wrong("pack: big-endian words", "pack_int4", big_endian_words, "bytes of words of 32 bits"),
    Wrong("unpack: no sign", "unpack_int4", no_sign_extension, "uses an unsigned range"),
    Wrong("unpack: low nibble unsigned", "unpack_int4", low_nibble_unsigned, "sign of the low nibble"),
    Wrong("unpack: minus 8", "unpack_int4", minus_eight, "subtracts 8 from every nibble"),
    Wrong("unpack: borrow", "unpack_int4", borrows_across_lanes, "after a negative one is one too small"),
    Wrong("unpack: length ignored", "unpack_int4", ignores_the_length, "padding included"),
    Wrong("unpack: one stream", "unpack_int4", one_stream, "one stream"),
    Wrong("unpack: high first", "unpack_int4", high_then_low, "into its high nibble"),
    Wrong("unpack: all low ones first", "unpack_int4", all_lows_first, "low nibbles of a row first"),
    Wrong("unpack: sign and magnitude", "unpack_int4", sign_and_magnitude, "sign bit and a magnitude"),
    Wrong("unpack: strides ignored", "unpack_int4", reads_the_buffer, "strides"),
]

RIGHT = [
    Right("Python integers", R, with_integers),
    Right("fractions", R, with_fractions),
    Right("int64", R, with_numpy),
    Right("torch int64", R, with_torch, arrays="torch"),
    Right("two words", R, with_two_words),
    Right("floor and remainder", R, with_a_remainder),
    Right("a table of thresholds", R, with_thresholds),
    Right("gemmlowp's code", R, old_tflite, {"rounding": "gemmlowp"}),
    Right("SQRDMULH and SRSHL", R, gemmlowp_vectorized, {"rounding": "gemmlowp"}),
    Right("magnitudes rounded twice, as asked", R, rounds_magnitudes_twice, {"rounding": "double"}),
    Right("float32", R, xnnpack_float, {"rounding": "float"}),
    Right("to even by parity, unsigned", R, to_even_by_parity, {"rounding": "half_even", "signed": False}),
    Right("pack: shifts", "pack_int4", packs_right),
    Right("pack: one long integer", "pack_int4", packs_with_integers),
    Right("pack: torch", "pack_int4", packs_with_torch, arrays="torch"),
    Right("pack: interleaved words", "pack_int4", packs_interleaved, {"order": "interleaved"}),
    Right("pack: unsigned", "pack_int4", packs_right, {"signed": False}),
    Right("pack: high first", "pack_int4", first_code_high, {"order": "high_first"}),
    Right("unpack: shifts", "unpack_int4", unpacks_right),
    Right("unpack: a table", "unpack_int4", unpacks_with_a_table),
    Right("unpack: one long integer", "unpack_int4", unpacks_with_integers),
    Right("unpack: torch", "unpack_int4", unpacks_with_torch, arrays="torch"),
    Right("unpack: bits", "unpack_int4", unpacks_unsigned, {"signed": False}),
    Right("unpack: high first, as asked", "unpack_int4", high_then_low, {"order": "high_first"}),
]
