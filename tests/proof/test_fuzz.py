"""A few hundred hostile inputs at every door; ``fuzz.py`` runs as many as are asked for."""

import pytest
from proof.doors import FUNCTIONS
from proof.file_doors import FILES
from proof.fuzz import misnamed, planted, storm

import refcompress

SLOW = ("file: answers", "line: answers", "file: refcompress audit")  # each input is a whole command


@pytest.mark.parametrize("door", FUNCTIONS)
def test_a_function_answers_or_names_what_is_wrong(door):
    assert list(storm(door, seed=0, inputs=100)) == []


@pytest.mark.parametrize("door", FUNCTIONS)
def test_signalling_nans_and_the_ends_of_the_floats_are_as_any_number(door):
    assert list(planted(door)) == []


@pytest.mark.parametrize("door", FUNCTIONS)
def test_words_in_the_place_of_numbers_are_refused_by_the_name_of_the_argument(door):
    assert list(misnamed(door)) == []


@pytest.mark.parametrize("door", FILES)
def test_a_damaged_file_or_line_is_refused_in_a_sentence(door):
    assert list(storm(door, seed=0, inputs=15 if door.startswith(SLOW) else 100)) == []


def test_every_public_function_is_a_door():
    assert set(refcompress.__all__) <= set(FUNCTIONS)
