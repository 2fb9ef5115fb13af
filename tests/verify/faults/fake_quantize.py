"""Fake quantization and its gradient as people write them: with one fault each, and without any."""

import math
from fractions import Fraction

import ml_dtypes
import numpy as np
from verify.faults.kinds import Right, Wrong

LOW, HIGH = -128, 127


def divided(x, s):
    """x / s, quietly."""
    with np.errstate(all="ignore"):
        return x / x.dtype.type(s)


def codes_of(x, s, z):
    return np.rint(divided(x, s)).astype(np.float64) + z


def values_of(codes, s, z, dtype):
    with np.errstate(all="ignore"):
        return ((codes - z) * float(s)).astype(dtype)


# wrong: fake_quantize


def adds_half_and_floors(x, s, z):
    with np.errstate(all="ignore"):
        q = np.floor(divided(x, s) + np.float32(0.5)).astype(np.float64) + z
    return values_of(np.clip(q, LOW, HIGH), s, z, x.dtype)


def truncates(x, s, z):
    q = np.clip(np.trunc(divided(x, s)).astype(np.float64) + z, LOW, HIGH)
    return values_of(q, s, z, x.dtype)


def multiplies_by_the_reciprocal(x, s, z):
    """Cast to an integer on the way: of nan, 0 times infinity, that leaves the lowest."""
    with np.errstate(all="ignore"):
        q = np.clip(np.rint(x * (np.float32(1) / np.float32(s))).astype(np.float64) + z, LOW, HIGH)
    return values_of(np.where(np.isnan(q), LOW, q), s, z, x.dtype)


def rounds_the_sum(x, s, z):
    with np.errstate(all="ignore"):
        return values_of(np.clip(np.rint(divided(x, s) + np.float32(z)), LOW, HIGH).astype(np.float64), s, z, x.dtype)


def keeps_the_zero_point_in(x, s, z):
    q = np.clip(codes_of(x, s, z), LOW, HIGH)
    return values_of(q, s, 0, x.dtype)


def clips_before_the_zero_point(x, s, z):
    q = np.clip(np.rint(divided(x, s)), LOW, HIGH).astype(np.int32) + z
    return values_of(q.astype(np.float64), s, z, x.dtype)


def clips_steps(x, s, z):
    """Never adds the zero point, so that a small negative x becomes -0."""
    with np.errstate(all="ignore"):
        return np.clip(np.rint(divided(x, s)), np.float32(LOW - z), np.float32(HIGH - z)) * np.float32(s)


def multiplies_in_float16(x, s, z):
    q = np.clip(codes_of(x, s, z), LOW, HIGH)
    with np.errstate(all="ignore"):
        return ((q - z).astype(np.float16) * np.float16(s)).astype(np.float32)


def subtracts_an_offset(x, s, z):
    q = np.clip(codes_of(x, s, z), LOW, HIGH).astype(np.float32)
    with np.errstate(all="ignore"):
        return q * np.float32(s) - np.float32(z) * np.float32(s)


def wraps_in_int8(x, s, z):
    steps = np.rint(divided(x, s)).astype(np.float64)
    fits = (steps >= -(2.0**63)) & (steps < 2.0**63)
    q = (np.where(fits, steps, 0).astype(np.int64) + z).astype(np.int8)
    return values_of(q.astype(np.float64), s, z, x.dtype)


def is_symmetric(x, s, z):
    return values_of(np.clip(codes_of(x, s, z), -127, 127), s, z, x.dtype)


def counts_from_the_smallest_value(x, s, z):
    s = np.float32(s)
    with np.errstate(all="ignore"):
        smallest, largest = np.float32(LOW - z) * s, np.float32(HIGH - z) * s
        inside = np.minimum(np.maximum(x, smallest), largest)
        return np.rint((inside - smallest) / s) * s + smallest


def returns_integers(x, s, z):
    values = values_of(np.clip(codes_of(x, s, z), LOW, HIGH), s, z, x.dtype).astype(np.float64)
    return np.array([int(v) if math.isfinite(v) else v for v in values.flat], np.float64).reshape(x.shape)


