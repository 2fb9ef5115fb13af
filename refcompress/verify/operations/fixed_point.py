"""``quantize``, ``dequantize`` and ``fraction_bits`` as operations: cases, laws, faults."""

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

import numpy as np

from refcompress.arguments import Array
from refcompress.quantization.fixed_point import quantize
from refcompress.rounding import OVERFLOW, ROUNDING, code_range, round_to_integer
from refcompress.verify.inputs import FLOATS, TAIL_LENGTHS, extremes, finite_floats, float_dtype, floats, next_to
from refcompress.verify.operation import Arguments, Case, Fault, Input, Law, Operation, Region, Setting, Settings

if TYPE_CHECKING:
    from hypothesis.strategies import SearchStrategy

BITS = (None, *range(2, 33))

ROUNDING_SAYS = {
    "half_even": "rounds halves to even",
    "half_away": "rounds halves away from zero",
    "half_up": "rounds halves up",
    "half_down": "rounds halves down",
    "half_odd": "rounds halves to odd",
    "floor": "rounds down (floor)",
    "ceil": "rounds up (ceil)",
    "toward_zero": "truncates (rounds toward zero)",
    "away_from_zero": "rounds away from zero",
}
OVERFLOW_SAYS = {"saturate": "saturates out-of-range values", "wrap": "wraps out-of-range values around"}
DTYPE_TEXT = "the dtype of the arrays that the candidate is given"

FLOAT_DTYPE = Setting("dtype", "float32", ("float32", "float16", "bfloat16", "float64"), DTYPE_TEXT, rival=False)
CHECK_DTYPE = Setting(
    "check_dtype", False, (False, True), "whether another dtype of the result is a fault", rival=False
)
ROUNDING_SETTING = Setting("rounding", "half_even", tuple(ROUNDING), "how x * 2^p becomes an integer", ROUNDING_SAYS)
OVERFLOW_SETTING = Setting(
    "overflow", "saturate", tuple(OVERFLOW), "what becomes of integers outside the codes", OVERFLOW_SAYS
)
SIGNED_SETTING = Setting(
    "signed",
    True,
    (True, False),
    "signed or unsigned codes",
    {True: "uses a signed range", False: "uses an unsigned range"},
)
NARROW_SETTING = Setting(
    "narrow_range",
    False,
    (False, True),
    "whether the most negative code is dropped",
    {True: "never gives the most negative code (narrow range)", False: "uses the full range"},
)


def bits_setting(default: int | None, allowed: tuple[int | None, ...]) -> Setting:
    """Return the setting ``bits``."""
    says = {b: "does not bring codes into a range" if b is None else f"uses {b} bits" for b in allowed}
    return Setting("bits", default, allowed, "the width of a code", says)


def _reference_settings(settings: Settings) -> dict[str, Any]:
    return {k: settings[k] for k in ("bits", "signed", "rounding", "overflow", "narrow_range")}


def _quantize(args: Arguments, settings: Settings) -> Array:
    return quantize(*args, **_reference_settings(settings))


def _range(settings: Settings) -> tuple[int, int]:
    if settings["bits"] is None:
        return -(2**62), 2**62
    return code_range(settings["bits"], signed=settings["signed"], narrow_range=settings["narrow_range"])


def _steps(codes: Any, p: int, settings: Settings) -> Array:
    """Return the floats that lie exactly at these (fractional) codes."""
    return floats(np.ldexp(np.asarray(codes, np.float64), -p), settings["dtype"])


def _halves(settings: Settings) -> Iterator[Arguments]:
    for p in (0, 3, -2):
        yield _steps(np.arange(-9, 9) + 0.5, p, settings), p


def _beside_halves(settings: Settings) -> Iterator[Arguments]:
    for p in (0, 4, -1):
        yield next_to(_steps(np.arange(-5, 5) + 0.5, p, settings)), p


def _integers(settings: Settings) -> Iterator[Arguments]:
    yield _steps(np.arange(-20, 21), 0, settings), 0
    yield _steps(np.arange(-20, 21), 5, settings), 5


def _quarters(settings: Settings) -> Iterator[Arguments]:
    for p in (0, 2):
        yield _steps(np.arange(-40, 40) + 0.25, p, settings), p
        yield _steps(np.arange(-40, 40) + 0.75, p, settings), p


def _ends(settings: Settings) -> Iterator[Arguments]:
    if settings["bits"] is None:
        return
    low, high = _range(settings)
    around = np.array([-2, -1, -0.5, -0.25, 0, 0.25, 0.5, 0.75, 1, 1.5, 2, 3])
    for p in (0, 4):
        yield _steps(np.concatenate([low + around, high + around]), p, settings), p


