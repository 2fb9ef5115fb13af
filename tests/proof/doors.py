"""The public functions as doors: for each, arguments that are valid, and the words that its settings take.

A row is ``name: (function, valid, settings)``: ``valid`` takes a ``random.Random`` and returns positional arguments,
``settings`` is a table of values from which each call takes some.
"""

import functools
from fractions import Fraction
from importlib import import_module
from itertools import pairwise
from random import Random

import numpy as np
from proof.hostile import floats, integers

BITS, BOOLEANS = (2, 3, 4, 8, 16, 32), (True, False)
ROUNDING = ("half_even", "half_away", "half_up", "half_down", "half_odd", "floor", "ceil", "toward_zero")
ROUNDING += ("away_from_zero",)
TIES = {"ties": ("lowest_index", "highest_index")}
CODES = {"bits": BITS, "signed": BOOLEANS, "narrow_range": BOOLEANS}
FIXED = {**CODES, "bits": (None, *BITS), "rounding": ROUNDING, "overflow": ("saturate", "wrap")}
SCALING = {"scaling": ("divide", "exact", "reciprocal"), "zero_point_added": ("after_rounding", "before_rounding")}
AFFINE = {**FIXED, "bits": BITS, **SCALING, "axis": (None,), "block_size": (None,)}
REDUCTION = {"reduction": ("mean", "sum", "batch_mean")}
ACTIVATION = {"activation": ("relu", "tanh", "sigmoid", "identity")}
DTYPES = {"dtype": ("float16", "bfloat16", "float32", "float64")}
NIBBLES = {"signed": BOOLEANS, "order": ("low_first", "high_first", "interleaved")}
FORMATS = ("e4m3fn", "e5m2", "e4m3fnuz", "e5m2fnuz", "e2m3fn", "e3m2fn", "e2m1fn", "e8m0fnu", "bfloat16", "float16")
DISTIL = {"temperature": (1, 4.0, 0.5), "scaled": BOOLEANS, **REDUCTION, "direction": ("forward", "reverse")}


def shape(r, dims=(0, 1, 2, 3)):
    return tuple(r.randint(0, 4) for _ in range(r.choice(dims)))


def x(r):
    return floats(r, shape(r))


def one(r):
    return (x(r),)


def with_p(r):
    return x(r), r.randint(-20, 20)


def with_k(r):
    array = x(r)
    return array, r.randint(0, array.size)


def affine_x(r):
    return x(r), np.float32(r.choice((0.1, 1.0, 3.0, 2.0**-149))), r.choice((0, 1, 0, 3))


def affine_q(r):
    return integers(r, shape(r)), np.float32(r.choice((0.1, 1.0, 3.0))), r.choice((0, 1, -3))


def affine_upstream(r):
    array, s, z = affine_x(r)
    return array, s, z, floats(r, array.shape)


def square(r, n=3):
    factor = np.array([[r.randint(-3, 3) for _ in range(n)] for _ in range(n + 2)], np.float64)
    return factor.T @ factor + np.eye(n)


def layers(r):
    sizes = [r.randint(1, 3) for _ in range(r.randint(2, 3))]
    pairs = list(pairwise(sizes))
    return [floats(r, s, "float32") for s in pairs], [floats(r, s[1:], "float32") for s in pairs], sizes


def network(r):
    weights, biases, sizes = layers(r)
    return weights, biases, floats(r, (2, sizes[0]), "float32")


def network_and_target(r):
    weights, biases, sizes = layers(r)
    return weights, biases, floats(r, (2, sizes[0]), "float32"), floats(r, (2, sizes[-1]), "float32")


def twice(r, s=None):
    s = shape(r, (1, 2)) if s is None else s
    return floats(r, s), floats(r, s)


def examples(r, columns=None):
    return floats(r, (r.randint(1, 4), columns or r.randint(1, 4)))


def logits(r):
    z = examples(r)
    return z, integers(r, z.shape[:1], 0, z.shape[1] - 1)


def step(r):
    s = shape(r, (1, 2))
    return floats(r, s), floats(r, s), floats(r, s), np.array(integers(r, s, 0, 1), bool)


def packed(r, per_byte):
    row = integers(r, (r.randint(1, 2), 4), 0, 255, "uint8")
    return row, r.randint(1, 4 * per_byte)


