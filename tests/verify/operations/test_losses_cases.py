import numpy as np
import pytest
from verify.rivals import full

from refcompress.verify.inputs import FLOATS
from refcompress.verify.operations.losses import MSE_GRADIENT
from refcompress.verify.operations.losses_cases import GRADIENT_KILLS, LOSS_KILLS, SHARED_CASES


def calls(name, **settings):
    make = next(make for case, make, _ in SHARED_CASES if case == name)
    return list(make(full(MSE_GRADIENT, settings)))


@pytest.mark.parametrize("kills", [LOSS_KILLS, GRADIENT_KILLS])
def test_the_rivals_are_declared_for_cases_that_exist(kills):
    assert set(kills) <= {name for name, _, _ in SHARED_CASES}


def test_equal_arrays_are_equal_in_every_dtype():
    for dtype in ("float16", "bfloat16", "float32", "float64"):
        assert all((s == t).all() for s, t in calls("student = teacher", dtype=dtype))


def test_no_elements_are_only_summed():
    assert calls("no elements", reduction="mean") == []
    assert all(s.size == 0 for s, _ in calls("no elements", reduction="sum"))


def test_differences_that_cancel_are_exact_and_not_zero():
    for dtype in ("float16", "bfloat16", "float32", "float64"):
        for student, teacher in calls("differences that are small beside the numbers", dtype=dtype):
            d = student.astype(np.float64) - teacher.astype(np.float64)
            assert 0 < np.abs(d).max() < 0.1


def test_some_gradients_are_subnormal_in_every_dtype():
    for dtype in ("float16", "bfloat16", "float32", "float64"):
        under, normal = full(MSE_GRADIENT, {"dtype": dtype}), FLOATS[dtype][2]
        right = [MSE_GRADIENT.answer(a, under) for a in calls("squares near the smallest numbers", dtype=dtype)]
        bounds = [MSE_GRADIENT.bound(a, under) for a in calls("squares near the smallest numbers", dtype=dtype)]
        small = [(g != 0) & (np.abs(g) < normal) & (b < np.abs(g)) for g, b in zip(right, bounds, strict=True)]
        assert any(flags.any() for flags in small)
