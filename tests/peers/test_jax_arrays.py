"""Candidates that want jax arrays, and whatever they return."""

import jax
import jax.numpy as jnp
import ml_dtypes
import numpy as np
import pytest
from verify.toys import CODES, LAYERS, PARTS, SCALE, TOTAL

from refcompress.verify import check
from refcompress.verify.candidates import from_callable
from refcompress.verify.child import in_child
from refcompress.verify.layouts import LAYOUTS, during_call, from_framework, laid_out, to_jax
from refcompress.verify.snippet import snippet

ARRAY = np.array([[1.5, -2.0, 0.0], [np.inf, 3.0, -0.0]], np.float32)


@pytest.mark.parametrize("dtype", ["float16", "float32", "float64", "int8", "int64", "uint64", "bool"])
def test_an_array_of_any_width_keeps_its_dtype_during_a_call(dtype):
    array = np.array([[1, 0], [1, 1]], dtype)
    with during_call("jax", [3, [array]]):
        given = to_jax(array)
        assert isinstance(given, jax.Array)
        assert given.dtype == array.dtype
        back, remark = from_framework(given + given, "jax")
    assert (back.dtype, back.tolist()) == (array.dtype, (array + array).tolist())
    assert remark is None


def test_the_users_own_width_is_as_before_after_a_call():
    before = jnp.arange(3).dtype
    candidate = from_callable(lambda x: x * 2, ["x"], "jax")
    answer = candidate.call((np.array([2**40, 1]),), "plain")
    assert answer.value.tolist() == [2**41, 2]
    assert jnp.arange(3).dtype == before


def test_narrow_arrays_leave_the_width_alone():
    seen = []
    candidate = from_callable(lambda x: seen.append(jnp.arange(3).dtype.name), ["x"], "jax")
    candidate.call((ARRAY,), "plain")
    assert seen == [jnp.arange(3).dtype.name]


def test_every_bit_pattern_of_bfloat16_passes_there_and_back():
    bits = np.arange(2**16, dtype=np.uint16)
    back, _ = from_framework(to_jax(bits.view(ml_dtypes.bfloat16)), "jax")
    assert back.view(np.uint16).tolist() == bits.tolist()


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("array", [ARRAY, ARRAY[0], np.array(1.5, np.float32), np.zeros((0, 3), np.float32)])
def test_whatever_the_layout_the_values_are_the_same(layout, array):
    given = to_jax(laid_out(array, layout))
    assert (given.shape, given.tolist()) == (array.shape, array.tolist())


def test_lists_are_lists_of_jax_arrays_and_numbers_stay():
    assert all(isinstance(a, jax.Array) for a in to_jax([np.ones(1, np.float32)]))
    assert type(to_jax(5)) is int


def test_a_jax_array_in_answer_to_numpy_arrays_is_a_remark():
    answer = from_callable(lambda x: jnp.asarray(2 * x), ["x"]).call((ARRAY,), "plain")
    assert answer.remarks == ("returns a jax ArrayImpl: it was read as a NumPy array",)


def test_what_a_transformation_leaves_behind_is_no_array():
    leaked = []
    jax.jit(lambda x: (leaked.append(x), x)[1])(jnp.ones(2))
    value, _ = from_framework(leaked[0], "jax")
    assert "that cannot be read as an array" in value.text


RIGHT = [
    (SCALE, lambda x: x * 2),
    (CODES, lambda x: jnp.round(x.astype(jnp.float32) * 2).astype(jnp.int32)),
    (PARTS, lambda x: ([x.astype(jnp.float32) * 2, x + 1], [x > 0])),
    (TOTAL, lambda x: (x.astype(jnp.float32) * 2).sum()),
    (LAYERS, lambda weights: [2 * w for w in weights]),
]


@pytest.mark.parametrize(("dtype", "wrapped"), [("float32", jax.jit), ("bfloat16", lambda function: function)])
@pytest.mark.parametrize(("operation", "answer"), RIGHT, ids=lambda v: getattr(v, "name", ""))
def test_right_implementations_in_jax_agree(operation, answer, wrapped, dtype):
    report = check(wrapped(answer), operation, arrays="jax", dtype=dtype, examples=10)
    assert report.verdict == "agrees", str(report)


def run(text, candidate):
    exec(compile(text, "snippet", "exec"), {"candidate": candidate})


WRONG = {
    "scale": lambda x: x * 3,
    "codes": lambda x: jnp.floor(x.astype(jnp.float32) * 2).astype(jnp.int32) + 1,
    "parts": lambda x: ([x.astype(jnp.float32) * 2, x + 1], [x < 0]),
    "total": lambda x: (x.astype(jnp.float32) * 3).sum(),
    "layers": lambda weights: list(weights),
}


@pytest.mark.parametrize("dtype", ["float32", "bfloat16"])
@pytest.mark.parametrize(("operation", "answer"), RIGHT, ids=lambda v: getattr(v, "name", ""))
def test_the_snippet_needs_jax_and_really_fails(operation, answer, dtype):
    wrong = WRONG[operation.name]
    text = snippet(check(wrong, operation, arrays="jax", dtype=dtype, examples=10))
    assert "import jax\n" in text
    with pytest.raises(AssertionError):
        run(text, wrong)
    run(text, answer)


def test_a_candidate_in_another_process_gets_jax_arrays(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "in_jax.py").write_text(
        "import jax\ndef f(x):\n    assert isinstance(x, jax.Array)\n    return x * 2\n"
    )
    with in_child("in_jax:f", ["x"], "jax", 100.0) as candidate:
        answer = candidate.call((np.array([2**40]),), "plain")
    assert answer.value.tolist() == [2**41]
