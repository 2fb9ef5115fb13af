import numpy as np
import pytest

from refcompress.audit.selections import DROPPED, FREE, KEPT
from refcompress.audit.structures import NORMS, possible_structures, slice_norms

X = np.random.default_rng(0).normal(size=(6, 8, 5)).astype(np.float32)


def without(x, axis, dropped):
    mask = np.ones(x.shape, bool)
    mask[(slice(None),) * axis + (dropped,)] = False
    return mask.reshape(-1)


@pytest.mark.parametrize("axis", [0, 1, 2])
@pytest.mark.parametrize(("name", "order"), [("L1", 1), ("L2", 2)])
def test_slices_of_smallest_norm_are_found(axis, name, order):
    lines = np.moveaxis(X.astype(float), axis, 0).reshape(X.shape[axis], -1)
    norms = np.linalg.norm(lines, ord=order, axis=1)
    mask = without(X, axis, np.argsort(norms)[:2])
    status = np.where(mask, KEPT, DROPPED).astype(np.int8)
    found = {s.settings["norm"]: s for s in possible_structures(X, status)}
    assert name in found
    assert found[name].settings == {"axis": axis, "k": X.shape[axis] - 2, "norm": name}
    assert np.array_equal(found[name].mask(X, status), mask)


@pytest.mark.parametrize("name", NORMS)
def test_norms_are_those_of_linear_algebra(name):
    for axis in range(3):
        cut = (int(np.prod(X.shape[:axis])), X.shape[axis], int(np.prod(X.shape[axis + 1 :])))
        lines = np.moveaxis(X.astype(float), axis, 0).reshape(X.shape[axis], -1)
        expected = np.linalg.norm(lines, ord=int(name[1]), axis=1)
        # sums of m terms of one sign: each of the two may err by m * 2^-53 of itself
        assert np.all(np.abs(slice_norms(X.reshape(cut), name) - expected) <= expected * lines.shape[1] * 2.0**-52)


def test_a_slice_of_largest_norm_that_went_is_not_explained():
    norms = np.abs(X).sum(axis=(1, 2))
    status = np.where(without(X, 0, [norms.argmax()]), KEPT, DROPPED).astype(np.int8)
    assert [s for s in possible_structures(X, status) if s.settings["norm"] == "L1"] == []


@pytest.mark.parametrize("status", [KEPT, FREE, DROPPED])
def test_where_no_slice_went_or_none_stayed_there_is_no_structure(status):
    assert list(possible_structures(X, np.full(X.size, status, np.int8))) == []


def test_a_line_has_no_slices():
    assert list(possible_structures(np.ones(3), np.int8([KEPT, DROPPED, KEPT]))) == []
