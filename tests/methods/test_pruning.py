import numpy as np
import pytest
from methods.small import bench

from refcompress.methods.bench import coded
from refcompress.methods.pruning import AT_ONCE, TUNED, gradually, layer_by_layer, operated
from refcompress.mlp.network import MLP


@pytest.mark.parametrize("name", TUNED)
def test_every_way_to_prune_and_train_is_within_the_budget(name):
    assert TUNED[name](bench()).bytes <= bench().budget


@pytest.mark.parametrize("name", AT_ONCE)
def test_every_way_to_prune_without_training_keeps_half(name):
    codes = coded(bench(), bench().student)
    biases = sum(b.values.nbytes for b in codes.biases)
    places = bench().student.weights[0].size // 2 * 3 + bench().student.weights[1].size // 2 * 2
    assert AT_ONCE[name](bench()).bytes <= biases + bench().size // 2 * 3
    assert AT_ONCE[name](bench()).bytes <= biases + places + bench().size // 2


def test_all_start_from_the_same_student():
    before = [w.tobytes() for w in bench().student.weights]
    gradually(bench(), 50)
    layer_by_layer(bench().student, bench().few.x, operated)
    assert [w.tobytes() for w in bench().student.weights] == before


def test_a_layer_is_cut_by_what_the_cut_layers_before_it_put_out():
    seen = []

    def cut(w, h):
        seen.append(h)
        return w * 0 if len(seen) == 1 else w

    model = MLP([np.ones((2, 2)), np.ones((2, 1))], [np.ones(2), np.zeros(1)])
    layer_by_layer(model, np.array([[3.0, 4.0]]), cut)
    assert seen[0].tolist() == [[18, 24], [24, 32]]
    assert seen[1].tolist() == [[2, 2], [2, 2]]  # the first layer gives its bias alone


def test_the_surgeon_does_better_than_leaving_the_others_alone():
    x = np.random.default_rng(0).normal(size=(50, 6)) @ np.random.default_rng(1).normal(size=(6, 6))
    w, h = np.random.default_rng(2).normal(size=(6, 3)), 2 * x.T @ x
    mended = operated(w, h)
    assert ((mended != 0).sum(axis=0) == 3).all()
    left_alone = np.where(mended != 0, w, 0)
    assert ((x @ (mended - w)) ** 2).sum() < ((x @ (left_alone - w)) ** 2).sum()