def _far_outside(settings: Settings) -> Iterator[Arguments]:
    if settings["bits"] is None:
        return
    low, high = _range(settings)
    span = high - low + 1
    codes = [side + k * span + d for side in (low, high) for k in (-3, -2, -1, 1, 2, 3) for d in (-1, 0, 1, 2.5)]
    yield _steps(codes, 0, settings), 0
    yield _steps(codes, 3, settings), 3


def _largest(settings: Settings) -> Iterator[Arguments]:
    x = extremes(settings["dtype"])
    if settings["bits"] is not None:
        yield x, 0
        yield x, 7
        powers = [s * 2.0**e for e in (31, 32, 62, 63, 64, 100) for s in (1, -1)]
        yield floats([*powers, 2.0**31 - 128, 3e9, -3e9], settings["dtype"]), 0


def _infinities(settings: Settings) -> Iterator[Arguments]:
    if settings["bits"] is not None and settings["overflow"] == "saturate":
        yield np.array([np.inf, -np.inf, 1, -1], float_dtype(settings["dtype"])), 2


def _subnormals(settings: Settings) -> Iterator[Arguments]:
    _, _, normal, subnormal = FLOATS[settings["dtype"]]
    tiny = floats([s * m * subnormal for m in (1, 2, 3, 5, 7) for s in (1, -1)], settings["dtype"])
    lift = -int(np.frexp(subnormal)[1]) + 1  # 2^lift * subnormal = 1
    for p in (lift - 2, lift - 1, lift):
        yield tiny, p
    yield np.concatenate([tiny, floats([normal, -normal, 0.0, -0.0], settings["dtype"])]), -3
    yield tiny, 0


def _large_integers(settings: Settings) -> Iterator[Arguments]:
    if settings["bits"] is not None and settings["bits"] < 24:
        return
    codes = [
        s * (2.0**e + d) for e in (22, 23, 24, 25, 31) for d in (-1.5, -1, -0.5, 0, 0.5, 1, 1.5, 3) for s in (1, -1)
    ]
    wide = [s * (2.0**e + d) for e in (51, 52, 53, 54, 61) for d in (-1, -0.5, 0, 0.5, 1, 2) for s in (1, -1)]
    yield _steps(codes, 0, settings), 0
    yield _steps(codes, 12, settings), 12
    yield _steps(wide, 0, settings), 0


def _many_p(settings: Settings) -> Iterator[Arguments]:
    codes = np.concatenate([np.arange(-6, 6.5, 0.5), np.arange(-100, 100, 7.25)])
    for p in (*range(-8, 13), 16, 20, 24):
        yield _steps(codes, p, settings), p


def _grid(settings: Settings) -> Iterator[Arguments]:
    low, high = _range(settings)
    low, high = max(low, -3000), min(high, 3000)
    codes = np.linspace(low - 20, high + 20, 4 * (high - low + 40) + 1)[:20_000]
    for p in (0, 6):
        yield _steps(np.floor(codes * 8) / 8, p, settings), p


def _tails(settings: Settings) -> Iterator[Arguments]:
    pattern = np.array([0.5, 1.5, -0.5, -1.5, 2.5, -2.5, 0.25, 3.75])
    for length in TAIL_LENGTHS:
        yield _steps(np.resize(pattern, length), 1, settings), 1


def _layouts(settings: Settings) -> Iterator[Arguments]:
    codes = (np.arange(120) - 60) * 0.5
    yield _steps(codes, 2, settings).reshape(4, 30), 2
    yield _steps(codes, 0, settings).reshape(2, 3, 20), 0
    yield _steps(codes[:31], 1, settings), 1


def _shapes(settings: Settings) -> Iterator[Arguments]:
    dtype = float_dtype(settings["dtype"])
    yield np.array(2.5, dtype), 0
    yield np.array(-0.75, dtype), 1
    yield np.zeros((0, 3), dtype), 1
    yield _steps([0.5, 1.5, -2.5, 3], 0, settings).reshape(1, 2, 2, 1), 0


