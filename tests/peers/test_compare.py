"""Which settings reproduce which peer."""

import re

import numpy as np
import onnxruntime
import pytest

from refcompress.peers import PEERS
from refcompress.peers.compare import installed, investigate
from refcompress.peers.peer import Peer

BY_NAME = {peer.name: peer for peer in PEERS}
TRUNCATES = tuple(int(part) for part in onnxruntime.__version__.split(".")[:2]) <= (1, 29)

# peer -> the settings that its own arguments leave open, and which reproduce it
REPRODUCED = {
    "torch.quantize_per_tensor (qint8)": {"scaling": "reciprocal", "zero_point_added": "before_rounding"},
    "torch.fake_quantize_per_tensor_affine": {"scaling": "reciprocal", "zero_point_added": "after_rounding"},
    "torch.sort(stable=True) of magnitudes": {"ties": "lowest_index"},
    "torch.Tensor.to(float8_e4m3fn)": {"overflow": "saturate", "rounding": "half_even"},
    "ml_dtypes.float8_e4m3fn": {"overflow": "ieee", "rounding": "half_even"},
    "onnxruntime QuantizeLinear (int8, float32)": {"scaling": "divide", "zero_point_added": "after_rounding"},
    "jax.lax.top_k of magnitudes": {"ties": "lowest_index"},
}


def found(name):
    peer = BY_NAME[name]
    version = installed(peer.package)
    assert version is not None, f"{peer.package} is not installed"
    return investigate(peer, version)


@pytest.mark.parametrize("name", [name for name in REPRODUCED if "jax" not in name])
@pytest.mark.filterwarnings("ignore::UserWarning")
def test_a_peer_is_reproduced_to_the_bit(name):
    finding = found(name)
    assert finding.reproduced
    assert finding.elements >= 100_000
    assert {key: finding.settings[key] for key in REPRODUCED[name]} == REPRODUCED[name]


def test_torch_topk_keeps_neither_end_of_equal_magnitudes():
    finding = found("torch.topk of magnitudes")
    assert not finding.reproduced
    assert finding.report.counterexample is not None


def test_onnxruntime_departs_from_its_specification_in_float16_up_to_1_29():
    finding = found("onnxruntime QuantizeLinear (int8, float16)")
    departs = finding.report is not None
    assert departs == TRUNCATES
    if departs:
        assert re.search("truncates", finding.report.diagnosis[0].statement)


def test_a_peer_that_refuses_every_input_is_no_rule():
    def refuses(x, k):
        raise ValueError("no")

    finding = investigate(Peer("none", "numpy", "top_k_mask", refuses), np.__version__)
    assert (finding.elements, finding.refused > 100) == (0, True)
