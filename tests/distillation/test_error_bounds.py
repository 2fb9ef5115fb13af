import math

import ml_dtypes
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from refcompress.distillation.error_bounds import distillation_gradient_bound, distillation_loss_bound
from refcompress.distillation.losses import distillation_gradient, distillation_loss
from refcompress.mlp.error_bounds import Precision, precision_of

DTYPES = {"float16": np.float16, "bfloat16": ml_dtypes.bfloat16, "float32": np.float32, "float64": np.float64}
CHOSEN = st.fixed_dictionaries(
    {
        "temperature": st.sampled_from([0.5, 1.0, 2.0, 4.0, 20.0]),
        "scaled": st.booleans(),
        "reduction": st.sampled_from(["batch_mean", "mean", "sum"]),
        "direction": st.sampled_from(["forward", "reverse"]),
    }
)


def pairs(largest=8.0):
    elements = st.floats(-largest, largest, width=16)
    return st.tuples(st.integers(1, 3), st.integers(1, 5)).flatmap(
        lambda shape: st.tuples(*(hnp.arrays(np.float64, shape, elements=elements) for _ in range(2)))
    )


# honest arithmetic in one dtype, each operation rounded to it


def log_softmax(z, divide_first):
    m = z.max(axis=-1, keepdims=True)
    T = z.dtype.type(divide_first[1])
    x = z / T - m / T if divide_first[0] else (z - m) / T
    total = np.zeros_like(x[:, :1])
    for j in range(x.shape[1]):
        total = total + np.exp(x[:, j : j + 1])
    return x - np.log(total)


def plain_terms(a, b):
    return np.exp(b) * (b - a)


def entropy_terms(a, b):
    return np.exp(b) * b - np.exp(b) * a


def terms_of_probabilities(a, b):
    q = np.exp(b)
    return np.where(q > 0, q * (np.log(np.where(q > 0, q, q.dtype.type(1))) - a), q.dtype.type(0))


def generalized_terms(a, b):
    return np.exp(b) * (b - a) - np.exp(b) + np.exp(a)


def count(shape, reduction):
    return {"batch_mean": shape[0], "mean": math.prod(shape), "sum": 1}[reduction]


def honest_loss(student, teacher, terms, divide_first, chosen):
    kind = student.dtype.type
    T = chosen["temperature"]
    a, b = (log_softmax(z, (divide_first, T)) for z in (student, teacher))
    each = terms(b, a) if chosen["direction"] == "reverse" else terms(a, b)
    total = kind(0)
    for term in each.flat:
        total = kind(total + term)
    loss = kind(total / kind(count(student.shape, chosen["reduction"])))
    return kind(loss * kind(T * T)) if chosen["scaled"] else loss


def honest_gradient(student, teacher, chosen):
    """Backward pass as automatic differentiation does it: through the terms, then through the log-softmax."""
    kind, T = student.dtype.type, chosen["temperature"]
    a, b = (log_softmax(z, (True, T)) for z in (student, teacher))
    n = kind(count(student.shape, chosen["reduction"]))
    upstream = kind(kind(T * T) / n) if chosen["scaled"] else kind(kind(1) / n)
    if chosen["direction"] == "forward":
        g = -np.exp(b) * upstream
    else:
        g = upstream * np.exp(a) * (a - b) + upstream * np.exp(a)
    total = np.zeros_like(g[:, :1])
    for j in range(g.shape[1]):
        total = total + g[:, j : j + 1]
    return (g - np.exp(a) * total) / kind(T)


@pytest.mark.parametrize("terms", [plain_terms, entropy_terms, terms_of_probabilities, generalized_terms])
@pytest.mark.parametrize("dtype", DTYPES)
@settings(max_examples=30)
@given(pair=pairs(), divide_first=st.booleans(), chosen=CHOSEN)
def test_honest_losses_are_within_the_bound(dtype, terms, pair, divide_first, chosen):
    student, teacher = (z.astype(DTYPES[dtype]) for z in pair)
    got = honest_loss(student, teacher, terms, divide_first, chosen)
    wide = student.astype(np.float64), teacher.astype(np.float64)
    bounds = [distillation_loss_bound(*wide, **chosen, precision=precision_of(d)) for d in (dtype, "float64")]
    assert abs(float(got) - distillation_loss(*wide, **chosen)) <= sum(bounds)


@pytest.mark.parametrize("dtype", DTYPES)
@given(pair=pairs(), chosen=CHOSEN)
def test_honest_gradients_are_within_the_bound(dtype, pair, chosen):
    student, teacher = (z.astype(DTYPES[dtype]) for z in pair)
    got = honest_gradient(student, teacher, chosen).astype(np.float64)
    wide = student.astype(np.float64), teacher.astype(np.float64)
    bounds = [distillation_gradient_bound(*wide, **chosen, precision=precision_of(d)) for d in (dtype, "float64")]
    assert (np.abs(got - distillation_gradient(*wide, **chosen)) <= sum(bounds)).all()


@given(pair=pairs(), chosen=CHOSEN)
def test_float32_is_held_to_less_than_a_fiftieth_of_what_matters(pair, chosen):
    T, n = chosen["temperature"], count(pair[0].shape, chosen["reduction"])
    factor = (T * T if chosen["scaled"] else 1.0) / n
    least = len(pair[0]) * factor
    assert distillation_loss_bound(*pair, **chosen, precision=precision_of("float32")) < 0.02 * least
    gradient = distillation_gradient_bound(*pair, **chosen, precision=precision_of("float32"))
    assert (gradient < 0.02 * factor / T).all()


DEFAULTS = {"temperature": 4.0, "scaled": True, "reduction": "batch_mean", "direction": "forward"}


def test_nothing_is_promised_of_what_the_precision_cannot_hold():
    student, teacher = np.array([[0.0, 1e5]]), np.zeros((1, 2))
    assert distillation_loss_bound(student, teacher, **DEFAULTS, precision=precision_of("float16")) == np.inf
    assert np.isinf(distillation_gradient_bound(student, teacher, **DEFAULTS, precision=precision_of("float16"))).all()


def test_nothing_is_promised_of_sums_that_are_too_long():
    student = np.zeros((1, 300))
    assert distillation_loss_bound(student, student, **DEFAULTS, precision=precision_of("bfloat16")) == np.inf


def test_the_bound_has_the_shape_of_the_gradient():
    student = np.zeros((2, 3, 4))
    bound = distillation_gradient_bound(student, student, **DEFAULTS, precision=precision_of("float32"))
    assert bound.shape == (2, 3, 4)
    assert (bound > 0).all()


def test_nothing_is_promised_where_the_number_of_terms_passes_the_largest_number():
    z, chosen = (
        np.zeros((3, 2)),
        {"temperature": 1.0, "scaled": True, "reduction": "batch_mean", "direction": "forward"},
    )
    wide, small = (Precision(2.0**-24, 2.0**-149, largest) for largest in (1e6, 2.0))
    assert math.isfinite(distillation_loss_bound(z, z, **chosen, precision=wide))
    assert distillation_loss_bound(z, z, **chosen, precision=small) == math.inf
