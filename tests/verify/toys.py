"""Small operations of every kind of answer, so that tests of the engine do not wait for the real ones."""

import numpy as np
from hypothesis import strategies as st

from refcompress.verify.inputs import float_dtype
from refcompress.verify.operation import Case, Fault, Input, Law, Operation, Setting

DTYPE = Setting("dtype", "float32", ("float32", "bfloat16"), "of the arrays", rival=False)
CHECK_DTYPE = Setting("check_dtype", False, (False, True), "whether another dtype is a fault", rival=False)
STEP = Setting("step", 2, (None, 1, 2, 3, 4, 5), "what is multiplied with", {3: "multiplies by 3"})


def floats(values, settings):
    return np.array(values, float_dtype(settings["dtype"]))


def some(settings):
    yield (floats([1.5, -2, 0.5, 3, 4, -0.25], settings).reshape(2, 3),)
    yield (floats([3, 1, 2, -4.5, 0.5, 1], settings).reshape(2, 3),)


def shapes(settings):
    yield (floats(1.5, settings),)
    yield (floats([], settings),)


def search(settings):
    return st.lists(st.integers(-4, 4), min_size=1, max_size=3).map(lambda v: (floats(v, settings),))


def toy(name, answer, **more):
    layouts = ("plain", "strided", "reversed", "fortran", "read-only")
    return Operation(
        name=name,
        formula=f"{name}(x)",
        summary="a toy",
        inputs=(Input("x", "floats", "an array"),),
        settings=(STEP, DTYPE, CHECK_DTYPE),
        result="an array",
        answer=answer,
        cases=(*(Case(f"some, {layout}", some, layout=layout) for layout in layouts), Case("shapes", shapes)),
        strategy=search,
        **{"parts": ("out",), "laws": (), "faults": (), **more},
    )


def times(x, settings):
    return x.astype(np.float64) * (settings["step"] or 0)


SCALE = toy(  # exact floats
    "scale",
    lambda args, s: times(args[0], s).astype(args[0].dtype),
    laws=(Law("sign", "the sign stays", lambda args, out, s: bool(np.all(np.asarray(out, float) * args[0] >= 0))),),
    faults=(Fault("negated", "gives the negative", lambda args, s: -times(args[0], s)),),
    by_hand=lambda args, index, s: f"{float(args[0][index])} * {s['step']}",
    rejects=(("x = nan", lambda s: (floats([np.nan], s),)),),
)
CODES = toy("codes", lambda args, s: np.rint(times(args[0], s)).astype(np.int64))  # exact integers
PARTS = toy(  # lists of arrays
    "parts",
    lambda args, s: ([times(args[0], s), args[0] + 1], [np.asarray(args[0] > 0)]),
    parts=("scaled", "shifted", "positive"),
)
TOTAL = toy(  # a number within a bound
    "total",
    lambda args, s: np.float64(times(args[0], s).sum()),
    bound=lambda args, s: np.float64(1e-3 * np.abs(times(args[0], s)).sum()),
)


def layers(settings):
    yield ([floats([[1, 2], [3, 4]], settings), floats([[5, 6], [7, 8]], settings)],)


LAYERS = Operation(  # an input that is a list of arrays, and a list of bounded arrays
    name="layers",
    formula="2 * w",
    summary="a toy",
    inputs=(Input("weights", "list of floats", "arrays"),),
    settings=(DTYPE, CHECK_DTYPE),
    result="a list",
    parts=(),
    answer=lambda args, s: [2.0 * w.astype(np.float64) for w in args[0]],
    cases=(Case("layers", layers), Case("strided layers", layers, layout="strided")),
    strategy=lambda s: st.just(next(layers(s))),
    laws=(),
    faults=(),
    bound=lambda args, s: [np.full(w.shape, 0.125) for w in args[0]],
)
