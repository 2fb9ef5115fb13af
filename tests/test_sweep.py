from dataclasses import replace

import numpy as np

from refcompress.compression import Plan, compress, measure
from refcompress.datasets import load_digits, split, subset
from refcompress.quantized_model import quantize_model
from refcompress.sweep import sweep

DIGITS = load_digits()
PLAN = Plan(
    teacher_hidden=(16,), student_hidden=(8,), teacher_epochs=3, student_epochs=5, prune_steps=1, tuning_epochs=1
)


def test_every_combination_is_a_point():
    points = sweep(compress(DIGITS, PLAN), DIGITS, sparsities=(0.0, 0.5), bits=(4, 8))
    assert [(p.sparsity, p.bits) for p in points] == [(0.0, 4), (0.0, 8), (0.5, 4), (0.5, 8)]


def test_more_pruned_and_fewer_bits_are_smaller_files():
    points = {
        (p.sparsity, p.bits): p for p in sweep(compress(DIGITS, PLAN), DIGITS, sparsities=(0.0, 0.9), bits=(8, 12))
    }
    assert points[0.9, 8].bytes < points[0.0, 8].bytes < points[0.0, 12].bytes


def test_a_point_at_the_plan_s_own_values_is_the_compression_s_last_stage():
    result = compress(DIGITS, replace(PLAN, sparsity=0.5))
    point = sweep(result, DIGITS, sparsities=(0.5,), bits=(8,))[0]
    assert point.accuracy == result.stages[-1].accuracy


def test_without_pruning_it_is_the_quantized_student():
    result = compress(DIGITS, PLAN)
    training, test = split(DIGITS, test=PLAN.test_share, seed=0)
    few = subset(training, PLAN.student_share, seed=0)
    expected = measure("student", quantize_model(result.student, few.x, bits=8), test)
    point = sweep(result, DIGITS, sparsities=(0.0,), bits=(8,))[0]
    assert (point.accuracy, point.bytes) == (expected.accuracy, expected.bytes)
    assert np.isfinite(point.accuracy)
