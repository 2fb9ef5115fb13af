import shutil

import pytest
from external.programs import HERE, SAMPLES, compiled, judged

COMPILER = shutil.which("cc") or shutil.which("gcc") or shutil.which("clang")
STRICT = ("-std=c99", "-pedantic", "-Wall", "-Wextra", "-Werror", "-O2")
WRONG = {
    "quantize": "rounds halves away from zero; agrees with rounding=half_away on all",
    "sparsify": "keeps the highest index of equal magnitudes; agrees with ties=highest_index on all",
    "requantize": "rounds twice as gemmlowp's code does",
}


def built(folder, sample, *options):
    assert COMPILER is not None, "there is no C compiler: install gcc or clang"
    program = folder / sample
    compiled(COMPILER, *STRICT, *options, "-o", program, HERE / f"{sample}.c", "-lm")
    return program


@pytest.mark.parametrize(("sample", "options"), SAMPLES)
def test_a_right_program_agrees(sample, options, tmp_path):
    status, report = judged(sample, options, built(tmp_path, sample))
    assert (status, report.splitlines()[0]) == (0, f"the program on the pipe agrees with {sample}")


@pytest.mark.parametrize(("sample", "options"), SAMPLES)
def test_a_wrong_program_is_told_which_rule_it_follows(sample, options, tmp_path):
    status, report = judged(sample, options, built(tmp_path, sample, "-DWRONG"))
    assert status == 1
    assert WRONG[sample] in report.splitlines()[3]
