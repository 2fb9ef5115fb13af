import itertools
import math
from fractions import Fraction

import ml_dtypes
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from oracles.distillation_bounds import gradient_bound, loss_bound

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


# The derivation, in exact arithmetic. Units and quanta are large, so that each of its steps counts.

PRECISIONS = {
    "float32": precision_of("float32"),
    "float64": precision_of("float64"),
    "few bits": Precision(2.0**-8, 2.0**-140, 1e30),
    "fewer bits": Precision(2.0**-6, 2.0**-100, 1e30),
    "large quanta": Precision(2.0**-53, 2.0**-11, 1e30),
    "few bits and large quanta": Precision(2.0**-8, 2.0**-12, 1e30),
}
BOUNDS = [(distillation_loss_bound, loss_bound), (distillation_gradient_bound, gradient_bound)]


def drawn(seed):
    """Matrices and settings; some logits far below the largest, which is 0 every other time."""
    generator = np.random.default_rng(seed)
    shape, spread = generator.integers(1, 5, 2), (1, 5, 30, 70)[seed % 4]
    student, teacher = -spread * np.abs(generator.normal(size=(2, *shape)))
    if seed % 3:
        student, teacher = (z - z.max(axis=-1, keepdims=True) for z in (student, teacher))
    chosen = {
        "temperature": float(generator.choice([0.25, 0.7, 1.0, 2.0, 5.0])),
        "scaled": bool(generator.integers(2)),
        "reduction": str(generator.choice(["batch_mean", "mean", "sum"])),
    }
    return student, teacher, chosen


def both(student, teacher, chosen, precision, function, oracle):
    """Return pairs of a bound and of the exact one without its rounding, with it, and what must be held."""
    found = np.ravel(function(student, teacher, **chosen, precision=precision)).tolist()
    derived = oracle(np.array(student).tolist(), np.array(teacher).tolist(), **chosen, **parts(precision))
    return zip(found, *(np.ravel(np.array(part, object)).tolist() for part in derived), strict=True)


def parts(precision):
    return {"unit": precision.unit, "tiny": precision.tiny}


def assert_derived(student, teacher, chosen, precision, *functions):
    for found, least, derived, held in both(student, teacher, chosen, precision, *functions):
        if held >= precision.largest:
            assert found == math.inf
        else:
            assert Fraction(found) >= least
            assert abs(Fraction(found) - derived) <= derived * Fraction(2) ** -43


@pytest.mark.parametrize(("function", "oracle"), BOUNDS)
@pytest.mark.parametrize("direction", ["forward", "reverse"])
@pytest.mark.parametrize("precision", PRECISIONS)
def test_the_bounds_are_those_of_the_derivation(precision, direction, function, oracle):
    for seed in range(12):
        student, teacher, chosen = drawn(seed)
        assert_derived(student, teacher, chosen | {"direction": direction}, PRECISIONS[precision], function, oracle)


@pytest.mark.parametrize("tiny", ["0x1.9dc3455c93885p-17", "0x1.9dc3455c93888p-17"])
def test_a_logarithm_is_lost_only_where_the_error_is_more_than_half_of_the_probability(tiny):
    """In float64 the error comes out as 1/2 for the first; exactly, it is 1.4 2^-54 less."""
    precision, chosen = Precision(2.0**-11, float.fromhex(tiny), 1e30), DEFAULTS | {"temperature": 2.0**-10}
    assert_derived([[0.0]], [[0.0]], chosen, precision, distillation_loss_bound, loss_bound)


@pytest.mark.parametrize("scaled", [True, False])
@pytest.mark.parametrize("temperature", [0.05, 1.0, 20.0])
@pytest.mark.parametrize(("function", "oracle"), BOUNDS)
@pytest.mark.parametrize("direction", ["forward", "reverse"])
def test_what_is_promised_ends_where_the_sizes_reach_the_largest_number(
    direction, function, oracle, temperature, scaled
):
    z, chosen = [[0.0]], DEFAULTS | {"temperature": temperature, "scaled": scaled, "direction": direction}
    precision = Precision(2.0**-9, 2.0**-149, 1e30)
    *_, held = next(both(z, z, chosen, precision, function, oracle))
    below, above = (
        function(z, z, **chosen, precision=Precision(**parts(precision), largest=float(held) * k))
        for k in (0.999, 1.001)
    )
    assert np.isinf(below).all()
    assert np.isfinite(above).all()


@pytest.mark.parametrize(("function", "oracle"), BOUNDS)
def test_a_size_of_exactly_the_largest_number_promises_nothing(function, oracle):
    z, chosen = [[0.0]], DEFAULTS | {"temperature": 1.0, "reduction": "sum"}
    precision = Precision(2.0**-10, 2.0**-40, 1e30)
    *_, held = next(both(z, z, chosen, precision, function, oracle))
    at, past = (
        function(z, z, **chosen, precision=Precision(**parts(precision), largest=largest))
        for largest in (float(held), math.nextafter(float(held), math.inf))
    )
    assert np.isinf(at).all()
    assert np.isfinite(past).all()