def restorable(r):
    size = r.randint(1, 8)
    places = r.sample(range(size), r.randint(0, size))
    return floats(r, (len(places),)), np.array(places, np.int64), (size,)


def model(r):
    from refcompress import MLP

    weights, biases, _ = layers(r)
    return MLP(weights, biases)


def model_and_x(r):
    m = model(r)
    return m, floats(r, (3, m.sizes[0]), "float32")


@functools.cache
def quantized_model():
    from refcompress.mlp.network import initialize
    from refcompress.quantized_model import quantize_model

    m = initialize((2, 3, 2))
    return quantize_model(m, np.array([[0.5, 1.0], [0.25, -1.0]]))


def optimizer(r):
    from refcompress.mlp.optimizers import SGD, Adam

    return r.choice((SGD(lr=0.1), SGD(lr=0.1, momentum=0.9), Adam(lr=0.01)))


def trainable(r):
    m, rows = model_and_x(r)
    return m, rows, function("mlp.training.regression")(np.zeros((3, m.sizes[-1])))


def gradually(r):
    m, rows, objective = trainable(r)
    return m, rows, objective, r.randint(0, sum(w.size for w in m.weights))


def knowledge(r):
    m, rows = model_and_x(r)
    return rows, function("distillation.knowledge.extract_knowledge")(m, rows)


def function(place):
    """The function of a dotted name below the package."""
    module, _, name = place.rpartition(".")
    return getattr(import_module(f"refcompress.{module}" if module else "refcompress"), name)


SOME_OPTIMIZER = tuple(optimizer(Random(seed)) for seed in range(4))
TRAINED = {"optimizer": SOME_OPTIMIZER, "epochs": (0, 1, 2), "seed": (0, 1)}

