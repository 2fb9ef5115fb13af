"""Knowledge beyond outputs: hidden features through a learned projection, and relations between examples.

Legend: s (n, d) features of the student and t (n, c) of the teacher, an example a row; W (d, c) the projection; N what
the hint loss is divided by; u = 2^-53, gamma_k = k u / (1 - k u). Every loss stands above its gradient.
"""

from collections.abc import Callable
from fractions import Fraction
from typing import Any

import numpy as np
import numpy.typing as npt

from refcompress import arguments
from refcompress.arguments import Array
from refcompress.mlp.losses import divisor
from refcompress.mlp.precision import common_dtype, is_exact, narrow, numbers, widen
from refcompress.norms import norms

Scaled = tuple[Array, int]
"""Numbers, and the power of two that they were divided by."""


def hint_loss(
    student: npt.ArrayLike, teacher: npt.ArrayLike, projection: npt.ArrayLike, *, reduction: str = "batch_mean"
) -> float | Fraction:
    """Return the hint loss of FitNets with a linear regressor: sum((s W - t)^2) / (2 N).

    Parameters
    ----------
    student : array_like of shape (n, d)
        Hidden features of the student: finite floats or integers, or ``fractions.Fraction`` (dtype object).
    teacher : array_like of shape (n, c)
        Hidden features of the teacher (the hint).
    projection : array_like of shape (d, c)
        W, which is learned with the student and thrown away after. A column of ones in s makes a bias of its last row.
    reduction : str
        N is n for batch_mean (default), n c for mean, 1 for sum.

    Returns
    -------
    float or Fraction
        Exact for fractions. Else in float64, with an error of at most gamma_(2 d + n c + 6) sum((|s||W| + |t|)^2) / 2 N
        where nothing underflows (d + 1 for s W - t, which is squared; 1 for the square, n c for the sum, 2 to scale).

    Raises
    ------
    ValueError
        For shapes that do not fit, a NaN or an infinity, a mean of nothing.
    TypeError
        For arrays that hold no numbers.

    References
    ----------
    Romero et al., "FitNets: Hints for Thin Deep Nets", section 2.2, equation 3, 2015.

    Examples
    --------
    >>> hint_loss([[1.0, 2.0]], [[4.0]], [[1.0], [1.0]])
    0.5
    """
    s, t, w, n, dtype = _projected(student, teacher, projection, reduction)
    loss, _, _ = _hint_of_finite(s, t, w, n)
    return Fraction(loss) if is_exact(dtype) else float(loss)


def hint_gradients(
    student: npt.ArrayLike, teacher: npt.ArrayLike, projection: npt.ArrayLike, *, reduction: str = "batch_mean"
) -> tuple[Array, Array]:
    """Return the gradients of ``hint_loss`` by the student's features and by the projection: e W^T and s^T e.

    With e = (s W - t) / N.

    Parameters
    ----------
    student, teacher, projection, reduction
        As in ``hint_loss``.

    Returns
    -------
    tuple of numpy.ndarray
        Shapes (n, d) and (d, c), in the common dtype of the three. Exact for fractions. Else in float64, with E =
        (|s||W| + |t|) / N with errors of at most gamma_(d + c + 3) E |W|^T and gamma_(d + n + 3) |s|^T E where nothing
        underflows, then rounded once.

    Raises
    ------
    ValueError, TypeError
        As in ``hint_loss``.

    Examples
    --------
    >>> hint_gradients([[1.0, 2.0]], [[4.0]], [[1.0], [1.0]])
    (array([[-1., -1.]]), array([[-1.],
           [-2.]]))
    """
    s, t, w, n, dtype = _projected(student, teacher, projection, reduction)
    _, by_student, by_projection = _hint_of_finite(s, t, w, n)
    with np.errstate(over="ignore", under="ignore"):
        return narrow(by_student, dtype), narrow(by_projection, dtype)


def _hint_of_finite(s: Array, t: Array, w: Array, n: int) -> tuple[Any, Array, Array]:
    """``hint``; what overflows on the way is made again from numbers near 1, and infinite only where the result is."""
    with np.errstate(over="ignore", under="ignore", invalid="ignore"):
        parts = hint(s, t, w, n)
        if is_exact(s.dtype) or all(np.isfinite(part).all() for part in parts):
            return parts
        of_w = _scaled(w)[1]
        of_d = max(_scaled(s)[1] + of_w, _scaled(t)[1])
        near = hint(np.ldexp(s, of_w - of_d), np.ldexp(t, -of_d), np.ldexp(w, -of_w), n)
        powers = (2 * of_d, of_d + of_w, 2 * of_d - of_w)
        loss, by_student, by_projection = (
            np.where(np.isfinite(part), part, np.ldexp(other, power))
            for part, other, power in zip(parts, near, powers, strict=True)
        )
    return loss, by_student, by_projection


