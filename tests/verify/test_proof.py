import json
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from refcompress.verify.bit_patterns import Patterns
from refcompress.verify.blocks import Found
from refcompress.verify.proof import Proof

LAST = {"int8": 2**8 - 1, "float16": 2**16 - 1, "float32": 2**32 - 1}
SIGNALLING = np.array([0x7F800001], np.uint32).view(np.float32)


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
    found = Found(99, intervals=tuple((place(float(n)), place(float(n)), 1) for n in range(-160, 161)))
    told = text(found, "float16")
    assert "[-4.0], [-3.0], [-2.0], [-1.0], [0.0], [1.0], [2.0], [3.0] and 313 more intervals" in told


def test_an_interval_is_as_near_to_zero_as_its_nearer_end():
    points = [-2000.0, *(-float(n) for n in range(10, 1, -1))]
    found = Found(
        99,
        intervals=(
            *((place(n), place(n), 1) for n in points),
            (place(-1.0), place(1000.0), 9),
            *((place(n), place(n), 1) for n in (1001.0, 1002.0)),
        ),
    )
    assert "it differs on [-8.0], [-7.0], [-6.0], [-5.0], [-4.0], [-3.0], [-2.0], [-1.0, 1000.0]" in text(
        found, "float16"
    )


def test_a_signalling_nan_makes_no_complaint():
    at = int(Patterns("float32").places(SIGNALLING)[0])
    with np.errstate(all="raise"):
        held = proof(Found(9, intervals=((at, at, 1),)))
        assert "it differs on [nan (0x7f800001)]" in " ".join(held.lines())
        assert held.json()["intervals"][0]["first"] == "nan"


def test_where_nothing_is_answered_wrongly_only_the_silence_is_told():
    found = Found(9, silent=((place(1.0), place(1.0), "raises E"), (place(2.0), place(4.0), "raises E")))
    assert list(proof(found, "float16").lines()) == [
        "gives no answer to 1,026 of all 2^16 float16 inputs",
        "  it raises E: on inputs in [1.0], [2.0, 4.0] (1,025)",
    ]


@pytest.mark.parametrize(("count", "end"), [(8, ""), (10, " and 2 more intervals")])
def test_of_many_silent_intervals_some_are_shown(count, end):
    found = Found(99, silent=tuple((place(float(n)), place(float(n)), "dies") for n in range(count)))
    assert list(proof(found, "float16").lines())[1:] == [
        f"  it dies: on inputs in [0.0], [1.0], [2.0], [3.0], [4.0], [5.0], [6.0], [7.0]{end}"
    ]


@pytest.mark.parametrize(("count", "end"), [(8, []), (10, ["  and for 2 more reasons"])])
def test_of_many_reasons_for_silence_some_are_shown(count, end):
    found = Found(99, silent=tuple((place(float(n)), place(float(n)), f"raises E{n}") for n in range(count)))
    assert list(proof(found, "float16").lines())[1:] == [
        *(f"  it raises E{n}: on inputs in [{n}.0]" for n in range(8)),
        *end,
    ]


def test_on_how_many_inputs_it_was_judged_is_said():
    told = text(Found(100, intervals=((1, 20, 20),)), "float16", judged=(3, 4))
    assert told.endswith("judged on 3 of the 20 inputs that differ and 4 of the 80 that agree")


@given(st.lists(st.text("ab-", min_size=1, max_size=30), min_size=1))
@example(["a"] * 200)
def test_lines_are_filled_and_end_between_words(words):
    lines = list(proof(Found(9), "float16", given_up=" ".join(words)).lines())[1:]
    assert " ".join(lines).split() == ["given", "up:", *words]
    assert all(len(line) <= 110 for line in lines)
    assert all(len(line) + 1 + len(after.split()[0]) > 110 for line, after in pairwise(lines))


def test_the_places_are_set_in_and_what_follows_on_them_further():
    found = Found(99, intervals=tuple((place(n / 1024), place(n / 1024), 1) for n in range(1025, 1040, 2)))
    _, first, after, *_ = proof(found, "float16").lines()
    assert first.startswith("  it differs on [1.0009765625], [")
    assert after.startswith("    [")


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
    del written["intervals"], written["silent"]
    assert written == {
        "dtype": "float16",
        "inputs": 65536,
        "fixed": {"p": 4},
        "accepted": 9,
        "rejected": {"nan": 2, "infinite": 0, "outside": 0},
        "differing": 1025,
        "unanswered": 1,
        "judged": {"differing": 3, "agreeing": 4},
        "given_up": None,
    }


def test_the_json_of_integers_holds_integers():
    written = proof(Found(9, intervals=((130, 131, 2),)), "int8").json()["intervals"]
    assert json.dumps(written[0]).startswith('{"first": 2, "last": 3, "first_bits": "02", "last_bits": "03", ')


def test_a_right_candidate_was_judged_on_nothing():
    assert proof(Found(9)).json()["judged"] == {"differing": 0, "agreeing": 0}


@pytest.mark.parametrize(
    ("fixed", "told"), [({"p": 4}, "p=4"), ({"scale": 0.5, "zero_point": 3}, "scale=0.5 zero_point=3")]
)
def test_the_other_inputs_are_said(fixed, told):
    assert Proof("f", "float16", fixed, Found(), 0, 1).given() == told
