"""Losses and networks: as people write them, right and wrong."""

import math
from fractions import Fraction

import numpy as np
from verify.faults.kinds import Right, Wrong

SLOPES = {
    "relu": lambda z: z > 0,
    "tanh": lambda z: 1 - np.tanh(z) ** 2,
    "identity": lambda z: np.ones_like(z),
}
ACTIVATIONS = {"relu": lambda z: np.maximum(z, 0), "tanh": np.tanh, "identity": lambda z: z}
COUNTS = {"mean": lambda y: y.size, "sum": lambda y: 1, "batch_mean": lambda y: len(y)}


# wrong losses


def mean_of_rows_of_last_axis(student, teacher):
    return float(np.sum((student - teacher) ** 2)) / (student.shape[-1] if student.ndim else 1)


def unchecked_broadcast(student, teacher):
    return np.mean((student.reshape(-1)[:, None] - teacher.reshape(-1)[None, :]) ** 2)


def half_mse(student, teacher):
    error = student - teacher
    return np.mean(error * error) / 2


def rmse(student, teacher):
    return np.linalg.norm((student - teacher).reshape(-1)) / np.sqrt(student.size)


def mae(student, teacher):
    return np.abs(student - teacher).mean()


def sum_of_squares(student, teacher):
    return np.vdot(student - teacher, student - teacher)


def per_example(student, teacher):
    return np.sum((student - teacher) ** 2) / (len(student) if student.ndim else 1)


def variance_of_difference(student, teacher):
    return np.var(student.astype(np.float64) - teacher)


def half_precision(student, teacher):
    error = student.astype(np.float16) - teacher.astype(np.float16)
    with np.errstate(over="ignore"):
        return np.mean(error * error)


def cancelling_squares(student, teacher):
    return np.mean(student * student) - 2 * np.mean(student * teacher) + np.mean(teacher * teacher)


def signed_mean(student, teacher):
    return np.mean(student.astype(np.float64) - teacher)


def unbiased(student, teacher):
    return np.sum((student - teacher) ** 2) / max(student.size - 1, 1)


def loss_in_place(student, teacher):
    student -= teacher
    return np.mean(student**2)


def loss_by_row(student, teacher):
    return np.mean((student - teacher) ** 2, axis=-1)


def smooth_l1(student, teacher):
    d = abs(student - teacher)
    return np.where(d < 1, d * d / 2, d - 0.5).mean()


# wrong loss gradients


def factor_forgotten(student, teacher):
    return (student - teacher) / student.size


def towards_the_student(student, teacher):
    return 2 * (teacher - student) / student.size


def not_divided(student, teacher):
    return (student - teacher) * 2


def divided_by_rows(student, teacher):
    return 2 * (student - teacher) / (student.shape[0] if student.ndim else 1)


def only_residual(student, teacher):
    return student - teacher


def clipped_gradient(student, teacher):
    return np.clip(2 * (student - teacher) / student.size, -1, 1)


def gradient_of_mae(student, teacher):
    return np.sign(student - teacher) / student.size


def gradient_with_a_wrong_tail(student, teacher):
    out = np.array(2 * (student - teacher) / student.size, order="C")
    flat = out.reshape(-1)
    whole = flat.size - flat.size % 8
    flat[whole:] /= 2
    return out


def gradient_wrong_below(student, teacher):
    d = student - teacher
    return np.where(d < 0, d, 2 * d) / student.size


# networks: one plain forward and backward pass, and what people do otherwise


def forward(weights, biases, x, activation="relu", activate_last=False, bias=True):
    h = x
    for i, (w, b) in enumerate(zip(weights, biases, strict=True)):
        h = h @ w + b if bias else h @ w
        if activate_last or i < len(weights) - 1:
            h = ACTIVATIONS[activation](h)
    return h


def last_layer_activated(weights, biases, x):
    return forward(weights, biases, x, activate_last=True)


def bias_forgotten_in_the_last_rows(weights, biases, x):
    """Tiles of four examples, and a loop for those that are left."""
    whole = len(x) // 4 * 4
    return np.concatenate([forward(weights, biases, x[:whole]), forward(weights, biases, x[whole:], bias=False)])


def bias_forgotten(weights, biases, x):
    return forward(weights, biases, x, bias=False)


def no_activation(weights, biases, x):
    return forward(weights, biases, x, "identity")


