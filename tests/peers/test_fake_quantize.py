"""Fake quantization in PyTorch and JAX: the settings that reproduce it, and where it leaves them."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import torch

from refcompress.verify import check

torch.set_num_threads(1)
LOW, HIGH = -128, 127
RECIPROCAL = {"scaling": "reciprocal"}


def per_tensor(x, s, z):
    return torch.fake_quantize_per_tensor_affine(x, s, z, LOW, HIGH)


def backward(x, s, z, upstream):
    leaf = x.clone().requires_grad_()
    per_tensor(leaf, s, z).backward(upstream)
    return leaf.grad


def test_per_tensor_multiplies_by_the_reciprocal_and_adds_the_zero_point_after_rounding():
    report = check(per_tensor, "fake_quantize", arrays="torch", **RECIPROCAL)
    assert report.verdict == "agrees", str(report)


def test_its_gradient_masks_by_the_code_ends_included_but_multiplies_by_the_mask():
    report = check(backward, "fake_quantize_gradient", arrays="torch", **RECIPROCAL)
    assert report.diagnosis[0].fault == "multiplied", str(report)
    assert report.diagnosis[0].complete


def test_where_it_does_not_pass_its_mask_is_that_of_the_code():
    def masked(x, s, z, upstream):
        return torch.where(backward(x, s, z, torch.ones_like(x)) != 0, upstream, torch.zeros_like(x))

    report = check(masked, "fake_quantize_gradient", arrays="torch", **RECIPROCAL)
    assert report.verdict == "agrees", str(report)


def test_per_channel_casts_to_int64_before_it_clips():
    def per_channel(x, s, z):
        return torch.fake_quantize_per_channel_affine(x, s, z, 0, LOW, HIGH) if x.numel() else x

    report = check(per_channel, "fake_quantize", arrays="torch", axis=0, **RECIPROCAL)
    assert report.diagnosis[0].fault == "huge_is_lowest", str(report)
    assert report.diagnosis[0].complete


class Straight(torch.autograd.Function):
    """Straight through by where, which keeps the bits; x / s is divided."""

    @staticmethod
    def forward(ctx, x, s, z):
        q = torch.round(x / s).double() + z
        ctx.save_for_backward((q >= LOW) & (q <= HIGH))
        return ((q.clamp(LOW, HIGH) - z) * s).to(x.dtype)

    @staticmethod
    def backward(ctx, upstream):
        return torch.where(*ctx.saved_tensors, upstream, torch.zeros_like(upstream)), None, None


def own_backward(x, s, z, upstream):
    leaf = x.clone().requires_grad_()
    Straight.apply(leaf, s, z).backward(upstream)
    return leaf.grad


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_a_function_of_ones_own_is_right_both_ways(dtype):
    forward = check(Straight.apply, "fake_quantize", arrays="torch", dtype=dtype)
    assert forward.verdict == "agrees", str(forward)
    gradient = check(own_backward, "fake_quantize_gradient", arrays="torch", dtype=dtype)
    assert gradient.verdict == "agrees", str(gradient)


class StrictClamp(torch.autograd.Function):
    """Clamp with a gradient of 0 at its bounds, as a change of 2026 had it for some weeks."""

    @staticmethod
    def forward(ctx, steps, low, high):
        ctx.save_for_backward((steps > low) & (steps < high))
        return steps.clamp(low, high)

    @staticmethod
    def backward(ctx, upstream):
        return torch.where(*ctx.saved_tensors, upstream, torch.zeros_like(upstream)), None, None


class RoundStraight(torch.autograd.Function):
    """Round, and pass the gradient."""

    @staticmethod
    def forward(ctx, v):
        return torch.round(v)

    @staticmethod
    def backward(ctx, upstream):
        return upstream


def test_a_clamp_that_stops_at_its_bounds_switches_the_gradient_of_all_that_saturates_off():
    def composed(x, s, z, upstream):
        leaf = (x / s).detach().double().requires_grad_()
        steps = StrictClamp.apply(RoundStraight.apply(leaf) + z, LOW, HIGH)
        steps.backward(upstream.double())
        return leaf.grad.to(x.dtype)

    report = check(composed, "fake_quantize_gradient", arrays="torch")
    assert report.diagnosis[0].settings == {"boundary": "zero"}, str(report)
    assert check(composed, "fake_quantize_gradient", arrays="torch", boundary="zero").verdict == "agrees"


@jax.custom_vjp
def straight(x, s, z):
    code = jnp.clip(jnp.round(x / s).astype(jnp.float32) + z, LOW, HIGH)
    return ((code - z) * s.astype(jnp.float32)).astype(x.dtype)


def straight_forward(x, s, z):
    code = jnp.round(x / s).astype(jnp.float32) + z
    return straight(x, s, z), (code >= LOW) & (code <= HIGH)


straight.defvjp(
    straight_forward, lambda inside, upstream: (jnp.where(inside, upstream, jnp.zeros_like(upstream)), None, None)
)
forward_compiled = jax.jit(straight)
backward_compiled = jax.jit(lambda x, s, z, upstream: jax.vjp(straight, x, s, z)[1](upstream)[0])


def of_one_shape(array):
    """Fill up with zeros to one of two lengths: each shape would be compiled anew."""
    flat = np.zeros(2**17 if array.size > 2**12 else 2**12, array.dtype)
    flat[: array.size] = np.asarray(array).reshape(-1)
    return flat


def called(function, x, s, z, *upstream):
    """Call with a scale an element: XLA makes a product of a division by one number for all."""
    arrays = [of_one_shape(a) for a in (x, *upstream)]
    scales = np.full_like(arrays[0], s)
    out = function(arrays[0], scales, np.float32(z), *arrays[1:])
    return np.asarray(out)[: x.size].reshape(x.shape)


def test_jax_with_a_gradient_of_ones_own_is_right_in_float16():
    """In float32 XLA takes subnormal numbers for zero; those of float16 are none to it."""
    forward = check(lambda *args: called(forward_compiled, *args), "fake_quantize", dtype="float16")
    assert forward.verdict == "agrees", str(forward)
    gradient = check(lambda *args: called(backward_compiled, *args), "fake_quantize_gradient", dtype="float16")
    assert gradient.verdict == "agrees", str(gradient)


def test_jax_divides_by_one_number_as_a_product_with_its_reciprocal():
    quotients = jnp.asarray(np.array([73.5, 73.5], np.float16)) / 49.0
    assert quotients.tolist() == [float(np.float16(73.5) * (np.float16(1) / np.float16(49)))] * 2 != [1.5, 1.5]
