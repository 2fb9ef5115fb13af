import dataclasses
import json
import sys
import threading

import numpy as np
import pytest
from verify.toys import SCALE

from refcompress import affine_dequantize, affine_quantize, cast_float8, dequantize, fake_quantize, quantize, requantize
from refcompress.verify import exhaustive, workers
from refcompress.verify.blocks import joined
from refcompress.verify.exhaustive import prove, prove_named, source_file

CODE = "import numpy as np\ndef f(x, p): return np.clip(np.rint(x.astype(float) * 2.0**p), -128, 127)\n"


def half_away(x, p):
    v = np.ldexp(x.astype(np.float64), p)
    return np.clip(np.trunc(v + np.copysign(0.5, v)), -128, 127)


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "mine.py").write_text(CODE)
    return tmp_path


@pytest.mark.parametrize("dtype", ["float16", "bfloat16"])
@pytest.mark.parametrize("settings", [{"bits": 8}, {"bits": 4, "signed": False, "overflow": "wrap"}, {}])
def test_the_reference_is_proved_right(dtype, settings):
    report = prove(lambda x, p: quantize(x, p, **settings), "quantize", dtype, p=3, **settings)
    assert report.verdict == "agrees"
    assert "proved for all 2^16" in str(report)
    found = report.proof.found
    assert found.accepted + found.nan + found.infinite + found.outside == 2**16


HALF = {"dtype": "float16"}  # of the result


@pytest.mark.parametrize("dtype", ["int8", "uint8", "int16", "uint16"])
def test_dequantizing_is_proved_over_the_integers(dtype):
    report = prove(lambda q, p: dequantize(q, p, dtype="float16"), "dequantize", dtype, p=9, **HALF)
    assert report.verdict == "agrees"


FIXED = {"scale": 0.1, "zero_point": 3}
REQUANTIZED = {"multiplier": 1583594044, "shift": -9, "zero_point": 3}


@pytest.mark.parametrize("dtype", ["float16", "bfloat16"])
@pytest.mark.parametrize("function", [affine_quantize, fake_quantize])
@pytest.mark.parametrize("settings", [{}, {"scaling": "reciprocal", "zero_point_added": "before_rounding"}])
def test_affine_quantizers_are_proved_right(function, dtype, settings):
    report = prove(lambda *args: function(*args, **settings), function.__name__, dtype, **FIXED, **settings)
    assert report.verdict == "agrees"


def test_affine_dequantizing_is_proved_over_the_integers():
    report = prove(
        lambda *args: affine_dequantize(*args, dtype="float16"), "affine_dequantize", "int16", **FIXED, **HALF
    )
    assert report.verdict == "agrees"


def test_requantizing_is_proved_over_the_integers():
    assert prove(requantize, "requantize", "int16", **REQUANTIZED).verdict == "agrees"


@pytest.mark.parametrize("name", ["e4m3fn", "e5m2fnuz"])
def test_casts_are_proved_right_nan_and_infinities_included(name):
    report = prove(lambda x: cast_float8(x, format=name), "cast_float8", "float16", format=name)
    assert report.verdict == "agrees"
    assert report.proof.found.accepted == 2**16


def test_an_affine_quantizer_that_rounds_halves_up_differs_at_every_second_tie():
    def half_up(x, scale, zero_point):
        return np.clip(np.floor(x.astype(np.float64) / scale + 0.5) + zero_point, -128, 127)

    report = prove(half_up, "affine_quantize", "float16", scale=1.0, zero_point=1)
    assert report.diagnosis[0].settings == {"rounding": "half_up"}
    assert report.proof.found.differing == len(range(-128, 126, 2))  # k + 1/2 for even k; at 126 1/2 both saturate


def test_a_wrong_rule_is_named_with_the_exact_set():
    report = prove(half_away, "quantize", "float16", p=4, bits=8)
    assert report.verdict == "differs"
    assert report.diagnosis[0].settings == {"rounding": "half_away"}
    assert report.proof.found.differing == 128
    assert report.counterexample.inputs["x"].tolist() == [0.03125]
    assert report.json()["exhaustive"]["differing"] == len(report.json()["exhaustive"]["intervals"]) == 128


def test_threads_and_forks_and_one_alone_write_the_same(monkeypatch):
    def told(jobs):
        return str(prove(half_away, "quantize", "float32", p=4, bits=8, jobs=jobs, blocks=range(766, 769)))

    alone = told(1)
    monkeypatch.setattr(workers, "runs_in_threads", lambda *_: True)
    assert told(2) == alone
    monkeypatch.setattr(workers, "runs_in_threads", lambda *_: False)
    assert told(2) == alone


def test_one_that_may_not_be_called_from_two_threads_is_not_accused(monkeypatch):
    monkeypatch.setattr(workers, "runs_in_threads", lambda *_: True)
    main = threading.main_thread()

    def in_one_thread(x, p):
        return quantize(x, p, bits=8) + (x.size > 100_000 and threading.current_thread() is not main)

    report = prove(in_one_thread, "quantize", "float32", p=4, bits=8, jobs=2, blocks=range(766, 768))
    assert report.verdict == "agrees"
    assert report.remarks[0].startswith("gives other answers when it is called from several threads at once")


