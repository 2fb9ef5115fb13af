"""How near honest implementations come to the error bounds: ``python tests/proof/bounds.py [OPERATION ...]``.

A search climbs: it changes inputs a little and keeps what brings the worst of several honest implementations nearer to
its bound. They compute every step in the dtype, sum forwards, backwards, in pairs, with fused multiply-adds or in a
wider accumulator, and divide early or late. The exact result is the twin's, in fractions (distillation: decimals of 80
digits). Printed is the largest error as a fraction of its bound: above 1 the bound is broken.
"""

import argparse
import math
import sys
from fractions import Fraction
from pathlib import Path
from random import Random

sys.path.insert(0, str(Path(__file__).parent.parent))

import ml_dtypes
import numpy as np
from oracles import distillation as decimals
from oracles import mlp as oracle

from refcompress.distillation.error_bounds import (
    distillation_gradient_bound,
    distillation_loss_bound,
)
from refcompress.mlp.error_bounds import (
    mlp_forward_bound,
    mlp_gradients_bound,
    mse_gradient_bound,
    mse_loss_bound,
    precision_of,
)
from refcompress.verify.operations import OPERATIONS

DTYPES = {"float16": np.float16, "bfloat16": ml_dtypes.bfloat16, "float32": np.float32, "float64": np.float64}
ORDERS = ("forward", "backward", "pairs", "fused", "wide")
ROWS, COLUMNS, INPUTS = 3, 2, 3


def dot(a, b, kind, order, start=()):
    """sum a_i b_i and what it starts with, each step rounded to a dtype."""
    pairs = list(zip(a, b, strict=True))
    if order == "fused":
        total = start[0] if start else kind(0)
        for x, y in pairs:
            total = kind(float(Fraction(float(x)) * Fraction(float(y)) + Fraction(float(total))))
        return total
    if order == "wide":
        return kind(math.fsum([*(float(x) * float(y) for x, y in pairs), *map(float, start)]))
    terms = [kind(x * y) for x, y in pairs] + list(start)
    return added(terms, kind, order)


def added(terms, kind, order):
    """A sum in one of the orders."""
    terms = list(terms) or [kind(0)]
    if order == "backward":
        terms.reverse()
    while order == "pairs" and len(terms) > 1:
        terms = [kind(terms[i] + terms[i + 1]) if i + 1 < len(terms) else terms[i] for i in range(0, len(terms), 2)]
    total = terms[0]
    for term in terms[1:]:
        total = kind(total + term)
    return total


def exact(array):
    """Nested lists of fractions."""
    wide = np.asarray(array, np.float64)
    return np.vectorize(Fraction, otypes=[object])(wide).tolist() if wide.size else wide.tolist()


def mse_loss(args, kind, order):
    d = [kind(s - t) for s, t in zip(args[0].flat, args[1].flat, strict=True)]
    n = kind(len(d))
    if order == "backward":
        return [[added([kind(kind(v * v) / n) for v in d], kind, order)]]
    return [[kind(dot(d, d, kind, order) / n)]]


def mse_gradient(args, kind, order):
    n = kind(args[0].size)
    halves = {"backward": lambda d: kind(kind(2) * kind(d / n)), "pairs": lambda d: kind(d * kind(kind(2) / n))}
    step = halves.get(order, lambda d: kind(kind(kind(2) * d) / n))
    return [[step(kind(s - t)) for s, t in zip(*rows, strict=True)] for rows in zip(*args, strict=True)]


def relu(z, kind):
    return max(z, kind(0))


def relu_slope(z, h, kind, order):
    return kind(z > 0)


def tanh(z, kind):
    return kind(math.tanh(float(z)))


def tanh_slope(z, h, kind, order):
    if order == "backward":
        return kind(kind(kind(1) - h) * kind(kind(1) + h))
    if order == "pairs":
        c = kind(math.cosh(float(z)))
        return kind(kind(1) / kind(c * c)) if np.isfinite(c) else kind(0)
    return kind(kind(1) - kind(h * h))


