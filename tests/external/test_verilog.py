import shutil

import pytest
from external.programs import HERE, compiled

from refcompress.cli import main

COMPILER = shutil.which("iverilog")


@pytest.fixture(name="vectors")
def _vectors(tmp_path):
    path = tmp_path / "vectors.hex"
    assert main(["vectors", "write", "quantize", "--set", "bits=8", "--out", str(path)]) == 0
    return path


def answers(vectors, *options):
    """What the simulated circuit answers to a file of vectors."""
    assert COMPILER is not None, "there is no Verilog simulator: install iverilog (apt-get install iverilog)"
    program, path = vectors.parent / "quantize.vvp", vectors.parent / "answers.hex"
    compiled(COMPILER, "-g2005", *options, "-s", "testbench", "-o", program, HERE / "quantize.v")
    compiled(shutil.which("vvp"), "-n", program, f"+vectors={vectors}", f"+answers={path}")
    return path


def test_a_right_circuit_agrees(vectors, capsys):
    status = main(["vectors", "judge", "quantize", "--set", "bits=8", str(answers(vectors))])
    assert (status, capsys.readouterr().out.split("\n")[0].split("/")[-1]) == (0, "answers.hex agrees with quantize")


def test_a_wrong_circuit_is_told_which_rule_it_follows(vectors, capsys):
    status = main(["vectors", "judge", "quantize", "--set", "bits=8", str(answers(vectors, "-DWRONG"))])
    assert status == 1
    assert "rounds halves away from zero; agrees with rounding=half_away on all" in capsys.readouterr().out


def test_a_circuit_without_an_answer_is_told_so(vectors, capsys):
    path = answers(vectors)
    text = path.read_text().splitlines()
    text[6] = text[6][:-8] + "xxxxxxxx"
    path.write_text("\n".join(text))
    assert main(["vectors", "judge", "quantize", "--set", "bits=8", str(path)]) == 2
    assert "line 7 holds" in capsys.readouterr().err
