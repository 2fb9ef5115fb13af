from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from methods.small import PLAN, bench

from refcompress.checkpoints import save_model
from refcompress.compression import as_float32, compress
from refcompress.datasets import load_digits
from refcompress.gradual_pruning import masked
from refcompress.methods.bench import as_codes, as_floats, as_sparse_codes, coded, place_bytes, widest
from refcompress.pruning.scores import global_masks


def test_the_student_is_that_of_compress():
    student = compress(load_digits(), PLAN).student
    assert all(map(np.array_equal, bench().student.weights, student.weights))


def pruned(k):
    student = bench().student
    return masked(student, student.weights, global_masks(student.weights, k))


def file_bytes(path, model, *, sparse):
    """The bytes of a file's arrays: behind its header, whose length its first eight bytes hold."""
    size = save_model(path, model, sparse=sparse)
    return size - 8 - int.from_bytes(path.read_bytes()[:8], "little")


def test_the_bytes_are_those_of_the_arrays_in_the_file(tmp_path):
    path, model = tmp_path / "m.safetensors", pruned(100)
    assert as_floats(bench(), model).bytes == file_bytes(path, as_float32(model), sparse=False)
    assert as_codes(bench(), model).bytes == file_bytes(path, coded(bench(), model), sparse=False)
    assert as_sparse_codes(bench(), model).bytes == file_bytes(path, coded(bench(), model), sparse=True)


@given(k=st.integers(0, 592))
def test_k_codes_with_their_places_are_within_the_budget(k):
    size = as_sparse_codes(bench(), pruned(k)).bytes
    if k <= bench().k:
        assert size <= bench().budget


@pytest.mark.parametrize("multiple", [1, 4])
def test_the_widest_network_fits_and_the_next_does_not(multiple):
    def bytes_of(sizes):
        return sum(a * b for a, b in pairwise(sizes))

    (width,) = widest(bench(), bytes_of, multiple)
    assert width % multiple == 0
    assert bytes_of((64, width, 10)) <= bench().budget < bytes_of((64, width + multiple, 10))


def test_no_network_may_fit():
    assert widest(bench(), lambda sizes: bench().budget + 1) is None


@given(st.integers(1, 2**20))
def test_the_places_of_an_array_fit_their_bytes(size):
    width = place_bytes(size)
    assert size - 1 < 256**width
    assert width == 1 or size - 1 >= 256 ** (width // 2)
