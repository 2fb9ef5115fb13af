"""The same seed gives the same bytes on other kernels of BLAS and NumPy, and on another number of threads."""

import functools
import os
import subprocess
import sys
from pathlib import Path

import pytest
from numpy._core._multiarray_umath import __cpu_dispatch__

from refcompress.verify.operations import OPERATIONS

EVERY_VECTOR = Path(__file__).with_name("every_vector.py")
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
        run([str(EVERY_VECTOR), str(folder)], OTHER | THREADS[1] if other else THREADS[0])
        return folder

    return write


@pytest.mark.parametrize("name", OPERATIONS)
def test_the_vectors_of_an_operation_differ_not_at_all(written, name):
    first, other = (sorted(written(other).glob(f"{name}-*.jsonl")) for other in (False, True))
    assert [path.name for path in first] == [path.name for path in other]
    assert first
    assert [path.read_bytes() for path in first] == [path.read_bytes() for path in other]


def test_what_is_trained_is_the_same_to_the_bit_on_one_thread_and_on_two():
    one, two = (run(["-m", "refcompress", *COMPRESS], threads) for threads in THREADS)
    assert one == two