ACTIVATIONS = {"relu": (relu, relu_slope), "tanh": (tanh, tanh_slope)}


def network(args, kind, order, activation):
    (w1, w2), (b1, b2), x = args[:3]
    z = [[dot(row, w1[:, j], kind, order, (b1[j],)) for j in range(w1.shape[1])] for row in x]
    h = [[ACTIVATIONS[activation][0](v, kind) for v in row] for row in z]
    return z, h, [[dot(row, w2[:, j], kind, order, (b2[j],)) for j in range(w2.shape[1])] for row in h]


def mlp_forward(args, kind, order, activation="relu"):
    return network(args, kind, order, activation)[2]


def mlp_gradients(args, kind, order, activation="relu"):
    z, h, y = network(args, kind, order, activation)
    _, w2 = args[0]
    dy = mse_gradient((np.array(y, kind), args[3]), kind, order)
    up = [[dot(row, w2[i], kind, order) for i in range(len(w2))] for row in dy]
    slope = ACTIVATIONS[activation][1]
    dz = [
        [kind(v * slope(s, y, kind, order)) for v, s, y in zip(*rows, strict=True)]
        for rows in zip(up, z, h, strict=True)
    ]
    out = []
    for inputs, grads in ((args[2].tolist(), dz), (h, dy)):
        columns = [[kind(v) for v in c] for c in zip(*inputs, strict=True)]
        out.append([[dot(c, g, kind, order) for g in zip(*grads, strict=True)] for c in columns])
    return [*out, *([[added(g, kind, order) for g in zip(*grads, strict=True)]] for grads in (dz, dy))]


def step(args, kind, order):
    lr, momentum, decay = (kind(v) for v in (STEP["lr"], STEP["momentum"], STEP["weight_decay"]))
    w, g, v, _ = (a.tolist() if a.dtype == bool else list(a) for a in args)
    new = [added([kind(decay * a), b, kind(momentum * c)], kind, order) for a, b, c in zip(w, g, v, strict=True)]
    return [[kind(a - kind(lr * b)) for a, b in zip(w, new, strict=True)], new]


def logs(row, kind, order):
    """The logarithms of the softmax of a row, one step at a time."""
    scaled = [kind(v / kind(TEMPERATURE)) for v in row]
    top = max(scaled)
    shifted = [kind(v - top) for v in scaled]
    total = added([kind(math.exp(float(v))) for v in shifted], kind, order)
    log = kind(math.log(float(total)))
    return [kind(v - log) for v in shifted]


def kl(args, kind, order, direction="forward"):
    terms = []
    for s, t in zip(*args, strict=True):
        a, b = logs(s, kind, order), logs(t, kind, order)
        if direction == "reverse":
            a, b = b, a
        terms += [kind(kind(math.exp(float(q))) * kind(q - p)) for p, q in zip(a, b, strict=True)]
    return [[kind(kind(added(terms, kind, order) * kind(TEMPERATURE**2)) / kind(len(args[0])))]]


def kl_gradient(args, kind, order):
    factor = kind(kind(TEMPERATURE) / kind(len(args[0])))
    rows = []
    for s, t in zip(*args, strict=True):
        a, b = logs(s, kind, order), logs(t, kind, order)
        p, q = ([kind(math.exp(float(v))) for v in side] for side in (a, b))
        rows.append([kind(factor * kind(x - y)) for x, y in zip(p, q, strict=True)])
    return rows


def reverse_gradient(args, kind, order):
    factor = kind(kind(TEMPERATURE) / kind(len(args[0])))
    rows = []
    for s, t in zip(*args, strict=True):
        a, b = logs(s, kind, order), logs(t, kind, order)
        p = [kind(math.exp(float(v))) for v in a]
        d = [kind(u - v) for u, v in zip(a, b, strict=True)]
        mean = added([kind(x * v) for x, v in zip(p, d, strict=True)], kind, order)
        rows.append([kind(factor * kind(x * kind(v - mean))) for x, v in zip(p, d, strict=True)])
    return rows


