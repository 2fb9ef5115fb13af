"""Ways to spend the same bytes: few weights with their places, many in fewer bits, a smaller network, shared values.

Each has as many weights as fit into the budget in its own form, and as much training as the others.
"""

from collections.abc import Callable
from dataclasses import replace
from itertools import pairwise
from math import prod

import numpy as np

from refcompress.arguments import Array
from refcompress.compression import distil
from refcompress.distillation.student import STUDENT_OPTIMIZER
from refcompress.gradual_pruning import masked
from refcompress.huffman import huffman_encode
from refcompress.low_rank import share_weights, truncated_svd
from refcompress.methods.bench import Bench, Method, Sized, as_codes, as_sparse_codes, coded, right, widest
from refcompress.methods.pruning import gradually
from refcompress.mlp.network import MLP
from refcompress.mlp.training import accuracy
from refcompress.neuron_pruning import neuron_norms, remove_neurons
from refcompress.pruning.compact import n_m_compact
from refcompress.pruning.scores import global_masks
from refcompress.pruning.selection import top_k_mask
from refcompress.quantization.affine import affine_quantize
from refcompress.quantization.fixed_point import dequantize, fraction_bits, quantize
from refcompress.quantization.packing import pack_int2, pack_int4
from refcompress.quantization_aware import quantize_weights, train_quantization_aware, weight_scales

SHARED = 32  # values that weights share: 5 bits, as in Deep Compression's dense layers
FEW_BITS = 4


def _shapes(sizes: tuple[int, ...]) -> tuple[int, int]:
    """Return the numbers of weights and of biases."""
    return sum(map(prod, pairwise(sizes))), sum(sizes[1:])


def _student(bench: Bench, hidden: tuple[int, ...]) -> MLP:
    """Return a student of other widths, trained as the first one was."""
    plan = replace(bench.plan, student_hidden=hidden, start_from_teacher=False)
    return distil(bench.teacher, bench.few, plan)[1]


def _code_bytes(bench: Bench) -> int:
    return np.min_scalar_type(-(1 << (bench.plan.bits - 1))).itemsize


def _whole(bench: Bench) -> tuple[int, ...] | None:
    """Return the hidden layers of the widest network whose codes, all of them, are within the budget."""
    return widest(bench, lambda sizes: sum(_shapes(sizes)) * _code_bytes(bench))


def pruned(bench: Bench) -> Sized:
    """Keep few weights with their places, as the first method of the other part does."""
    return as_sparse_codes(bench, gradually(bench, bench.k))


def smaller(bench: Bench) -> Sized | None:
    """Train a smaller student as long."""
    hidden = _whole(bench)
    if hidden is None:
        return None
    return as_codes(bench, bench.tuned(_student(bench, hidden), bench.tuning))


def fewer_neurons(bench: Bench) -> Sized | None:
    """Take the neurons out of the student that the next layer hears least."""
    hidden = _whole(bench)
    if hidden is None:
        return None
    own = bench.student.sizes[1:-1]
    norms = neuron_norms(bench.student)
    kept = [top_k_mask(norm, min(h, w)) for norm, h, w in zip(norms, hidden, own, strict=True)]
    return as_codes(bench, bench.tuned(remove_neurons(bench.student, kept), bench.tuning))


def two_of_four(bench: Bench) -> Sized | None:
    """Keep two of every four inputs of an output, and two bits for the place of each."""
    code = _code_bytes(bench)

    def bytes_of(sizes: tuple[int, ...]) -> int:
        weights, biases = _shapes(sizes)
        return weights // 2 * code + sum(-(-a // 8) * b for a, b in pairwise(sizes)) + biases * code

    inputs = bench.student.sizes[0]
    hidden = widest(bench, bytes_of, 4) if inputs % 4 == 0 else None
    if hidden is None:
        return None
    codes = coded(bench, gradually(bench, 0, _student(bench, hidden), structure=(2, 4)))
    size = sum(b.values.nbytes for b in codes.biases)
    for w in codes.weights:
        values, places = n_m_compact(w.values.T)
        size += values.nbytes + pack_int2(places, signed=False).nbytes
    return Sized(size, right(bench, codes))