def divides_in_place(x, s, z):
    with np.errstate(all="ignore"):
        x /= x.dtype.type(s)
    return values_of(np.clip(np.rint(x).astype(np.float64) + z, LOW, HIGH), s, z, x.dtype)


def guards_the_scale(x, s, z):
    s = max(np.float32(s), np.finfo(np.float32).eps)
    return values_of(np.clip(codes_of(x, s, z), LOW, HIGH), s, z, x.dtype)


def stops_half_way(x, s, z):
    return np.clip(codes_of(x, s, z), LOW, HIGH).astype(np.int8)


def casts_before_it_clips(x, s, z):
    q = codes_of(x, s, z)
    fits = (q >= -(2.0**31)) & (q < 2.0**31)
    q = np.where(fits, q, -(2.0**31)).astype(np.int32)
    return values_of(np.clip(q, LOW, HIGH).astype(np.float64), s, z, x.dtype)


def broadcasts_to_the_last_axis(x, s, z):
    return values_of_channels(x, s, z)


def values_of_channels(x, s, z):
    with np.errstate(all="ignore"):
        q = np.clip(np.rint(x / s).astype(np.float64) + z, LOW, HIGH)
        return ((q - z) * s.astype(np.float64)).astype(x.dtype)


def takes_the_first_scale(x, s, z):
    s, z = (v[:1] if v.size else np.ones(1, v.dtype) for v in (s, z))
    return values_of_channels(x, s, z)


def computes_in_float32(x, s, z):
    """Cast to an integer code on the way: of nan that leaves 0."""
    with np.errstate(all="ignore"):
        v = x.astype(np.float32) / np.float32(s)
        q = np.where(np.isnan(v), 0, np.clip(np.rint(v).astype(np.float64) + z, LOW, HIGH))
        return ((q - z).astype(np.float32) * np.float32(s)).astype(np.float64)


def divides_by_the_reciprocal(x, s, z):
    q = np.clip(codes_of(x, s, z), LOW, HIGH).astype(np.float32)
    with np.errstate(all="ignore"):
        return (q - np.float32(z)) / (np.float32(1) / np.float32(s))


def never_clips(x, s, z):
    return values_of(codes_of(x, s, z), s, z, x.dtype)


def holds_the_zero_point_in_int8(x, s, z):
    z = int(np.array(z).astype(np.int8))
    return values_of(np.clip(codes_of(x, s, z), 0, 255), s, z, x.dtype)


def truncates_the_tail(x, s, z):
    v = divided(x, s).reshape(-1)
    body = v.size - v.size % 8
    steps = np.concatenate([np.rint(v[:body]), np.trunc(v[body:])]).astype(np.float64).reshape(x.shape)
    return values_of(np.clip(steps + z, LOW, HIGH), s, z, x.dtype)


def keeps_values_finite(x, s, z):
    values = values_of(np.clip(codes_of(x, s, z), LOW, HIGH), s, z, x.dtype)
    return np.nan_to_num(values)


def takes_a_power_of_two(x, s, z):
    with np.errstate(all="ignore"):
        s = np.float32(2.0 ** round(math.log2(s)))
    return values_of(np.clip(codes_of(x, s, z), LOW, HIGH), s, z, x.dtype)


def leaves_what_is_outside(x, s, z):
    q = codes_of(x, s, z)
    ends = [values_of(np.float64(end), s, z, x.dtype) for end in (LOW, HIGH)]
    return np.where((x < ends[0]) | (x > ends[1]), x, values_of(np.clip(q, LOW, HIGH), s, z, x.dtype))


def reads_the_memory(x, s, z):
    owner = x
    while isinstance(owner.base, np.ndarray):
        owner = owner.base
    memory = owner.ravel(order="K")[: x.size].reshape(x.shape)
    return values_of(np.clip(codes_of(memory, s, z), LOW, HIGH), s, z, x.dtype)


# wrong: fake_quantize_gradient


def passes_everything(x, s, z, g):
    return g.copy()


def masks_by_clipped_codes(x, s, z, g):
    q = np.clip(codes_of(x, s, z), LOW, HIGH)
    return np.where((q >= LOW) & (q <= HIGH), g, 0)


