"""Which settings reproduce the pruning and the distillation of other libraries."""

import numpy as np
import pytest
import torch

from refcompress import distillation_gradient, distillation_loss, keep_count
from refcompress.distillation.error_bounds import distillation_gradient_bound, distillation_loss_bound
from refcompress.mlp.error_bounds import precision_of
from refcompress.peers.compare import installed, investigate
from refcompress.peers.practice_peers import PEERS

torch.set_num_threads(1)
BY_NAME = {peer.name: peer for peer in PEERS}

# peer -> the settings that its own arguments leave open, and which reproduce it
REPRODUCED = {
    "torch.optim.SGD, then masked_fill": {},
    "torch.nn.functional.kl_div (batchmean)": {"scaled": False, "reduction": "batch_mean", "direction": "forward"},
    "torch.nn.functional.kl_div (mean)": {"scaled": False, "reduction": "mean", "direction": "forward"},
    "torch.nn.functional.kl_div (sum)": {"scaled": False, "reduction": "sum", "direction": "forward"},
    "torch.nn.functional.kl_div (log_target) * T^2": {"scaled": True, "reduction": "batch_mean"},
    "torch.nn.functional.kl_div (batchmean), its gradient": {"scaled": False, "reduction": "batch_mean"},
    "torch.nn.functional.kl_div (log_target) * T^2, its gradient": {"scaled": True, "reduction": "batch_mean"},
    "torch.nn.functional.mse_loss (mean)": {"reduction": "mean"},
    "torch.nn.functional.mse_loss (sum)": {"reduction": "sum"},
    "torch.nn.functional.mse_loss (mean), its gradient": {"reduction": "mean"},
    "torch.nn.functional.mse_loss (sum), its gradient": {"reduction": "sum"},
    "sklearn.metrics.mean_squared_error": {"reduction": "mean"},
}

# peer -> what the best explanation of its departure says
DEPARTS = {
    "torch.ao.pruning.WeightNormSparsifier (2:4)": "multiplies x by the mask",
    "torch.optim.SGD under torch.nn.utils.prune": "differs only where weights are pruned",
}


def found(name):
    peer = BY_NAME[name]
    return investigate(peer, installed(peer.package))


@pytest.mark.parametrize("name", REPRODUCED)
def test_a_peer_gives_every_answer_within_its_bound(name):
    finding = found(name)
    assert finding.reproduced
    assert finding.fault is None
    assert finding.refused == 0
    assert finding.elements >= BY_NAME[name].numbers
    assert {key: finding.settings[key] for key in REPRODUCED[name]} == REPRODUCED[name]


@pytest.mark.parametrize("name", DEPARTS)
@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_a_peer_that_departs_is_told_how(name):
    finding = found(name)
    assert not finding.reproduced
    assert DEPARTS[name] in " ".join(finding.report.text().split())


def test_scipy_s_relative_entropy_of_softmax_is_the_divergence_but_for_probabilities_that_underflow():
    finding = found("scipy.special.rel_entr of softmax")
    assert finding.fault.name == "underflow"
    assert finding.reproduced
    assert "takes the logarithm of probabilities that underflow to 0" in " ".join(finding.report.text().split())


def test_torch_counts_the_pruned_ones():
    assert found("torch.nn.utils.prune, amount").fault is not None
    assert keep_count(50, 0.29, counts="pruned") == 36  # 14.5 is a tie; in floats it is below
    assert BY_NAME["torch.nn.utils.prune, amount"].function(50, 0.29) == 36


def test_under_torch_s_parametrization_the_velocity_of_a_pruned_weight_goes_on():
    step = BY_NAME["torch.optim.SGD under torch.nn.utils.prune"].function
    one = np.ones(1, np.float32)
    w, velocity = step(one, one, one, np.array([False]))
    assert w == 0
    assert velocity != 0


@pytest.mark.parametrize("scale", [0.1, 1.0, 100.0])
def test_jax_and_its_gradient_are_within_the_bounds(scale):
    import jax

    def loss(student, teacher):
        a, b = jax.nn.log_softmax(student / 4), jax.nn.log_softmax(teacher / 4)
        return (jax.numpy.exp(b) * (b - a)).sum() * 16 / len(student)

    s, t = ((scale * np.random.default_rng(seed).standard_normal((5, 7))).astype(np.float32) for seed in (0, 1))
    value, slope = jax.jit(jax.value_and_grad(loss))(s, t)
    settings = {"temperature": 4.0, "scaled": True, "reduction": "batch_mean", "direction": "forward"}
    precision = precision_of("float32")
    bound = distillation_loss_bound(s, t, **settings, precision=precision)
    assert abs(float(value) - distillation_loss(s, t)) <= bound
    wide = distillation_gradient(s.astype(np.float64), t.astype(np.float64))
    bounds = distillation_gradient_bound(s, t, **settings, precision=precision)
    assert (np.abs(np.asarray(slope, np.float64) - wide) <= bounds).all()
