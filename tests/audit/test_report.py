import json

import numpy as np
import pytest
from safetensors.numpy import save_file

from refcompress import dequantize, quantize, sparsify
from refcompress.audit.comparison import audit
from refcompress.audit.report import as_json, everything_explained, paragraph, total

W = np.random.default_rng(0).normal(size=(12, 16)).astype(np.float32)
Q = quantize(W, 5, bits=8)


def changed(y, index, value):
    y = y.copy()
    y[index] = value
    return y


CASES = {
    "unchanged": (W, W, r"w  (12, 16) float32" + "\n  unchanged, bit for bit; this explains all 192 entries"),
    "codes": (
        W,
        Q,
        "w  (12, 16) float32 -> int8\n"
        f"  fixed point: p=5 rounding=half_even (codes {Q.min()} to {Q.max()}: none leaves its range, the largest p at "
        "which 8 bits do not saturate); this explains all 192 entries\n"
        "  also explained by rounding=half_away|half_up|half_down|half_odd: no tie in the data",
    ),
    "one wrong": (
        W,
        changed(Q, (3, 4), 100),
        f"first not explained: [3, 4]: original {W[3, 4]}, the rule gives {Q[3, 4]}, found 100",
    ),
    "partial": (W, changed(Q, (3, 4), 100), "not explained; nearest: fixed point: p=5 rounding=half_even"),
    "partial count": (W, changed(Q, (3, 4), 100), "this explains 191 of 192 entries (partial)"),
    "pruned": (
        W,
        sparsify(W, 48),
        "pruned by magnitude: the 48 largest of the whole tensor of 192 stay (sparsity 0.75); kept entries unchanged, "
        "bit for bit; this explains all 192 entries",
    ),
    "2:4": (
        W,
        dequantize(quantize(sparsify(W.reshape(-1, 4), 2, axis=1).reshape(W.shape), 4), 4),
        "pruned by magnitude: 2:4 along axis 1 (sparsity 0.5); kept entries fixed point, dequantized: p=4",
    ),
    "random": (W, np.where(np.arange(192).reshape(12, 16) % 2, W, 0), "96 entries became 0 by no selection known here"),
    "one random": (W, changed(W, (0, 0), 0), "1 entry became 0 by no selection known here"),
    "minus zero": (W, W * (np.abs(W) > 1), "of the dropped are -0.0, where the reference has +0"),
    "nothing": (W, np.sin(1000 * W), "not explained: no rule gives any of the 192 entries"),
    "shape": (W, np.ascontiguousarray(W.T), "w  (12, 16) -> (16, 12) float32\n  another shape: nothing was compared"),
}


def findings(folder, original, compressed):
    save_file(original, folder / "a.safetensors")
    save_file(compressed, folder / "b.safetensors")
    return list(audit(folder / "a.safetensors", folder / "b.safetensors"))


@pytest.mark.parametrize("name", CASES)
def test_a_tensor_s_paragraph_says_the_rule_and_what_it_leaves(tmp_path, name):
    x, y, text = CASES[name]
    (finding,) = findings(tmp_path, {"w": x}, {"w": y})
    assert text in paragraph(finding)


def test_the_file_s_scale_and_its_formula_are_shown(tmp_path):
    scale = np.float32(np.abs(W).max() / 127)
    y = {"w": np.rint(W / scale).astype(np.int8), "w_scale": np.array(scale)}
    (finding,) = findings(tmp_path, {"w": W}, y)
    text = paragraph(finding)
    assert f"affine: scale=w_scale value={scale:.9g} zero_point=0 rounding=half_even scaling=divide" in text
    assert "(the scale is max|x| / 127, codes" in text
    assert text.splitlines()[-1] == "  read with it: w_scale"


def test_a_lie_in_the_file_is_shown(tmp_path):
    (finding,) = findings(tmp_path, {"w": W}, {"w": Q, "w_scale": np.array(0.5)})
    assert "not explained: fixed point: p=5" in paragraph(finding)
    assert "but the file has a scale in w_scale" in paragraph(finding)


def test_the_total_counts_tensors_and_entries(tmp_path):
    found = findings(tmp_path, {"a": W, "b": W, "c": W}, {"a": W, "b": changed(Q, (0, 0), 99), "d": W})
    assert total(found) == ("4 tensors: 1 explained, 1 not explained, 1 missing, 1 added; 383 of 384 entries explained")
    assert not everything_explained(found)
    assert everything_explained(found[:1])


def test_the_json_form_is_as_the_module_says(tmp_path):
    x = {"a": W, "b": W, "c": W, "n": np.float32([np.nan, 1])}
    y = {"a": quantize(sparsify(W, 48), 5, bits=8), "b": changed(Q, (0, 1), 99), "d": W, "n": np.float32([np.inf, 1])}
    report = as_json("a", "b", findings(tmp_path, x, y))
    assert json.loads(json.dumps(report, allow_nan=False)) == report
    by_name = {tensor["name"]: tensor for tensor in report["tensors"]}
    assert report["verdict"] == "not explained"
    assert report["total"] == {"tensors": 5, "explained": 1, "entries": 386, "entries_explained": 384}
    pruned = by_name["a"]
    assert pruned["original"] == {"shape": [12, 16], "dtype": "float32", "form": "dense"}
    assert (pruned["rule"], pruned["settings"]) == ("fixed point", {"p": 5, "rounding": "half_even"})
    assert (pruned["selection"]["k"], pruned["selection"]["sparsity"]) == (48, 0.75)
    assert (pruned["explained"], pruned["of"], pruned["unexplained"]) == (192, 192, None)
    assert {"rule": "fixed point", "settings": {"p": 5, "rounding": "half_up"}} in pruned["also"]
    wrong = by_name["b"]["unexplained"]
    assert wrong == {"index": [0, 1], "original": float(W[0, 1]), "expected": int(Q[0, 1]), "found": 99}
    assert (by_name["c"]["verdict"], by_name["c"]["compressed"]) == ("missing", None)
    assert (by_name["d"]["verdict"], by_name["d"]["original"]) == ("added", None)
    assert by_name["n"]["unexplained"] == {"index": [0], "original": "nan", "expected": "nan", "found": "inf"}
