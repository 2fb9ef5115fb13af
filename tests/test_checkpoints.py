import json
import struct
import zipfile
from fractions import Fraction

import ml_dtypes
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from refcompress.arguments import SMALL_FLOATS
from refcompress.checkpoints import load_model, save_model
from refcompress.mlp.network import MLP, initialize
from refcompress.quantized_model import ActivationFormat, Codes, QuantizedMLP, quantize_model

ENDINGS = [".safetensors", ".npz"]


def same(first, second):
    """Every array of the same dtype, shape and bits, and everything else equal."""

    def arrays(model):
        quantized = isinstance(model, QuantizedMLP)
        return [a.values if quantized else a for a in (*model.weights, *model.biases)]

    assert type(first) is type(second)
    assert first.activation == second.activation
    if isinstance(first, QuantizedMLP):
        assert first.formats == second.formats
        assert first.bits == second.bits
        assert [c.p for c in (*first.weights, *first.biases)] == [c.p for c in (*second.weights, *second.biases)]
    return [(a.dtype, a.shape, a.tobytes()) for a in arrays(first)] == [
        (a.dtype, a.shape, a.tobytes()) for a in arrays(second)
    ]


@pytest.mark.parametrize("ending", ENDINGS)
@pytest.mark.parametrize("sparse", [False, True])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_a_float_model_comes_back_bit_for_bit(tmp_path_factory, ending, sparse, dtype):
    folder = tmp_path_factory.mktemp("models")

    @given(
        w=hnp.arrays(
            dtype, st.tuples(st.integers(1, 5), st.integers(1, 4)), elements=st.sampled_from([0.0, -0.0, 1.5, -3e-39])
        ),
        activation=st.sampled_from(["relu", "tanh", "identity"]),
    )
    def check(w, activation):
        model = MLP((w,), (w[0],), activation)
        save_model(folder / f"m{ending}", model, sparse=sparse)
        assert same(model, load_model(folder / f"m{ending}"))

    check()


@pytest.mark.parametrize("ending", ENDINGS)
@pytest.mark.parametrize("sparse", [False, True])
@pytest.mark.parametrize("bits", [2, 4, 8, 12])
def test_a_quantized_model_comes_back_with_its_codes_and_formats(tmp_path, ending, sparse, bits):
    x = np.random.default_rng(0).normal(size=(20, 6))
    model = quantize_model(initialize((6, 5, 4, 3), seed=0), x, bits=bits)
    save_model(tmp_path / f"m{ending}", model, sparse=sparse)
    again = load_model(tmp_path / f"m{ending}")
    assert same(model, again)
    assert np.array_equal(model.accumulate(x), again.accumulate(x))


def test_codes_are_stored_as_integers_and_indices_as_small_as_they_can_be(tmp_path):
    from safetensors.numpy import load_file

    model = quantize_model(initialize((64, 16, 10), seed=0), np.ones((2, 64)), bits=8)
    save_model(tmp_path / "m.safetensors", model, sparse=True)
    dtypes = {name: array.dtype.name for name, array in load_file(tmp_path / "m.safetensors").items()}
    assert dtypes == {
        "biases.0": "int8",
        "biases.1": "int8",
        "weights.0.indices": "uint16",
        "weights.0.values": "int8",
        "weights.1.indices": "uint8",
        "weights.1.values": "int8",
    }


@pytest.mark.parametrize("ending", ENDINGS)
@pytest.mark.parametrize("sparse", [False, True])
@pytest.mark.parametrize("dtype", ["float16", "float32", "float64", *sorted(SMALL_FLOATS), "object"])
def test_a_dtype_comes_back_or_is_refused_before_anything_is_written(tmp_path, ending, sparse, dtype):
    kind = np.dtype(getattr(ml_dtypes, dtype, dtype))
    one = Fraction(1) if dtype == "object" else 1.0
    model, path = MLP((np.array([[one]], kind),), (np.array([one], kind),)), tmp_path / f"m{ending}"
    if dtype in ("float16", "float32", "float64") or (dtype, ending) == ("bfloat16", ".safetensors"):
        save_model(path, model, sparse=sparse)
        assert same(model, load_model(path))
        return
    with pytest.raises(ValueError, match=rf"weights\[0\] has dtype {dtype}: such a file holds float16, "):
        save_model(path, model, sparse=sparse)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("ending", ENDINGS)
