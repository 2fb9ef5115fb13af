"""All three together on real data. The models here are trained for real, on the bundled digits."""

import json
from dataclasses import asdict
from functools import cache

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from refcompress.checkpoints import load_model, save_model
from refcompress.compression import (
    Plan,
    compress,
    lottery_ticket,
    measure,
)
from refcompress.datasets import load_digits, split, subset
from refcompress.distillation.student import STUDENT_OPTIMIZER
from refcompress.mlp.network import initialize
from refcompress.mlp.training import accuracy, classification, train
from refcompress.pruning.keep_count import keep_count
from refcompress.quantized_model import quantize_model
from refcompress.sweep import sweep

SEEDS = range(5)
DIGITS = load_digits()


@cache
def compressed(seed):
    return compress(DIGITS, Plan(seed=seed))


@cache
def student_of_labels_alone(seed):
    """The same student on the same images, without a teacher."""
    plan = Plan()
    training, test = split(DIGITS, test=plan.test_share, seed=seed)
    few = subset(training, plan.student_share, seed=seed)
    model = initialize((64, *plan.student_hidden, 10), seed=seed)
    trained = train(
        model, few.x, classification(few.y), optimizer=STUDENT_OPTIMIZER, epochs=plan.student_epochs, seed=seed
    ).model
    return accuracy(trained, test.x, test.y)


def stage(seed, name):
    return next(s for s in compressed(seed).stages if s.name == name)


def mean_accuracy(name):
    return np.mean([stage(seed, name).accuracy for seed in SEEDS])


@pytest.mark.parametrize("seed", [0, 1, 2])
def test_the_teacher_reaches_97_percent(seed):
    assert stage(seed, "teacher").accuracy >= 0.97


def test_the_student_has_at_most_an_eighth_of_the_teacher_s_parameters():
    assert stage(0, "student").parameters * 8 <= stage(0, "teacher").parameters


def test_the_teacher_s_outputs_teach_more_than_the_labels():
    labels_alone = np.mean([student_of_labels_alone(seed) for seed in SEEDS])
    print(f"student: {mean_accuracy('student'):.4f} with the teacher's outputs, {labels_alone:.4f} with labels alone")
    assert mean_accuracy("student") > labels_alone


def test_60_percent_pruned_and_8_bits_costs_at_most_a_point_and_a_half():
    points = [sweep(compressed(seed), DIGITS, sparsities=(0.6,), bits=(8,))[0] for seed in SEEDS]
    loss = mean_accuracy("student") - np.mean([point.accuracy for point in points])
    print(f"60% pruned, 8 bits: {loss:.4f} below the student")
    assert loss <= 0.015


def test_80_percent_pruned_and_8_bits_costs_at_most_three_points():
    loss = mean_accuracy("student") - mean_accuracy("quantized")
    print(f"80% pruned, 8 bits: {loss:.4f} below the student")
    assert loss <= 0.03


@pytest.mark.parametrize("seed", SEEDS)
def test_80_percent_pruned_and_8_bits_is_a_fortieth_of_the_teacher_on_disk(seed):
    assert stage(seed, "quantized").bytes * 40 <= stage(seed, "teacher").bytes


@pytest.mark.parametrize("seed", SEEDS)
def test_exactly_the_asked_number_of_weights_stays(seed):
    result = compressed(seed)
    size = sum(w.size for w in result.student.weights)
    assert sum(np.count_nonzero(w) for w in result.pruned.weights) <= keep_count(size, 0.8, counts="pruned")
    assert keep_count(size, 0.8, counts="pruned") == size - round(size * 8 / 10)


@pytest.mark.parametrize("ending", [".safetensors", ".npz"])
def test_every_stage_is_saved_and_loaded_without_loss(tmp_path, ending):
    result = compressed(0)
    test = split(DIGITS, test=0.2, seed=0)[1]
    models = {
        "teacher": result.teacher,
        "student": result.student,
        "pruned": result.pruned,
        "quantized": result.quantized,
    }
    for row in result.stages:
        path = tmp_path / f"{row.name}{ending}"
        save_model(path, models[row.name], sparse=row.name in ("pruned", "quantized"))
        again = measure(row.name, load_model(path), test, sparse=row.name in ("pruned", "quantized"))
        assert again == row


def test_the_bytes_are_those_of_the_file(tmp_path):
    result = compressed(0)
    assert save_model(tmp_path / "m.safetensors", result.quantized, sparse=True) == stage(0, "quantized").bytes


def test_the_same_seed_gives_the_same_report_and_models():
    plan = Plan(teacher_epochs=3, student_epochs=4, prune_steps=2, tuning_epochs=1, seed=3)
    first, second = compress(DIGITS, plan), compress(DIGITS, plan)
    assert json.dumps([asdict(s) for s in first.stages]) == json.dumps([asdict(s) for s in second.stages])
    assert all(np.array_equal(a, b) for a, b in zip(first.pruned.weights, second.pruned.weights, strict=True))


