"""Candidates that want torch tensors, and whatever they return."""

import dataclasses

import ml_dtypes
import numpy as np
import pytest
import torch
from verify.toys import CODES, LAYERS, PARTS, SCALE, TOTAL

from refcompress.verify import check
from refcompress.verify.candidates import from_callable
from refcompress.verify.child import in_child
from refcompress.verify.layouts import FRAMEWORKS, LAYOUTS, from_framework, laid_out, to_torch
from refcompress.verify.snippet import snippet

ARRAY = np.array([[1.5, -2.0, 0.0], [np.inf, 3.0, -0.0]], np.float32)


@pytest.mark.parametrize("dtype", ["float16", "float32", "float64", "int8", "int64", "uint8", "bool"])
def test_a_tensor_holds_the_same_values_and_comes_back_as_it_was(dtype):
    array = np.array([[1, 0], [1, 1]], dtype)
    tensor = to_torch(array)
    assert str(tensor.dtype) == f"torch.{dtype}"
    back, remark = from_framework(tensor, "torch")
    assert (back.dtype, back.tolist()) == (array.dtype, array.tolist())
    assert remark is None


def test_every_bit_pattern_of_bfloat16_passes_there_and_back():
    bits = np.arange(2**16, dtype=np.uint16)
    tensor = to_torch(bits.view(ml_dtypes.bfloat16))
    assert tensor.dtype == torch.bfloat16
    back, _ = from_framework(tensor, "torch")
    assert back.view(np.uint16).tolist() == bits.tolist()


@pytest.mark.parametrize("name", ["float8_e4m3fn", "float8_e5m2"])
def test_eight_bit_floats_come_back_bit_for_bit(name):
    bits = np.arange(257).astype(np.uint8)  # an odd number of them
    back, _ = from_framework(torch.from_numpy(bits).view(getattr(torch, name)), "torch")
    assert back.dtype == np.dtype(getattr(ml_dtypes, name))
    assert back.view(np.uint8).tolist() == bits.tolist()


@pytest.mark.parametrize(
    ("layout", "strides"),
    [("plain", (3, 1)), ("strided", (6, 2)), ("fortran", (1, 2)), ("reversed", (3, 1)), ("read-only", (3, 1))],
)
@pytest.mark.parametrize("dtype", [np.float32, ml_dtypes.bfloat16])
def test_a_tensor_lies_in_memory_as_the_array_where_torch_can_do_that(layout, strides, dtype):
    tensor = to_torch(laid_out(ARRAY.astype(dtype), layout))
    assert tensor.stride() == strides
    assert tensor.tolist() == ARRAY.tolist()


def test_a_tensor_that_repeats_one_element_shares_its_memory():
    tensor = to_torch(np.lib.stride_tricks.as_strided(np.zeros(1), (3,), (0,)))
    assert tensor.stride() == (0,)
    assert tensor.tolist() == [0, 0, 0]


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("array", [np.array(1.5, np.float32), np.zeros((0, 3), np.float32)])
def test_scalars_and_empty_arrays_are_tensors_too(layout, array):
    tensor = to_torch(laid_out(array, layout))
    assert (tuple(tensor.shape), tensor.tolist()) == (array.shape, array.tolist())


def test_lists_are_lists_of_tensors_and_numbers_stay():
    tensors = to_torch([np.ones(1), np.zeros(2)])
    assert all(torch.is_tensor(t) for t in tensors)
    assert [t.tolist() for t in tensors] == [[1.0], [0.0, 0.0]]
    assert to_torch(5) == 5


@pytest.mark.parametrize(
    ("answer", "values"),
    [
        (lambda t: t.clone().requires_grad_() * 2, [[3.0, -4.0, 0.0], [np.inf, 6.0, -0.0]]),
        (lambda t: t.T, [[1.5, np.inf], [-2.0, 3.0], [0.0, -0.0]]),
        (lambda t: t[:, :2].to_sparse(), [[1.5, -2.0], [np.inf, 3.0]]),
        (lambda t: torch.nn.Parameter(t), ARRAY.tolist()),
        (lambda t: t[0, 0].expand(2, 2), [[1.5, 1.5], [1.5, 1.5]]),
        (lambda t: t.sum(), np.inf),
    ],
)
def test_tensors_of_every_kind_are_read(answer, values):
    out, _ = from_framework(answer(torch.from_numpy(ARRAY.copy())), "torch")
    assert out.tolist() == values


def test_what_torch_itself_cannot_turn_into_an_array_is_said():
    out, _ = from_framework(torch.empty(2, device="meta"), "torch")
    assert out.text.startswith("a Tensor that cannot be read as an array (NotImplementedError: ")


