"""The answers of ``refcompress explore``: what each picture shows, computed by the package's own functions.

A view is a function of the study and of settings; ``VIEWS`` names its settings, ``SETTINGS`` says how each is read from
the text of a query.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from refcompress import arguments
from refcompress.arguments import Array
from refcompress.commands.explore_study import Study
from refcompress.compression import measure
from refcompress.distillation.losses import distillation_loss
from refcompress.mlp.losses import softmax
from refcompress.mlp.network import MLP, mlp_forward
from refcompress.plots import frontier as best_of
from refcompress.pruning.scores import global_masks
from refcompress.quantization.fixed_point import dequantize, quantize
from refcompress.quantized_model import quantize_model
from refcompress.rounding import ROUNDING

END = 1.25  # the pictures show numbers from -END to END, where the student's weights lie
GRID = np.arange(-640, 641) / 512  # of that interval: every tie of p <= 8 is one of its points
BINS = 100

Answer = dict[str, Any]


def _integer(low: int, high: int) -> Callable[[str, str, Study], int]:
    def read(text: str, name: str, study: Study) -> int:
        return _whole_number(text, name, low, high)

    return read


def _kept(text: str, name: str, study: Study) -> int:
    return _whole_number(text, name, 0, study.size)


def _example(text: str, name: str, study: Study) -> int:
    return _whole_number(text, name, 0, len(study.test.y) - 1)


def _whole_number(text: str, name: str, low: int, high: int) -> int:
    if not re.fullmatch(r"-?[0-9]{1,9}", text):
        raise ValueError(f"{name} is {arguments.shown(text)}: it must be an integer from {low} to {high}")
    return arguments.integer(int(text), name, low, high)


def _temperature(text: str, name: str, study: Study) -> float:
    if not re.fullmatch(r"[0-9]{1,9}(\.[0-9]{0,9})?", text):
        raise ValueError(f"{name} is {arguments.shown(text)}: it must be a decimal number such as 4 or 0.5")
    return arguments.real_number(float(text), name, 0.25, 20.0)


def _rule(text: str, name: str, study: Study) -> str:
    return arguments.choice(text, name, ROUNDING)  # not stochastic, which needs a generator


# setting -> how it is read; the limits are those of the page's sliders
SETTINGS: dict[str, Callable[[str, str, Study], Any]] = {
    "p": _integer(0, 8),
    "bits": _integer(2, 8),
    "k": _kept,
    "T": _temperature,
    "rounding": _rule,
    "example": _example,
}


def staircase(study: Study, p: int, bits: int, rounding: str) -> Answer:
    """Return the steps of x' = Q(x) 2^-p as [first x, last x, x'], and the ends of what the codes can express."""
    codes = quantize(GRID, p, bits=bits, rounding=rounding)
    starts = np.append(0, 1 + np.flatnonzero(codes[1:] != codes[:-1]))
    ends = np.append(starts[1:] - 1, len(GRID) - 1)
    values = dequantize(codes[starts], p, dtype="float64")
    reach = dequantize(quantize([-np.inf, np.inf], p, bits=bits), p, dtype="float64")
    return {
        "end": END,
        "steps": np.stack([GRID[starts], GRID[ends], values], axis=1).tolist(),
        "range": reach.tolist(),
        "step": 2.0**-p,
        "bound": 2.0 ** -(p + 1) if rounding.startswith("half_") else 2.0**-p,
    }


def histogram(study: Study, p: int, bits: int, k: int, rounding: str) -> Answer:
    """Return how the kept weights are distributed before and after quantization, and what that did to them."""
    w = np.concatenate([w[mask] for w, mask in _masked(study, k)]).astype(np.float64)
    unlimited = quantize(w, p, rounding=rounding)
    codes = quantize(w, p, bits=bits, rounding=rounding)
    back = dequantize(codes, p, dtype="float64")
    counts, _ = np.histogram(np.clip(w, -END, END), BINS, (-END, END))
    values, of_each = np.unique(back, return_counts=True)
    return {
        "end": END,
        "trained": study.trained,
        "kept": w.size,
        "before": counts.tolist(),
        "after": [[float(v), int(n)] for v, n in zip(values, of_each, strict=True)],
        "codes": 2**bits,
        "zeros": int(np.sum(codes == 0)),
        "saturated": int(np.sum(codes != unlimited)),
        "largest_error": float(np.max(np.abs(back - w), initial=0.0)),
    }


def mask(study: Study, k: int) -> Answer:
    """Return the kept weights of every matrix as integers from -100 to 100, a dropped one as 0."""
    parts = _masked(study, k)
    largest = max(float(np.max(np.abs(w))) for w, _ in parts)
    kept = np.concatenate([w[mask] for w, mask in parts]).astype(np.float64)
    every = np.concatenate([w.reshape(-1) for w, _ in parts]).astype(np.float64)
    return {
        "trained": study.trained,
        "size": study.size,
        "k": k,
        "matrices": [_shades(w, mask, largest) for w, mask in parts],
        "threshold": float(np.min(np.abs(kept))) if k else None,
        "energy": float(np.sum(np.square(kept)) / np.sum(np.square(every))),
    }


def _shades(w: Array, mask: Array, largest: float) -> list[list[int]]:
    """Scale the kept to 100; what is kept is never 0, however small."""
    size = np.maximum(np.rint(np.abs(w) / largest * 100), 1)
    shades: list[list[int]] = np.where(mask, np.copysign(size, w), 0).astype(np.int64).tolist()
    return shades


def soften(study: Study, T: float, example: int) -> Answer:
    """Return the softened outputs of teacher and student for a digit that neither has seen, and their divergence.

    The student has learned the teacher's outputs scaled to a standard deviation of 1; here they are scaled back.
    """
    x = study.test.x[example]
    logits = {
        "teacher": _outputs(study.teacher, x[np.newaxis])[0],
        "student": _outputs(study.student, x[np.newaxis])[0] * study.output_scale,
    }
    return {
        "trained": study.trained,
        "digit": x.tolist(),
        "label": int(study.test.y[example]),
        "examples": len(study.test.y),
        **{name: softmax(z / T).tolist() for name, z in logits.items()},
        "loss": float(distillation_loss(logits["student"], logits["teacher"], temperature=T)),
    }


def _outputs(model: MLP, x: Array) -> Array:
    return mlp_forward(model.weights, model.biases, x, activation=model.activation).astype(np.float64)


def frontier(study: Study, p: int, bits: int, k: int) -> Answer:
    """Return the sweep, its best models for each width, and the student pruned and quantized as set, not tuned."""
    widths = sorted({point.bits for point in study.points})
    own = {width: [point for point in study.points if point.bits == width] for width in widths}
    return {
        "trained": study.trained,
        "series": [
            {
                "bits": width,
                "points": [[point.bytes, point.accuracy] for point in own[width]],
                "best": [[point.bytes, point.accuracy] for point in best_of(own[width])],
            }
            for width in widths
        ],
        "stages": [[stage.name, stage.bytes, stage.accuracy] for stage in study.stages[:2]],
        "yours": _as_set(study, p, bits, k),
    }


def _as_set(study: Study, p: int, bits: int, k: int) -> list[float]:
    """Return the bytes and the accuracy of the student at these settings."""
    pruned = tuple(np.where(mask, w, w.dtype.type(0)) for w, mask in _masked(study, k))
    model = MLP(pruned, study.student.biases, study.student.activation)
    quantized = quantize_model(model, study.few.x, bits=bits, p=p)
    dense, sparse = (measure("yours", quantized, study.test, sparse=sparse) for sparse in (False, True))
    return [min(dense.bytes, sparse.bytes), dense.accuracy]


def progress(study: Study) -> Answer:
    """Return how far the training and the sweep are."""
    return {
        "text": study.text,
        "step": study.step,
        "steps": study.steps,
        "trained": study.trained,
        "ready": study.text == "ready",
    }


def _masked(study: Study, k: int) -> list[tuple[Array, Array]]:
    """Return every weight matrix with its part of mask = top_k(|W|, k), taken over all of them together."""
    weights = study.student.weights
    return list(zip(weights, global_masks(weights, k), strict=True))


@dataclass(frozen=True)
class View:
    """A function of the study, and the settings that it takes."""

    function: Callable[..., Answer]
    settings: tuple[str, ...] = ()


VIEWS = {
    "progress": View(progress),
    "staircase": View(staircase, ("p", "bits", "rounding")),
    "histogram": View(histogram, ("p", "bits", "k", "rounding")),
    "mask": View(mask, ("k",)),
    "soften": View(soften, ("T", "example")),
    "frontier": View(frontier, ("p", "bits", "k")),
}


def view(study: Study, name: str, query: Mapping[str, list[str]]) -> Answer:
    """Return a view's answer to a query; a setting that is missing, unknown, doubled or wrong is a ValueError."""
    wanted = VIEWS[name]
    for key, texts in query.items():
        if key not in wanted.settings:
            raise ValueError(f"{name} has no setting {arguments.shown(key)}: it takes {_listed(wanted.settings)}")
        if len(texts) != 1:
            raise ValueError(f"{key} is given {len(texts)} times: once is enough")
    for key in wanted.settings:
        if key not in query:
            raise ValueError(f"{key} is missing: {name} takes {_listed(wanted.settings)}")
    return wanted.function(study, **{key: SETTINGS[key](query[key][0], key, study) for key in wanted.settings})


def _listed(names: tuple[str, ...]) -> str:
    return ", ".join(names) or "none"