def test_what_is_no_model_is_refused(tmp_path, ending):
    with pytest.raises(TypeError, match="model is 5: it must be MLP or QuantizedMLP"):
        save_model(tmp_path / f"m{ending}", 5)


@pytest.mark.parametrize("ending", ENDINGS)
def test_the_size_returned_is_that_of_the_file(tmp_path, ending):
    path = tmp_path / f"m{ending}"
    assert save_model(path, initialize((3, 2), seed=0)) == path.stat().st_size


@pytest.mark.parametrize("ending", ENDINGS)
def test_the_same_model_gives_the_same_bytes(tmp_path, ending):
    for name in "ab":
        save_model(tmp_path / f"{name}{ending}", initialize((3, 2), seed=0), sparse=True)
    assert (tmp_path / f"a{ending}").read_bytes() == (tmp_path / f"b{ending}").read_bytes()


def test_another_ending_is_refused(tmp_path):
    with pytest.raises(ValueError, match=r"path is '.*m.pt': it must end in .safetensors or .npz"):
        save_model(tmp_path / "m.pt", initialize((3, 2), seed=0))


@pytest.mark.parametrize("ending", ENDINGS)
def test_a_missing_file_is_an_os_error_that_names_it(tmp_path, ending):
    with pytest.raises(FileNotFoundError, match="none"):
        load_model(tmp_path / f"none{ending}")


@pytest.mark.parametrize("ending", ENDINGS)
def test_a_file_cut_anywhere_is_refused(tmp_path, ending):
    path = tmp_path / f"m{ending}"
    save_model(path, initialize((3, 4, 2), seed=0), sparse=True)
    whole = path.read_bytes()
    for length in range(0, len(whole), 7):
        path.write_bytes(whole[:length])
        with pytest.raises(ValueError, match=f"m{ending}"):
            load_model(path)


@pytest.mark.parametrize("ending", ENDINGS)
def test_a_changed_byte_never_gives_another_error_than_the_two_that_are_promised(tmp_path, ending):
    path = tmp_path / f"m{ending}"
    save_model(path, quantize_model(initialize((3, 4, 2), seed=0), np.ones((1, 3))), sparse=True)
    whole = bytearray(path.read_bytes())
    generator = np.random.default_rng(0)
    refused = 0
    for _ in range(400):
        changed = whole.copy()
        changed[generator.integers(len(whole))] = generator.integers(256)
        path.write_bytes(changed)
        try:
            load_model(path)
        except (ValueError, OSError):
            refused += 1
    assert refused > 0


def rewritten(path, change):
    """Write a safetensors file again with its JSON text changed."""
    from safetensors import safe_open
    from safetensors.numpy import load_file, save_file

    with safe_open(path, framework="numpy") as file:
        rest = json.loads(file.metadata()["refcompress"])
    arrays = load_file(path)
    change(rest, arrays)
    save_file(arrays, path, metadata={"refcompress": json.dumps(rest)})


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda rest, arrays: rest.update(format="other"), "its format is not 'refcompress 1'"),
        (lambda rest, arrays: rest.pop("sizes"), "'sizes' is missing"),
        (lambda rest, arrays: rest.update(sizes=[3, 5, 2]), "layer 0"),
        (lambda rest, arrays: rest.update(sizes=["3", 4, 2]), r"sizes\[0\] is '3'"),
        (lambda rest, arrays: arrays.pop("biases.1"), "'biases.1' is missing"),
        (lambda rest, arrays: arrays.update(extra=np.ones(1)), "it has arrays of no layer: extra"),
        (lambda rest, arrays: arrays["weights.0"].fill(np.nan), r"weights\[0\]\[0, 0\] is nan"),
        (lambda rest, arrays: rest.update(activation="gelu"), "activation is 'gelu'"),
    ],
)
def test_a_file_that_holds_no_whole_model_is_refused_with_the_reason(tmp_path, change, message):
    path = tmp_path / "m.safetensors"
    save_model(path, initialize((3, 4, 2), seed=0))
    rewritten(path, change)
    with pytest.raises(ValueError, match=rf"m.safetensors holds no whole model: .*{message}"):
        load_model(path)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda rest, arrays: arrays.update({"weights.0": arrays["weights.0"] + 0.5}), "values has dtype float64"),
        (lambda rest, arrays: arrays.update({"biases.1": arrays["biases.1"] > 0}), "values has dtype bool"),
        (lambda rest, arrays: rest["p"][1].__setitem__(0, 0.5), "p is 0.5"),
        (lambda rest, arrays: rest["inputs"][0].__setitem__(1, 1), "bits is 1: it must be from 2 to 32"),
        (lambda rest, arrays: rest["inputs"][0].__setitem__(2, 1), "signed is 1: it must be True or False"),
    ],
)
def test_a_file_that_holds_no_whole_quantized_model_is_refused_with_the_reason(tmp_path, change, message):
    path = tmp_path / "m.safetensors"
    save_model(path, quantize_model(initialize((3, 4, 2), seed=0), np.ones((2, 3))))
    rewritten(path, change)
    with pytest.raises(ValueError, match=rf"m.safetensors holds no whole model: .*{message}"):
        load_model(path)