def uses_a_clamp_that_stops_at_its_bounds(x, s, z, g):
    """Clamp the rounded number, with a gradient of 0 where that equals a bound."""
    steps = codes_of(x, s, z)
    return np.where((steps > LOW) & (steps < HIGH), g, np.float32(0))


def uses_minimum_and_maximum(x, s, z, g):
    """Let a subgradient of one half through where both operands are equal."""
    steps = codes_of(x, s, z)
    weight = np.where(steps == LOW, 0.5, np.where(steps > LOW, 1, 0)) * np.where(
        steps == HIGH, 0.5, np.where(steps < HIGH, 1, 0)
    )
    with np.errstate(all="ignore"):
        return np.where(weight == 1, g, np.where(weight == 0, np.float32(0), g * np.float32(0.5)))


def forgets_the_zero_point(x, s, z, g):
    with np.errstate(all="ignore"):
        low, high = np.float32(LOW * float(s)), np.float32(HIGH * float(s))
    return np.where((x >= low) & (x <= high) & np.isfinite(x), g, np.float32(0))


def masks_without_the_zero_point(x, s, z, g):
    steps = np.rint(divided(x, s))
    return np.where((steps >= LOW) & (steps <= HIGH), g, np.float32(0))


def divides_by_the_scale(x, s, z, g):
    q = codes_of(x, s, z)
    with np.errstate(all="ignore"):
        return np.where((q >= LOW) & (q <= HIGH), g / np.float32(s), np.float32(0))


def masks_above_only(x, s, z, g):
    return np.where(codes_of(x, s, z) > HIGH, np.float32(0), g)


def multiplies_by_the_mask(x, s, z, g):
    q = codes_of(x, s, z)
    with np.errstate(all="ignore"):
        return g * ((q >= LOW) & (q <= HIGH)).astype(np.float32)


def multiplies_by_a_strict_mask(x, s, z, g):
    with np.errstate(all="ignore"):
        codes = np.rint(x / np.float32(s)) + z
        return g * ((codes > -128) & (codes < 127))


def multiplies_by_a_mask_of_values(x, s, z, g):
    with np.errstate(all="ignore"):
        low, high = (float(np.float32((q - z) * s)) for q in (-128, 127))
        return g * ((x >= low) & (x <= high) & np.isfinite(x))


def multiplies_by_halves(x, s, z, g):
    with np.errstate(all="ignore"):
        codes = np.rint(x / np.float32(s)) + z
        inner, whole = (codes > -128) & (codes < 127), (codes >= -128) & (codes <= 127)
        return g * ((inner + whole.astype(np.float32)) / np.float32(2)).astype(np.float32)


def returns_the_mask(x, s, z, g):
    q = codes_of(x, s, z)
    return ((q >= LOW) & (q <= HIGH)).astype(np.float32)


def looks_at_x(x, s, z, g):
    low, high = (values_of(np.float64(end), s, z, np.float32) for end in (LOW, HIGH))
    return np.where((x >= low) & (x <= high) & np.isfinite(x), g, np.float32(0))


def passes_what_is_representable(x, s, z, g):
    values = values_of(np.clip(codes_of(x, s, z), LOW, HIGH), s, z, x.dtype)
    return np.where(values == x, g, np.float32(0))


def masks_by_the_reciprocal(x, s, z, g):
    with np.errstate(all="ignore"):
        v = x * (np.float32(1) / np.float32(s))
    q = np.rint(v).astype(np.float64) + z
    return np.where((q >= LOW) & (q <= HIGH), g, np.float32(0))


def rounds_halves_up(x, s, z, g):
    v = divided(x, s).astype(np.float64)
    q = np.floor(v + 0.5) + z
    return np.where((q >= LOW) & (q <= HIGH), g, np.float32(0))


def truncates_for_the_mask(x, s, z, g):
    q = np.trunc(divided(x, s)).astype(np.float64) + z
    return np.where((q >= LOW) & (q <= HIGH), g, np.float32(0))


