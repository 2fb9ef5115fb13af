import itertools
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from oracles import affine as oracle
from oracles.fixed_point import limits
from verify.rivals import full

from refcompress.rounding import ROUNDING
from refcompress.verify.inputs import FLOATS, float_dtype
from refcompress.verify.operations import affine_stages
from refcompress.verify.operations.affine import AFFINE_QUANTIZE

WORDS = ("bits", "signed", "rounding", "overflow", "narrow_range", "scaling", "zero_point_added")


@st.composite
def calls(draw):
    """Draw one call without an axis, most numbers at or beside ties, under settings that may refuse none of them."""
    settings = full(
        AFFINE_QUANTIZE,
        {
            "dtype": draw(st.sampled_from(["float32", "float16", "bfloat16", "float64"])),
            "bits": draw(st.sampled_from([2, 4, 8, 16, 32])),
            "signed": draw(st.booleans()),
            "rounding": draw(st.sampled_from(sorted(ROUNDING))),
            "overflow": draw(st.sampled_from(["saturate", "wrap"])),
            "scaling": draw(st.sampled_from(["divide", "exact", "reciprocal"])),
            "zero_point_added": draw(st.sampled_from(["after_rounding", "before_rounding"])),
        },
    )
    low, high = limits(settings["bits"], settings["signed"], False)
    z = draw(st.sampled_from([low, high, min(high, 1), 0]))
    s = float(
        np.float64(draw(st.integers(1, 120)) / draw(st.sampled_from([1, 10, 64]))).astype(
            settings["dtype"] if settings["dtype"] != "bfloat16" else float_dtype("bfloat16")
        )
    )
    halves = draw(st.lists(st.integers(-600, 600), min_size=1, max_size=5))
    x = np.array([h * s / 2 for h in halves]).astype(float_dtype(settings["dtype"]))
    return (x, s, z), settings


@given(calls())
def test_the_stages_together_give_what_rational_arithmetic_gives(call):
    args, settings = call
    x, s, z = args
    got = affine_stages.rounded_and_ranged(*affine_stages.to_be_rounded(args, settings), settings)
    words = {word: settings[word] for word in WORDS}
    assert got.tolist() == [oracle.quantized(float(v), s, z, settings["dtype"], **words) for v in x]


@given(calls())
def test_a_quotient_that_is_finished_gives_the_code(call):
    args, settings = call
    if affine_stages.fuses(settings) and settings["dtype"] == "float64":
        return  # the product of two float64 is no float64
    got = affine_stages.finished(*affine_stages.staged(args, settings), settings)
    assert got.tolist() == affine_stages.quantized(args, settings).tolist()


@pytest.mark.parametrize("overflow", ["saturate", "wrap"])
@pytest.mark.parametrize("dtype", ["float32", "float16"])
def test_what_has_a_code_is_what_the_reference_takes(dtype, overflow):
    settings = full(AFFINE_QUANTIZE, {"dtype": dtype, "overflow": overflow})
    x = np.array([1.5, np.inf, -np.inf, np.nan, 60000.0, -1e-4]).astype(dtype)
    for s, z in itertools.product((1.0, 2.0**-10), (0, 5)):
        flags = affine_stages.has_code((x, s, z), settings)
        assert affine_stages.quantized((x[flags], s, z), settings).shape == (flags.sum(),)
        for v in x[~flags]:
            with pytest.raises(ValueError, match=r"nan|infinit"):
                affine_stages.quantized((np.array([v]), s, z), settings)


def test_one_who_follows_other_settings_answers_where_the_reference_refuses():
    x = np.array([np.inf, -np.inf, 3.0], np.float32)
    wrapped = full(AFFINE_QUANTIZE, {"overflow": "wrap"})
    assert affine_stages.converted((x, 1.0, 0), wrapped).tolist() == [0, 0, 3]
    short = full(AFFINE_QUANTIZE, {"bits": 4})
    assert affine_stages.converted((x, 1.0, 100), short).tolist() == [7, -8, 7]
    inverse = full(AFFINE_QUANTIZE, {"scaling": "reciprocal"})
    assert affine_stages.converted((np.array([0, 1e-40], np.float32), 2.0**-140, 0), inverse).tolist() == [0, 127]


def test_one_who_follows_another_axis_can_do_so_only_where_that_one_fits():
    args = np.arange(6, dtype=np.float32).reshape(2, 3), np.array([1, 2], np.float32), np.array([0, 5], np.int32)
    by_rows, by_columns = (full(AFFINE_QUANTIZE, {"axis": axis}) for axis in (0, 1))
    assert affine_stages.converted(args, by_columns).tolist() == affine_stages.quantized(args, by_rows).tolist()
    square = args[0][:, :2], *args[1:]
    assert affine_stages.converted(square, by_columns).tolist() == affine_stages.quantized(square, by_columns).tolist()
    with pytest.raises(ValueError, match="not in tuple"):
        affine_stages.converted((args[0][:, :1].reshape(1, 2, 1)[:, :1], *args[1:]), by_rows)