TEMPERATURE = 4
STEP = {"lr": 0.1, "momentum": 0.9, "weight_decay": 0.01}
DISTILL = {"temperature": 4, "scaled": True, "reduction": "batch_mean", "direction": "forward"}
REVERSE = {**DISTILL, "direction": "reverse"}


def pair(shape):
    return lambda make: (make(shape), make(shape))


def layers(make):
    hidden = 2
    weights = [make((INPUTS, hidden)), make((hidden, COLUMNS))]
    return weights, [make((hidden,)), make((COLUMNS,))], make((ROWS, INPUTS)), make((ROWS, COLUMNS))


def flat(nested):
    """All numbers of nested lists or arrays."""
    if isinstance(nested, np.ndarray):
        return list(nested.flat)
    if isinstance(nested, list | tuple):
        return [v for item in nested for v in flat(item)]
    return [nested]


def output_of(args, activation):
    return oracle.forward(*([exact(w) for w in part] for part in args[:2]), exact(args[2]), activation)[1][-1]


def gradients_of(args, activation):
    weights, biases, x, target = args
    w, b = ([exact(a) for a in part] for part in (weights, biases))
    dw, db = oracle.gradients(w, b, exact(x), exact(target), activation, "mean")
    return [*dw, *db]


def step_of(args):
    w, g, v, mask = args
    settings = [Fraction(STEP[name]) for name in ("lr", "momentum", "weight_decay")]
    return oracle.sgd_step(exact(w), exact(g), exact(v), *settings, mask.tolist())


def step_bound(args, dtype):
    op = OPERATIONS["masked_sgd_step"]
    return op.bound(args, {**op.defaults, **STEP, "dtype": dtype})


# operation -> (inputs, implementation, exact result, bound)
TABLE = {
    "mse_loss": (
        pair((ROWS, COLUMNS)),
        mse_loss,
        lambda a: oracle.mse(exact(a[0]), exact(a[1]), "mean"),
        lambda a, d: mse_loss_bound(*a, reduction="mean", precision=precision_of(d)),
    ),
    "mse_gradient": (
        pair((ROWS, COLUMNS)),
        mse_gradient,
        lambda a: oracle.mse_gradient(exact(a[0]), exact(a[1]), "mean"),
        lambda a, d: mse_gradient_bound(*a, reduction="mean", precision=precision_of(d)),
    ),
    "mlp_forward": (
        layers,
        mlp_forward,
        lambda a: output_of(a, "relu"),
        lambda a, d: mlp_forward_bound(*a[:3], activation="relu", precision=precision_of(d)),
    ),
    "mlp_gradients": (
        layers,
        mlp_gradients,
        lambda a: gradients_of(a, "relu"),
        lambda a, d: mlp_gradients_bound(*a, activation="relu", precision=precision_of(d)),
    ),
    "mlp_forward, tanh": (
        layers,
        lambda *a: mlp_forward(*a, "tanh"),
        lambda a: output_of(a, "tanh"),
        lambda a, d: mlp_forward_bound(*a[:3], activation="tanh", precision=precision_of(d)),
    ),
    "mlp_gradients, tanh": (
        layers,
        lambda *a: mlp_gradients(*a, "tanh"),
        lambda a: gradients_of(a, "tanh"),
        lambda a, d: mlp_gradients_bound(*a, activation="tanh", precision=precision_of(d)),
    ),
    "masked_sgd_step": (
        lambda make: (make((4,)), make((4,)), make((4,)), np.ones(4, bool)),
        step,
        step_of,
        step_bound,
    ),
    "distillation_loss": (
        pair((ROWS, COLUMNS)),
        kl,
        lambda a: decimals.distillation(exact(a[0]), exact(a[1]))[0],
        lambda a, d: distillation_loss_bound(*a, **DISTILL, precision=precision_of(d)),
    ),
    "distillation_gradient": (
        pair((ROWS, COLUMNS)),
        kl_gradient,
        lambda a: decimals.distillation(exact(a[0]), exact(a[1]))[1],
        lambda a, d: distillation_gradient_bound(*a, **DISTILL, precision=precision_of(d)),
    ),
    "distillation_loss, reverse": (
        pair((ROWS, COLUMNS)),
        lambda *a: kl(*a, "reverse"),
        lambda a: decimals.distillation(exact(a[0]), exact(a[1]), direction="reverse")[0],
        lambda a, d: distillation_loss_bound(*a, **REVERSE, precision=precision_of(d)),
    ),
    "distillation_gradient, reverse": (
        pair((ROWS, COLUMNS)),
        reverse_gradient,
        lambda a: decimals.distillation(exact(a[0]), exact(a[1]), direction="reverse")[1],
        lambda a, d: distillation_gradient_bound(*a, **REVERSE, precision=precision_of(d)),
    ),
}