def _four_bits(bench: Bench) -> tuple[int, ...] | None:
    def bytes_of(sizes: tuple[int, ...]) -> int:
        half_bytes = sum(-(-a * b // 2) for a, b in pairwise(sizes))
        return half_bytes + 4 * (sum(sizes[1:]) + len(sizes) - 1)

    return widest(bench, bytes_of)


def _packed(bench: Bench, model: MLP, scales: tuple[Array, ...]) -> Sized:
    """Measure weights of four bits, two in a byte, with a scale a matrix, and biases in float32."""
    size = sum(4 * b.size for b in model.biases)
    for w, scale in zip(model.weights, scales, strict=True):
        codes = affine_quantize(w.reshape(-1), scale, 0, bits=FEW_BITS)
        size += pack_int4(codes).nbytes + np.asarray(scale).nbytes
    return Sized(size, accuracy(model, bench.test.x, bench.test.y))


def four_bits_after(bench: Bench) -> Sized | None:
    """Quantize all weights to four bits when the training is over."""
    hidden = _four_bits(bench)
    if hidden is None:
        return None
    model = bench.tuned(_student(bench, hidden), bench.tuning)
    scales = weight_scales(model, bits=FEW_BITS)
    return _packed(bench, quantize_weights(model, scales, bits=FEW_BITS), scales)


def four_bits_aware(bench: Bench) -> Sized | None:
    """Quantize all weights to four bits in the training that follows the student's."""
    hidden = _four_bits(bench)
    if hidden is None:
        return None
    student = _student(bench, hidden)
    scales = weight_scales(student, bits=FEW_BITS)
    model = train_quantization_aware(
        student,
        bench.few.x,
        bench.objective,
        bits=FEW_BITS,
        scales=scales,
        optimizer=STUDENT_OPTIMIZER,
        epochs=bench.tuning,
        seed=bench.plan.seed + 1,
    )
    return _packed(bench, model, scales)


def low_rank(bench: Bench) -> Sized | None:
    """Split the first matrix into two thin ones; the first of them stays, all else is trained."""
    student, code = bench.student, _code_bytes(bench)
    inputs, outputs = student.weights[0].shape
    rest = bench.size - student.weights[0].size + sum(b.size for b in student.biases)
    rank = min((bench.budget // code - rest) // (inputs + outputs), inputs, outputs)
    if rank < 1:
        return None
    factors = truncated_svd(student.weights[0], rank)
    p = fraction_bits(factors.first, bits=bench.plan.bits)
    first = quantize(factors.first, p, bits=bench.plan.bits)
    seen, unseen = (x @ dequantize(first, p, dtype="float64") for x in (bench.few.x, bench.test.x))
    model = MLP((factors.second, *student.weights[1:]), student.biases, student.activation)
    codes = coded(bench, bench.tuned(model, bench.tuning, x=seen), seen)
    size = sum(part.values.nbytes for part in (*codes.weights, *codes.biases))
    return Sized(first.nbytes + size, right(bench, codes, unseen))


def shared_codes(w: Array) -> tuple[Array, Array]:
    """Return the values that the weights other than 0 share, in float32, and the codes: 0 where a weight is 0.

    Examples
    --------
    >>> shared_codes(np.array([[0.0, 0.5], [-1.0, 0.5]]))
    (array([-1. ,  0.5], dtype=float32), array([[0, 2],
           [1, 2]], dtype=uint8))
    """
    places = w != 0
    shared = share_weights(w[places], SHARED)
    codes = np.zeros(w.shape, np.uint8)
    codes[places] = shared.codes + 1
    return shared.values.astype(np.float32), codes


def _shared(bench: Bench, model: MLP) -> Sized:
    """Measure a model of shared values, with Huffman's code for which weight has which."""
    size, weights = sum(4 * b.size for b in model.biases), []
    for w in model.weights:
        values, codes = shared_codes(w)
        size += values.nbytes + len(huffman_encode(codes))
        weights.append(np.concatenate([np.zeros(1, np.float32), values])[codes])
    stored = MLP(tuple(weights), tuple(b.astype(np.float32) for b in model.biases), model.activation)
    return Sized(size, accuracy(stored, bench.test.x, bench.test.y))


def _coded(bench: Bench, model: MLP) -> Sized:
    """Measure a model of fixed-point codes, with Huffman's code for them."""
    codes = coded(bench, model)
    size = sum(b.values.nbytes for b in codes.biases)
    size += sum(len(huffman_encode(w.values.view(np.uint8))) for w in codes.weights)
    return Sized(size, right(bench, codes))


def as_many_as_fit(measure: Callable[[Bench, MLP], Sized]) -> Method:
    """Return the method that keeps as many weights as the budget holds when they are pruned, trained and coded.

    How many that is shows itself at the end alone. It begins with as many as would fit if nothing were trained, and
    goes down in proportion.
    """

    def method(bench: Bench) -> Sized | None:
        def untrained(k: int) -> Sized:
            return measure(bench, masked(bench.student, bench.student.weights, global_masks(bench.student.weights, k)))

        k = _within(bench, untrained, bench.size)[0]
        return _within(bench, lambda k: measure(bench, gradually(bench, k)), k)[1]

    return method


def _within(bench: Bench, sized: Callable[[int], Sized], k: int) -> tuple[int, Sized | None]:
    """Return the first of falling numbers of weights with which a model is within the budget, and that model."""
    while k:
        found = sized(k)
        if found.bytes <= bench.budget:
            return k, found
        k = min(k - 1, k * bench.budget // found.bytes)
    return 0, None


METHODS: dict[str, Method] = {
    "pruned, codes and places": pruned,
    "smaller student": smaller,
    "fewer neurons": fewer_neurons,
    "2:4, codes and 2-bit places": two_of_four,
    "4 bits, quantized afterwards": four_bits_after,
    "4 bits, quantization-aware": four_bits_aware,
    "low rank": low_rank,
    "pruned, codes by Huffman": as_many_as_fit(_coded),
    "pruned, shared values by Huffman": as_many_as_fit(_shared),
}