def hint(s: Array, t: Array, w: Array, n: int) -> tuple[Any, Array, Array]:
    """Return the loss and both gradients, unchecked, for floats and fractions."""
    d = s @ w - t
    e = d / n
    return np.sum(d * d) / (2 * n), np.asarray(e @ w.T), np.asarray(s.T @ e)


def rkd_distance_loss(student: npt.ArrayLike, teacher: npt.ArrayLike) -> float:
    """Return the distance loss of relational distillation: the mean over pairs of huber(psi(t) - psi(s)).

    psi_ij = |x_i - x_j| / mu, where mu is the mean distance of all pairs i < j; huber(y) = y^2 / 2 for |y| <= 1, else
    |y| - 1/2. (The paper adds up over the pairs; its authors' code takes the mean over all n^2, with i = j.)

    Parameters
    ----------
    student : array_like of shape (n, d)
        Features of the student, n >= 2: finite floats or integers.
    teacher : array_like of shape (n, c)
        Features of the teacher, of any width.

    Returns
    -------
    float
        In float64, with an error of at most gamma_(3 (d + c) + 6 M + 28) for M pairs, where nothing underflows: a
        distance has d + 3 roundings (difference, squares, sum, root), mu M more, and psi then at most 3 d + 2 M + 10
        relative ones. Huber's slope is at most 1, so that a difference passes its error on; the mean of psi is 1, so
        that these add up to the gamma of both and 2. Huber's own roundings are 6 more, the mean's 2 M. Where all
        examples are equal, mu is 0 and every psi is taken for 0.

    Raises
    ------
    ValueError
        For fewer than two examples, numbers of examples that differ, a NaN or an infinity.
    TypeError
        For arrays that hold no floats or integers.

    References
    ----------
    Park et al., "Relational Knowledge Distillation", section 3.2.1, equations 4 to 7, 2019.

    Examples
    --------
    >>> rkd_distance_loss([[0.0], [1.0], [3.0]], [[0.0, 0.0], [2.0, 0.0], [6.0, 0.0]])
    0.0
    """
    (s, _), (t, _) = _related(student, teacher, 2)
    with np.errstate(over="ignore", under="ignore", invalid="ignore"):  # of the gradient, which is not asked for
        return float(distance_relation(s, t)[0])


def rkd_distance_gradient(student: npt.ArrayLike, teacher: npt.ArrayLike) -> Array:
    """Return the gradient of ``rkd_distance_loss`` by the student's features.

    With M pairs, D the distances and g = huber'(psi(s) - psi(t)) / M (the difference clipped to [-1, 1]): dL/dD_ij =
    (g_ij - sum(g psi) / M) / mu, for mu depends on every distance; and dD_ij/ds_i = (s_i - s_j) / D_ij. A distance of
    0 has no derivative: 0 is taken, a subgradient.

    Parameters
    ----------
    student, teacher
        As in ``rkd_distance_loss``.

    Returns
    -------
    numpy.ndarray
        The shape of the student, in its dtype (float64 for integers): in float64, rounded once. In float64 the entry
        (i, k) has an error of at most gamma_(10 max(d, c) + 7 M + n + 39) sum_j (P_ij + R) |e_ijk| / (M mu), where
        nothing underflows: see the notes.

    Raises
    ------
    ValueError, TypeError
        As in ``rkd_distance_loss``.

    Notes
    -----
    With P = psi(s) + psi(t), R = mean(P psi(s)), e_ij = (s_i - s_j) / D_ij (0 where D_ij is), and m = max(d, c).
    Relative roundings: d + 3 of a distance, d + M + 3 of mu, 3 d + 2 M + 10 of psi (a divisor's count twice). huber' is
    no steeper than 1 and at most P, so that g M has the error gamma_(3 m + 2 M + 11) P; a product with psi adds that of
    psi and 1, the mean M: sum(g psi) has gamma_(6 m + 5 M + 22) R. Their difference adds 1, M and mu divide with
    1 + 2 (d + M + 3) + 1 more: gamma_(8 m + 7 M + 31) (P + R) / (M mu); e_ij has 2 d + 8, its product 1, and a sum of
    n - 1 terms n - 1.

    Examples
    --------
    >>> rkd_distance_gradient([[0.0], [1.0], [3.0]], [[0.0], [1.0], [2.0]]).round(3).tolist()
    [[0.056], [-0.083], [0.028]]
    """
    return _gradient(distance_relation, student, *_related(student, teacher, 2))


