"""ONNX Runtime's QuantizeLinear. The release 1.29.0 truncates float16; later ones do not. Run in a venv of each."""

import numpy as np
import onnxruntime
import pytest
from peers.onnx_models import quantize_linear

from refcompress.peers import PEERS
from refcompress.peers.compare import investigate
from refcompress.verify import check
from refcompress.verify.diagnosis import diagnose
from refcompress.verify.operations import OPERATIONS

TRUNCATES = tuple(int(part) for part in onnxruntime.__version__.split(".")[:2]) <= (1, 29)


def representable(x, p):
    """The p for which the scale 2^-p and its use are exact in the dtype; the others are no claim of the operator."""
    limit = {"float16": 12, "float32": 100}[x.dtype.name]
    return abs(p) <= limit


def candidate(x, p):
    from refcompress import quantize

    return quantize_linear(x, p) if representable(x, p) else quantize(x, p, bits=8)


def test_float32_is_rounded_half_to_even_and_saturated():
    report = check(candidate, "quantize", bits=8)
    assert report.verdict == "agrees", str(report)


def test_float16_is_truncated_up_to_1_29_and_right_after():
    report = check(candidate, "quantize", bits=8, dtype="float16")
    if TRUNCATES:
        assert report.verdict == "differs"
        assert "truncates" in report.diagnosis[0].statement, str(report)
    else:
        assert report.verdict == "agrees", str(report)


def test_the_table_of_peers_says_which():
    peer = next(p for p in PEERS if p.name == "onnxruntime QuantizeLinear (int8, float16)")
    finding = investigate(peer, onnxruntime.__version__)
    assert ("truncates" in str(finding.report)) == TRUNCATES
    assert finding.report.counterexample is not None  # of the quotient: it is not rounded to float16


@pytest.mark.parametrize("x", [0.05002, -0.05002])
def test_the_reported_input(x):
    from peers.onnx_models import session

    run = session("QuantizeLinear", (("x", "float16"), ("scale", "float16"), ("zero", "int8")), (("q", "int8"),))
    feed = {"x": np.array([x], np.float16), "scale": np.array(0.09998, np.float16), "zero": np.array(0, np.int8)}
    assert run.run(None, feed)[0].tolist() == ([0] if TRUNCATES else [int(np.sign(x))])
    assert diagnose(OPERATIONS["quantize"], OPERATIONS["quantize"].defaults, []) == []
