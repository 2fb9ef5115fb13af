import numpy as np
import pytest

from refcompress.verify.bit_patterns import Patterns
from refcompress.verify.blocks import Found
from refcompress.verify.proof import Proof

LAST = {"float16": 2**16 - 1, "float32": 2**32 - 1}


def proof(found, dtype="float32", first=0, last=None, **more):
    return Proof("quantize", dtype, {"p": 4}, found, first, LAST[dtype] if last is None else last, **more)


def text(*call, **more):
    return " ".join(" ".join(proof(*call, **more).lines()).split())


def place(number, dtype="float16"):
    return int(Patterns(dtype).places(np.array([number], dtype))[0])


def test_a_right_candidate_is_proved_for_all():
    found = Found(2**32 - 16_777_214, nan=16_777_214)
    assert text(found) == (
        "proved for all 2^32 float32 inputs"
        " (16,777,214 of them NaN, which quantize rejects and the candidate was not given)"
    )


def test_other_inputs_that_are_rejected_are_said_too():
    assert "(3 of them NaN and 2 infinite and 1 without an answer, which quantize rejects" in text(Found(1, 3, 2, 1))


def test_a_part_is_not_called_a_proof():
    told = text(Found(2), "float16", place(1.0), place(1.0) + 1)
    assert told == "right for the 2 float16 inputs from 1.0 to 1.0009765625 (2^16 were not all swept)"


def test_one_that_misbehaves_is_not_proved():
    assert text(Found(9), "float16", misbehaved=True).startswith("every answer is right, for all 2^16 float16 inputs")


def test_the_set_that_differs_is_given_as_intervals():
    found = Found(2**16, intervals=((place(1.0), place(2.0), 1025), (place(2.5), place(2.5), 1)))
    told = text(found, "float16", judged=(1026, 64510))
    assert told == (
        "differs on 1,026 of all 2^16 float16 inputs it differs on [1.0, 2.0] (1,025), [2.5] the statements above were"
        " judged on all 1,026 inputs that differ and all 64,510 that agree"
    )


def test_an_interval_that_holds_others_says_how_many_differ():
    assert "[1.0, 2.0] (7 of the 1,025 in it)" in text(Found(9, intervals=((place(1.0), place(2.0), 7),)), "float16")


def test_of_many_intervals_the_ones_next_to_zero_are_shown():
    found = Found(99, intervals=tuple((place(float(n)), place(float(n)), 1) for n in range(-20, 21)))
    told = text(found, "float16")
    assert "[-4.0], [-3.0], [-2.0], [-1.0], [0.0], [1.0], [2.0], [3.0] and 33 more intervals" in told


def test_what_is_not_answered_is_said_with_the_reason():
    found = Found(9, silent=((5, 5, "raises E"), (9, 10, "raises E"), (20, 20, "dies")))
    told = text(found, "float16", given_up="3 blocks cost a process")
    assert "gives no answer to 4 of all 2^16" in told
    assert told.count("it raises E: on inputs in [") == 1
    assert told.endswith("given up: 3 blocks cost a process")


def test_the_json_holds_every_interval():
    found = Found(9, 2, intervals=((place(1.0), place(2.0), 1025),), silent=((place(float("inf")),) * 2 + ("dies",),))
    written = proof(found, "float16", judged=(3, 4)).json()
    assert written["intervals"] == [
        {"first": 1.0, "last": 2.0, "first_bits": "3c00", "last_bits": "4000", "inputs": 1025, "differing": 1025}
    ]
    assert written["silent"] == [
        {"first": "inf", "last": "inf", "first_bits": "7c00", "last_bits": "7c00", "why": "dies"}
    ]
    assert (written["dtype"], written["inputs"], written["accepted"], written["differing"]) == (
        "float16",
        65536,
        9,
        1025,
    )
    assert (written["rejected"], written["fixed"]) == ({"nan": 2, "infinite": 0, "outside": 0}, {"p": 4})


@pytest.mark.parametrize(
    ("fixed", "told"), [({"p": 4}, "p=4"), ({"scale": 0.5, "zero_point": 3}, "scale=0.5 zero_point=3")]
)
def test_the_other_inputs_are_said(fixed, told):
    assert Proof("f", "float16", fixed, Found(), 0, 1).given() == told
