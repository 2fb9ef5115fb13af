import subprocess
import sys
from pathlib import Path

import ml_dtypes
import numpy as np
import pytest
from safetensors.numpy import save_file

from refcompress import quantize, sparsify
from refcompress.audit.comparison import audit, opened
from refcompress.checkpoints import save_model
from refcompress.mlp.network import MLP, initialize
from refcompress.quantized_model import quantize_model

ROOT = Path(__file__).parents[2]
W = np.random.default_rng(0).normal(size=(12, 16)).astype(np.float32)


def audited(folder, original, compressed):
    save_file(original, folder / "a.safetensors")
    save_file(compressed, folder / "b.safetensors")
    return {f.name: f for f in audit(folder / "a.safetensors", folder / "b.safetensors")}


def student():
    model = initialize((16, 12, 5), seed=0)
    return MLP(
        tuple(w.astype(np.float32) for w in model.weights),
        tuple(np.linspace(-1, 1, b.size, dtype=np.float32) for b in model.biases),
    )


def pruned(model):
    return MLP(tuple(sparsify(w, w.size // 4) for w in model.weights), model.biases)


@pytest.mark.parametrize("sparse", [False, True])
@pytest.mark.parametrize("bits", [4, 8])
def test_our_own_checkpoints_are_understood_to_the_last_entry(tmp_path, sparse, bits):
    model = student()
    quantized = quantize_model(pruned(model), np.ones((2, 16)), bits=bits)
    save_model(tmp_path / "a.safetensors", model)
    save_model(tmp_path / "b.safetensors", quantized, sparse=sparse)
    found = {f.name: f for f in audit(tmp_path / "a.safetensors", tmp_path / "b.safetensors")}
    assert {f.verdict for f in found.values()} == {"explained"}
    said = {f"weights.{i}": w.p for i, w in enumerate(quantized.weights)}
    assert {n: found[n].explanation.candidate.settings["p"] for n in said} == said
    assert {f.forms for n, f in found.items() if n in said} == {("dense", "sparse" if sparse else "dense")}
    assert found["weights.0"].says == f"p={quantized.weights[0].p} bits={bits}"


def test_codes_by_huffman_are_read_as_well(tmp_path):
    model = student()
    quantized = quantize_model(pruned(model), np.ones((2, 16)))
    save_model(tmp_path / "a.safetensors", model)
    save_model(tmp_path / "b.safetensors", quantized, huffman=True)
    found = {f.name: f for f in audit(tmp_path / "a.safetensors", tmp_path / "b.safetensors")}
    assert {f.verdict for f in found.values()} == {"explained"}
    assert {f.name for f in found.values() if f.forms == ("dense", "huffman")} == {"weights.0", "weights.1"}
    assert found["weights.0"].dtypes == ("float32", "int8")


def test_a_sparse_original_is_read_as_well(tmp_path):
    model = pruned(student())
    save_model(tmp_path / "a.safetensors", model, sparse=True)
    save_model(tmp_path / "b.safetensors", quantize_model(model, np.ones((2, 16))), sparse=True)
    found = list(audit(tmp_path / "a.safetensors", tmp_path / "b.safetensors"))
    assert [(f.verdict, f.shapes[0]) for f in found if f.name == "weights.0"] == [("explained", (16, 12))]


def test_pruned_models_are_understood(tmp_path):
    model = student()
    save_model(tmp_path / "a.safetensors", model)
    save_model(tmp_path / "b.safetensors", pruned(model), sparse=True)
    found = {f.name: f for f in audit(tmp_path / "a.safetensors", tmp_path / "b.safetensors")}
    assert {f.verdict for f in found.values()} == {"explained"}
    assert found["weights.0"].explanation.selection.settings == {"k": 48}


def test_values_and_indices_without_a_shape_stay_what_they_are(tmp_path):
    parts = {"w.values": np.float32([1, 2]), "w.indices": np.uint8([0, 3])}
    found = audited(tmp_path, parts, {**parts, "w.values": np.float32([1, 3])})
    assert {n: f.verdict for n, f in found.items()} == {"w.values": "not explained", "w.indices": "explained"}


def test_a_mask_beside_a_tensor_prunes_it(tmp_path):
    mask = (np.abs(W) >= np.median(np.abs(W))).astype(np.float32)
    found = audited(tmp_path, {"w": W}, {"w_orig": W, "w_mask": mask})
    assert (found["w"].verdict, found["w"].forms) == ("explained", ("dense", "masked"))
    assert found["w"].explanation.selection.settings == {"k": 96}


def test_a_scale_is_read_with_its_tensor_and_is_no_tensor_of_its_own(tmp_path):
    scale = np.float32(np.abs(W).max() / 127)
    codes = np.clip(np.rint(W / scale), -127, 127).astype(np.int8)
    found = audited(
        tmp_path, {"l.weight": W}, {"l.weight": codes, "l.scale": np.array(scale), "l.zero_point": np.array(0)}
    )
    assert list(found) == ["l.weight"]
    assert (found["l.weight"].verdict, found["l.weight"].companions) == ("explained", ("l.scale", "l.zero_point"))


def test_a_scale_that_is_not_the_one_of_the_codes_is_told(tmp_path):
    found = audited(tmp_path, {"w": W}, {"w": quantize(W, 5, bits=8), "w_scale": np.array(0.5)})
    assert found["w"].verdict == "not explained"
    assert found["w"].explanation.candidate.contradicts == "the file has a scale in w_scale"


def test_what_one_file_lacks_or_has_in_another_shape_is_said(tmp_path):
    found = audited(
        tmp_path,
        {"gone": W, "same": W, "turned": W},
        {"new": W, "same": W, "turned": np.ascontiguousarray(W.T)},
    )
    assert {n: f.verdict for n, f in found.items()} == {
        "gone": "missing",
        "same": "explained",
        "turned": "another shape",
        "new": "added",
    }
    assert found["turned"].shapes == ((12, 16), (16, 12))
    assert (found["gone"].shapes, found["new"].dtypes) == (((12, 16), None), (None, "float32"))
    assert sum(f.of for f in found.values()) == W.size


def test_a_sparse_tensor_takes_the_shape_of_the_original_or_is_damaged(tmp_path):
    sparse = {"w.values": np.float32([1]), "w.indices": np.uint16([W.size])}
    with pytest.raises(ValueError, match=r"b.safetensors: w is no whole sparse tensor: indices\[0\] is 192"):
        audited(tmp_path, {"w": W}, sparse)


@pytest.mark.parametrize("dtype", ["bfloat16", "float8_e4m3fn", "float8_e5m2", "float16"])
def test_small_floats_are_read(tmp_path, dtype):
    small = W.astype(np.dtype(getattr(ml_dtypes, dtype, dtype)))
    found = audited(tmp_path, {"w": W, "v": small}, {"w": small, "v": small})
    assert {n: f.explanation.candidate.rule for n, f in found.items()} == {"v": "unchanged, bit for bit", "w": "cast"}
    assert found["w"].dtypes == ("float32", dtype)


def test_a_dtype_that_is_not_read_is_said(tmp_path):
    header = b'{"w":{"dtype":"F4","shape":[16],"data_offsets":[0,8]}}'
    (tmp_path / "b.safetensors").write_bytes(len(header).to_bytes(8, "little") + header + bytes(8))
    save_file({"w": np.ones(16, np.float32)}, tmp_path / "a.safetensors")
    (found,) = audit(tmp_path / "a.safetensors", tmp_path / "b.safetensors")
    assert (found.verdict, found.dtypes) == ("unread", ("float32", "F4"))


def test_both_files_are_opened_before_anything_is_compared(tmp_path):
    save_file({"w": W}, tmp_path / "a.safetensors")
    with pytest.raises(FileNotFoundError):
        opened(tmp_path / "a.safetensors", tmp_path / "b.safetensors")


MEASURE = """
import resource, sys
from refcompress.audit.comparison import audit
small = list(audit(sys.argv[1], sys.argv[1]))
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
verdicts = {f.verdict for f in audit(sys.argv[2], sys.argv[3])}
print(verdicts == {"explained"}, (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) * 1024)
"""


def test_memory_is_bounded_by_the_largest_tensor_and_not_by_the_file(tmp_path):
    """Five tensors of 6 MB, pruned and quantized.

    Held at once: the original's and the compressed tensor (6 + 1.5 MB), a status and two masks (1 byte an entry), the
    scratch of a selection (half of the tensor at most), and blocks of 65,536 entries.
    """
    size = 1_500_000
    x = np.random.default_rng(0).normal(size=size).astype(np.float32)
    save_file({"w": x[:100]}, tmp_path / "small.safetensors")
    save_file({f"w{i}": x * np.float32(i + 1) for i in range(5)}, tmp_path / "a.safetensors")
    y = {f"w{i}": quantize(sparsify(x * np.float32(i + 1), size // 3), 3, bits=8) for i in range(5)}
    save_file(y, tmp_path / "b.safetensors")
    names = [str(tmp_path / f"{n}.safetensors") for n in ("small", "a", "b")]
    run = subprocess.run([sys.executable, "-c", MEASURE, *names], capture_output=True, text=True, check=True, cwd=ROOT)
    right, peak = run.stdout.split()
    assert right == "True"
    assert int(peak) <= 4 * x.nbytes
