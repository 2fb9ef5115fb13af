import numpy as np
import pytest

from refcompress.commands.explore_study import train, untrained
from refcompress.compression import Plan
from refcompress.datasets import load_digits
from refcompress.distillation.knowledge import extract_knowledge
from refcompress.distillation.objectives import target_outputs

QUICK = Plan(
    teacher_hidden=(16,), student_hidden=(8,), teacher_epochs=2, student_epochs=2, prune_steps=1, tuning_epochs=1
)


@pytest.fixture(scope="module")
def published():
    states = []
    train(load_digits(), QUICK, states.append, sparsities=(0.0, 0.5))
    return states


def test_the_networks_are_there_before_they_are_trained():
    study = untrained(load_digits(), QUICK)
    assert study.student.sizes == (64, 8, 10)
    assert study.size == 64 * 8 + 8 * 10
    assert not study.trained


def test_every_stage_is_told_as_it_begins_and_the_end_is_ready(published):
    assert [state.step for state in published] == [0, 1, 2, 3, 4, 5, 6, 6]
    assert published[-1].text == "ready"
    assert published[-1].steps == published[-1].step


def test_the_frontier_grows_with_every_sparsity(published):
    assert [len(state.points) for state in published] == [0, 0, 0, 0, 0, 0, 5, 10]


def test_the_models_are_published_when_all_are_trained(published):
    assert [state.trained for state in published] == [False] * 5 + [True] * 3
    assert len({id(state.student) for state in published[5:]}) == 1


def test_the_scale_of_the_outputs_is_the_one_that_the_student_learned_them_by(published):
    last = published[-1]
    knowledge = extract_knowledge(last.teacher, last.few.x)
    outputs = knowledge.outputs - knowledge.outputs.mean(axis=1, keepdims=True)
    assert last.output_scale == np.std(outputs)
    assert np.std(target_outputs(knowledge)) == pytest.approx(1)
