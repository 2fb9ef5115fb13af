import pytest
from hypothesis import given
from hypothesis import strategies as st
from verify.toys import SCALE

from refcompress.commands.settings import listed, read_settings, read_value
from refcompress.verify.diagnosis import word
from refcompress.verify.operation import Setting
from refcompress.verify.operations import OPERATIONS

SETTINGS = [s for operation in OPERATIONS.values() for s in operation.settings]


@given(st.sampled_from(SETTINGS).flatmap(lambda s: st.tuples(st.just(s), st.sampled_from(s.allowed))))
def test_every_allowed_value_is_read_from_its_word(setting_and_value):
    setting, value = setting_and_value
    for text in (word(value), word(value).upper(), f" {word(value)} "):
        out = read_value(setting, text)
        assert out == value
        assert type(out) is type(value)


def test_the_words_for_true_and_one_are_not_the_same():
    setting = Setting("mixed", None, (None, True, 1), "any")
    assert [read_value(setting, text) for text in ("none", "true", "1")] == [None, True, 1]
    assert read_value(setting, "true") is True


@pytest.mark.parametrize(
    ("values", "text"),
    [
        ((None, *range(2, 33)), "none, 2 to 32"),
        ((True, False), "true, false"),
        ((0, 1), "0, 1"),
        ((0, 1, 2), "0, 1, 2"),
        ((-1, 0, 1, 2, 7), "-1 to 2, 7"),
        (("half_even", "floor"), "half_even, floor"),
    ],
)
def test_what_is_allowed_is_listed_shortly(values, text):
    assert listed(values) == text


def test_settings_are_read_in_order_and_the_last_one_counts():
    assert read_settings(SCALE, ["step=3", "dtype = bfloat16", "step=none"]) == {"step": None, "dtype": "bfloat16"}


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("step", "--set step: it must be NAME=VALUE"),
        ("steps=3", "scale has no setting 'steps': it has step, dtype, check_dtype"),
        ("step=9", "step is '9': it must be one of none, 1 to 5"),
        ("step=2.0", "step is '2.0': it must be one of none, 1 to 5"),
        ("step=", "step is '': it must be one of"),
        ("check_dtype=yes", "check_dtype is 'yes': it must be one of false, true"),
    ],
)
def test_what_is_not_allowed_is_refused_with_what_is(text, message):
    with pytest.raises(ValueError, match=message):
        read_settings(SCALE, [text])