def _search(settings: Settings) -> "SearchStrategy[Arguments]":
    from hypothesis import strategies as st

    low, high = _range(settings)
    near = st.integers(-4, 4)
    edges = st.sampled_from([low, high]) if settings["bits"] is not None else near
    code = st.one_of(near, edges, st.integers(max(low, -5000), min(high, 5000)))
    offset = st.sampled_from([0.0, 0.5, -0.5, 0.25, 0.75, 1.0, 1.5])

    def fits(v: float, p: int) -> bool:
        with np.errstate(over="ignore"):
            return settings["bits"] is not None or bool(abs(np.ldexp(v, p)) < 2.0**62)

    def element(p: int) -> "SearchStrategy[float]":
        placed = st.builds(lambda c, o: float(np.ldexp(float(c + o), -p)), code, offset)
        return st.one_of(placed, placed, finite_floats(settings["dtype"]).filter(lambda v: fits(v, p)))

    def call(p: int) -> "SearchStrategy[Arguments]":
        return st.lists(element(p), min_size=1, max_size=9).map(lambda v: (floats(v, settings["dtype"]), p))

    return st.integers(-3, 9).flatmap(call)


def _product(args: Arguments) -> Array:
    """Return x * 2^p in float64: exact on everything but the edges of float64."""
    with np.errstate(over="ignore"):
        return np.asarray(np.ldexp(args[0].astype(np.float64), args[1]))


def _in_range(args: Arguments, settings: Settings) -> Array:
    low, high = _range(settings)
    v = _product(args)
    return np.asarray((v >= low) & (v <= high))


def _half_step(args: Arguments, answer: Any, settings: Settings) -> bool:
    if not settings["rounding"].startswith("half"):
        return True
    inside = _in_range(args, settings)
    return bool(np.all(np.abs(np.asarray(answer, np.float64) - _product(args))[inside] <= 0.5))


def _monotone(args: Arguments, answer: Any, settings: Settings) -> bool:
    if settings["bits"] is not None and settings["overflow"] == "wrap":
        return True
    order = np.argsort(args[0].astype(np.float64), axis=None, kind="stable")
    return bool(np.all(np.diff(np.asarray(answer, np.float64).reshape(-1)[order]) >= 0))


def _stays_in_range(args: Arguments, answer: Any, settings: Settings) -> bool:
    low, high = _range(settings)
    codes = np.asarray(answer, np.float64)
    return settings["bits"] is None or bool(np.all((codes >= low) & (codes <= high)))


def _keeps_sign(args: Arguments, answer: Any, settings: Settings) -> bool:
    if settings["bits"] is not None and settings["overflow"] == "wrap":
        return True
    return bool(np.all(np.asarray(answer, np.float64) * np.sign(args[0].astype(np.float64)) >= 0))


def _keeps_integers(args: Arguments, answer: Any, settings: Settings) -> bool:
    v = _product(args)
    whole = (v == np.floor(v)) & _in_range(args, settings)
    return bool(np.all(np.asarray(answer, np.float64)[whole] == v[whole]))


def _codes(value: Array, settings: Settings) -> Array:
    """Bring floats that hold integers into range as the reference does."""
    low, high = _range(settings)
    if settings["bits"] is None:
        return value
    return OVERFLOW[settings["overflow"]](value, low, high)


def _after(product: Callable[[Array, int], Array]) -> Callable[[Arguments, Settings], Any]:
    """Quantize with another product, rounded and brought into range by the rules of the settings."""

    def answer(args: Arguments, settings: Settings) -> Any:
        return _codes(round_to_integer(product(*args).astype(np.float64), settings["rounding"]), settings)

    return answer


def _plus_half(work: str) -> Callable[[Arguments, Settings], Any]:
    def answer(args: Arguments, settings: Settings) -> Any:
        v = _product(args).astype(work)
        return _codes(np.floor(v + v.dtype.type(0.5)).astype(np.float64), settings)

    return answer


def _plus_half_truncated(args: Arguments, settings: Settings) -> Any:
    return _codes(np.trunc(_product(args) + 0.5), settings)


def _sign_half_truncated(args: Arguments, settings: Settings) -> Any:
    v = _product(args)
    return _codes(np.trunc(v + np.copysign(0.5, v)), settings)


def _cast_first(args: Arguments, settings: Settings) -> Any:
    """Convert to int32 before the range is applied: what does not fit becomes the most negative integer."""
    v = round_to_integer(_product(args), settings["rounding"])
    return _codes(np.where((v >= -(2.0**31)) & (v < 2.0**31), v, -(2.0**31)), settings)