def distance_relation(s: Array, t: Array) -> tuple[Any, Array]:
    """Return the loss and its gradient by s, unchecked, for floats and decimals."""
    i, j = np.triu_indices(len(s), 1)
    differences = s[i] - s[j]
    distances = _norm(differences)
    (psi, mu), (goal, _) = _relative(distances), _relative(_norm(t[i] - t[j]))
    loss, g = _huber(psi - goal)
    by_distance = (g - np.sum(g * psi) / len(i)) / len(i) / mu
    by_difference = by_distance[:, None] * _unit(differences, distances)
    gradient = s * 0
    np.add.at(gradient, i, by_difference)
    np.subtract.at(gradient, j, by_difference)
    return np.sum(loss) / len(i), gradient


def rkd_angle_loss(student: npt.ArrayLike, teacher: npt.ArrayLike) -> float:
    """Return the angle loss of relational distillation: the mean over triples of huber(psi(t) - psi(s)).

    psi_ijk = e_ij . e_kj is the cosine of the angle at x_j, with the unit vectors e_ij = (x_i - x_j) / |x_i - x_j|;
    the triples have three different examples. (The paper adds up over them; its authors' code takes the mean over all
    n^3.) Huber as in ``rkd_distance_loss``.

    Parameters
    ----------
    student : array_like of shape (n, d)
        Features of the student, n >= 3: finite floats or integers.
    teacher : array_like of shape (n, c)
        Features of the teacher, of any width.

    Returns
    -------
    float
        In float64, with an error of at most gamma_(5 (d + c) + 2 M + 40) for M triples, where nothing underflows: a
        unit vector has at most 2 d + 8 relative roundings, a cosine 5 d + 16 of a sum of magnitudes of at most 1, the
        difference of two adds 2, Huber 6 and the mean 2 M. Between equal examples the unit vector is taken for 0, and
        so are its cosines.

    Raises
    ------
    ValueError, TypeError
        As in ``rkd_distance_loss``, for fewer than three examples.

    References
    ----------
    Park et al., "Relational Knowledge Distillation", section 3.2.2, equations 8 and 9, 2019.

    Examples
    --------
    >>> rkd_angle_loss([[0.0, 0.0], [1.0, 0.0], [0.0, 1.0]], [[0.0, 0.0], [5.0, 0.0], [0.0, 5.0]])
    0.0
    """
    (s, _), (t, _) = _related(student, teacher, 3)
    with np.errstate(over="ignore", under="ignore", invalid="ignore"):  # of the gradient, which is not asked for
        return float(angle_relation(s, t)[0])


def rkd_angle_gradient(student: npt.ArrayLike, teacher: npt.ArrayLike) -> Array:
    """Return the gradient of ``rkd_angle_loss`` by the student's features.

    With M triples, G_ijk = huber'(psi(s) - psi(t)) / M and h_ij = dL/de_ij = 2 sum_k G_ijk e_kj (G is symmetric in the
    two ends i and k), the difference s_i - s_j has the gradient (h_ij - e_ij (e_ij . h_ij)) / D_ij, which goes to s_i,
    and to s_j with the other sign. Between equal examples 0 is taken.

    Parameters
    ----------
    student, teacher
        As in ``rkd_angle_loss``.

    Returns
    -------
    numpy.ndarray
        The shape of the student, in its dtype (float64 for integers): in float64, rounded once. In float64 the entry
        (i, k) has an error of at most gamma_(14 d + 5 c + 2 n + 69) sum_j (B_ijk + B_jik), where nothing underflows:
        see the notes. Of examples nearer to each other than 2^-1022 of the largest number it may be infinite, and NaN
        where two such terms meet.

    Raises
    ------
    ValueError, TypeError
        As in ``rkd_angle_loss``.

    Notes
    -----
    With H_ij = (2 / M) sum_k |e_kj| for k other than i and j, and B_ij = (H_ij + |e_ij| (|e_ij| . H_ij)) / D_ij, which
    is 0 where D_ij is. A unit vector has 2 d + 8 relative roundings; G M has the error gamma_(5 (d + c) + 35), for a
    cosine is at most 1 and huber' no steeper. A product with e_kj adds 2 d + 8, the sum n and the division 1: h_ij has
    gamma_(7 d + 5 c + n + 44) H_ij. The product with e_ij and its sum add 3 d + 8, the next product 2 d + 9, the
    difference 1, the division by D_ij 2 d + 7, and the two sums over j with their difference n.

    Examples
    --------
    >>> rkd_angle_gradient([[0.0, 0.0], [1.0, 0.0], [0.0, 1.0]], [[0.0, 0.0], [5.0, 0.0], [0.0, 5.0]]).tolist()
    [[0.0, 0.0], [0.0, 0.0], [0.0, 0.0]]
    """
    return _gradient(angle_relation, student, *_related(student, teacher, 3))