def fraction(name, args, dtype):
    """The largest error of any order as a fraction of its bound, with the order."""
    _, implementation, result, bound = TABLE[name]
    limits = flat(bound(args, dtype))
    truth = flat(result(args))
    worst = (0.0, "none")
    for order in ORDERS:
        with np.errstate(all="ignore"):
            found = flat(implementation(args, DTYPES[dtype], order))
        for value, right, limit in zip(found, truth, limits, strict=True):
            if not math.isfinite(float(limit)):
                continue
            error = abs(Fraction(float(value)) - right) if math.isfinite(float(value)) else math.inf
            if error:
                part = float(error / Fraction(float(limit))) if limit and error != math.inf else math.inf
                worst = max(worst, (part, order))
    return worst


def changed(r, args, kind):
    """The inputs with a few numbers changed: by an ulp, in sign, by a power of two, to another number there."""
    if isinstance(args, tuple | list):
        return type(args)(changed(r, a, kind) for a in args)
    if args.dtype == bool or r.random() < 0.4:
        return args
    array = args.copy()
    place = r.randrange(array.size)
    value, other = array.flat[place], array.flat[r.randrange(array.size)]
    ways = (
        lambda: np.nextafter(value, kind(r.choice((-9, 9)))),
        lambda: -value,
        lambda: kind(float(value) * 2.0 ** r.choice((-8, -1, 1, 2))),
        lambda: other,
        lambda: kind(-float(other) * (1 + r.uniform(-1, 1) * 2.0 ** -r.randrange(12))),
        lambda: kind(r.uniform(-2, 2)),
    )
    with np.errstate(all="ignore"):
        new = r.choice(ways)()
    if abs(float(new)) < 2.0**8:
        array.flat[place] = new
    return array


def search(name, dtype, tries, seed=0):
    """Climb from several beginnings; return the largest fraction of the bound, and the order that gave it."""
    r, kind, best = Random(f"{name} {dtype} {seed}"), DTYPES[dtype], (0.0, "none")
    for spread in (1.0, 4.0, 2.0**-8, 1.0):

        def make(shape, spread=spread):
            return np.array([r.gauss(0, spread) for _ in range(math.prod(shape))]).reshape(shape).astype(kind)

        args = TABLE[name][0](make)
        here = fraction(name, args, dtype)
        for _ in range(tries // 4):
            other = changed(r, args, kind)
            there = fraction(name, other, dtype)
            if there >= here:
                args, here = other, there
        best = max(best, here)
    return best


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("operations", metavar="OPERATION", nargs="*")
    parser.add_argument("--tries", type=int, default=400)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    broken = False
    for name in options.operations or TABLE:
        for dtype in DTYPES:
            part, order = search(name, dtype, options.tries, options.seed)
            broken = broken or part > 1
            print(f"{name:30} {dtype:9} {part:8.4f} of the bound at most ({order})", flush=True)
    return 1 if broken else 0


if __name__ == "__main__":
    sys.exit(main())