def _range_in_float32(args: Arguments, settings: Settings) -> Any:
    """Clip against bounds held in float32, where 2^31 - 1 is 2^31, then cast to int32."""
    low, high = (float(np.float32(end)) for end in _range(settings))
    v = np.clip(round_to_integer(_product(args), settings["rounding"]), low, high)
    return np.where(v >= 2.0**31, -(2.0**31), v) if settings["signed"] else np.where(v >= 2.0**32, 0.0, v)


def _one_too_high(args: Arguments, settings: Settings) -> Any:
    low, high = _range(settings)
    return np.clip(round_to_integer(_product(args), settings["rounding"]), low, high + 1)


def _symmetric_magnitude(args: Arguments, settings: Settings) -> Any:
    return _codes(np.abs(round_to_integer(_product(args), settings["rounding"])), settings)


def _twice_rounded(args: Arguments, settings: Settings) -> Any:
    once = round_to_integer(_product(args) * 2, settings["rounding"])
    return _codes(round_to_integer(once / 2, settings["rounding"]), settings)


def _infinity_is_zero(args: Arguments, settings: Settings) -> Any:
    right = np.asarray(_quantize(args, settings), np.float64)
    return np.where(np.isinf(args[0].astype(np.float64)), 0.0, right)


def _huge_is_lowest(args: Arguments, settings: Settings) -> Any:
    low, _ = _range(settings)
    right = np.asarray(_quantize(args, settings), np.float64)
    return np.where(_product(args) >= 2.0**63, low, right)


def _flushed(x: Array, p: int) -> Array:
    normal = FLOATS[x.dtype.name][2]
    wide = x.astype(np.float64)
    return np.asarray(np.ldexp(np.where(np.abs(wide) < normal, 0.0, wide), p))


def _scaled_in(name: str) -> Callable[[Array, int], Array]:
    def product(x: Array, p: int) -> Array:
        dtype = float_dtype(name)
        with np.errstate(over="ignore", under="ignore"):
            return np.asarray(np.ldexp(x.astype(dtype).astype(np.float64), p).astype(dtype))

    return product


def _shifted_p(by: int) -> Callable[[Array, int], Array]:
    return lambda x, p: np.ldexp(x.astype(np.float64), p + by)


QUANTIZE_FAULTS = (
    Fault("plus_half_float32", "computes floor(v + 0.5) in float32", _plus_half("float32")),
    Fault("plus_half_float64", "computes floor(v + 0.5) in float64", _plus_half("float64")),
    Fault("plus_half_truncated", "computes trunc(v + 0.5): right for positive numbers only", _plus_half_truncated),
    Fault(
        "sign_half_truncated",
        "computes trunc(v + sign(v) * 0.5): halves away from zero, but the sum is rounded",
        _sign_half_truncated,
    ),
    Fault(
        "cast_before_range", "casts to int32 before the range is applied: overflow gives the lowest code", _cast_first
    ),
    Fault(
        "range_in_float32",
        "holds the ends of the range in float32, where q_max of a wide code is one too high",
        _range_in_float32,
    ),
    Fault("one_code_too_high", "saturates one code above q_max", _one_too_high),
    Fault("sign_dropped", "drops the sign", _symmetric_magnitude),
    Fault("rounded_twice", "rounds twice: to p + 1 fraction bits, then to p", _twice_rounded),
    Fault("infinity_is_zero", "turns infinities into 0", _infinity_is_zero),
    Fault("huge_is_lowest", "turns values past int64 into the lowest code", _huge_is_lowest),
    Fault("subnormals_flushed", "takes subnormal inputs for 0", _after(_flushed)),
    Fault("product_in_float16", "computes x * 2^p in float16", _after(_scaled_in("float16"))),
    Fault("product_in_bfloat16", "computes x * 2^p in bfloat16", _after(_scaled_in("bfloat16"))),
    Fault("product_in_float32", "computes x * 2^p in float32", _after(_scaled_in("float32"))),
    Fault("p_plus_one", "scales by 2^(p + 1)", _after(_shifted_p(1))),
    Fault("p_minus_one", "scales by 2^(p - 1)", _after(_shifted_p(-1))),
    Fault("p_negated", "scales by 2^-p", _after(lambda x, p: np.ldexp(x.astype(np.float64), -p))),
    Fault("p_ignored", "does not scale by 2^p", _after(lambda x, p: x)),
    Fault("scale_minus_one", "scales by 2^p - 1", _after(lambda x, p: x.astype(np.float64) * (2.0**p - 1))),
    Fault("scale_linear", "scales by 2 * p instead of 2^p", _after(lambda x, p: x.astype(np.float64) * (2 * p))),
)


