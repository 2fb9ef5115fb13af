"""``refcompress demo``: the tour. Compress a real model, then hold four samples against the reference."""

import argparse
import sys
from typing import Any

from refcompress.commands.compress import one_thread_each, stage_table
from refcompress.commands.terminal import takes_colour, tell

SUMMARY = "the tour: compress a real model, then verify four sample implementations"

# the samples, with the operation and the settings that each claims to follow
SAMPLES: tuple[tuple[str, str, dict[str, Any]], ...] = (
    ("quantize_in_float64", "quantize", {"bits": 8}),
    ("quantize_plus_half", "quantize", {"bits": 8}),
    ("sparsify_by_threshold", "sparsify", {}),
    ("gradients_with_mean_bias", "mlp_gradients", {}),
)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options of the command: it has none."""


def run(options: argparse.Namespace) -> int:
    """Run the tour."""
    one_thread_each()
    import refcompress.samples
    from refcompress.compression import compress
    from refcompress.datasets import load_digits
    from refcompress.verify import check

    print("A teacher for handwritten digits, distilled into a student, pruned to 20% and quantized to 8 bits:\n")
    result = compress(load_digits(), tell=tell)
    print(stage_table(result.stages))
    print("\nFour implementations of the formulas, held against the reference:")
    colour = takes_colour(sys.stdout)
    for name, operation, settings in SAMPLES:
        report = check(getattr(refcompress.samples, name), operation, **settings)
        print(f"\n$ refcompress verify {operation} refcompress.samples:{name}{_options(settings)}")
        print(report.text(colour=colour))
    return 0


def _options(settings: dict[str, Any]) -> str:
    return "".join(f" --set {name}={value}" for name, value in settings.items())