@pytest.mark.parametrize("temperature", [0.5, 1.0, 2.0])
def test_twice_the_largest_logit_must_be_held_before_and_after_the_division(temperature):
    half = [[0.5 * min(temperature, 1.0), 0.5 * min(temperature, 1.0)]]  # |z| + |m|, and that divided by T, at most 1
    for z, largest, finite in ((512, 1024.0, False), (512, 1025.0, True), (513, 1025.0, False)):
        student, precision = np.multiply(half, 2 * z), Precision(2.0**-53, 2.0**-1074, largest)
        bound = distillation_loss_bound(
            student, student, **DEFAULTS | {"temperature": temperature}, precision=precision
        )
        assert math.isfinite(bound) == finite


def test_the_evaluation_of_a_bound_is_covered_once():
    """Some thousand units, and one for each term; the roundings of the evaluation itself, here one or two, cancel."""
    found = []
    for temperature, bits in itertools.product([1.0, 2.0, 3.0, 5.0, 7.0, 10.0, 20.0], [8, 11, 20, 24, 30]):
        precision, chosen = Precision(2.0**-bits, 2.0**-149, 1e30), DEFAULTS | {"temperature": temperature}
        bound, least, _, _ = next(both([[0.0]], [[0.0]], chosen, precision, *BOUNDS[0]))
        found.append(float((Fraction(bound) / least - 1) * 2**52))
    assert abs(np.mean(found) - (4096 + 1)) < 0.5


def test_quanta_of_the_evaluation_are_covered():
    chosen, precision = DEFAULTS | {"temperature": 2.0**-530}, Precision(2.0**-53, 2.0**-1074, 1e300)
    bound, _, derived, _ = next(both([[0.0]], [[0.0]], chosen, precision, *BOUNDS[0]))
    assert Fraction(bound) * 2**1074 == round(derived * 2**1074)


@pytest.mark.parametrize("function", [distillation_loss_bound, distillation_gradient_bound])
def test_as_many_roundings_as_the_inverse_of_the_unit_promise_nothing(function):
    for classes in range(1, 12):
        z = np.zeros((1, classes))
        assert np.isinf(function(z, z, **DEFAULTS, precision=Precision(2.0**-4, 2.0**-40, 1e30))).all()


def test_a_divisor_of_exactly_the_largest_number_promises_nothing_for_a_gradient():
    z, chosen = np.zeros((3, 1)), DEFAULTS | {"temperature": 1.0}
    at, past = (
        distillation_gradient_bound(z, z, **chosen, precision=Precision(2.0**-24, 2.0**-149, largest))
        for largest in (3.0, 3.1)
    )
    assert np.isinf(at).all()
    assert np.isfinite(past).all()


@pytest.mark.parametrize("direction", ["forward", "reverse"])
@pytest.mark.parametrize("reduction", ["batch_mean", "mean", "sum"])
def test_one_example_is_a_batch_of_one(reduction, direction):
    student, teacher = np.random.default_rng(0).normal(size=(2, 5))
    chosen = DEFAULTS | {"reduction": reduction, "direction": direction, "precision": precision_of("float32")}
    assert distillation_loss_bound(student, teacher, **chosen) == distillation_loss_bound(
        [student], [teacher], **chosen
    )
    gradient = distillation_gradient_bound(student, teacher, **chosen)
    assert gradient.tolist() == distillation_gradient_bound([student], [teacher], **chosen)[0].tolist()


@pytest.mark.parametrize("direction", ["forward", "reverse"])
def test_classes_are_on_the_last_axis(direction):
    student, teacher = np.random.default_rng(1).normal(size=(2, 2, 3, 4))
    chosen = DEFAULTS | {"reduction": "mean", "direction": direction, "precision": precision_of("float32")}
    flat = student.reshape(6, 4), teacher.reshape(6, 4)
    assert distillation_loss_bound(student, teacher, **chosen) == distillation_loss_bound(*flat, **chosen)
    gradient = distillation_gradient_bound(student, teacher, **chosen)
    assert gradient.reshape(6, 4).tolist() == distillation_gradient_bound(*flat, **chosen).tolist()


def test_a_temperature_whose_square_is_no_float_promises_nothing():
    z, chosen = [[0.0, 1.0]], DEFAULTS | {"temperature": 1e200, "precision": precision_of("float64")}
    assert distillation_loss_bound(z, z, **chosen) == math.inf
    assert np.isinf(distillation_gradient_bound(z, z, **chosen)).all()


@pytest.mark.parametrize("function", [distillation_loss_bound, distillation_gradient_bound])
@pytest.mark.parametrize(
    ("student", "teacher", "message"),
    [
        ([[np.nan, 0.0]], [[0.0, 0.0]], "^student"),
        ([[0.0, 0.0]], [[0.0, np.inf]], "^teacher"),
        (np.zeros((0, 2)), np.zeros((0, 2)), r"^student has shape \(0, 2\)"),
        ([[0.0, 0.0]], [[0.0], [0.0]], r"^student has shape \(1, 2\), teacher has shape \(2, 1\)"),
    ],
)
def test_bad_logits_are_refused_by_name(function, student, teacher, message):
    with pytest.raises(ValueError, match=message):
        function(student, teacher, **DEFAULTS, precision=precision_of("float32"))
