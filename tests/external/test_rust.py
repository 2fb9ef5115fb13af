import shutil

import pytest
from external.programs import HERE, SAMPLES, compiled, judged

COMPILER = shutil.which("rustc") if shutil.which("cargo") else None
NONE = "no cargo: the Rust samples were not run"
WRONG = {
    "quantize": "rounds halves away from zero; agrees with rounding=half_away on all",
    "sparsify": "keeps the highest index of equal magnitudes; agrees with ties=highest_index on all",
    "requantize": "rounds down (floor); agrees with rounding=floor on all",
}


def built(folder, sample, *options):
    program = folder / sample
    strict = ("--edition", "2021", "-O", "-D", "warnings", "--check-cfg", "cfg(wrong)")
    compiled(COMPILER, *strict, *options, "-o", program, HERE / f"{sample}.rs")
    return program


def said_that_there_is_none(record_property, capsys):
    """Say on the terminal and in the report of the tests that there is no compiler."""
    record_property("rust", NONE)
    with capsys.disabled():
        print(f"\n{NONE}")
    return shutil.which("cargo") is None


@pytest.mark.parametrize(("sample", "options"), SAMPLES)
def test_a_right_program_agrees_where_there_is_a_compiler(sample, options, tmp_path, record_property, capsys):
    if COMPILER is None:
        assert said_that_there_is_none(record_property, capsys)
        return
    status, report = judged(sample, options, built(tmp_path, sample))
    assert (status, report.splitlines()[0]) == (0, f"the program on the pipe agrees with {sample}")


@pytest.mark.parametrize(("sample", "options"), SAMPLES)
def test_a_wrong_program_is_told_its_rule_where_there_is_a_compiler(sample, options, tmp_path, record_property, capsys):
    if COMPILER is None:
        assert said_that_there_is_none(record_property, capsys)
        return
    status, report = judged(sample, options, built(tmp_path, sample, "--cfg", "wrong"))
    assert status == 1
    assert WRONG[sample] in report.splitlines()[3]
