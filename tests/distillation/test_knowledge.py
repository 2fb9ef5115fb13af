from fractions import Fraction

import ml_dtypes
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from refcompress.distillation.knowledge import at_least_float32, extract_knowledge
from refcompress.mlp.network import MLP, hidden_features, initialize, mlp_forward

X = np.random.default_rng(0).normal(size=(30, 4))


def fingerprint(model):
    return [a.tobytes() for a in (*model.weights, *model.biases)]


def test_the_outputs_are_the_teacher_s():
    teacher = initialize((4, 8, 6, 3), seed=0)
    expected = mlp_forward(teacher.weights, teacher.biases, X, activation="relu")
    assert np.array_equal(extract_knowledge(teacher, X).outputs, expected)


@pytest.mark.parametrize("sizes", [(4, 3), (4, 8, 3)])
def test_the_activation_is_the_teacher_s(sizes):
    teacher = initialize(sizes, activation="tanh", seed=0)
    knowledge = extract_knowledge(teacher, X, sizes=sizes)
    expected = mlp_forward(teacher.weights, teacher.biases, X, activation="tanh")
    assert np.array_equal(knowledge.outputs, expected)
    assert knowledge.start.activation == "tanh"


def test_the_features_are_those_after_each_hidden_layer():
    teacher = initialize((4, 8, 6, 3), seed=0)
    features = extract_knowledge(teacher, X).features
    assert [f.shape for f in features] == [(30, 8), (30, 6)]
    assert all(np.array_equal(a, b) for a, b in zip(features, hidden_features(teacher, X), strict=True))


def test_without_sizes_there_is_no_start():
    assert extract_knowledge(initialize((4, 8, 3), seed=0), X).start is None


@given(seed=st.integers(0, 50), widths=st.sampled_from([(4, 3, 3), (4, 8, 3), (4, 5, 2, 3), (4, 8, 6, 3)]))
def test_the_teacher_is_never_changed(seed, widths):
    teacher = initialize((4, 8, 6, 3), seed=seed)
    before = fingerprint(teacher)
    start = extract_knowledge(teacher, X, sizes=widths).start
    assert start.sizes == widths
    assert fingerprint(teacher) == before
    assert not any(np.shares_memory(a, b) for a in start.weights for b in teacher.weights)


def test_a_student_of_all_neurons_gives_the_teacher_s_outputs():
    teacher = initialize((4, 8, 3), seed=0)
    start = extract_knowledge(teacher, X, sizes=(4, 8, 3)).start
    ours = mlp_forward(start.weights, start.biases, X, activation="relu")
    # the least-squares fit is exact but for rounding; the condition of 30 x 9 features is below 10^4 here
    np.testing.assert_allclose(ours, mlp_forward(teacher.weights, teacher.biases, X), atol=1e-10)


def test_of_a_teacher_without_hidden_layers_the_start_is_the_teacher():
    teacher = initialize((4, 3), seed=0)
    assert fingerprint(extract_knowledge(teacher, X, sizes=(4, 3)).start) == fingerprint(teacher)


@pytest.mark.parametrize(
    ("outgoing", "kept"),
    [
        ([[1.0, 1.0], [0.1, 0.1], [1.0, -1.0]], [0, 2]),  # 1 * 2, 5 * 0.2, 3 * 2
        ([[1.0, 1.0], [0.5, 0.5], [1.0, -1.0]], [1, 2]),  # 1 * 2, 5 * 1, 3 * 2
    ],
)
def test_the_neurons_that_contribute_most_are_kept(outgoing, kept):
    w1 = np.eye(4)[:, :3] * [1.0, 5.0, 3.0]
    teacher = MLP((w1, np.array(outgoing)), (np.zeros(3), np.zeros(2)))
    # mean |h| * sum |w_out| with x = 1 everywhere
    start = extract_knowledge(teacher, np.ones((5, 4)), sizes=(4, 2, 2)).start
    assert np.array_equal(start.weights[0], w1[:, kept])


@pytest.mark.parametrize("dtype", [np.float16, ml_dtypes.bfloat16, np.float32])
def test_a_teacher_of_few_bits_has_the_important_neurons_of_the_same_one_in_float64(dtype):
    teacher = initialize((4, 400, 3), seed=0, dtype=dtype)
    wide = MLP(*([a.astype(np.float64) for a in arrays] for arrays in (teacher.weights, teacher.biases)))
    # numbers that 16 bits add up to infinity, and whose features they hold
    x = (X.astype(dtype) * np.array(64, dtype)).astype(dtype)
    start, expected = (extract_knowledge(t, x, sizes=(4, 200, 3)).start for t in (teacher, wide))
    assert start.weights[0].astype(np.float64).tolist() == expected.weights[0].tolist()
    assert np.isfinite(start.weights[1]).all()


def test_a_start_needs_examples_and_floats():
    with pytest.raises(ValueError, match="x has no rows: which neurons are important"):
        extract_knowledge(initialize((4, 8, 3)), np.zeros((0, 4)), sizes=(4, 2, 3))
    one = np.array([[Fraction(1)]])
    with pytest.raises(TypeError, match="teacher holds fractions: a student's start is fitted in floats"):
        extract_knowledge(MLP([one, one], [one[0], one[0]]), one, sizes=(1, 1, 1))


@pytest.mark.parametrize(
    ("sizes", "message"),
    [
        ((4, 9, 3), r"sizes\[1\] is 9: the teacher's layer has 8 neurons"),
        ((5, 4, 3), r"sizes is \(5, 4, 3\): a student of a teacher of sizes \(4, 8, 3\)"),
        ((4, 4, 2), r"sizes is \(4, 4, 2\)"),
        ((4, 4, 4, 3), r"has its ends and no more layers"),
        ((4, 3), "a student without hidden layers has no neuron to take over"),
        ((4, 0, 3), r"sizes\[1\] is 0: it must be at least 1"),
    ],
)
def test_sizes_that_do_not_fit_the_teacher_are_refused(sizes, message):
    with pytest.raises(ValueError, match=message):
        extract_knowledge(initialize((4, 8, 3), seed=0), X, sizes=sizes)


@pytest.mark.parametrize(
    ("teacher", "sizes", "message"),
    [
        ("a network", None, "teacher is 'a network': it must be MLP"),
        (initialize((4, 8, 3), seed=0), 3, "sizes is 3: it must be a list of widths"),
    ],
)
def test_a_wrong_argument_is_named(teacher, sizes, message):
    with pytest.raises(TypeError, match=f"^{message}"):
        extract_knowledge(teacher, X, sizes=sizes)


@pytest.mark.parametrize(
    ("dtype", "wide"),
    [
        (np.float64, np.float64),
        (np.float32, np.float32),
        (np.float16, np.float32),
        (ml_dtypes.bfloat16, np.float32),
    ],
)
def test_what_is_summed_has_at_least_the_bits_of_float32(dtype, wide):
    array = at_least_float32(np.array([1.5, -2.0], dtype))
    assert array.dtype == wide
    assert array.tolist() == [1.5, -2.0]