def test_a_named_tuple_of_tensors_is_a_tuple_of_arrays():
    out, _ = from_framework(torch.topk(torch.tensor([1.0, 3.0, 2.0]), 2), "torch")
    assert type(out) is tuple
    assert [part.tolist() for part in out] == [[3.0, 2.0], [1, 2]]


def test_a_tensor_in_answer_to_numpy_arrays_is_a_remark():
    answer = from_callable(lambda x: torch.from_numpy(2 * x), ["x"]).call((ARRAY,), "plain")
    assert answer.remarks == ("returns a torch Tensor: it was read as a NumPy array",)
    assert answer.value.tolist() == (2 * ARRAY).tolist()


@pytest.mark.parametrize("answer", [lambda x: (2 * x).numpy(), lambda x: (2 * x).tolist()])
def test_numpy_arrays_and_lists_may_answer_tensors(answer):
    assert check(answer, SCALE, arrays="torch", examples=20).verdict == "agrees"


def test_changing_a_tensor_is_changing_an_input():
    def changes(x):
        return x.mul_(2).clone()

    report = check(changes, SCALE, arrays="torch", examples=20)
    assert report.diagnosis[0].fault == "changes_input"


def test_returning_and_later_changing_a_tensor_is_seen():
    buffer = torch.zeros(3)
    candidate = from_callable(lambda x: torch.mul(x, 2, out=buffer), ["x"], "torch")
    first, second = (np.array(v, np.float32) for v in ([1, 2, 3], [4, 5, 6]))
    assert candidate.call((first,), "plain").overwrote is None
    assert candidate.call((second,), "plain").overwrote[0] is first


@pytest.mark.parametrize("dtype", ["float32", "bfloat16"])
@pytest.mark.parametrize(
    ("operation", "answer"),
    [
        (SCALE, lambda x: x * 2),
        (CODES, lambda x: (x.double() * 2).round().to(torch.int32)),
        (PARTS, lambda x: ([x.double() * 2, x + 1], [x > 0])),
        (TOTAL, lambda x: (x.double() * 2).sum()),
        (LAYERS, lambda weights: [2 * w for w in weights]),
    ],
    ids=lambda v: getattr(v, "name", ""),
)
def test_right_implementations_in_torch_agree(operation, answer, dtype):
    report = check(answer, operation, arrays="torch", dtype=dtype, examples=30)
    assert report.verdict == "agrees", str(report)


def run(text, candidate):
    exec(compile(text, "snippet", "exec"), {"candidate": candidate})


@pytest.mark.parametrize("dtype", ["float32", "bfloat16"])
@pytest.mark.parametrize(
    ("operation", "wrong", "right"),
    [
        (SCALE, lambda x: x * 3, lambda x: x * 2),
        (CODES, lambda x: (x.double() * 2).floor().long() + 1, lambda x: (x.double() * 2).round().long()),
        (PARTS, lambda x: ([x.double() * 2, x + 1], [x < 0]), lambda x: ([x.double() * 2, x + 1], [x > 0])),
        (TOTAL, lambda x: (x.double() * 3).sum(), lambda x: (x.double() * 2).sum().requires_grad_()),
        (LAYERS, lambda weights: list(weights), lambda weights: [2 * w for w in weights]),
    ],
    ids=lambda v: getattr(v, "name", ""),
)
def test_the_snippet_needs_torch_and_really_fails(operation, wrong, right, dtype):
    text = snippet(check(wrong, operation, arrays="torch", dtype=dtype, examples=30))
    assert "import torch\n" in text
    with pytest.raises(AssertionError):
        run(text, wrong)
    run(text, right)


@pytest.mark.parametrize("layout", ["strided", "fortran"])
def test_a_fault_on_one_layout_is_found_and_reproduced(layout):
    def flawed(x):
        flaw = x.ndim > 1 and not x.is_contiguous() and (x.stride(0) == 1) == (layout == "fortran")
        return x * (3 if flaw else 2)

    report = check(flawed, SCALE, arrays="torch", examples=20)
    assert report.counterexample.layout == layout
    with pytest.raises(AssertionError):
        run(snippet(report), flawed)


def test_a_candidate_in_another_process_gets_tensors(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "in_torch.py").write_text("import torch\ndef f(x):\n    assert torch.is_tensor(x)\n    return x * 2\n")
    operation = dataclasses.replace(SCALE, cases=SCALE.cases[:2])
    with in_child("in_torch:f", ["x"], "torch", 100.0) as candidate:
        report = check(candidate, operation, arrays="torch", dtype="bfloat16", examples=10)
    assert report.verdict == "agrees"


def test_torch_is_among_the_frameworks():
    assert FRAMEWORKS["torch"] is to_torch
