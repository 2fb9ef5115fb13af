import subprocess
import sys

import pytest

import refcompress.samples
from refcompress.commands.demo import SAMPLES
from refcompress.verify import check

VERDICTS = {
    "quantize_in_float64": ("agrees", None),
    "quantize_plus_half": ("differs", "rounds halves up"),
    "sparsify_by_threshold": ("differs", "more than k"),
    "gradients_with_mean_bias": ("differs", "bias"),
}


@pytest.mark.parametrize(("name", "operation", "settings"), SAMPLES, ids=[s[0] for s in SAMPLES])
def test_each_sample_gets_the_verdict_that_the_tour_is_about(name, operation, settings):
    report = check(getattr(refcompress.samples, name), operation, **settings)
    verdict, words = VERDICTS[name]
    assert report.verdict == verdict
    if words is not None:
        assert report.diagnosis[0].complete
        assert words in report.diagnosis[0].statement


@pytest.mark.parametrize("command", [["-m", "refcompress", "demo"]])
def test_the_tour_compresses_and_verifies(command):
    done = subprocess.run([sys.executable, *command], capture_output=True, text=True, check=True)
    assert done.stderr == ""
    assert "quantized" in done.stdout
    assert done.stdout.count("$ refcompress verify") == len(SAMPLES)
    assert done.stdout.count(" differs from ") == 3
    assert done.stdout.count(" agrees with quantize\n") == 1