def bias_after_activation(weights, biases, x):
    for w, b in zip(weights[:-1], biases[:-1], strict=True):
        x = np.maximum(np.dot(x, w), 0) + b
    return np.dot(x, weights[-1]) + biases[-1]


def torch_layout(weights, biases, x):
    for i, (w, b) in enumerate(zip(weights, biases, strict=True)):
        w = w if w.shape[0] != w.shape[1] else w.T
        x = x @ w + b
        x = np.maximum(x, 0) if i + 1 < len(weights) else x
    return x


def logistic(weights, biases, x):
    for w, b in zip(weights[:-1], biases[:-1], strict=True):
        x = 1 / (1 + np.exp(-(x.astype(np.float64) @ w + b)))
    return x @ weights[-1] + biases[-1]


def leaky(weights, biases, x):
    for w, b in zip(weights[:-1], biases[:-1], strict=True):
        z = x @ w + b
        x = np.where(z >= 0, z, z * z.dtype.type(0.01))
    return x @ weights[-1] + biases[-1]


def probabilities(weights, biases, x):
    y = forward(weights, biases, x).astype(np.float64)
    e = np.exp(y - y.max(axis=-1, keepdims=True))
    return e / e.sum(axis=-1, keepdims=True)


def network_in_half(weights, biases, x):
    h = x.astype(np.float16)
    with np.errstate(all="ignore"):
        for i, (w, b) in enumerate(zip(weights, biases, strict=True)):
            h = h @ w.astype(np.float16) + b.astype(np.float16)
            h = np.maximum(h, 0) if i + 1 < len(weights) else h
    return h


def squeezed(weights, biases, x):
    return np.squeeze(forward(weights, biases, x))


def relu_in_place(weights, biases, x):
    np.maximum(x, 0, out=x)
    return forward(weights, biases, x)


def gradients(
    weights,
    biases,
    x,
    target,
    activation="relu",
    reduction="mean",
    slope=None,
    start=None,
    bias=lambda dz: dz.sum(axis=0),
    weight=lambda h, dz: (h.T @ dz).astype(h.dtype),
    back=lambda dz, w, dw: (dz @ w.T).astype(dz.dtype),
):
    inputs, sums = [x], []
    for i, (w, b) in enumerate(zip(weights, biases, strict=True)):
        sums.append((inputs[-1] @ w).astype(b.dtype) + b)  # a product of bfloat16 comes as float32
        if i < len(weights) - 1:
            inputs.append(ACTIVATIONS[activation](sums[-1]))
    y = sums[-1]
    dz = (2 * (y - target) / COUNTS[reduction](y)).astype(y.dtype) if start is None else start(y, target)
    dws, dbs = [], []
    for i in range(len(weights) - 1, -1, -1):
        dws.append(weight(inputs[i], dz))
        dbs.append(bias(dz))
        if i:
            derivative = SLOPES[activation](sums[i - 1]) if slope is None else slope(sums, inputs, i - 1)
            dz = back(dz, weights[i], dws[-1]) * derivative
    return dws[::-1], dbs[::-1]


def other(**changes):
    def candidate(weights, biases, x, target):
        return gradients(weights, biases, x, target, **changes)

    return candidate


def masked_by_own_gradient(weights, biases, x, target):
    h = [x]
    for w, b in zip(weights[:-1], biases[:-1], strict=True):
        h.append(np.maximum(h[-1] @ w + b, 0))
    dz = 2 * (h[-1] @ weights[-1] + biases[-1] - target) / target.size
    dws, dbs = [h[-1].T @ dz], [dz.sum(0)]
    for i in range(len(weights) - 1, 0, -1):
        dz = dz @ weights[i].T
        dz = dz * (dz > 0)
        dws.insert(0, h[i - 1].T @ dz)
        dbs.insert(0, dz.sum(0))
    return dws, dbs


def bias_of_first_layer_averaged(weights, biases, x, target):
    dws, dbs = gradients(weights, biases, x, target)
    return dws, [dbs[0] / len(x), *dbs[1:]]


def last_layer_bias_averaged(weights, biases, x, target):
    dws, dbs = gradients(weights, biases, x, target)
    return dws, [*dbs[:-1], dbs[-1] / len(x)]


def one_list(weights, biases, x, target):
    dws, dbs = gradients(weights, biases, x, target)
    return [*dws, *dbs]


