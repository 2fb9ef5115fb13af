import numpy as np
import pytest
from methods.small import bench

from refcompress.methods.bench import as_floats
from refcompress.methods.distillation import METHODS


@pytest.mark.parametrize("name", METHODS)
def test_every_student_has_the_same_bytes(name):
    sized = METHODS[name](bench())
    assert sized.bytes == 4 * bench().student.parameter_count
    assert 0 <= sized.accuracy <= 1


def test_the_first_method_is_the_student_of_the_plan():
    assert next(iter(METHODS.values()))(bench()) == as_floats(bench(), bench().student)


def test_no_method_changes_what_the_next_is_given():
    before = [w.tobytes() for w in (*bench().student.weights, *bench().teacher.weights, bench().knowledge.outputs)]
    for method in METHODS.values():
        method(bench())
    after = [w.tobytes() for w in (*bench().student.weights, *bench().teacher.weights, bench().knowledge.outputs)]
    assert after == before
    assert np.isfinite(bench().knowledge.outputs).all()
