"""Which exact twin each public formula has, and the comparisons of those that no other test holds against theirs."""

import itertools
from fractions import Fraction
from importlib import import_module

import numpy as np
import pytest
from oracles import microscaling, pruning, selection

import refcompress as rc
from refcompress.quantization.normal_float import NF4
from refcompress.verify.operations import OPERATIONS

# formula -> module and function of tests/oracles
TWINS = {
    "quantize": "fixed_point.quantized",
    "dequantize": "fixed_point.nearest_float",
    "fraction_bits": "fixed_point.best_fraction_bits",
    "affine_quantize": "affine.quantized",
    "affine_dequantize": "affine.dequantized",
    "affine_parameters": "affine.parameters",
    "requantize": "requantize.requantized",
    "quantize_multiplier": "requantize.multiplier_and_shift",
    "fake_quantize": "affine.fake_quantized",
    "fake_quantize_gradient": "affine.passes",
    "lsq_scale_gradient": "affine.scale_gradient",
    "pack_int4": "packing.packed_row",
    "unpack_int4": "packing.unpacked_row",
    "pack_int2": "packing.packed_row",
    "unpack_int2": "packing.unpacked_row",
    "cast_float8": "small_floats.round_to",
    "round_to_format": "small_floats.round_to",
    "mx_quantize": "microscaling.mx_block",
    "mx_dequantize": "microscaling.number",
    "nvfp4_quantize": "microscaling.nvfp4_block",
    "nvfp4_dequantize": "microscaling.number",
    "nf4_quantize": "microscaling.nf4_block",
    "nf4_dequantize": "microscaling.number",
    "top_k_mask": "selection.mask",
    "sparsify": "selection.mask_along",
    "prune": "selection.pruned",
    "restore": "selection.restored",
    "keep_count": "pruning.count",
    "n_m_mask": "pruning.largest",
    "n_m_sparsify": "pruning.largest",
    "cubic_sparsity": "pruning.cubic",
    "compress_gradient": "pruning.sent_and_left",
    "mlp_forward": "mlp.forward",
    "mlp_gradients": "mlp.gradients",
    "mse_loss": "mlp.mse",
    "mse_gradient": "mlp.mse_gradient",
    "softmax": "mlp.softmax",
    "softmax_cross_entropy": "mlp.cross_entropy",
    "softmax_cross_entropy_gradient": "mlp.cross_entropy",
    "masked_sgd_step": "mlp.sgd_step",
    "distillation_loss": "distillation.distillation",
    "distillation_gradient": "distillation.distillation",
}

NO_FORMULAS = {"MLP", "initialize"}  # a value that holds arrays, and one of random numbers


def test_every_public_formula_and_every_operation_has_a_twin():
    assert set(TWINS) == set(rc.__all__) - NO_FORMULAS
    assert set(OPERATIONS) <= set(TWINS)


@pytest.mark.parametrize("twin", sorted(set(TWINS.values())))
def test_a_twin_is_a_function_of_the_oracles(twin):
    module, _, name = twin.partition(".")
    assert callable(getattr(import_module(f"oracles.{module}"), name))


def test_the_cubic_schedule_is_its_twin_at_every_step():
    for steps, start, first, last in itertools.product(range(1, 8), (0, 3), (0, 0.1), (0.7, 1, Fraction(1, 3))):
        for step in range(start + steps + 3):
            found = rc.cubic_sparsity(step, steps, final=last, initial=first, start=start)
            assert found == pruning.cubic(step, steps, last, first, start)


def test_restoring_is_its_twin_for_every_choice_of_places():
    for size in range(5):
        for count in range(size + 1):
            for places in itertools.permutations(range(size), count):
                values = list(range(1, count + 1))
                assert rc.restore(values, places, (size,)).tolist() == selection.restored(values, places, size)


def test_what_is_sent_and_what_stays_is_its_twin_on_all_short_gradients():
    values = (-2, -1, 0, 1, 2)
    for g, r in itertools.product(itertools.product(values, repeat=2), repeat=2):
        total = [a + b for a, b in zip(g, r, strict=True)]
        for k, ties in itertools.product(range(3), ("lowest_index", "highest_index")):
            sent, left = rc.compress_gradient(np.array(g, np.float32), np.array(r, np.float32), k, ties=ties)
            assert (sent.tolist(), left.tolist()) == pruning.sent_and_left(total, k, ties == "lowest_index")


def as_float(v):
    return float("inf") if v is None else float(v)


def test_dequantized_blocks_are_their_twin_for_every_element_and_scale():
    elements = np.array([0, 0.5, 1, 1.5, 2, 3, 4, 6] * 4, np.float32)
    for exponent in range(-127, 128):
        scale = 2.0**exponent
        found = rc.mx_dequantize(elements, np.array([scale], np.float32)).tolist()
        assert found == [as_float(microscaling.number(e, scale)) for e in elements.tolist()]
    for scale in (2.0**-9, 0.0625, 1.125, 448.0):
        for tensor in (2.0**-149, 2.0**-10 * 1.5, float(np.float32(0.1))):
            found = rc.nvfp4_dequantize(elements[:16], np.array([scale], np.float32), tensor).tolist()
            assert found == [as_float(microscaling.number(e, scale, tensor)) for e in elements[:16].tolist()]


def test_dequantized_normal_floats_are_their_twin_for_every_code():
    for scale in (2.0**-149, float(np.float32(0.1)), 3.0, float(np.finfo(np.float32).max)):
        found = rc.nf4_dequantize(np.arange(16), np.array([scale], np.float32), block_size=16).tolist()
        assert found == [as_float(microscaling.number(v, scale)) for v in NF4.tolist()]