def clipped_by_value(weights, biases, x, target):
    dws, dbs = gradients(weights, biases, x, target)
    return [g.clip(-1, 1) for g in dws], [g.clip(-1, 1) for g in dbs]


def decayed(weights, biases, x, target):
    dws, dbs = gradients(weights, biases, x, target)
    return [dw + dw.dtype.type(0.01) * w for dw, w in zip(dws, weights, strict=True)], dbs


def frozen_hidden(weights, biases, x, target):
    dws, dbs = gradients(weights, biases, x, target)
    return [*(0 * g for g in dws[:-1]), dws[-1]], [*(0 * g for g in dbs[:-1]), dbs[-1]]


BUFFERS = {}


def buffers_used_again(weights, biases, x, target):
    """Give right gradients, in the same memory every time."""
    dws, dbs = gradients(weights, biases, x, target)
    held = BUFFERS.setdefault(tuple(w.shape for w in weights), (dws, dbs))
    for old, new in zip((*held[0], *held[1]), (*dws, *dbs), strict=True):
        old[...] = new
    return held


G = "mlp_gradients"
WRONG = [
    Wrong("mean over the last axis", "mse_loss", mean_of_rows_of_last_axis, "last dimension"),
    Wrong("(n, 1) against (n,)", "mse_loss", unchecked_broadcast, "each element with every other"),
    Wrong("half", "mse_loss", half_mse, "halves the loss"),
    Wrong("half of the sum", "mse_loss", lambda s, t: np.sum((s - t) ** 2) / 2, "halves", {"reduction": "sum"}),
    Wrong("RMSE", "mse_loss", rmse, "square root"),
    Wrong("MAE", "mse_loss", mae, r"\|d\|"),
    Wrong("sum", "mse_loss", sum_of_squares, "does not divide"),
    Wrong("per example", "mse_loss", per_example, "first dimension alone"),
    Wrong("variance", "mse_loss", variance_of_difference, "variance"),
    Wrong("float16", "mse_loss", half_precision, "16 bits"),
    Wrong("float32 for float64", "mse_loss", lambda s, t: np.mean((s.astype("f4") - t.astype("f4")) ** 2),
          "float32", {"dtype": "float64"}),
    Wrong("squares that cancel", "mse_loss", cancelling_squares, "cancels"),
    Wrong("signed", "mse_loss", signed_mean, "does not square"),
    Wrong("n - 1", "mse_loss", unbiased, "n - 1"),
    Wrong("in place", "mse_loss", loss_in_place, "changes its input student|read-only"),
    Wrong("not reduced", "mse_loss", loss_by_row, "AxisError|returns shape"),
    Wrong("smooth L1", "mse_loss", smooth_l1, "smooth L1"),
    Wrong("factor 2", "mse_gradient", factor_forgotten, "factor 2"),
    Wrong("sign", "mse_gradient", towards_the_student, "other sign"),
    Wrong("no division", "mse_gradient", not_divided, "does not divide"),
    Wrong("rows", "mse_gradient", divided_by_rows, "first dimension alone"),
    Wrong("residual", "mse_gradient", only_residual, "student - teacher"),
    Wrong("clipped", "mse_gradient", clipped_gradient, "clips the gradient"),
    Wrong("of MAE", "mse_gradient", gradient_of_mae, "MAE"),
    Wrong("tail", "mse_gradient", gradient_with_a_wrong_tail, "factor 2, but only in the last n mod 8"),
    Wrong("half below", "mse_gradient", gradient_wrong_below, "factor 2, but only where the student is below"),
    Wrong("last layer activated", "mlp_forward", last_layer_activated, "last layer as well"),
    Wrong("bias forgotten", "mlp_forward", bias_forgotten, "leaves out the biases"),
    Wrong("bias forgotten in rows", "mlp_forward", bias_forgotten_in_the_last_rows, "biases, but only.*4 of n rows"),
    Wrong("no activation", "mlp_forward", no_activation, "no activation"),
    Wrong("bias after", "mlp_forward", bias_after_activation, "after the activation"),
    Wrong("square transposed", "mlp_forward", torch_layout, "transposes square"),
    Wrong("sigmoid for tanh", "mlp_forward", logistic, "sigmoid", {"activation": "tanh"}),
    Wrong("leaky", "mlp_forward", leaky, "leaky relu with slope 0.01"),
    Wrong("softmax", "mlp_forward", probabilities, "softmax"),
    Wrong("float16", "mlp_forward", network_in_half, "16 bits"),
    Wrong("squeezed", "mlp_forward", squeezed, "returns shape"),
    Wrong("relu in place", "mlp_forward", relu_in_place, "changes its input x|read-only"),
    Wrong("bias mean", G, other(bias=lambda dz: dz.mean(axis=0)), "mean over the batch for the bias"),
    Wrong("one bias gradient", G, other(bias=lambda dz: np.full(dz.shape[1:], dz.sum())), "over the units too"),
    Wrong("batch twice", G, other(start=lambda y, t: 2 * (y - t) / y.size / len(y)), "batch once more"),
    Wrong("batch never", G, other(start=lambda y, t: 2 * (y - t) / y.shape[1]), "batch|number of outputs"),
    Wrong("half", G, other(start=lambda y, t: (y - t) / y.size), "factor 2"),
    Wrong("half, batch only", G, other(start=lambda y, t: (y - t) / len(y)), "no factor 2"),
    Wrong("sign", G, other(start=lambda y, t: 2 * (t - y) / y.size), "other sign"),
    Wrong("mask at 0", G, other(slope=lambda z, h, i: z[i] >= 0), "derivative 1 at 0"),
    Wrong("half at 0", G, other(slope=lambda z, h, i: (np.sign(z[i]) + 1) / 2), "1/2 at 0"),
    Wrong("no mask", G, other(slope=lambda z, h, i: 1), "activation's derivative|no activation"),
    Wrong("mask of the gradient", G, masked_by_own_gradient, "sign of the gradient"),
    Wrong("updated", G, other(back=lambda dz, w, dw: dz @ (w - w.dtype.type(0.1) * dw).T), "already updated.*0.1"),
    Wrong("back through W", G, other(back=lambda dz, w, dw: dz @ (w if w.shape[0] == w.shape[1] else w.T)),
          "through W and not"),
    Wrong("1 - h", G, other(activation="tanh", slope=lambda z, h, i: 1 - h[i + 1]),
          "1 - h and", {"activation": "tanh"}),
    Wrong("1 - z^2", G, other(activation="tanh", slope=lambda z, h, i: 1 - z[i] ** 2), "1 - z", {"activation": "tanh"}),
    Wrong("tanh of tanh", G, other(activation="tanh", slope=lambda z, h, i: 1 - np.tanh(h[i + 1]) ** 2),
          "activated value", {"activation": "tanh"}),
    Wrong("first bias", G, bias_of_first_layer_averaged, "batch.*but only in the bias gradient of layer 1"),
    Wrong("last bias", G, last_layer_bias_averaged, "batch.*but only in the bias gradient of the last layer"),
    Wrong("one list", G, one_list, "returns"),
    Wrong("clipped", G, clipped_by_value, "clips the gradients"),
    Wrong("decay", G, decayed, "weight decay of 0.01"),
    Wrong("hidden layers frozen", G, frozen_hidden, "0 for all layers but the last"),
    Wrong("buffers used again", G, buffers_used_again, "writes into an array that it returned before"),
]  # fmt: skip


