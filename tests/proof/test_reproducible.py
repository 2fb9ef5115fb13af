"""The same seed gives the same bytes on other kernels of BLAS and NumPy, and on another number of threads."""

import functools
import json
import os
import subprocess
import sys

import numpy as np
import pytest
from numpy._core._multiarray_umath import __cpu_dispatch__

from refcompress.verify.agreement import parts
from refcompress.verify.operations import OPERATIONS
from refcompress.verify.wire import decode

WRITE = """
import sys
from pathlib import Path
from refcompress.verify.operations import OPERATIONS
from refcompress.verify.vector_files import write_vectors
for name, operation in OPERATIONS.items():
    write_vectors(Path(sys.argv[1]) / f"{name}.jsonl", operation, operation.defaults)
"""
COMPRESS = ["compress", "--teacher", "64", "--student", "16", "--json"]
# sums in another order: without fused multiply-add, on short vectors; exponentials and sorts of NumPy's baseline
OTHER = {"OPENBLAS_CORETYPE": "Prescott", "NPY_DISABLE_CPU_FEATURES": " ".join(__cpu_dispatch__)}
THREADS = [{f"{library}_NUM_THREADS": count for library in ("OPENBLAS", "OMP", "MKL")} for count in ("1", "2")]


def run(arguments, environment):
    plain = {key: value for key, value in os.environ.items() if not key.endswith("_NUM_THREADS")}
    command = [sys.executable, "-W", "ignore", *arguments]  # NumPy warns of features that the processor lacks
    done = subprocess.run(command, env=plain | environment, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def written(tmp_path_factory):
    @functools.cache
    def write(other):
        folder = tmp_path_factory.mktemp("vectors")
        run(["-c", WRITE, str(folder)], OTHER | THREADS[1] if other else THREADS[0])
        return folder

    return write


def both(written, name):
    return [(written(other) / f"{name}.jsonl").read_bytes() for other in (False, True)]


@pytest.mark.parametrize("name", [name for name, operation in OPERATIONS.items() if operation.bound is None])
def test_the_vectors_of_an_exact_operation_differ_not_at_all(written, name):
    first, other = both(written, name)
    assert first == other


@pytest.mark.parametrize("name", [name for name, operation in OPERATIONS.items() if operation.bound is not None])
def test_the_vectors_of_a_bounded_operation_differ_within_the_bound_alone(written, name):
    first, other = ([json.loads(line) for line in text.splitlines()] for text in both(written, name))
    assert len(first) == len(other)
    for one, two in zip(first, other, strict=True):
        if "expected" in one:  # the first line has none
            arrays = (parts(decode(value)) for value in (one["expected"], two["expected"], one["bound"]))
            for a, b, bound in zip(*arrays, strict=True):
                assert ((a == b) | (np.abs(a - b) <= bound)).all(), one["case"]
        assert without_answers(one) == without_answers(two)


def without_answers(vector):
    return {key: value for key, value in vector.items() if key not in ("expected", "bound")}


def test_what_is_trained_is_the_same_to_the_bit_on_one_thread_and_on_two():
    one, two = (run(["-m", "refcompress", *COMPRESS], threads) for threads in THREADS)
    assert one == two
