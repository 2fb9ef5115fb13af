"""The tables of the pages, computed: ``python notebooks/manual/tables.py`` writes them into them.

Each stands between ``<!-- table: NAME -->`` and ``<!-- end -->``. What libraries do is read from ``peers.json``,
which ``refcompress peers --json`` printed. A test holds that the pages have what is computed here.
"""

import json
import math
import re
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np

import refcompress
from refcompress.mlp.error_bounds import FORMATS, precision_of
from refcompress.pruning.keep_count import COUNTS
from refcompress.pruning.keep_count import ROUNDING as COUNT_ROUNDING
from refcompress.quantization.requantize import REQUANTIZE_WORDS
from refcompress.quantization.small_floats import cast_float8
from refcompress.rounding import OVERFLOW, ROUNDING
from refcompress.verify.operations import OPERATIONS

HERE = Path(__file__).parent
PAGES = (HERE / "rules.md", HERE / "exact.md")
PLACE = re.compile(r"(?<=<!-- table: )(\w+)( -->\n).*?(?=<!-- end -->)", re.DOTALL)

Rows = list[Sequence[str]]


def number(value: Any) -> str:
    """Write a number as short as it can be, with a real minus sign."""
    value = np.asarray(value)[()]
    if isinstance(value, np.bool_):
        return "yes" if value else "no"
    text = str(value).removesuffix(".0")
    return text.replace("-", "\N{MINUS SIGN}").replace("inf", "\N{INFINITY}")


def numbers(values: Any) -> list[str]:
    """Write each of them."""
    return [number(v) for v in values]


def code(*words: str) -> str:
    """Write words as code."""
    return ", ".join(f"`{word}`" for word in words)


def rounding() -> Rows:
    """Each rule, the ten inputs across."""
    x = [-2.5, -1.5, -0.75, -0.5, -0.25, 0.5, 0.75, 1.5, 2.25, 2.5]
    rows = [(code(word), *numbers(refcompress.quantize(x, 0, rounding=word))) for word in ROUNDING]
    return [("x", *numbers(x)), *rows]


def overflow() -> Rows:
    """Each way into the range, for codes of 4 bits."""
    x = [-100, -17, -9, -8, -7, 7, 8, 9, 17, 100]
    rows: Rows = [("x", *numbers(x))]
    for word in OVERFLOW:
        for signed, narrow in ((True, False), (True, True), (False, False)):
            q = refcompress.quantize(np.float32(x), 0, bits=4, overflow=word, signed=signed, narrow_range=narrow)
            said = [word, "signed" if signed else "unsigned", *(["narrow_range"] if narrow else [])]
            rows.append((code(*said), *numbers(q)))
    return rows


def float_overflow() -> Rows:
    """Each way into the range of each 8-bit float format."""
    x = [-np.inf, -449.0, 240.0, 248.0, 448.0, 464.0, 465.0, 57344.0, 61440.0, np.inf]
    formats = OPERATIONS["cast_float8"].setting("format").allowed
    words = OPERATIONS["cast_float8"].setting("overflow").allowed
    rows = [(code(f, word), *numbers(cast_float8(x, format=f, overflow=word))) for f in formats for word in words]
    return [("x", *numbers(x)), *rows]


def ties() -> Rows:
    """Each rule, on an array of ten entries of which four stay; then two rules that keep another number."""
    x, k = np.float32([2, -1, 1, 3, 1, -1, 0, 1, -2, 1]), 4
    op = OPERATIONS["sparsify"]
    rows = [(code(word), *numbers(refcompress.sparsify(x, k, ties=word))) for word in op.setting("ties").allowed]
    for name, formula in (("at_least_kth", "all of |x| ≥ t"), ("above_kth", "all of |x| > t")):
        fault = next(f for f in op.faults if f.name == name)
        rows.append((formula, *numbers(fault.answer((x, k), op.defaults))))
    return [("x", *numbers(x)), *rows]


def reduction() -> Rows:
    """N for ten shapes: the sum over the loss, where every difference is 1."""
    shapes = [(1,), (5,), (1, 4), (4, 1), (2, 3), (3, 2), (8, 10), (10, 8), (2, 2, 2), (4, 3, 2)]
    words = OPERATIONS["mse_loss"].setting("reduction").allowed

    def divisor(shape: tuple[int, ...], word: str) -> str:
        ones, zeros = np.ones(shape), np.zeros(shape)
        return number(ones.size / refcompress.mse_loss(ones, zeros, reduction=word))

    head = ("shape", *(f"({', '.join(map(str, s))}{',' * (len(s) == 1)})" for s in shapes))
    return [head, *((code(word), *(divisor(s, word) for s in shapes)) for word in words)]