# right ones


def mse_fsum(student, teacher):
    d = [float(s) - float(t) for s, t in zip(student.ravel(), teacher.ravel(), strict=True)]
    return math.fsum(v * v for v in d) / len(d)


def mse_fractions(student, teacher):
    pairs = zip(student.ravel(), teacher.ravel(), strict=True)
    return float(sum((Fraction(float(s)) - Fraction(float(t))) ** 2 for s, t in pairs) / student.size)


def mse_reversed(student, teacher):
    total = student.dtype.type(0)
    for s, t in zip(student.ravel()[::-1], teacher.ravel()[::-1], strict=True):
        total = total + (s - t) * (s - t)
    return total / student.dtype.type(student.size)


def mse_divided_early(student, teacher):
    d = (student - teacher).ravel()
    return (d * (d / student.dtype.type(student.size))).sum()


def mse_norm(student, teacher):
    d = (student.astype(np.float32) - teacher.astype(np.float32)).ravel()
    return np.linalg.norm(d) ** 2 / d.size


def mse_by_rows(student, teacher):
    d = np.atleast_2d(student - teacher)
    return np.mean(np.stack([np.mean(row * row) for row in d]))


def mse_batch(student, teacher):
    d = (student - teacher).reshape(len(student), -1)
    return np.einsum("ij,ij->", d, d) / d.dtype.type(len(d))


