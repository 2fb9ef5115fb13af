"""PyTorch on the CPU: which of its functions keep which of our rules."""

import numpy as np
import pytest
import torch
import torch.nn.utils.prune

from refcompress import prune, sparsify, top_k_mask
from refcompress.verify import check

torch.set_num_threads(1)


def quantize(x, p):
    return torch.clamp(torch.round(torch.ldexp(x.double(), torch.tensor(float(p), dtype=torch.float64))), -128, 127).to(
        torch.int8
    )


def test_torch_round_is_half_to_even():
    for dtype in ("float32", "float16", "bfloat16", "float64"):
        report = check(quantize, "quantize", bits=8, dtype=dtype, arrays="torch")
        assert report.verdict == "agrees", str(report)


def test_round_with_decimals_0_truncation_and_floor_are_named():
    report = check(
        lambda x, p: torch.clamp(torch.trunc(torch.ldexp(x.double(), torch.tensor(float(p)))), -128, 127).to(
            torch.int8
        ),
        "quantize",
        bits=8,
        arrays="torch",
    )
    assert report.diagnosis[0].settings == {"rounding": "toward_zero"}


def mask_by_topk(x, k):
    mask = torch.zeros(x.numel(), dtype=torch.bool)
    mask[torch.topk(x.abs().reshape(-1).float(), k).indices] = True
    return mask.reshape(x.shape)


def test_torch_topk_keeps_neither_tie_rule():
    for ties in ("lowest_index", "highest_index"):
        report = check(mask_by_topk, "top_k_mask", ties=ties, arrays="torch")
        assert report.verdict == "differs"


def test_five_equal_values_are_the_smallest_case_that_shows_it():
    kept = torch.topk(torch.ones(5), 2).indices.tolist()
    assert sorted(kept) != [0, 1]
    assert top_k_mask(np.ones(5), 2).tolist() == [True, True, False, False, False]


def test_a_stable_sort_keeps_the_lowest_index():
    def mask(x, k):
        order = torch.sort(x.abs().reshape(-1).double(), descending=True, stable=True).indices
        kept = torch.zeros(x.numel(), dtype=torch.bool)
        kept[order[:k]] = True
        return kept.reshape(x.shape)

    report = check(mask, "top_k_mask", arrays="torch")
    assert report.verdict == "agrees", str(report)


def test_l1_unstructured_pruning_keeps_the_largest_magnitudes_where_none_tie():
    generator = np.random.default_rng(0)
    for k in (0, 1, 17, 40):
        w = generator.permutation(np.arange(1, 41)).astype(np.float32) * generator.choice([-1, 1], 40).astype(
            np.float32
        )
        layer = torch.nn.Linear(40, 1, bias=False)
        layer.weight.data = torch.from_numpy(w.copy()).reshape(1, 40)
        torch.nn.utils.prune.l1_unstructured(layer, "weight", amount=40 - k)
        assert np.array_equal(layer.weight.detach().numpy().reshape(-1), sparsify(w, k) + 0.0)
        assert np.array_equal(prune(w, k)[0], w[top_k_mask(w, k)])


@pytest.mark.parametrize("reduction", ["mean", "sum"])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_mse_loss(reduction, dtype):
    report = check(
        lambda s, t: torch.nn.functional.mse_loss(s, t, reduction=reduction),
        "mse_loss",
        reduction=reduction,
        dtype=dtype,
        arrays="torch",
    )
    assert report.verdict == "agrees", str(report)


@pytest.mark.parametrize("reduction", ["mean", "sum"])
def test_mse_gradient_by_autograd(reduction):
    def gradient(student, teacher):
        student = student.clone().requires_grad_()
        torch.nn.functional.mse_loss(student, teacher, reduction=reduction).backward()
        return student.grad

    report = check(gradient, "mse_gradient", reduction=reduction, arrays="torch")
    assert report.verdict == "agrees", str(report)


ACTIVATIONS = {"relu": torch.relu, "tanh": torch.tanh, "identity": lambda z: z}


def network(weights, biases, x, activation):
    for number, (w, b) in enumerate(zip(weights, biases, strict=True)):
        x = x @ w + b
        if number + 1 < len(weights):
            x = ACTIVATIONS[activation](x)
    return x


@pytest.mark.parametrize("activation", sorted(ACTIVATIONS))
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_a_network_forward(activation, dtype):
    report = check(
        lambda w, b, x: network(w, b, x, activation), "mlp_forward", activation=activation, dtype=dtype, arrays="torch"
    )
    assert report.verdict == "agrees", str(report)


@pytest.mark.parametrize("activation", sorted(ACTIVATIONS))
@pytest.mark.parametrize("reduction", ["mean", "sum"])
def test_a_network_s_gradients_by_autograd(activation, reduction):
    def gradients(weights, biases, x, target):
        weights = [w.clone().requires_grad_() for w in weights]
        biases = [b.clone().requires_grad_() for b in biases]
        output = network(weights, biases, x, activation)
        torch.nn.functional.mse_loss(output, target, reduction=reduction).backward()
        return [w.grad for w in weights], [b.grad for b in biases]

    report = check(gradients, "mlp_gradients", activation=activation, reduction=reduction, arrays="torch")
    assert report.verdict == "agrees", str(report)