def masks_in_float16(x, s, z, g):
    with np.errstate(all="ignore"):
        q = np.rint((x.astype(np.float16).astype(np.float32) / np.float16(s)).astype(np.float16)).astype(np.float64) + z
    return np.where((q >= LOW) & (q <= HIGH), g, np.float32(0))


def is_a_hard_tanh(x, s, z, g):
    return np.where((x >= -1) & (x <= 1), g, np.float32(0))


def zeroes_the_upstream(x, s, z, g):
    q = codes_of(x, s, z)
    outside = (q < LOW) | (q > HIGH)
    if outside.any():
        g[outside] = 0
    return g


def clips_the_gradient(x, s, z, g):
    q = codes_of(x, s, z)
    return np.where((q >= LOW) & (q <= HIGH), np.clip(g, -1, 1), np.float32(0))


def casts_to_int32_first(x, s, z, g):
    q = codes_of(x, s, z)
    fits = (q >= -(2.0**31)) & (q < 2.0**31)
    q = np.where(fits, q, -(2.0**31)).astype(np.int64)
    return np.where((q >= -(2**31)) & (q < 2**31), g, 0)


def swaps_its_inputs(x, s, z, g):
    with np.errstate(all="ignore"):
        q = np.rint(g / np.float32(s)).astype(np.float64) + z
    return np.where((q >= LOW) & (q <= HIGH), x, np.float32(0))


def masks_by_the_first_channel(x, s, z, g):
    s, z = (v[:1] if v.size else np.ones(1, v.dtype) for v in (s, z))
    with np.errstate(all="ignore"):
        q = np.rint(x / s).astype(np.float64) + z
    return np.where((q >= LOW) & (q <= HIGH), g, np.float32(0))


def allows_a_tolerance(x, s, z, g):
    low, high = (values_of(np.float64(end), s, z, np.float32) for end in (LOW, HIGH))
    with np.errstate(all="ignore"):
        close = (np.abs(x - low) <= np.float32(1e-5) * np.abs(low)) | (
            np.abs(x - high) <= np.float32(1e-5) * np.abs(high)
        )
    return np.where((((x >= low) & (x <= high)) | close) & np.isfinite(x), g, np.float32(0))


def pulls_back_from_outside(x, s, z, g):
    q = codes_of(x, s, z)
    stuck = ((q > HIGH) & ~(g > 0)) | ((q < LOW) & ~(g < 0))
    return np.where(stuck, np.float32(0), g)


def replaces_nan(x, s, z, g):
    q = codes_of(x, s, z)
    return np.nan_to_num(np.where((q >= LOW) & (q <= HIGH), g, np.float32(0)))


def loses_the_last_element(x, s, z, g):
    q = codes_of(x, s, z).reshape(-1)
    flags = (q >= LOW) & (q <= HIGH)
    flags[-1:] = True
    return np.where(flags.reshape(x.shape), g, np.float32(0))


def counts_the_ends_in(x, s, z, g):
    q = codes_of(x, s, z)
    return np.where((q >= LOW) & (q <= HIGH), g, np.float32(0))


DIFFERS_AT_TIES = r"floor\(x / s \+ 0\.5\)|halves up"