def gradient_in_loops(student, teacher):
    out = np.empty_like(student)
    for i, v in np.ndenumerate(student):
        out[i] = 2 * (float(v) - float(teacher[i])) / student.size
    return out


def gradient_by_reciprocal(student, teacher):
    return (student - teacher) * student.dtype.type(2 / student.size)


def gradient_fractions(student, teacher):
    pairs = zip(student.ravel(), teacher.ravel(), strict=True)
    exact = [float(2 * (Fraction(float(s)) - Fraction(float(t))) / student.size) for s, t in pairs]
    return np.array(exact).reshape(student.shape)


def dot(a, b, kind):
    total = kind(0)
    for u, v in zip(a, b, strict=True):
        total = kind(total + kind(u * v))
    return total


def loops_forward(activation):
    """Scalar by scalar, each sum in the dtype of the arrays, the bias last."""

    def candidate(weights, biases, x):
        kind = x.dtype.type
        h = [list(row) for row in x]
        for n, (w, b) in enumerate(zip(weights, biases, strict=True)):
            z = [[kind(dot(row, w[:, j], kind) + b[j]) for j in range(w.shape[1])] for row in h]
            last = n == len(weights) - 1
            h = z if last else [[kind(ACTIVATIONS[activation](v)) for v in row] for row in z]
        return np.array(h, x.dtype).reshape(len(x), len(biases[-1]))

    return candidate


def exact_forward(weights, biases, x):
    """In fractions, rounded at the end."""
    h = [[Fraction(float(v)) for v in row] for row in x]
    for n, (w, b) in enumerate(zip(weights, biases, strict=True)):
        columns = [[Fraction(float(v)) for v in w[:, j]] for j in range(w.shape[1])]
        h = [
            [sum((u * v for u, v in zip(row, c, strict=True)), Fraction(float(b[j]))) for j, c in enumerate(columns)]
            for row in h
        ]
        if n < len(weights) - 1:
            h = [[max(v, Fraction(0)) for v in row] for row in h]
    return np.array([[float(v) for v in row] for row in h]).reshape(len(x), len(biases[-1]))


def augmented(activation):
    """The bias as one more input that is 1."""

    def candidate(weights, biases, x):
        h = x
        for n, (w, b) in enumerate(zip(weights, biases, strict=True)):
            h = np.hstack([h, np.ones((len(h), 1), h.dtype)]) @ np.vstack([w, b])
            h = ACTIVATIONS[activation](h) if n < len(weights) - 1 else h
        return h

    return candidate


def transposed_products(weights, biases, x):
    h = x.T
    for n, (w, b) in enumerate(zip(weights, biases, strict=True)):
        h = np.einsum("io,in->on", w, h) + b[:, None]
        h = h.clip(0) if n < len(weights) - 1 else h
    return h.T


def by_outer_products(weights, biases, x):
    for n, (w, b) in enumerate(zip(weights, biases, strict=True)):
        z = np.tile(b, (len(x), 1))
        for i in reversed(range(len(w))):
            z = z + np.outer(x[:, i], w[i])
        x = z * (z > 0) if n < len(weights) - 1 else z
    return x


def per_example_gradients(weights, biases, x, target):
    """One example after the other, added up at the end and divided then."""
    dws, dbs = [np.zeros_like(w) for w in weights], [np.zeros_like(b) for b in biases]
    for row, goal in zip(x, target, strict=True):
        one = gradients(weights, biases, row[None], goal[None], start=lambda y, t: y - t)
        dws = [a + b for a, b in zip(dws, one[0], strict=True)]
        dbs = [a + b for a, b in zip(dbs, one[1], strict=True)]
    scale = target.dtype.type(2) / target.dtype.type(target.size)
    return [a * scale for a in dws], [a * scale for a in dbs]


def forward_mode(weights, biases, x, target):
    """Every unit's path to the loss written out as products of Jacobians, in float64."""
    h, masks = [x.astype(np.float64)], []
    for n, (w, b) in enumerate(zip(weights, biases, strict=True)):
        z = h[-1] @ w.astype(np.float64) + b
        masks.append(z > 0 if n < len(weights) - 1 else np.ones(z.shape, bool))
        h.append(np.where(masks[-1], z, 0))
    residual = 2 * (h[-1] - target) / target.size
    dws, dbs = [], []
    for i in range(len(weights)):
        jacobian = np.einsum("no,op->nop", masks[i], np.eye(masks[i].shape[1]))
        for j in range(i + 1, len(weights)):
            jacobian = np.einsum("nij,jk,nk->nik", jacobian, weights[j].astype(np.float64), masks[j])
        dz = np.einsum("nik,nk->ni", jacobian, residual)
        dws.append(np.einsum("na,nb->ab", h[i], dz))
        dbs.append(dz.sum(axis=0))
    return dws, dbs