def angle_relation(s: Array, t: Array) -> tuple[Any, Array]:
    """Return the loss and its gradient by s, unchecked, for floats and decimals."""
    n = len(s)
    triples = n * (n - 1) * (n - 2)
    distances, e, psi = _angles(s)
    loss, g = _huber((psi - _angles(t)[2]) * (1 - np.eye(n, dtype=np.int64)))
    h = 2 * (g @ e) / triples
    along = np.sum(e * h, axis=-1, keepdims=True)
    by_difference = _unit(h - e * along, distances)
    return np.sum(loss) / triples, by_difference.sum(axis=0) - by_difference.sum(axis=1)


def _angles(x: Array) -> tuple[Array, Array, Array]:
    """Return, for each vertex j: the distances [j, i], the unit vectors [j, i] to it, and the cosines [j, i, k]."""
    differences = x[None, :, :] - x[:, None, :]
    distances = _norm(differences)
    e = _unit(differences, distances)
    return distances, e, np.asarray(e @ e.transpose(0, 2, 1))


def _norm(differences: Array) -> Array:
    if differences.dtype == object:
        return np.asarray(np.sqrt(np.sum(differences * differences, axis=-1)))
    return norms(differences, axis=-1)


def _unit(differences: Array, distances: Array) -> Array:
    """Return differences divided by distances, and 0 where the distance is 0."""
    zero = (distances == 0)[..., None].astype(np.int64)
    return np.asarray(differences * (1 - zero) / (distances[..., None] + zero))


def _relative(distances: Array) -> tuple[Array, Any]:
    """Return distances divided by their mean, and the mean; 1 in its place where all are 0."""
    mean = np.sum(distances) / len(distances)
    mu = mean if mean > 0 else mean + 1
    return np.asarray(distances / mu), mu


def _huber(y: Array) -> tuple[Array, Array]:
    """Return the Huber loss with delta = 1, and its derivative: y clipped to [-1, 1]."""
    slope = np.minimum(np.maximum(y, -1), 1)
    return np.asarray((2 * slope * y - slope * slope) / 2), np.asarray(slope)


def _projected(
    student: npt.ArrayLike, teacher: npt.ArrayLike, projection: npt.ArrayLike, reduction: str
) -> tuple[Array, Array, Array, int, np.dtype[Any]]:
    """Return s, t, W, N and the common dtype of checked arguments."""
    s, t, w = (
        numbers(value, name, "compared")
        for value, name in ((student, "student"), (teacher, "teacher"), (projection, "projection"))
    )
    for array, name in ((s, "student"), (t, "teacher")):
        _matrix(array, name)
    _same_number(s, t)
    if w.shape != (s.shape[1], t.shape[1]):
        raise ValueError(f"projection has shape {w.shape}: it must be {(s.shape[1], t.shape[1])}")
    n = divisor(t.shape, reduction, "teacher")
    dtype = common_dtype(s, t, w)
    return widen(s, dtype), widen(t, dtype), widen(w, dtype), n, dtype


def _related(student: npt.ArrayLike, teacher: npt.ArrayLike, least: int) -> tuple[Scaled, Scaled]:
    """Return s and t of checked arguments, in float64, as numbers below 1 and a power of two each.

    No relation depends on the scale, and without it no difference and no square of a large one overflows.
    """
    s, t = arguments.float_array(student, "student"), arguments.float_array(teacher, "teacher")
    for array, name in ((s, "student"), (t, "teacher")):
        _matrix(array, name)
        arguments.finite(array, name, "compared")
    _same_number(s, t)
    if len(s) < least:
        raise ValueError(f"student has shape {s.shape}: relations need at least {least} examples")
    return _scaled(s.astype(np.float64)), _scaled(t.astype(np.float64))


def _scaled(array: Array) -> Scaled:
    exponent = int(np.frexp(np.abs(array).max(initial=0.0))[1])
    with np.errstate(under="ignore"):
        return np.ldexp(array, -exponent), exponent


def _gradient(
    relation: Callable[[Array, Array], tuple[Any, Array]], student: npt.ArrayLike, s: Scaled, t: Scaled
) -> Array:
    """Return the gradient by the student as it was given: dL/d(2^e s) = 2^-e dL/ds."""
    dtype = arguments.float_array(student, "student").dtype
    with np.errstate(over="ignore", under="ignore", invalid="ignore"):
        return narrow(np.ldexp(relation(s[0], t[0])[1], -s[1]), dtype)


def _matrix(array: Array, name: str) -> None:
    if array.ndim != 2:
        raise ValueError(f"{name} has shape {array.shape}: it must be (examples, features)")


def _same_number(s: Array, t: Array) -> None:
    if len(s) != len(t):
        raise ValueError(f"student has shape {s.shape}, teacher has shape {t.shape}: they must have as many rows")