@pytest.mark.parametrize("ending", ENDINGS)
def test_big_endian_codes_come_back_as_the_same_numbers(tmp_path, ending):
    codes = np.array([[1], [-300]], ">i2")
    model = QuantizedMLP((Codes(codes, 3),), (Codes(np.array([7], ">i2"), 3),), (ActivationFormat(0, 8, True),), 10)
    save_model(tmp_path / f"m{ending}", model)
    again = load_model(tmp_path / f"m{ending}")
    assert same(model, again)
    assert again.weights[0].values.tolist() == codes.tolist()


@pytest.mark.parametrize("dtype", ["F8_E4M3", "F8_E5M2", "F4", "C64"])
def test_a_file_of_another_tool_with_a_dtype_that_no_model_has_is_refused(tmp_path, dtype):
    size = {"F4": 1, "C64": 8}.get(dtype, 2)
    header = json.dumps({"w": {"dtype": dtype, "shape": [1 if dtype == "C64" else 2], "data_offsets": [0, size]}})
    (tmp_path / "m.safetensors").write_bytes(struct.pack("<Q", len(header)) + header.encode() + bytes(size))
    with pytest.raises(ValueError, match=r"m.safetensors "):
        load_model(tmp_path / "m.safetensors")


def test_a_sparse_file_whose_index_leaves_the_array_is_refused(tmp_path):
    path = tmp_path / "m.safetensors"
    save_model(path, initialize((3, 4, 2), seed=0), sparse=True)
    rewritten(path, lambda rest, arrays: arrays["weights.0.indices"].fill(200))
    with pytest.raises(ValueError, match=r"m.safetensors holds no whole model: indices\[0\] is 200"):
        load_model(path)


def test_a_model_that_could_pass_int32_is_refused_when_it_is_loaded(tmp_path):
    path = tmp_path / "m.safetensors"
    save_model(path, quantize_model(initialize((64, 4, 2), seed=0), np.ones((1, 64)), bits=12))
    rewritten(path, lambda rest, arrays: rest.update(inputs=[[0, 32, True], [0, 8, False]]))
    with pytest.raises(ValueError, match=r"layer 0 could sum to .* past int32"):
        load_model(path)


def test_a_pickle_in_an_npz_is_not_loaded(tmp_path):
    path = tmp_path / "m.npz"
    with path.open("wb") as file:
        np.savez(file, weights=np.array([{"a": 1}], object))
    with pytest.raises(ValueError, match=r"m.npz is no whole npz file: Object arrays cannot be loaded"):
        load_model(path)


def test_a_header_that_claims_more_than_the_file_holds_is_refused(tmp_path):
    path = tmp_path / "m.safetensors"
    path.write_bytes(struct.pack("<Q", 2**40) + b"{}")
    with pytest.raises(ValueError, match=r"m.safetensors is no whole safetensors file"):
        load_model(path)


def test_a_sparse_file_whose_sizes_are_larger_than_its_indices_reach_is_refused(tmp_path):
    path = tmp_path / "m.safetensors"
    save_model(path, initialize((3, 4, 2), seed=0), sparse=True)
    rewritten(path, lambda rest, arrays: rest.update(sizes=[2**31, 4, 2]))
    with pytest.raises(ValueError, match=r"weights.0.indices has dtype uint8: not uint64"):
        load_model(path)


def test_an_archive_with_a_member_that_is_no_array_is_refused(tmp_path):
    path = tmp_path / "m.npz"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("refcompress", b"{}")
    with pytest.raises(ValueError, match=r"m.npz is no whole npz file: its member 'refcompress' is no array"):
        load_model(path)


