import argparse
import subprocess
import sys
from types import SimpleNamespace

import pytest
from terminals import Terminal

import refcompress.compression
import refcompress.samples
from refcompress.commands import demo
from refcompress.commands.demo import SAMPLES
from refcompress.compression import Stage
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


@pytest.mark.parametrize(("no_color", "coloured"), [("", True), ("1", False)])
def test_the_tour_has_colours_for_terminals_whose_user_wants_them(monkeypatch, no_color, coloured):
    stages = (Stage("teacher", 1.0, 1, 1, 1, 1),)
    monkeypatch.setattr(refcompress.compression, "compress", lambda dataset, tell: SimpleNamespace(stages=stages))
    monkeypatch.setattr(demo, "SAMPLES", SAMPLES[1:2])
    monkeypatch.setattr(sys, "stdout", Terminal())
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv("NO_COLOR", no_color)
    demo.run(argparse.Namespace())
    assert ("\x1b[" in sys.stdout.getvalue()) == coloured