def in_float64(activation, reduction="mean"):
    def candidate(weights, biases, x, target):
        wide = [a.astype(np.float64) for a in (*weights, *biases, x, target)]
        n = len(weights)
        return gradients(wide[:n], wide[n : 2 * n], *wide[-2:], activation, reduction)

    return candidate


def plain(activation, reduction="mean"):
    return lambda weights, biases, x, target: gradients(weights, biases, x, target, activation, reduction)


def from_output_side(weights, biases, x, target):
    """The mask of relu from its output, tanh's slope as (1 - h)(1 + h)."""
    return gradients(weights, biases, x, target, slope=lambda z, h, i: h[i + 1] > 0)


def tanh_factored(weights, biases, x, target):
    return gradients(weights, biases, x, target, "tanh", slope=lambda z, h, i: (1 - h[i + 1]) * (1 + h[i + 1]))


def summed_by_ones(weights, biases, x, target):
    """The bias gradients as a product with ones, the weight gradients as transposed products."""
    return gradients(
        weights,
        biases,
        x,
        target,
        bias=lambda dz: (np.ones((1, len(dz)), dz.dtype) @ dz)[0],
        weight=lambda h, dz: (dz.T @ h).T,
        back=lambda dz, w, dw: (w @ dz.T).T,
    )


HALF, BRAIN = {"dtype": "float16"}, {"dtype": "bfloat16"}
RIGHT = [
    Right("fsum", "mse_loss", mse_fsum),
    Right("fractions", "mse_loss", mse_fractions),
    Right("reversed", "mse_loss", mse_reversed),
    Right("reversed, float16", "mse_loss", mse_reversed, HALF),
    Right("reversed, bfloat16", "mse_loss", mse_reversed, BRAIN),
    Right("divided early", "mse_loss", mse_divided_early),
    Right("norm squared", "mse_loss", mse_norm),
    Right("by rows", "mse_loss", mse_by_rows),
    Right("einsum", "mse_loss", mse_batch, {"reduction": "batch_mean"}),
    Right("dot", "mse_loss", lambda s, t: np.dot((s - t).ravel(), (s - t).ravel()), {"reduction": "sum"}),
    Right("loops", "mse_gradient", gradient_in_loops, HALF),
    Right("reciprocal", "mse_gradient", gradient_by_reciprocal),
    Right("reciprocal, bfloat16", "mse_gradient", gradient_by_reciprocal, BRAIN),
    Right("fractions", "mse_gradient", gradient_fractions, {"dtype": "float64"}),
    Right("loops", "mlp_forward", loops_forward("relu")),
    Right("loops, float16", "mlp_forward", loops_forward("tanh"), {**HALF, "activation": "tanh"}),
    Right("fractions", "mlp_forward", exact_forward),
    Right("bias as an input", "mlp_forward", augmented("tanh"), {"activation": "tanh"}),
    Right("bias as an input, identity", "mlp_forward", augmented("identity"), {"activation": "identity", **HALF}),
    Right("transposed", "mlp_forward", transposed_products),
    Right("outer products", "mlp_forward", by_outer_products, BRAIN),
    Right("example by example", G, per_example_gradients),
    Right("example by example, float16", G, per_example_gradients, HALF),
    Right("Jacobians", G, forward_mode),
    Right("float64 inside", G, in_float64("tanh"), {"activation": "tanh"}),
    Right("float64 inside, float64", G, in_float64("relu", "sum"), {"dtype": "float64", "reduction": "sum"}),
    Right("plain, identity", G, plain("identity", "batch_mean"), {"activation": "identity", "reduction": "batch_mean"}),
    Right("plain, tanh, bfloat16", G, plain("tanh"), {"activation": "tanh", **BRAIN}),
    Right("mask from the output", G, from_output_side),
    Right("(1 - h)(1 + h)", G, tanh_factored, {"activation": "tanh"}),
    Right("products with ones", G, summed_by_ones),
]  # fmt: skip
