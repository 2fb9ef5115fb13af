import json
import time

import pytest

from refcompress.verify.blocks import Found
from refcompress.verify.sweep_file import SweepFile

IDENTITY = {"operation": "quantize", "settings": {"bits": "8"}, "source": "abc"}
DONE = {
    3: Found(9, 1, 2, 3, intervals=((4, 5, 2),), silent=((7, 7, "raises E"),), example=(4, {"bits": ["0"]}, None)),
    1: Found(7, lost=True, changed=2),
}


def written(path):
    SweepFile(str(path), IDENTITY).write(DONE, coarse=True, now=True)
    return path


def test_what_was_written_is_read_back(tmp_path):
    again = SweepFile(str(written(tmp_path / "a.json")), IDENTITY)
    assert again.done == DONE
    assert again.coarse


def test_where_there_is_no_file_nothing_is_done(tmp_path):
    new = SweepFile(str(tmp_path / "a.json"), IDENTITY)
    assert (new.done, new.coarse) == ({}, False)


def test_it_is_written_every_five_seconds_and_for_a_twentieth_of_the_time(tmp_path, monkeypatch):
    path, clock = tmp_path / "a.json", iter([0, 4, 5.5, 5.6, 10, 11, 13, 52, 53.5, 53.5])
    monkeypatch.setattr(time, "monotonic", lambda: next(clock))
    file = SweepFile(str(path), IDENTITY)
    written = []
    for _ in range(6):  # at 4, 5.5 (which takes 0.1 s), 10, 11 (which takes 2 s), 52 and 53.5
        file.write(DONE, coarse=False)
        written.append(path.exists())
        path.unlink(missing_ok=True)
    assert written == [False, True, False, True, False, True]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"source": "def"}, r"a\.json is of another sweep: source is abc there and def here$"),
        (
            {"settings": {"bits": "4"}, "operation": "dequantize"},
            r"operation is quantize there and dequantize here; settings is bits=8 there and bits=4 here$",
        ),
    ],
)
def test_the_file_of_another_sweep_is_refused_with_what_differs(tmp_path, change, message):
    path = written(tmp_path / "a.json")
    with pytest.raises(ValueError, match=message):
        SweepFile(str(path), {**IDENTITY, **change})


@pytest.mark.parametrize(
    ("text", "error"),
    [
        ("", "JSONDecodeError"),
        ("{", "JSONDecodeError"),
        ("[]", "TypeError"),
        ("{}", "KeyError"),
        ('{"sweep": {}, "blocks": {"x": 1}, "coarse": false}', "ValueError"),
    ],
)
def test_a_damaged_file_is_refused_in_a_line(tmp_path, text, error):
    path = tmp_path / "a.json"
    path.write_text(text)
    with pytest.raises(ValueError, match=rf"a\.json is no file of a sweep: {error}: ") as told:
        SweepFile(str(path), IDENTITY)
    assert "\n" not in str(told.value)


def test_half_a_file_is_refused(tmp_path):
    path = written(tmp_path / "a.json")
    held = json.loads(path.read_text())
    del held["blocks"]["3"]["accepted"], held["blocks"]["3"]["intervals"]
    path.write_text(json.dumps(held))
    with pytest.raises(ValueError, match="is no file of a sweep"):
        SweepFile(str(path), IDENTITY)


def test_a_folder_that_is_not_there_is_said_before_anything_is_swept(tmp_path):
    with pytest.raises(ValueError, match="cannot be written: there is no folder"):
        SweepFile(str(tmp_path / "none" / "a.json"), IDENTITY)


@pytest.mark.parametrize(
    ("change", "wrong"),
    [
        (lambda held: held.update(sweep="x"), "sweep is 'x'"),
        (lambda held: held["blocks"]["3"].update(accepted="x"), "accepted is 'x'"),
        (lambda held: held["blocks"]["3"].update(intervals=[[0, 1.5, 2]]), r"an interval is \[0, 1.5, 2\]"),
        (lambda held: held["blocks"]["3"].update(silent=[[0, 1, None]]), r"a silence is \[0, 1, None\]"),
        (lambda held: held["blocks"]["3"].update(silent=[5]), ".*unpack"),
    ],
)
def test_a_part_of_another_type_is_refused(tmp_path, change, wrong):
    path = written(tmp_path / "a.json")
    held = json.loads(path.read_text())
    change(held)
    path.write_text(json.dumps(held))
    with pytest.raises(ValueError, match=f"is no file of a sweep: TypeError: {wrong}"):
        SweepFile(str(path), IDENTITY)
