"""Which settings reproduce which peer."""

import numpy as np
import pytest

from refcompress.peers import PEERS
from refcompress.peers.compare import installed, investigate
from refcompress.peers.peer import Peer

BY_NAME = {peer.name: peer for peer in PEERS}

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


# peer -> the known fault that gives its every answer, where no settings alone do
FAULTS = {
    "torch.quantize_per_channel (qint8)": "reciprocal_then_sum",
    "torch.fake_quantize_per_tensor_affine, its gradient": "multiplied",
    "onnx QuantizeLinear (int8, float32)": "cast_and_sum_in_int32",
    "LiteRT QUANTIZE (int8, reference kernel)": "cast_and_sum_in_int32",
}


@pytest.mark.parametrize("name", FAULTS)
def test_a_peer_that_leaves_every_rule_is_given_by_a_known_fault(name):
    finding = found(name)
    assert finding.reproduced
    assert finding.fault.name == FAULTS[name]
    assert finding.report.counterexample is not None


def test_a_peer_is_asked_only_for_what_it_can_be_given():
    def nothing(x, k):
        assert (x.size > 0, k) == (True, 0)
        return np.zeros(x.shape, np.bool_)

    peer = Peer("none", "numpy", "top_k_mask", nothing, within=lambda x, k: np.full(x.shape, k == 0))
    finding = investigate(peer, np.__version__)
    assert (finding.reproduced, finding.refused) == (True, 0)


def test_torch_topk_keeps_neither_end_of_equal_magnitudes():
    finding = found("torch.topk of magnitudes")
    assert not finding.reproduced
    assert finding.report.counterexample is not None


def test_a_peer_that_refuses_every_input_is_no_rule():
    def refuses(x, k):
        raise ValueError("no")

    finding = investigate(Peer("none", "numpy", "top_k_mask", refuses), np.__version__)
    assert (finding.elements, finding.refused > 100) == (0, True)


@pytest.mark.parametrize(("scale", "asked"), [(2.0**-126, True), (2.0**-127, False)])
def test_xnnpack_is_not_asked_for_a_subnormal_scale_which_crashes_the_interpreter(scale, asked):
    x = np.ones(2, np.float32)
    assert BY_NAME["LiteRT QUANTIZE (int8, XNNPACK kernel)"].within(x, scale, 0).tolist() == [asked, asked]