WRONG = [
    Wrong("floor of x / s + 0.5", "fake_quantize", adds_half_and_floors, DIFFERS_AT_TIES),
    Wrong("truncates", "fake_quantize", truncates, "truncates"),
    Wrong("reciprocal", "fake_quantize", multiplies_by_the_reciprocal, "1 / s"),
    Wrong("rounds the sum", "fake_quantize", rounds_the_sum, "adds the zero point before rounding"),
    Wrong("zero point left in", "fake_quantize", keeps_the_zero_point_in, "does not subtract the zero point"),
    Wrong("clips before the zero point", "fake_quantize", clips_before_the_zero_point, "range before it is added"),
    Wrong("negative zero", "fake_quantize", clips_steps, r"-0\.0 where a negative x rounds to 0"),
    Wrong("product in float16", "fake_quantize", multiplies_in_float16, r"\(q - z\) \* s in float16"),
    Wrong("two products", "fake_quantize", subtracts_an_offset, r"q \* s - z \* s"),
    Wrong("wraps in int8", "fake_quantize", wraps_in_int8, "wraps"),
    Wrong("symmetric range", "fake_quantize", is_symmetric, "narrow range"),
    Wrong("counts from the smallest value", "fake_quantize", counts_from_the_smallest_value, "steps from x_min"),
    Wrong("integers", "fake_quantize", returns_integers, "cuts the values to integers"),
    Wrong("in place", "fake_quantize", divides_in_place, "changes its input x"),
    Wrong("eps for the scale", "fake_quantize", guards_the_scale, "eps of float32"),
    Wrong("codes", "fake_quantize", stops_half_way, "returns the codes"),
    Wrong("cast before clip", "fake_quantize", casts_before_it_clips, "casts to int32 before any range"),
    Wrong("last axis", "fake_quantize", broadcasts_to_the_last_axis, "raises|last axis", {"axis": 0}),
    Wrong("first scale", "fake_quantize", takes_the_first_scale, "first scale", {"axis": -1}),
    Wrong(
        "float32 inside", "fake_quantize", computes_in_float32, "computes all of it in float32", {"dtype": "float64"}
    ),
    Wrong("divides by the reciprocal", "fake_quantize", divides_by_the_reciprocal, "divides by 1 / s on the way back"),
    Wrong("no clip", "fake_quantize", never_clips, "never brings the codes into a range"),
    Wrong("zero point int8", "fake_quantize", holds_the_zero_point_in_int8, "zero point as int8", {"signed": False}),
    Wrong("tail", "fake_quantize", truncates_the_tail, "truncates.* in the last n mod 8"),
    Wrong("finite", "fake_quantize", keeps_values_finite, "largest float"),
    Wrong("power of two", "fake_quantize", takes_a_power_of_two, "power of two"),
    Wrong("outside as it is", "fake_quantize", leaves_what_is_outside, "leaves x as it is outside"),
    Wrong("memory", "fake_quantize", reads_the_memory, "ignores the strides"),
    Wrong("no mask", "fake_quantize_gradient", passes_everything, "passes the gradient everywhere"),
    Wrong("clipped codes", "fake_quantize_gradient", masks_by_clipped_codes, "passes the gradient everywhere"),
    Wrong("clamp", "fake_quantize_gradient", uses_a_clamp_that_stops_at_its_bounds, "stops the gradient at both ends"),
    Wrong("half", "fake_quantize_gradient", uses_minimum_and_maximum, "half of the gradient at the ends"),
    Wrong("x without z", "fake_quantize_gradient", forgets_the_zero_point, r"q_min \* s <= x <= q_max \* s"),
    Wrong("codes without z", "fake_quantize_gradient", masks_without_the_zero_point, "mask without the zero point"),
    Wrong("divides by the scale", "fake_quantize_gradient", divides_by_the_scale, "divides the gradient by the scale"),
    Wrong("one side", "fake_quantize_gradient", masks_above_only, "above the range only"),
    Wrong("multiplied", "fake_quantize_gradient", multiplies_by_the_mask, r"mask of 0 and 1: -0\.0"),
    Wrong("strict mask, multiplied", "fake_quantize_gradient", multiplies_by_a_strict_mask, "with the other boundary"),
    Wrong("mask of values, multiplied", "fake_quantize_gradient", multiplies_by_a_mask_of_values, "of the other kind"),
    Wrong("min and max, multiplied", "fake_quantize_gradient", multiplies_by_halves, "mask that is 1/2 at both ends"),
    Wrong("mask alone", "fake_quantize_gradient", returns_the_mask, "gives 1 where"),
    Wrong("x, not its code", "fake_quantize_gradient", looks_at_x, "x lies between the values"),
    Wrong("representable", "fake_quantize_gradient", passes_what_is_representable, "leaves x as it is"),
    Wrong("reciprocal", "fake_quantize_gradient", masks_by_the_reciprocal, "1 / s"),
    Wrong("halves up", "fake_quantize_gradient", rounds_halves_up, "halves up"),
    Wrong("truncates", "fake_quantize_gradient", truncates_for_the_mask, "truncates"),
    Wrong("float16", "fake_quantize_gradient", masks_in_float16, "float16"),
    Wrong("hard tanh", "fake_quantize_gradient", is_a_hard_tanh, r"\|x\| <= 1"),
    Wrong("in place", "fake_quantize_gradient", zeroes_the_upstream, "changes its input upstream"),
    Wrong("clips", "fake_quantize_gradient", clips_the_gradient, r"clips the gradient to \[-1, 1\]"),
    Wrong("cast", "fake_quantize_gradient", casts_to_int32_first, "clipped or cast already", {"bits": 32}),
    Wrong("swapped", "fake_quantize_gradient", swaps_its_inputs, "takes x for the upstream"),
    Wrong("first channel", "fake_quantize_gradient", masks_by_the_first_channel, "first scale", {"axis": -1}),
    Wrong(
        "tolerance", "fake_quantize_gradient", allows_a_tolerance, "close to the values of the ends", {"mask": "value"}
    ),
    Wrong("pulls back", "fake_quantize_gradient", pulls_back_from_outside, "leads x back"),
    Wrong("no nan", "fake_quantize_gradient", replaces_nan, "largest float for an infinite one"),
    Wrong("last element", "fake_quantize_gradient", loses_the_last_element, "in the last element"),
    Wrong("ends counted in", "fake_quantize_gradient", counts_the_ends_in, "at both ends", {"boundary": "zero"}),
]