def test_without_an_axis_the_first_channel_stands_for_all():
    args = np.ones((2, 2), np.float32), np.array([0.5, 2], np.float32), np.array([1, 5], np.int32)
    assert affine_stages.converted(args, full(AFFINE_QUANTIZE, {})).tolist() == [[3, 3], [3, 3]]


SCALINGS = ("divide", "exact", "reciprocal")
EACH_WAY = pytest.mark.parametrize(
    ("scaling", "added", "overflow"),
    list(itertools.product(SCALINGS, ("after_rounding", "before_rounding"), ("saturate", "wrap"))),
)


def under(scaling="divide", added="after_rounding", overflow="saturate", **more):
    return full(AFFINE_QUANTIZE, {"scaling": scaling, "zero_point_added": added, "overflow": overflow, **more})


@EACH_WAY
@pytest.mark.parametrize("dtype", ["float16", "bfloat16", "float32", "float64"])
def test_no_stage_warns_at_the_ends_of_the_floats(dtype, scaling, added, overflow):
    settings, (_, largest, normal, subnormal) = under(scaling, added, overflow, dtype=dtype), FLOATS[dtype]
    words = itertools.cycle(ROUNDING)
    x = np.array([np.inf, -np.inf, np.nan, largest, -largest, subnormal, 3 * normal, 0.0]).astype(float_dtype(dtype))
    for s, z in itertools.product((largest, subnormal, normal, 1.0), (-128, 127, 0)):
        settings["rounding"] = next(words)
        with np.errstate(all="raise"):
            codes = affine_stages.converted((x, s, z), settings)
            affine_stages.finished(*affine_stages.staged((x, s, z), settings), settings)
            affine_stages.has_code((x, s, z), settings)
        assert (np.abs(codes - 0.5) <= 127.5 + 1).all()


@pytest.mark.parametrize("scaling", SCALINGS)
def test_a_quotient_is_taken_in_the_dtype_of_x_unless_it_is_exact(scaling):
    x, s = np.array([5.0, -7.0], np.float32), np.array(3.0)
    third = np.float32(1 / 3)
    right = {"divide": np.float32([5 / 3, -7 / 3]), "exact": [5 / 3, -7 / 3], "reciprocal": x * third}[scaling]
    got = affine_stages.quotient(x, s, scaling)
    assert got.dtype == np.float64
    assert got.tolist() == np.asarray(right, np.float64).tolist()
    assert affine_stages.divided(x, s).dtype == np.float32


def test_a_product_that_the_zero_point_is_yet_to_be_added_to_is_not_rounded():
    x, s = np.array([5.0, -7.0], np.float32), np.array(3.0)
    fused, alone = under("reciprocal", "before_rounding"), under("reciprocal", "after_rounding")
    third = float(np.float32(1 / 3))
    assert affine_stages.steps_of(x, s, fused).tolist() == [5 * third, -7 * third]
    assert affine_stages.steps_of(x, s, alone).tolist() == affine_stages.quotient(x, s, "reciprocal").tolist()
    steps, z = affine_stages.staged((x, 3.0, 4), fused)
    assert (steps.tolist(), z.tolist()) == ([5 * third, -7 * third], 4)


@pytest.mark.parametrize("dtype", ["float16", "float32", "float64"])
def test_a_fused_product_and_sum_are_rounded_once(dtype):
    x, s, z = np.array([5.0, 1021.0, 1020.9]).astype(dtype), 3.0, -340  # what is left shows the product's last bits
    got = affine_stages.to_be_rounded((x, s, z), under("reciprocal", "before_rounding", dtype=dtype))
    third = oracle.in_dtype(Fraction(1, 3), dtype)
    right = [float(oracle.in_dtype(Fraction(float(v)) * third + z, dtype)) for v in x]
    assert [part.tolist() for part in got] == [right, z]


@pytest.mark.parametrize("scaling", SCALINGS)
@pytest.mark.parametrize("dtype", ["float16", "float32"])
def test_a_scale_counts_as_the_dtype_holds_it(dtype, scaling):
    x = (np.arange(1, 200) / 7).astype(dtype)
    held = float(np.array(0.1).astype(dtype))
    got, right = (affine_stages.quotient(x, np.array(s), scaling) for s in (0.1, held))
    assert got.tolist() == right.tolist()
    assert affine_stages.divided(x, np.array(0.1)).tolist() == (x / np.array(held, dtype)).tolist()
    if scaling == "exact":
        assert got.tolist() != affine_stages.quotient(x.astype(np.float64), np.array(0.1), scaling).tolist()


def test_an_exact_sum_keeps_of_a_fraction_on_which_side_of_one_half_it_lies():
    v = np.array([2.0, 2.125, 2.5, 2.875, -2.125, -2.5, -2.875, 0.0])
    exact = under("exact", "before_rounding")
    got = affine_stages.before_rounding(v, np.array(3), exact)
    assert got.tolist() == [5, 5.25, 5.5, 5.75, 0.75, 0.5, 0.25, 3]
    assert affine_stages.before_rounding(v, np.array(3), under("exact")).tolist() == v.tolist()