def coded(tmp_path, ending=".safetensors", sizes=(64, 16, 10), bits=8):
    x = np.random.default_rng(0).normal(size=(20, sizes[0]))
    model = quantize_model(initialize(sizes, seed=0), x, bits=bits)
    save_model(tmp_path / f"m{ending}", model, huffman=True)
    return model


@pytest.mark.parametrize("ending", ENDINGS)
@pytest.mark.parametrize("bits", [2, 4, 8])
def test_codes_by_huffman_come_back_bit_for_bit(tmp_path, ending, bits):
    model = coded(tmp_path, ending, bits=bits)
    assert same(model, load_model(tmp_path / f"m{ending}"))


def test_what_is_written_by_huffman_is_its_file_of_codes(tmp_path):
    from safetensors.numpy import load_file

    from refcompress.huffman import huffman_encode

    model = coded(tmp_path)
    arrays = load_file(tmp_path / "m.safetensors")
    assert {name: array.dtype.name for name, array in arrays.items()} == {
        "biases.0": "int8",
        "biases.1": "int8",
        "weights.0.huffman": "uint8",
        "weights.1.huffman": "uint8",
    }
    for number, w in enumerate(model.weights):
        assert arrays[f"weights.{number}.huffman"].tobytes() == huffman_encode(w.values.view(np.uint8))


def test_a_matrix_of_one_code_is_stored_as_it_is(tmp_path):
    from safetensors.numpy import load_file

    zeros = MLP((np.zeros((6, 3)), np.eye(3)), (np.ones(3), np.ones(3)))
    model = quantize_model(zeros, np.ones((2, 6)))
    save_model(tmp_path / "m.safetensors", model, huffman=True)
    assert "weights.0" in load_file(tmp_path / "m.safetensors")
    assert same(model, load_model(tmp_path / "m.safetensors"))


@pytest.mark.parametrize(
    ("model", "settings", "message"),
    [
        (
            lambda: initialize((3, 2), seed=0),
            {},
            r"weights\[0\] has dtype float64: Huffman's code is for codes of int8",
        ),
        (
            lambda: quantize_model(initialize((3, 2), seed=0), np.ones((1, 3)), bits=12),
            {},
            r"weights\[0\] has dtype int16: Huffman's code is for codes of int8",
        ),
        (lambda: initialize((3, 2), seed=0), {"sparse": True}, "sparse and huffman exclude each other"),
    ],
)
def test_what_huffman_s_code_is_not_for_is_refused(tmp_path, model, settings, message):
    with pytest.raises(ValueError, match=message):
        save_model(tmp_path / "m.npz", model(), huffman=True, **settings)
    assert not (tmp_path / "m.npz").exists()


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda codes: codes[:9], "it must be a file of codes, in uint8"),
        (lambda codes: codes.view(np.int8), "dtype int8 and"),
        (lambda codes: codes[:-1], "data is damaged: its checksum"),
        (lambda codes: np.r_[np.uint8([1]), codes[1:]], r"codes in \d+ bytes: they must be 1024, for \(64, 16\)"),
        (lambda codes: np.r_[codes[:20], codes[20:21] ^ 1, codes[21:]], "data is damaged: its checksum"),
    ],
)
def test_damaged_codes_are_refused(tmp_path, change, message):
    coded(tmp_path)

    def damage(rest, arrays):
        arrays["weights.0.huffman"] = np.ascontiguousarray(change(arrays["weights.0.huffman"]))

    rewritten(tmp_path / "m.safetensors", damage)
    with pytest.raises(ValueError, match=rf"m.safetensors holds no whole model: .*{message}"):
        load_model(tmp_path / "m.safetensors")


def test_sizes_that_lie_about_a_single_code_take_no_memory(tmp_path):
    import zlib

    from refcompress.huffman import huffman_encode

    coded(tmp_path)
    body = (2**40 * 16).to_bytes(8, "little") + huffman_encode([3, 3, 3, 3])[8:-4]

    def damage(rest, arrays):
        rest.update(sizes=[2**40, 16, 10])
        arrays["weights.0.huffman"] = np.frombuffer(body + zlib.crc32(body).to_bytes(4, "little"), np.uint8)

    rewritten(tmp_path / "m.safetensors", damage)
    with pytest.raises(ValueError, match=r"weights.0.huffman has 17592186044416 codes in 16 bytes"):
        load_model(tmp_path / "m.safetensors")