def _ties(args: Arguments, expected: Any, settings: Settings) -> list[Array]:
    v = np.abs(_product(args))
    with np.errstate(invalid="ignore"):
        return [np.asarray(v - np.floor(v) == 0.5)]


def _where(test: Callable[[Array], Array]) -> Callable[[Arguments, Any, Settings], list[Array]]:
    return lambda args, expected, settings: [np.asarray(test(_product(args)))]


def _outside(args: Arguments, expected: Any, settings: Settings) -> list[Array]:
    low, high = _range(settings)
    v = _product(args)
    return [np.asarray((v > high + 0.25) | (v < low - 0.25))]


def _subnormal(args: Arguments, expected: Any, settings: Settings) -> list[Array]:
    x = np.abs(args[0].astype(np.float64))
    return [np.asarray((x > 0) & (x < FLOATS[args[0].dtype.name][2]))]


QUANTIZE_REGIONS = (
    Region("ties", "at ties", _ties),
    Region("negative", "where x is negative", _where(lambda v: v < 0)),
    Region("positive", "where x is positive", _where(lambda v: v > 0)),
    Region("outside", "where the code is out of range", _outside),
    Region("above_2_24", "where |x * 2^p| passes 2^24", _where(lambda v: np.abs(v) > 2.0**24)),
    Region("below_one", "where |x * 2^p| is below 1", _where(lambda v: np.abs(v) < 1)),
    Region("subnormal", "where x is subnormal", _subnormal),
    Region("infinite", "where x is infinite", _where(np.isinf)),
)


def _quantize_by_hand(args: Arguments, index: tuple[int, ...], settings: Settings) -> str:
    x, p = args
    code = int(_quantize(args, settings)[index])
    v = float(_product(args)[index])
    whole = int(round_to_integer(np.array(v), settings["rounding"])) if np.isfinite(v) else v
    text = f"x * 2^p = {float(x[index])!r} * 2^{p} = {v!r}, {settings['rounding']} gives {whole}"
    return text if whole == code else f"{text}, {settings['overflow']} gives {code}"


QUANTIZE = Operation(
    name="quantize",
    formula="Q(x) = round(x * 2^p)",
    summary="fixed-point quantization with p fraction bits",
    inputs=(
        Input("x", "floats", "an array of any shape, of the dtype of the settings"),
        Input("p", "integer", "fraction bits, a Python int"),
    ),
    settings=(
        bits_setting(None, BITS),
        SIGNED_SETTING,
        ROUNDING_SETTING,
        OVERFLOW_SETTING,
        NARROW_SETTING,
        FLOAT_DTYPE,
        CHECK_DTYPE,
    ),
    result="integers of the shape of x",
    parts=("the codes",),
    answer=_quantize,
    cases=(
        Case("exact halves", _halves),
        Case("one ulp beside a half", _beside_halves),
        Case("integers", _integers),
        Case("quarters", _quarters),
        Case("around q_min and q_max", _ends),
        Case("far outside the range", _far_outside),
        Case("largest finite values and powers of two", _largest),
        Case("infinities", _infinities),
        Case("subnormals and zeros", _subnormals),
        Case("past 2^22 and 2^51", _large_integers),
        Case("many p", _many_p),
        Case("every eighth step of the range", _grid),
        Case("lengths around vector widths", _tails),
        Case("0-d, empty and 4-d", _shapes),
        Case("strided", _layouts, layout="strided"),
        Case("reversed", _layouts, layout="reversed"),
        Case("Fortran order", _layouts, layout="fortran"),
        Case("read-only", _layouts, layout="read-only"),
    ),
    strategy=_search,
    laws=(
        Law("half_step", "|x - Q(x) * 2^-p| is at most half a step, 2^-(p+1), where nothing saturates", _half_step),
        Law("keeps_integers", "an x that lies exactly on a code keeps it: no rule moves an integer", _keeps_integers),
        Law("in_range", "every code lies in [q_min, q_max]", _stays_in_range),
        Law("sign", "a code never has the other sign than x", _keeps_sign),
        Law("monotone", "a larger x never gets a smaller code", _monotone),
    ),
    faults=QUANTIZE_FAULTS,
    regions=QUANTIZE_REGIONS,
    typical=({"bits": 8}, {"bits": 32}, {"bits": 32, "dtype": "float64"}),
    by_hand=_quantize_by_hand,
    rejects=(("x[0] = nan", lambda s: (np.array([np.nan, 1], float_dtype(s["dtype"])), 2)),),
)