# right: fake_quantize


def in_plain_numpy(x, s, z):
    with np.errstate(all="ignore"):
        q = np.clip(np.rint(x / x.dtype.type(s)) + z, LOW, HIGH)
        return (q - z).astype(x.dtype) * x.dtype.type(s)


def exactly(v, name):
    """The nearest float of a format, ties to even, as a Python float."""
    precision, lowest, top = {"float16": (11, -24, 16), "bfloat16": (8, -133, 128), "float32": (24, -149, 128)}[name]
    if v == 0:
        return 0.0
    size = abs(v)
    exponent = size.numerator.bit_length() - size.denominator.bit_length()
    exponent += size >= Fraction(2) ** exponent
    last = max(exponent - precision, lowest)
    whole = round(size / Fraction(2) ** last)
    value = math.inf if whole.bit_length() + last > top else math.ldexp(whole, last)
    return math.copysign(value, v)


def in_fractions(name):
    def one(x, s, z):
        if math.isinf(x):
            q = HIGH if x > 0 else LOW
        else:
            v = exactly(Fraction(x) / Fraction(s), name)
            q = (HIGH if v > 0 else LOW) if math.isinf(v) else min(max(round(Fraction(v)) + z, LOW), HIGH)
        return exactly((q - z) * Fraction(s), name)

    def quantizer(x, s, z):
        seen = {v: one(v, float(s), z) for v in set(x.astype(np.float64).reshape(-1).tolist())}
        dtype = ml_dtypes.bfloat16 if name == "bfloat16" else name
        flat = [seen[v] for v in x.astype(np.float64).reshape(-1).tolist()]
        return np.array(flat, np.float64).astype(dtype).reshape(x.shape)

    return quantizer


def in_float64(x, s, z):
    """The quotient of two float32 in float64 is a tie only where the true one is: see the width of both."""
    with np.errstate(all="ignore"):
        q = np.clip(np.rint(x.astype(np.float64) / float(s)) + z, LOW, HIGH)
        return ((q - z) * float(s)).astype(np.float32)


def channel_by_channel(x, s, z):
    out = np.empty_like(x)
    for i in range(len(s)):
        out[i] = in_plain_numpy(x[i], s[i], int(z[i]))
    return out


def clips_the_steps_and_adds_zero(x, s, z):
    with np.errstate(all="ignore"):
        steps = np.clip(np.rint(x / x.dtype.type(s)), 0 - z, 15 - z) + x.dtype.type(0)
        return steps.astype(x.dtype) * x.dtype.type(s)


def by_a_table(x, s, z):
    """Look the 256 values up."""
    table = [exactly((q - z) * Fraction(float(s)), "float32") for q in range(LOW, HIGH + 1)]
    with np.errstate(all="ignore"):
        q = np.clip(np.rint(x / np.float32(s)) + z, LOW, HIGH).astype(np.int64)
    return np.array(table, np.float32)[q - LOW]


