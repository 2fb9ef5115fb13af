import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from oracles import affine as oracle
from oracles.fixed_point import limits
from verify.rivals import full

from refcompress.rounding import ROUNDING
from refcompress.verify.inputs import float_dtype
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
