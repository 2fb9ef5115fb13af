import json

import numpy as np
import pytest
from safetensors.numpy import save_file

from refcompress.audit.own_files import OwnText, own_text
from refcompress.audit.tensor_files import open_tensors
from refcompress.checkpoints import save_model
from refcompress.mlp.network import initialize
from refcompress.quantized_model import quantize_model


def text_of(path, text):
    metadata = {} if text is None else {"refcompress": text if isinstance(text, str) else json.dumps(text)}
    save_file({"a": np.ones(1)}, path, metadata=metadata)
    return own_text(open_tensors(path))


def test_a_quantized_model_says_its_shapes_its_p_and_its_bits(tmp_path):
    model = quantize_model(initialize((6, 5, 4), seed=0), np.ones((2, 6)), bits=7)
    save_model(tmp_path / "m.safetensors", model, sparse=True)
    said = own_text(open_tensors(tmp_path / "m.safetensors"))
    assert said.shapes == {"weights.0": (6, 5), "weights.1": (5, 4)}
    assert said.bits == 7
    assert said.p == {f"weights.{i}": w.p for i, w in enumerate(model.weights)} | {
        f"biases.{i}": b.p for i, b in enumerate(model.biases)
    }


def test_a_float_model_says_its_shapes_alone(tmp_path):
    save_model(tmp_path / "m.safetensors", initialize((6, 5), seed=0))
    assert own_text(open_tensors(tmp_path / "m.safetensors")) == OwnText({"weights.0": (6, 5)})


def test_a_file_of_others_says_nothing(tmp_path):
    assert text_of(tmp_path / "m.safetensors", None) == OwnText()


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("{", "Expecting property name"),
        ([], "its format is not 'refcompress 1'"),
        ({"format": "refcompress 9"}, "its format is not 'refcompress 1'"),
        ({"format": "refcompress 1"}, "'sizes' is missing"),
        ({"format": "refcompress 1", "sizes": ["3", 4]}, r"sizes\[0\] is '3'"),
        ({"format": "refcompress 1", "sizes": 3}, "not iterable"),
        ({"format": "refcompress 1", "sizes": [3, 4], "bits": 8}, "'p' is missing"),
        ({"format": "refcompress 1", "sizes": [3, 4], "bits": 8, "p": [[1]]}, "not enough values"),
        ({"format": "refcompress 1", "sizes": [3, 4], "bits": 99, "p": [[1, 2]]}, "bits is 99"),
        ("[" * 100_000, "recursion"),
    ],
)
def test_a_damaged_text_is_refused_with_the_reason(tmp_path, text, message):
    with pytest.raises(ValueError, match=rf"m.safetensors: its text 'refcompress' is damaged: .*{message}"):
        text_of(tmp_path / "m.safetensors", text)
