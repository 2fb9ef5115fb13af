"""JAX on the CPU: which of its functions keep which of our rules."""

import jax
import jax.numpy as jnp
import pytest

from refcompress.verify import check
from refcompress.verify.check import REARRANGED

jax.config.update("jax_enable_x64", True)


def quantize(x, p):
    return jnp.clip(jnp.round(jnp.ldexp(x.astype(jnp.float64), p)), -128, 127).astype(jnp.int8)


def test_jnp_round_is_half_to_even():
    report = check(quantize, "quantize", bits=8, dtype="float16", arrays="jax")
    assert report.verdict == "agrees", str(report)


@pytest.mark.parametrize("dtype", ["float32", "bfloat16", "float64"])
def test_xla_on_the_cpu_takes_subnormals_for_zero_and_is_right_elsewhere(dtype):
    report = check(quantize, "quantize", bits=8, dtype=dtype, arrays="jax", examples=0)
    wrong = [case.name for case in report.cases if case.failed]
    assert wrong == ["subnormals and zeros", "the ends of 2^p", REARRANGED]
    assert report.diagnosis[0].fault == "subnormals_flushed"
    assert report.diagnosis[0].complete


def test_lax_top_k_keeps_the_lowest_index():
    def mask(x, k):
        kept = jax.lax.top_k(jnp.abs(x).reshape(-1), k)[1]
        return jnp.zeros(x.size, bool).at[kept].set(True).reshape(x.shape)

    report = check(mask, "top_k_mask", arrays="jax", examples=50)
    assert report.verdict == "agrees", str(report)


@pytest.mark.parametrize("reduction", ["mean", "sum"])
def test_the_gradient_of_mse_by_grad(reduction):
    reduce = {"mean": jnp.mean, "sum": jnp.sum}[reduction]
    gradient = jax.grad(lambda s, t: reduce((s - t) ** 2))
    report = check(gradient, "mse_gradient", reduction=reduction, arrays="jax", examples=50)
    # XLA takes subnormals for zero on the CPU: their gradients differ, and no others
    wrong = {case.name for case in report.cases if case.failed}
    assert wrong == {"squares near the smallest numbers", REARRANGED}, str(report)


def test_a_network_s_gradients_by_grad():
    def loss(weights, biases, x, target):
        for number, (w, b) in enumerate(zip(weights, biases, strict=True)):
            x = x @ w + b
            if number + 1 < len(weights):
                x = jax.nn.relu(x)
        return jnp.mean((x - target) ** 2)

    report = check(jax.grad(loss, argnums=(0, 1)), "mlp_gradients", arrays="jax", examples=30)
    assert report.verdict == "agrees", str(report)