PAIRS = [(91, 14), (147, 98), (3.1, 0.2), (-3.1, 0.2), (1.7, 0.2), (0.7, 0.2), (3.3, 2.2), (6.3, 1.4), (7, 2), (-7, 2)]


def scaling() -> Rows:
    """Each word, at ten quotients in float32 on or beside a tie."""
    words = OPERATIONS["affine_quantize"].setting("scaling").allowed
    pairs = [(np.float32(x), float(np.float32(s))) for x, s in PAIRS]
    rows = [
        (code(word), *(number(refcompress.affine_quantize(x, s, 0, scaling=word)) for x, s in pairs)) for word in words
    ]
    return [("x / s", *(f"{number(x)} / {number(s)}" for x, s in PAIRS)), *rows]


def zero_point_added() -> Rows:
    """Each word, with an odd and with an even zero point."""
    x = [-2.5, -1.5, -0.75, -0.5, -0.25, 0.5, 0.75, 1.5, 2.25, 2.5]
    words = OPERATIONS["affine_quantize"].setting("zero_point_added").allowed
    return [
        ("x, s = 1", *numbers(x)),
        *(
            (f"{code(word)}, z = {z}", *numbers(refcompress.affine_quantize(x, 1.0, z, zero_point_added=word)))
            for z in (1, 2)
            for word in words
        ),
    ]


def requantize() -> Rows:
    """Each word, at ten accumulators: eight times a quarter, and two whose first rounding moves the second."""
    quarter = [(acc, 2**30, -1) for acc in (-6, -5, -2, -1, 1, 2, 5, 6)]
    calls = [*quarter, (7984, 1583594044, -9), (-7984, 1583594044, -9)]
    rows = [
        (code(word), *(number(refcompress.requantize(*call, rounding=word)) for call in calls))
        for word in REQUANTIZE_WORDS
    ]
    exact = (number(round(acc * m * 2.0 ** (shift - 31), 5)) for acc, m, shift in calls)
    return [("acc", *(number(acc) for acc, _, _ in calls)), ("exact", *exact), *rows]


def keep_count() -> Rows:
    """Each word for each of the two counts, at ten sizes and sparsities."""
    calls = [*((n, s) for n in (2, 6) for s in (0.25, 0.75)), *((n, 0.5) for n in (7, 9))]
    calls += [(8, 0.85), (10, 0.35), (50, 0.58), (100, 0.29)]
    rows = [
        (code(counts, word), *(number(refcompress.keep_count(n, s, rounding=word, counts=counts)) for n, s in calls))
        for counts in COUNTS
        for word in COUNT_ROUNDING
    ]
    return [("size, sparsity", *(f"{n}, {number(s)}" for n, s in calls)), *rows]


def gradient() -> Rows:
    """Each mask with each boundary, at ten x: what of the upstream gradient, which is 1, is passed."""
    x = [-129.0, -128.6, -128.4, -128.0, 0.0, 126.0, 127.0, 127.4, 127.6, 128.0]
    op = OPERATIONS["fake_quantize_gradient"]
    rows = [
        (
            code(f"mask={mask}", f"boundary={boundary}"),
            *numbers(refcompress.fake_quantize_gradient(x, 1.0, 0, np.ones(len(x)), mask=mask, boundary=boundary)),
        )
        for mask in op.setting("mask").allowed
        for boundary in op.setting("boundary").allowed
    ]
    return [("x", *numbers(x)), *rows]


def order() -> Rows:
    """Each order, for ten unsigned and for ten signed codes: the bytes."""
    unsigned, signed = range(10), (-8, -7, -6, -5, -4, 3, 4, 5, 6, 7)
    words = OPERATIONS["pack_int4"].setting("order").allowed
    rows = [
        (
            code(word),
            refcompress.pack_int4(unsigned, signed=False, order=word).tobytes().hex(" "),
            refcompress.pack_int4(signed, order=word).tobytes().hex(" "),
        )
        for word in words
    ]
    return [("codes", " ".join(numbers(unsigned)), " ".join(numbers(signed))), *rows]


# of the settings that another function is reproduced with: what its users would not have chosen by themselves
TOLD = ("rounding", "overflow", "scaling", "zero_point_added", "ties", "format", "reduction", "direction", "order")


def peers() -> list[dict[str, Any]]:
    """Return what the installed libraries were found to compute."""
    return list(json.loads((HERE / "peers.json").read_text(encoding="utf-8"))["peers"])