# name -> (valid arguments, settings)
FUNCTIONS = {
    "quantize": (with_p, FIXED),
    "dequantize": (lambda r: (integers(r, shape(r)), r.randint(-20, 20)), DTYPES),
    "fraction_bits": (one, {"bits": BITS, "signed": BOOLEANS}),
    "affine_quantize": (affine_x, AFFINE),
    "affine_dequantize": (affine_q, {**DTYPES, "axis": (None,), "block_size": (None,)}),
    "affine_parameters": (
        lambda r: (floats(r, (2,), "float32"), floats(r, (2,), "float32") + np.float32(16)),
        {**CODES, "symmetric": BOOLEANS, "arithmetic": ("exact", "float32")},
    ),
    "requantize": (
        lambda r: (integers(r, shape(r), -(2**31), 2**31 - 1), r.randint(2**30, 2**31 - 1), r.randint(-31, 8), 3),
        {"bits": BITS, "signed": BOOLEANS, "rounding": (*ROUNDING, "double", "gemmlowp", "float")},
    ),
    "quantize_multiplier": (lambda r: (r.uniform(1e-6, 1e3),), {}),
    "fake_quantize": (affine_x, AFFINE),
    "fake_quantize_gradient": (affine_upstream, {**AFFINE, "boundary": ("pass", "zero"), "mask": ("code", "value")}),
    "lsq_scale_gradient": (
        lambda r: (lambda pair: (pair[0], np.float32(0.5), pair[1]))(twice(r)),
        {**CODES, "gradient_scale": BOOLEANS},
    ),
    "pack_int4": (lambda r: (integers(r, shape(r, (1, 2)), 0, 7),), NIBBLES),
    "unpack_int4": (lambda r: packed(r, 2), NIBBLES),
    "pack_int2": (lambda r: (integers(r, shape(r, (1, 2)), 0, 1),), {**NIBBLES, "order": NIBBLES["order"][:2]}),
    "unpack_int2": (lambda r: packed(r, 4), {**NIBBLES, "order": NIBBLES["order"][:2]}),
    "cast_float8": (one, {"format": FORMATS[:4], "overflow": ("saturate", "ieee"), "rounding": ROUNDING}),
    "round_to_format": (
        lambda r: (x(r), r.choice(FORMATS)),
        {"overflow": ("saturate", "ieee"), "rounding": ROUNDING},
    ),
    "quantization.small_floats.encode": (
        lambda r: (x(r), r.choice(FORMATS)),
        {"overflow": ("saturate", "ieee"), "rounding": ROUNDING},
    ),
    "quantization.small_floats.decode": (
        lambda r: (integers(r, shape(r), 0, 15, "uint8"), r.choice(FORMATS)),
        {},
    ),
    "mx_quantize": (
        lambda r: (floats(r, (2, 32)), r.choice(("mxfp8_e4m3", "mxfp4", "mxint8", "mxfp6_e2m3"))),
        {"axis": (-1, 1), "rounding": ROUNDING},
    ),
    "mx_dequantize": (lambda r: (floats(r, (2, 32)), floats(r, (2, 1))), {"axis": (-1, 1)}),
    "nvfp4_quantize": (lambda r: (floats(r, (2, 16)),), {"tensor_scale": (None, 0.5), "axis": (-1, 1)}),
    "nvfp4_dequantize": (lambda r: (floats(r, (2, 16)), floats(r, (2, 1)), 0.5), {"axis": (-1, 1)}),
    "nf4_quantize": (lambda r: (floats(r, (2, 8)),), {"block_size": (4, 8), "axis": (-1, 1)}),
    "nf4_dequantize": (
        lambda r: (integers(r, (2, 8), 0, 15), floats(r, (2, 2))),
        {"block_size": (4,), "axis": (-1, 1)},
    ),
    "top_k_mask": (with_k, {**TIES, "axis": (None,)}),
    "sparsify": (with_k, {**TIES, "axis": (None,)}),
    "prune": (with_k, {**TIES, "order": ("index", "magnitude")}),
    "restore": (restorable, {}),
    "keep_count": (
        lambda r: (r.randint(0, 99), r.choice((0, 0.5, 1.0, Fraction(1, 3)))),
        {"rounding": ("half_even", "floor", "ceil", "half_away"), "counts": ("kept", "pruned")},
    ),
    "n_m_mask": (lambda r: (floats(r, (2, 4)),), {"n": (1, 2), "m": (2, 4), "axis": (-1, 1), **TIES}),
    "n_m_sparsify": (lambda r: (floats(r, (2, 4)),), {"n": (1, 2), "m": (2, 4), "axis": (-1, 1), **TIES}),
    "cubic_sparsity": (lambda r: (r.randint(0, 9), 9), {"final": (0.5, 1), "initial": (0, 0.25), "start": (0, 3)}),
    "compress_gradient": (lambda r: (*twice(r, (4,)), r.randint(0, 4)), TIES),
    "MLP": (lambda r: layers(r)[:2], ACTIVATION),
    "initialize": (lambda r: ((2, 3),), {**ACTIVATION, "seed": (0, 7), "dtype": ("float16", "float32", "float64")}),
    "mlp_forward": (network, ACTIVATION),
    "mlp_gradients": (network_and_target, {**ACTIVATION, **REDUCTION}),
    "mse_loss": (twice, REDUCTION),
    "mse_gradient": (twice, REDUCTION),
    "softmax": (lambda r: (examples(r),), {}),
    "softmax_cross_entropy": (logits, {"reduction": ("mean", "sum")}),
    "softmax_cross_entropy_gradient": (logits, {"reduction": ("mean", "sum")}),
    "masked_sgd_step": (step, {"lr": (0.1, 0.5), "momentum": (0.0, 0.9), "weight_decay": (0.0, 0.01)}),
    "distillation_loss": (lambda r: twice(r, (2, 3)), DISTIL),
    "distillation_gradient": (lambda r: twice(r, (2, 3)), DISTIL),
    "distillation.features.hint_loss": (lambda r: (floats(r, (2, 3)), floats(r, (2, 2)), floats(r, (3, 2))), REDUCTION),
    "distillation.features.hint_gradients": (
        lambda r: (floats(r, (2, 3)), floats(r, (2, 2)), floats(r, (3, 2))),
        REDUCTION,
    ),
    "distillation.features.rkd_distance_loss": (lambda r: (floats(r, (3, 2)), floats(r, (3, 4))), {}),
    "distillation.features.rkd_distance_gradient": (lambda r: (floats(r, (3, 2)), floats(r, (3, 4))), {}),
    "distillation.features.rkd_angle_loss": (lambda r: (floats(r, (3, 2)), floats(r, (3, 4))), {}),
    "distillation.features.rkd_angle_gradient": (lambda r: (floats(r, (3, 2)), floats(r, (3, 4))), {}),
    "distillation.knowledge.extract_knowledge": (model_and_x, {}),
    "pruning.compact.n_m_compact": (
        lambda r: (np.array([[r.uniform(-8, 8), 0, 0, 1.5], [0, 0, 0, 2]]),),
        {"n": (2,), "m": (4,)},
    ),
    "pruning.compact.n_m_expand": (
        lambda r: (floats(r, (2, 2)), np.array([[0, 1], [2, 3]], np.uint8)),
        {"n": (2,), "m": (4,)},
    ),
    "pruning.compact.to_scipy": (lambda r: (floats(r, (2, 4), "float32"),), {"format": ("csr", "csc", "coo")}),
    "pruning.scores.magnitude_scores": (one, {}),
    "pruning.scores.random_scores": (one, {"seed": (0, 1)}),
    "pruning.scores.first_order_scores": (twice, {}),
    "pruning.scores.input_norms": (lambda r: (examples(r),), {}),
    "pruning.scores.wanda_scores": (lambda r: (floats(r, (3, 2)), np.abs(floats(r, (3,)))), {}),
    "pruning.scores.global_masks": (lambda r: ([floats(r, (2, 2)), floats(r, (3,))], 4), TIES),
    "pruning.scores.masks_by_score": (
        lambda r: ([floats(r, (2, 2)), floats(r, (3,))], 0.5),
        {"scope": ("tensor", "global"), **TIES, "counts": ("kept", "pruned")},
    ),
    "pruning.second_order.damage_scores": (lambda r: (floats(r, (3,)), np.abs(floats(r, (3,)))), {}),
    "pruning.second_order.optimal_brain_surgeon": (lambda r: (floats(r, (3,)), square(r), r.randint(0, 3)), {}),
    "pruning.sparse_gpt.sparse_gpt": (
        lambda r: (floats(r, (3, 2)), square(r), 0.5),
        {"damping": (0.01, 0.0), "mask_block": (1, 128), "lazy_batch": (1, 128), **TIES},
    ),
    "pruning.sparse_gpt.sparse_gpt_n_m": (
        lambda r: (floats(r, (4, 2)), square(r, 4)),
        {"n": (1, 2), "m": (2, 4), "damping": (0.01,), "lazy_batch": (4, 128), **TIES},
    ),
    "pruning.sparse_gpt.reconstruct": (
        lambda r: (floats(r, (3, 2)), square(r), np.array(integers(r, (3, 2), 0, 1), bool)),
        {"damping": (0.01,), "lazy_batch": (4, 128)},
    ),
    "quantization.calibration.min_max": (lambda r: ([floats(r, (2, 2)), floats(r, (2, 2))],), {"axis": (None, 0, 1)}),
    "quantization.calibration.moving_average": (
        lambda r: ((np.float64(-1), np.float64(1)), floats(r, (3,))),
        {"decay": (0.9, 0.5), "axis": (None,)},
    ),
    "quantization.calibration.percentile": (one, {"lower": (0.0, 1), "upper": (99.0, 100)}),
    "quantization.calibration.minimal_squared_error": (
        one,
        {"bits": (2, 8), "signed": BOOLEANS, "symmetric": BOOLEANS, "steps": (2, 5)},
    ),
    "quantization.gptq.gptq_quantize": (
        lambda r: (floats(r, (3, 2)), square(r), np.float32(0.5), 0),
        {"bits": (2, 4, 8), "signed": BOOLEANS, "damping": (0.01,), "lazy_batch": (1, 128), "guarded": BOOLEANS},
    ),
    "quantization.histogram.empty_histogram": (lambda r: (r.choice((128, 2048)),), {}),
    "quantization.histogram.observe": (
        lambda r: (function("quantization.histogram.empty_histogram")(128), x(r)),
        {},
    ),
    "quantization.histogram.entropy": (
        lambda r: (
            function("quantization.histogram.observe")(function("quantization.histogram.empty_histogram")(256), [1, 2]),
        ),
        {"bits": (4, 8), "signed": BOOLEANS},
    ),
    "quantization.smooth_quant.smoothing_scales": (
        lambda r: (np.abs(floats(r, (3,))) + 1, floats(r, (3, 2))),
        {"alpha": (0.5, 0.0, 1.0), "powers_of_two": BOOLEANS},
    ),
    "quantization.smooth_quant.smooth": (
        lambda r: (floats(r, (2, 3)), floats(r, (3, 2)), np.abs(floats(r, (3,), "float32")) + np.float32(1)),
        {},
    ),
    "layer_hessian.hessian": (lambda r: (examples(r),), {}),
    "low_rank.truncated_svd": (lambda r: (floats(r, (3, 2), "float32"), r.randint(1, 2)), {}),
    "low_rank.share_weights": (
        lambda r: (floats(r, (3, 2), "float32"), r.randint(1, 3)),
        {"start": ("linear", "density", "random"), "seed": (0, 1), "iterations": (1, 5)},
    ),
    "huffman.huffman_encode": (lambda r: (integers(r, shape(r, (1,)), 0, 255, "uint8"),), {}),
    "huffman.huffman_size": (lambda r: (integers(r, shape(r, (1,)), 0, 255, "uint8"),), {}),
    "huffman.huffman_decode": (lambda r: (function("huffman.huffman_encode")([1, 2, 2, 3]),), {}),
    "mlp.network.hidden_features": (model_and_x, {}),
    "mlp.training.accuracy": (
        lambda r: (lambda m: (m, floats(r, (3, m.sizes[0]), "float32"), integers(r, (3,), 0, 0)))(model(r)),
        {},
    ),
    "mlp.training.classification": (lambda r: (integers(r, (4,), 0, 2),), {}),
    "mlp.training.regression": (lambda r: (examples(r),), {}),
    "neuron_pruning.neuron_norms": (lambda r: (model(r),), {"side": ("incoming", "outgoing", "both")}),
    "neuron_pruning.dead_neurons": (model_and_x, {}),
    "neuron_pruning.prune_neurons": (
        lambda r: (model(r), r.choice((0, 0.5, 1))),
        {"side": ("incoming", "outgoing"), "scope": ("tensor", "global"), **TIES},
    ),
    "mlp.training.train": (
        trainable,
        {
            **TRAINED,
            "batch_size": (1, 2),
            "validation": (0.0, 0.4),
            "patience": (None, 1),
            "masks": (None,),
            "progress": BOOLEANS,
        },
    ),
    "distillation.student.train_teacher": (
        lambda r: (examples(r, 2), np.array([0])),
        {**TRAINED, "hidden": ((2,), ())},
    ),
    "distillation.student.train_student": (
        knowledge,
        {**TRAINED, "hidden": ((2,), ()), "label_weight": (0.0,), "loss": ("mse", "kl"), "temperature": (1, 4.0)},
    ),
    "distillation.objectives.distillation_objective": (
        lambda r: (knowledge(r)[1],),
        {"label_weight": (0.0,), "loss": ("mse", "kl"), "temperature": (1, 4.0)},
    ),
    "distillation.objectives.relation_objective": (lambda r: (examples(r),), {"distance": (1.0, 0), "angle": (2.0, 0)}),
    "distillation.objectives.hinted_start": (knowledge, {**TRAINED, "hidden": ((2,), (3,)), "layer": (0,)}),
    "gradual_pruning.prune_gradually": (gradually, {"optimizer": SOME_OPTIMIZER, "how": (None,), "seed": (0, 1)}),
    "quantization_aware.train_quantization_aware": (
        trainable,
        {**TRAINED, "bits": (2, 8), "scales": (None,), "batch_size": (1, 2)},
    ),
    "compression.lottery_ticket": (lambda r: (lambda m: (m, m, r.randint(0, 2)))(model(r)), {}),
    "neuron_pruning.remove_neurons": (
        lambda r: (lambda m: (m, [np.ones(n, bool) for n in m.sizes[1:-1]]))(model(r)),
        {},
    ),
    "quantized_model.quantize_model": (model_and_x, {"bits": (4, 8), "p": (None, 2), "activation_bits": (4, 8)}),
    "integer_network.quantize_network": (model_and_x, {"bits": (4, 8), "signed": BOOLEANS}),
    "quantization_aware.weight_scales": (lambda r: (model(r),), {"bits": (2, 8)}),
    "datasets.subset": (
        lambda r: (function("datasets.Dataset")(floats(r, (4, 2)), np.array([0, 0, 1, 1]), ("a", "b"), "n"), 0.5),
        {"seed": (0, 1)},
    ),
    "datasets.split": (
        lambda r: (function("datasets.Dataset")(floats(r, (4, 2)), np.array([0, 0, 1, 1]), ("a", "b"), "n"),),
        {"test": (0.5, 0.2), "seed": (0, 1)},
    ),
}