# right: fake_quantize_gradient


def by_where(x, s, z, g):
    with np.errstate(all="ignore"):
        q = np.rint(x / x.dtype.type(s)).astype(np.float64) + z
    return np.where((q >= LOW) & (q <= HIGH), g, g.dtype.type(0))


def by_copying(x, s, z, g):
    out = np.zeros_like(g)
    with np.errstate(all="ignore"):
        q = np.rint(x / x.dtype.type(s)).astype(np.float64) + z
    inside = ~((q < LOW) | (q > HIGH))
    out[inside] = g[inside]
    return out


def on_bits(x, s, z, g):
    with np.errstate(all="ignore"):
        q = np.rint(x / np.float32(s)).astype(np.float64) + z
    keep = -((q >= LOW) & (q <= HIGH)).astype(np.int32)
    return (np.ascontiguousarray(g).view(np.int32).reshape(g.shape) & keep).view(np.float32)


def mask_in_fractions(x, s, z, g):
    def inside(v):
        if math.isinf(v):
            return False
        quotient = exactly(Fraction(v) / Fraction(float(s)), "float32")
        return not math.isinf(quotient) and LOW <= round(Fraction(quotient)) + z <= HIGH

    seen = {v: inside(v) for v in set(x.reshape(-1).tolist())}
    flags = np.array([seen[v] for v in x.reshape(-1).tolist()], bool).reshape(x.shape)
    return np.where(flags, g, np.float32(0))


def by_clipping(x, s, z, g):
    low, high = (exactly((end - z) * Fraction(float(s)), "float32") for end in (LOW, HIGH))
    return np.where((np.clip(x, low, high) == x) & np.isfinite(x), g, np.float32(0))


def open_range_of_values(x, s, z, g):
    low, high = (np.float32(exactly((end - z) * Fraction(float(s)), "float32")) for end in (LOW, HIGH))
    return np.where((x > low) & (x < high), g, np.float32(0))


def strictly_between(x, s, z, g):
    with np.errstate(all="ignore"):
        code = np.rint(x / x.dtype.type(s)).astype(np.float64) + z
    return np.where(np.abs(2 * code - (LOW + HIGH)) < HIGH - LOW, g, g.dtype.type(0))


def channels_of_a_gradient(x, s, z, g):
    out = np.empty_like(g)
    for i in range(len(s)):
        out[:, i] = by_where(x[:, i], s[i], int(z[i]), g[:, i])
    return out


HALF = {"dtype": "float16"}
RIGHT = [
    Right("plain lines", "fake_quantize", in_plain_numpy),
    Right("plain lines, float16", "fake_quantize", in_plain_numpy, HALF),
    Right("fractions", "fake_quantize", in_fractions("float32")),
    Right("fractions, bfloat16", "fake_quantize", in_fractions("bfloat16"), {"dtype": "bfloat16"}),
    Right("float64 inside", "fake_quantize", in_float64, {"scaling": "exact"}),
    Right("channel by channel", "fake_quantize", channel_by_channel, {"axis": 0}),
    Right("steps", "fake_quantize", clips_the_steps_and_adds_zero, {"bits": 4, "signed": False}),
    Right("table", "fake_quantize", by_a_table),
    Right("where", "fake_quantize_gradient", by_where),
    Right("where, float64", "fake_quantize_gradient", by_where, {"dtype": "float64"}),
    Right("copying", "fake_quantize_gradient", by_copying, HALF),
    Right("bits", "fake_quantize_gradient", on_bits),
    Right("fractions", "fake_quantize_gradient", mask_in_fractions),
    Right("clipping", "fake_quantize_gradient", by_clipping, {"mask": "value"}),
    Right("open range", "fake_quantize_gradient", open_range_of_values, {"mask": "value", "boundary": "zero"}),
    Right("strictly between", "fake_quantize_gradient", strictly_between, {"boundary": "zero"}),
    Right("channels", "fake_quantize_gradient", channels_of_a_gradient, {"axis": 1}),
]