def reproduced() -> Rows:
    """Each function of another library that settings reproduce to the bit."""
    rows: Rows = [("function", "version", "operation", "settings that give its every answer")]
    for peer in peers():
        if peer["reproduced"] and peer["fault"] is None:
            said = [peer["settings"][name] for name in TOLD if name in peer["settings"]]
            said += ["scaled"] if peer["settings"].get("scaled") else []
            rows.append((peer["name"], peer["version"], code(peer["operation"]), code(*said) or "the formula"))
    return rows


def departing() -> Rows:
    """Each function of another library that follows no settings, or not these alone."""
    rows: Rows = [("function", "version", "what it was found to do")]
    for peer in peers():
        if not peer["reproduced"] or peer["fault"] is not None:
            rows.append((peer["name"], peer["version"], "; ".join([peer["statement"], *peer["departure"]])))
    return rows


def determined() -> Rows:
    """List the operations whose answers are compared to the bit."""
    rows: Rows = [("operation", "formula", "result")]
    return rows + [(code(o.name), code(o.formula), o.result) for o in OPERATIONS.values() if o.bound is None]


BOUNDS = {  # operation -> how far an honest result may be from the exact one, and where that is derived
    "mse_loss": (
        "gamma_(m+6) sum d^2 / N + (8 sum |d| + 12 m) eta, and the roundings of 1 / N",
        "mlp/error_bounds.py",
    ),
    "mse_gradient": ("gamma_2 * 2 |d| / N + 14 eta, and the roundings of 1 / N", "mlp/error_bounds.py"),
    "mlp_forward": (
        "layer by layer e |W| + gamma_(m+1) (|h| |W| + |b|) + 2 m eta; an activation moves an error by its largest"
        " slope within reach, and adds the ulps of its function",
        "mlp/error_bounds.py",
    ),
    "mlp_gradients": (
        "the same for h^T g, the sum of g, and g W^T; where z is within reach of 0, relu's derivative may be either,"
        " and the whole gradient of that unit counts",
        "mlp/error_bounds.py",
    ),
    "masked_sgd_step": (
        "v': gamma_5 S + 4 eta; w': gamma_9 (|w| + lr S) + (4 lr + 4) eta, with S = momentum |v| + |g| + weight_decay"
        " |w|. What is pruned is determined: 0, to its sign",
        "verify/operations/masked_faults.py",
    ),
    "distillation_loss": (
        "the exponents by gamma_5 (|z| + max |z|) / T, the sum of exponentials relative to itself, then the logarithms"
        " and the products of the divergence",
        "distillation/error_bounds.py",
    ),
    "distillation_gradient": (
        "the errors of both softmaxes, those of a backward pass by automatic differentiation included",
        "distillation/error_bounds.py",
    ),
}


def bounded() -> Rows:
    """List the operations whose answers have a bound, and what it is."""
    rows: Rows = [("operation", "the bound", "derived in")]
    names = (o.name for o in OPERATIONS.values() if o.bound is not None)
    return rows + [(code(name), BOUNDS[name][0], code(f"refcompress/{BOUNDS[name][1]}")) for name in names]


def precisions() -> Rows:
    """Say what the bounds know of each dtype."""
    rows: Rows = [("dtype", "u", "eta", "largest number")]
    for dtype in FORMATS:
        p = precision_of(dtype)
        powers = (f"2^{number(round(math.log2(value)))}" for value in (p.unit, p.tiny))
        rows.append((code(dtype), *powers, f"{p.largest:.4g}"))
    return rows


TABLES: dict[str, Callable[[], Rows]] = {
    table.__name__: table
    for table in (
        rounding,
        overflow,
        float_overflow,
        ties,
        reduction,
        scaling,
        zero_point_added,
        requantize,
        keep_count,
        gradient,
        order,
        reproduced,
        departing,
        determined,
        bounded,
        precisions,
    )
}


def lines(rows: Rows) -> Iterator[str]:
    """Write a table in Markdown; the first row is its head."""
    yield ""
    for number_of_row, row in enumerate(rows):
        cells = " | ".join(cell.replace("|", "\\|") for cell in row)
        yield f"| {cells} |"
        if number_of_row == 0:
            yield "| --- " * len(row) + "|"
    yield ""


def filled(text: str) -> str:
    """Return the page with its tables computed."""
    return PLACE.sub(lambda match: "".join([*match.groups(), *(f"{s}\n" for s in lines(TABLES[match[1]]()))]), text)


if __name__ == "__main__":
    for page in PAGES:
        page.write_text(filled(page.read_text(encoding="utf-8")), encoding="utf-8")