def test_a_plan_of_numpy_s_numbers_is_the_plan_of_python_s():
    plan = Plan(
        structure=(np.uint8(2), np.uint8(4)), bits=np.int8(8), tuning_epochs=np.int8(20), sparsity=np.float32(0.3)
    )
    assert plan == Plan(structure=(2, 4), bits=8, tuning_epochs=20, sparsity=0.3)
    assert [type(n) for n in (plan.bits, plan.tuning_epochs, plan.sparsity)] == [int, int, float]
    assert plan.kept(4736) == 2368  # more than a byte holds


def test_k_takes_the_place_of_the_sparsity():
    plan = Plan(teacher_epochs=1, student_epochs=1, prune_steps=1, tuning_epochs=1, k=100)
    result = compress(DIGITS, plan)
    assert sum(np.count_nonzero(w) for w in result.pruned.weights) <= 100


def test_quantizing_the_model_changes_the_outputs_by_no_more_than_the_steps_allow():
    result = compressed(0)
    x = split(DIGITS, test=0.2, seed=0)[1].x
    fine = quantize_model(result.pruned, x, bits=8, activation_bits=8)
    # every weight moves by at most half of its step, so that |acc error| is at most the sum over the inputs
    w, form = fine.weights[0], fine.formats[0]
    hidden = x @ result.pruned.weights[0].astype(np.float64) + result.pruned.biases[0]
    codes = form.quantize(x, form.p).astype(np.int64) @ w.values.astype(np.int64)
    step = 2.0 ** -(w.p + 1)
    bias = fine.biases[0]
    with_bias = codes * 2.0 ** -(form.p + w.p) + bias.values * 2.0**-bias.p
    allowed = np.abs(x).sum(axis=1, keepdims=True) * step + 2.0 ** -(bias.p + 1) + 1e-12
    assert np.all(np.abs(with_bias - hidden) <= allowed)


def test_a_lottery_ticket_has_the_weights_of_the_start_where_those_of_the_end_are_largest():
    start, trained = initialize((4, 3, 2), seed=0), initialize((4, 3, 2), seed=1)
    ticket, masks = lottery_ticket(start, trained, 7)
    assert sum(int(mask.sum()) for mask in masks) == 7
    least = min(np.abs(w[mask]).min() for w, mask in zip(trained.weights, masks, strict=True))
    for first, last, w, mask in zip(start.weights, trained.weights, ticket.weights, masks, strict=True):
        assert np.array_equal(w[mask], first[mask])
        assert w[~mask].tobytes() == bytes(w[~mask].nbytes)
        assert (np.abs(last[~mask]) <= least).all()
    assert all(np.array_equal(a, b) for a, b in zip(ticket.biases, start.biases, strict=True))


def test_a_lottery_ticket_is_trained_with_its_mask_held():
    x = np.random.default_rng(0).normal(size=(20, 4))
    objective = classification(np.arange(20) % 2)
    start = initialize((4, 5, 2), seed=0)
    trained = train(start, x, objective, optimizer=STUDENT_OPTIMIZER, epochs=2).model
    ticket, masks = lottery_ticket(start, trained, 10)
    again = train(ticket, x, objective, optimizer=STUDENT_OPTIMIZER, epochs=2, masks=masks).model
    assert all(not w[~mask].any() for w, mask in zip(again.weights, masks, strict=True))


def test_a_ticket_of_unlike_models_is_refused():
    with pytest.raises(ValueError, match=r"start has sizes \(2, 3\), trained has \(2, 4\): they must be equal"):
        lottery_ticket(initialize((2, 3)), initialize((2, 4)), 1)
    for pair in ((None, initialize((2, 3))), (initialize((2, 3)), None)):
        with pytest.raises(TypeError, match="is None: it must be MLP"):
            lottery_ticket(*pair, 1)


@given(size=st.integers(0, 300), percent=st.integers(0, 100))
def test_the_sparsity_is_taken_as_the_decimal_that_was_written(size, percent):
    kept = keep_count(size, percent / 100, counts="pruned")
    assert kept == size - round(size * percent / 100) or (size * percent) % 100 == 50
    assert abs(100 * (size - kept) - size * percent) <= 50


@pytest.mark.parametrize(
    ("plan", "message"),
    [
        (Plan(k=10**9), r"k is 1000000000: it must be from 0 to \d+"),
        (Plan(sparsity=1.5), "sparsity is 1.5: it must be from 0.0 to 1.0"),
        (Plan(huffman=True, bits=12), "bits is 12: Huffman's code is for codes of at most 8 bits"),
    ],
)
def test_a_plan_that_does_not_fit_is_refused_before_anything_is_trained(plan, message):
    told = []
    with pytest.raises(ValueError, match=message):
        compress(DIGITS, plan, tell=told.append)
    assert told == []
