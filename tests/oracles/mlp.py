"""Exact twins of the network, its losses and its optimizers: plain loops on fractions, one element at a time.

A matrix is a list of rows. ``exp``, ``log1p`` and ``sqrt`` are rational numbers with a relative error below 2^-250.
"""

from fractions import Fraction
from math import isqrt

BITS = 300
ACTIVATIONS = {
    "relu": (lambda z: z if z > 0 else Fraction(0), lambda z: 1 if z > 0 else 0),
    "identity": (lambda z: z, lambda z: 1),
    "tanh": (lambda z: tanh(z), lambda z: tanh_slope(z)),
}


def terms(rows: int, columns: int, reduction: str) -> int:
    """Return the number that the sum of squares of a matrix is divided by."""
    return {"mean": rows * columns, "sum": 1, "batch_mean": rows}[reduction]


def forward(weights, biases, x, activation):
    """Return the inputs and the sums of every layer: inputs[layer][example][i], sums[layer][example][j]."""
    activate, _ = ACTIVATIONS[activation]
    inputs, sums = [x], []
    for layer, (w, b) in enumerate(zip(weights, biases, strict=True)):
        if layer:
            inputs.append([[activate(z) for z in example] for example in sums[-1]])
        sums.append([])
        for h in inputs[-1]:
            z = []
            for j in range(len(b)):
                total = Fraction(b[j])
                for i in range(len(h)):
                    total += h[i] * w[i][j]
                z.append(total)
            sums[-1].append(z)
    return inputs, sums


def mse(student, teacher, reduction):
    """Return the mean squared error of two matrices."""
    total = Fraction(0)
    for row, goal in zip(student, teacher, strict=True):
        for s, t in zip(row, goal, strict=True):
            total += (s - t) ** 2
    return total / terms(len(student), len(student[0]), reduction)


def mse_gradient(student, teacher, reduction):
    """Return its derivative by every element of the student."""
    n = terms(len(student), len(student[0]), reduction)
    return [
        [2 * (s - t) / Fraction(n) for s, t in zip(a, b, strict=True)] for a, b in zip(student, teacher, strict=True)
    ]


def chain_rule(weights, inputs, slopes, d_output):
    """Return dW and db of every layer; slopes[layer][example][j] is the activation's derivative after that layer."""
    dz = d_output
    dws, dbs = [], []
    for layer in reversed(range(len(weights))):
        h, outputs = inputs[layer], len(dz[0])
        examples = range(len(dz))
        dws.insert(
            0, [[sum(h[n][i] * dz[n][j] for n in examples) for j in range(outputs)] for i in range(len(weights[layer]))]
        )
        dbs.insert(0, [sum(dz[n][j] for n in examples) for j in range(outputs)])
        if layer:
            w, before = weights[layer], []
            for n in examples:
                upstream = [sum(dz[n][j] * w[i][j] for j in range(outputs)) for i in range(len(w))]
                before.append([d * slope for d, slope in zip(upstream, slopes[layer - 1][n], strict=True)])
            dz = before
    return dws, dbs


def gradients(weights, biases, x, target, activation, reduction):
    """Return the derivatives of the mean squared error by every weight and bias."""
    _, slope = ACTIVATIONS[activation]
    inputs, sums = forward(weights, biases, x, activation)
    slopes = [[[slope(z) for z in example] for example in layer] for layer in sums]
    return chain_rule(weights, inputs, slopes, mse_gradient(sums[-1], target, reduction))


def sgd_step(w, g, v, lr, momentum, weight_decay, mask):
    """Return the next parameters and velocities, one by one."""
    new_w, new_v = [], []
    for i in range(len(w)):
        velocity = momentum * v[i] + g[i] + weight_decay * w[i]
        new_v.append(velocity if mask[i] else Fraction(0))
        new_w.append(w[i] - lr * velocity if mask[i] else Fraction(0))
    return new_w, new_v


def adam_updates(gradients_by_step, beta1, beta2, epsilon):
    """Return what Adam subtracts at each step, before the factor lr, for one parameter."""
    first, second, updates = Fraction(0), Fraction(0), []
    for t, g in enumerate(gradients_by_step, 1):
        first = beta1 * first + (1 - beta1) * g
        second = beta2 * second + (1 - beta2) * g**2
        updates.append(first / (1 - beta1**t) / (sqrt(second / (1 - beta2**t)) + epsilon))
    return updates


def sqrt(v: Fraction) -> Fraction:
    """Return the square root of a number that is not negative."""
    shift = BITS + v.denominator.bit_length()
    return Fraction(isqrt((v.numerator << 2 * shift) // v.denominator), 1 << shift)


def exp(v: Fraction) -> Fraction:
    """Return e^v: the series at v / 2^k below 1, squared k times."""
    if v < 0:
        return 1 / exp(-v)
    k = int(v).bit_length()
    reduced = (v.numerator << BITS) // (v.denominator << k)
    total = term = 1 << BITS
    n = 1
    while term:
        term = (term * reduced >> BITS) // n
        total += term
        n += 1
    for _ in range(k):
        total = total * total >> BITS
    return Fraction(total, 1 << BITS)


def log1p(v: Fraction) -> Fraction:
    """Return log(1 + v) for v at least 0: 2 artanh(s) with s = v / (2 + v)."""
    s = v / (2 + v)
    square = ((s.numerator**2) << BITS) // s.denominator**2
    total = power = 1 << BITS
    n = 3
    while power:
        power = power * square >> BITS
        total += power // n
        n += 2
    return 2 * s * Fraction(total, 1 << BITS)


def sigmoid(v: Fraction) -> Fraction:
    """Return 1 / (1 + e^-v)."""
    return 1 / (1 + exp(-v))


def sigmoid_slope(v: Fraction) -> Fraction:
    """Return the derivative of the sigmoid, e^-v / (1 + e^-v)^2."""
    e = exp(-v)
    return e / (1 + e) ** 2


def tanh(v: Fraction) -> Fraction:
    """Return tanh(v): sinh(v) / cosh(v) by their series below 1, else by e^2v."""
    if abs(v) >= 1:
        return 1 - 2 / (1 + exp(2 * v))
    square = ((v.numerator**2) << BITS) // v.denominator**2
    sinh = cosh = 0  # sinh without its factor v
    term, n = 1 << BITS, 1
    while term:
        cosh, term = cosh + term, term // n
        sinh, term = sinh + term, (term * square >> BITS) // (n + 1)
        n += 2
    return v * Fraction(sinh, cosh)


def tanh_slope(v: Fraction) -> Fraction:
    """Return the derivative of tanh, 4 e^-2v / (1 + e^-2v)^2: four times that of the sigmoid at 2 v."""
    return 4 * sigmoid_slope(2 * v)


def softmax(z):
    """Return the softmax of a list."""
    e = [exp(v - max(z)) for v in z]
    return [v / sum(e) for v in e]


def cross_entropy(z, label):
    """Return -log softmax(z)[label], and its derivatives by z."""
    e = [exp(v - max(z)) for v in z]
    loss = max(z) - z[label] + log1p(sum(e) - 1)
    return loss, [v / sum(e) - (j == label) for j, v in enumerate(e)]
