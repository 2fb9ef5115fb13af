import itertools

import numpy as np
import pytest

from refcompress.verify.operations.selection import AXIS_SETTING
from refcompress.verify.operations.selection_cases import CASES, LAYOUT, selection_cases

DTYPES = ("float32", "float16", "bfloat16", "float64")
PLACES = list(itertools.product(DTYPES, AXIS_SETTING.allowed))


@pytest.mark.parametrize(("dtype", "axis"), PLACES)
def test_every_case_gives_arrays_of_the_dtype_and_a_k_that_fits(dtype, axis):
    for name, make, _ in CASES:
        calls = list(make({"dtype": dtype, "axis": axis}))
        assert calls, name
        for x, k in calls:
            assert x.dtype.name == dtype, name
            assert 0 <= k <= (x.size if axis is None else x.shape[axis]), name
            assert not np.isnan(x.astype(np.float64)).any(), name


@pytest.mark.parametrize("dtype", DTYPES)
def test_squares_of_the_underflow_case_are_all_zero(dtype):
    make = next(make for name, make, _ in CASES if name == "squares that underflow")
    with np.errstate(under="ignore"):
        assert all(not (x * x).any() for x, _ in make({"dtype": dtype}))


@pytest.mark.parametrize("dtype", DTYPES)
def test_squares_of_the_overflow_case_are_all_infinite(dtype):
    make = next(make for name, make, _ in CASES if name == "squares that overflow")
    with np.errstate(over="ignore"):
        assert all(np.isinf((x * x).astype(np.float64)).all() for x, _ in make({"dtype": dtype}))


@pytest.mark.parametrize("dtype", DTYPES)
def test_thousands_of_entries_tie_at_the_threshold(dtype):
    make = next(make for name, make, _ in CASES if "thousands" in name)
    for x, k in make({"dtype": dtype}):
        size = np.sort(np.abs(x.astype(np.float64)))
        assert x.size > 1000
        assert np.count_nonzero(size == size[-k]) > 1


@pytest.mark.parametrize("dtype", DTYPES)
def test_an_entry_past_the_indices_of_8_bits_stays(dtype):
    make = next(make for name, make, _ in CASES if name == "lengths around vector widths")
    (x,) = {x.tobytes(): x for x, _ in make({"dtype": dtype}) if x.size == 257}.values()
    assert np.argmax(np.abs(x.astype(np.float64))) == 256


def test_what_a_case_does_not_tell_apart_stands_behind_the_wildcard():
    cases = {case.name: case for case in selection_cases(("own",), {"subnormals": ("other",)})}
    assert cases["strided"].kills[0] == "*"
    assert cases["strided"].kills[-1] == "!own"
    assert cases["subnormals"].kills[-1] == "!other"


def test_each_layout_has_its_case():
    assert {case.name: case.layout for case in selection_cases() if case.layout != "plain"} == LAYOUT