def test_a_sum_is_rounded_to_the_dtype_of_the_settings():
    v, z = np.array([2047.5, 1.25]), np.array(2)
    for dtype, right in (("float16", [2050.0, 3.25]), ("float32", [2049.5, 3.25])):
        assert affine_stages.before_rounding(v, z, under("divide", "before_rounding", dtype=dtype)).tolist() == right


def test_a_step_that_is_wrapped_is_so_before_the_zero_point_is_added():
    steps, z = np.array([np.inf, -np.inf, np.nan, 300.0, -3.0]), np.array(2)
    assert affine_stages.added(steps, z, under(overflow="wrap")).tolist() == [2, 2, 2, 46, -1]
    assert affine_stages.added(steps[3:], z, under()).tolist() == [302, -1]
    assert affine_stages.added(steps[3:], z, under(added="before_rounding", overflow="wrap")).tolist() == [300, -3]


@pytest.mark.parametrize(("bits", "left"), [(4, 0), (31, 0), (32, -(2**31))])
def test_what_has_no_code_becomes_what_the_conversion_of_a_processor_leaves(bits, left):
    low, high = limits(bits, True, False)
    floats = np.array([np.nan, np.inf, -np.inf, 3.0, 2.0**31])
    assert affine_stages.ranged(floats, under(bits=bits)).tolist() == [left, high, low, 3, high]
    wrapped = affine_stages.ranged(floats, under(overflow="wrap", bits=bits))
    assert wrapped.tolist() == [left, 0, 0, 3, low if bits == 32 else 0]


def test_a_code_has_no_negative_zero():
    x = np.array([np.nan, -0.25, -0.0], np.float32)  # of the nan the reference has no code
    codes = affine_stages.converted((x, 1.0, 0), under(added="before_rounding"))
    assert codes.tolist() == [0, 0, 0]
    assert not np.signbit(codes).any()


@pytest.mark.parametrize(("signed", "narrow"), list(itertools.product([True, False], repeat=2)))
def test_the_limits_are_those_of_the_codes(signed, narrow):
    settings = full(AFFINE_QUANTIZE, {"bits": 4, "signed": signed, "narrow_range": narrow})
    assert affine_stages.limits(settings) == limits(4, signed, narrow)
    x, (low, high) = np.array([-1e3, 1e3], np.float32), limits(4, signed, narrow)
    assert affine_stages.quantized((x, 1.0, 0), settings).tolist() == [low, high]


def test_each_channel_has_a_scale_and_a_zero_point_of_its_own():
    x = np.array([[1.5, 3.0], [1.5, np.inf]], np.float32)
    args = x, np.array([1, 0.5], np.float32), np.array([10, 20], np.int32)
    wrapped = under(overflow="wrap", axis=1)
    steps, z = affine_stages.staged(args, wrapped)
    assert steps.tolist() == [[1.5, 6], [1.5, np.inf]]
    assert np.broadcast_to(z, (2, 2)).tolist() == [[10, 20], [10, 20]]
    assert affine_stages.has_code(args, wrapped).tolist() == [[True, True], [True, False]]
    assert affine_stages.quantized((x[:1], *args[1:]), wrapped).tolist() == [[12, 26]]
    assert affine_stages.converted(args, wrapped).tolist() == [[12, 26], [12, 20]]


@pytest.mark.parametrize(
    ("x", "s", "z", "scaling", "added"),
    [
        (65504.0, 0.5, 0, "divide", "after_rounding"),  # the quotient is past float16
        (65504.0, 1.0, 100, "divide", "before_rounding"),  # the sum alone is
        (65504.0, 1 - 2.0**-11, -128, "reciprocal", "before_rounding"),  # the product, though not the fused sum
        (np.inf, 65504.0, 0, "reciprocal", "after_rounding"),
        (np.nan, 1.0, 0, "exact", "before_rounding"),
    ],
)
def test_what_is_past_the_dtype_in_any_step_cannot_be_wrapped(x, s, z, scaling, added):
    settings = under(scaling, added, "wrap", dtype="float16")
    args = np.array([x, 2.0], np.float16), s, z
    assert affine_stages.has_code(args, settings).tolist() == [False, True]
    with pytest.raises(ValueError, match=r"nan|infinit"):
        affine_stages.quantized(args, settings)
    assert affine_stages.quantized((args[0][1:], s, z), settings).shape == (1,)


def test_a_sum_that_wraps_has_no_code_where_it_is_infinite_though_the_quotient_is_not():
    settings = full(
        AFFINE_QUANTIZE, {"dtype": "float16", "bits": 32, "overflow": "wrap", "zero_point_added": "before_rounding"}
    )
    x = np.array([60000, 1], np.float16)
    assert affine_stages.has_code((x, 1.0, 10000), settings).tolist() == [False, True]