def test_right_answers_do_not_excuse_one_that_changes_its_input():
    def in_place(x, p):
        x *= 2
        return quantize(x, p - 1, bits=8)

    report = prove(in_place, "quantize", "float16", p=4, bits=8)
    assert report.verdict == "differs"
    assert report.diagnosis[0].fault == "changes_input"
    assert report.counterexample.inputs["x"].size == 1


def test_any_elementwise_operation_can_be_swept():
    toy = dataclasses.replace(SCALE, elementwise=True)
    assert prove(lambda x: x * 2, toy, "bfloat16").verdict == "agrees"
    assert prove(lambda x: x * 3, toy, "bfloat16").diagnosis[0].settings == {"step": 3}


def test_a_sweep_goes_on_where_it_stopped(folder, monkeypatch):
    options = {"jobs": 1, "blocks": range(766, 769), "resume": "a.json"}
    whole = prove_named("mine.py:f", "quantize", "float32", {"p": 4}, {"bits": 8}, jobs=1, blocks=range(766, 769))
    asked = []
    real = workers.crew

    def stopping(make, jobs, sweep, blocks, limit):
        asked.append(list(blocks))
        return real(make, jobs, sweep, blocks[: 3 - len(asked)], limit)

    def interrupted(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr(workers, "crew", stopping)
    monkeypatch.setattr(exhaustive, "joined", interrupted)
    with pytest.raises(KeyboardInterrupt):
        prove_named("mine.py:f", "quantize", "float32", {"p": 4}, {"bits": 8}, **options)
    monkeypatch.setattr(exhaustive, "joined", joined)
    again = prove_named("mine.py:f", "quantize", "float32", {"p": 4}, {"bits": 8}, **options)
    assert asked == [[766, 767, 768], [768]]
    assert again.text() == whole.text()


def test_the_file_of_another_candidate_is_refused(folder):
    options = {"jobs": 1, "resume": "a.json"}
    prove_named("mine.py:f", "quantize", "float16", {"p": 4}, {"bits": 8}, **options)
    (folder / "mine.py").write_text(CODE + "# another\n")
    with pytest.raises(ValueError, match=r"^a\.json is of another sweep: source is \w+ there and \w+ here$"):
        prove_named("mine.py:f", "quantize", "float16", {"p": 4}, {"bits": 8}, **options)
    with pytest.raises(ValueError, match=r"inputs is p=4 there and p=5 here"):
        prove_named("mine.py:f", "quantize", "float16", {"p": 5}, {"bits": 8}, **options)


def test_the_file_holds_what_was_swept(folder):
    prove_named("mine:f", "quantize", "float16", {"p": 4}, {"bits": 8}, jobs=1, resume="a.json")
    held = json.loads((folder / "a.json").read_text())
    assert held["sweep"]["candidate"] == "mine:f"
    assert len(held["sweep"]["source"]) == 64
    assert list(held["blocks"]) == ["0"]


def test_one_that_hangs_at_once_is_not_swept(folder):
    (folder / "mine.py").write_text("import time\ndef f(x, p): time.sleep(60)\n")
    report = prove_named("mine.py:f", "quantize", "float16", {"p": 4}, {"bits": 8}, timeout=0.3)
    assert report.verdict == "differs"
    assert report.diagnosis[0].statement.startswith("does not answer within 0.3 s")
    assert "given up: the first call was not answered" in str(report)


def test_a_candidate_is_found_without_being_imported(folder):
    (folder / "package").mkdir()
    (folder / "package" / "__init__.py").write_text("raise SystemExit")
    (folder / "package" / "inner.py").write_text(CODE)
    assert source_file("mine.py:f").name == "mine.py"
    assert source_file("package.inner:f").name == "inner.py"
    assert source_file("nothing.at.all:f") is None
    assert "package" not in sys.modules


def test_without_the_package_a_scheduler_is_refused_in_a_line(folder, monkeypatch):
    monkeypatch.setitem(sys.modules, "distributed", None)
    monkeypatch.delitem(sys.modules, "refcompress.verify.cluster", raising=False)
    monkeypatch.delattr(sys.modules["refcompress.verify"], "cluster", raising=False)  # another test may have loaded it
    with pytest.raises(ValueError, match=r'needs the package distributed: pip install "refcompress\[cluster\]"$'):
        prove_named("mine.py:f", "quantize", "float16", {"p": 4}, {}, scheduler="tcp://127.0.0.1:9")


@pytest.mark.parametrize("blocks", [range(0), range(0, 4, 2), range(1023, 1025), range(-1, 2)])
def test_blocks_that_are_no_part_of_a_sweep_are_refused(blocks):
    with pytest.raises(ValueError, match="it must be a range without gaps within"):
        prove(half_away, "quantize", "float32", p=4, blocks=blocks)
