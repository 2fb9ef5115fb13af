"""Models on disk: ``.safetensors`` or ``.npz``, chosen by the ending, without loss.

A file holds the arrays of a model as they are (floats as floats, codes as integers; a sparse array as the values that
are not +0 and their flat indices in the smallest unsigned integer that holds them, or codes of a byte as the bytes of
``huffman_encode``) and one JSON text with the rest.
"""

import itertools
import json
import math
import os
from collections.abc import Callable, Collection, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from refcompress import arguments
from refcompress.arguments import NATIVE_FLOATS, Array
from refcompress.files import written_whole
from refcompress.huffman import HEADER, huffman_decode, huffman_encode
from refcompress.mlp.network import MLP
from refcompress.pruning.prune import restore
from refcompress.quantized_model import ActivationFormat, Codes, QuantizedMLP

FORMAT = "refcompress 1"
TEXT = "refcompress"  # the name of the JSON text in a file

# ending -> the floats that come back from such a file as they were
FLOATS = {".safetensors": (*NATIVE_FLOATS, "bfloat16"), ".npz": NATIVE_FLOATS}

Arrays = dict[str, Array]
Model = MLP | QuantizedMLP


def save_model(path: str | os.PathLike[str], model: Model, *, sparse: bool = False, huffman: bool = False) -> int:
    """Write a model to a file and return the file's size in bytes.

    Parameters
    ----------
    path : path
        Ends in ``.safetensors`` or ``.npz``.
    model : MLP or QuantizedMLP
        Its arrays are stored in their own dtypes, without loss: integers, float16, float32, float64, and in a
        ``.safetensors`` file bfloat16.
    sparse : bool
        Store the weights as values and indices, which is smaller where most are zero.
    huffman : bool
        Store the weights of a quantized model of at most 8 bits by Huffman's code, zeros as all other codes; a matrix
        of one code alone is stored as it is.

    Returns
    -------
    int
        Bytes on disk, header and indices included.

    Raises
    ------
    ValueError
        For another ending, for a dtype that such a file does not hold, for sparse and huffman at once, or for huffman
        of weights that are not int8.
    OSError
        If the file cannot be written; a file of that name is then as it was.

    Examples
    --------
    >>> import tempfile
    >>> model = MLP((np.array([[0.5, 0.0]]),), (np.array([0.0, 1.0]),))
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     size = save_model(Path(folder) / "model.npz", model, sparse=True)
    ...     load_model(Path(folder) / "model.npz").weights[0]
    array([[0.5, 0. ]])
    """
    ending = _ending(path)
    if sparse and huffman:
        raise ValueError("sparse and huffman exclude each other: Huffman's code has zeros among the other codes")
    arguments.instance(model, "model", MLP, QuantizedMLP)
    arrays, rest = _taken_apart(model, FLOATS[ending], sparse, huffman)
    text = json.dumps(rest, separators=(",", ":"), sort_keys=True)
    with written_whole(path) as temporary:
        WRITERS[ending](temporary, arrays, text)
    return Path(path).stat().st_size


def load_model(path: str | os.PathLike[str]) -> Model:
    """Read a model that ``save_model`` wrote.

    Raises
    ------
    ValueError
        For a file that is damaged, incomplete, or no such model, with the file's name and what is wrong in it.
    OSError
        If the file cannot be read.
    """
    arrays, text = READERS[_ending(path)](Path(path))
    try:
        return _put_together(arrays, json.loads(text))
    except (ValueError, TypeError, KeyError, AttributeError, IndexError, RecursionError, MemoryError) as error:
        what = f"{error} is missing" if isinstance(error, KeyError) else error
        raise ValueError(f"{path} holds no whole model: {what}") from error


def _ending(path: str | os.PathLike[str]) -> str:
    ending = Path(path).suffix
    if ending not in WRITERS:
        raise ValueError(f"path is {os.fspath(path)!r}: it must end in {' or '.join(WRITERS)}")
    return ending


def _taken_apart(model: Model, floats: Collection[str], sparse: bool, huffman: bool) -> tuple[Arrays, dict[str, Any]]:
    quantized = isinstance(model, QuantizedMLP)
    weights = [w.values if isinstance(w, Codes) else w for w in model.weights]
    biases = [b.values if isinstance(b, Codes) else b for b in model.biases]
    for name, parts in (("weights", weights), ("biases", biases)):
        for number, part in enumerate(parts):
            if not (arguments.is_integer(part.dtype) or part.dtype.name in floats):
                raise ValueError(f"{name}[{number}] has dtype {part.dtype}: such a file holds {', '.join(floats)}")
    arrays: Arrays = {}
    for number, (w, b) in enumerate(zip(weights, biases, strict=True)):
        arrays[f"biases.{number}"] = np.ascontiguousarray(b)
        if sparse:
            values, indices = _sparse(w)
            arrays[f"weights.{number}.values"], arrays[f"weights.{number}.indices"] = values, indices
        elif huffman and w.dtype != np.int8:
            raise ValueError(f"weights[{number}] has dtype {w.dtype}: Huffman's code is for codes of int8")
        elif huffman and (w != w.flat[0]).any():
            arrays[f"weights.{number}.huffman"] = np.frombuffer(huffman_encode(w.view(np.uint8)), np.uint8)
        else:
            arrays[f"weights.{number}"] = np.ascontiguousarray(w)
    rest: dict[str, Any] = {"format": FORMAT, "activation": model.activation, "sizes": list(model.sizes)}
    if quantized:
        assert isinstance(model, QuantizedMLP)
        rest["bits"] = model.bits
        rest["p"] = [[w.p, b.p] for w, b in zip(model.weights, model.biases, strict=True)]
        rest["inputs"] = [[f.p, f.bits, f.signed] for f in model.formats]
    return arrays, rest


def _sparse(w: Array) -> tuple[Array, Array]:
    """Return the entries that are not +0 (-0.0 is one of them) and their flat indices."""
    flat = np.ascontiguousarray(w).reshape(-1)
    indices = np.flatnonzero(flat.view(f"u{flat.dtype.itemsize}"))
    return flat[indices], indices.astype(_index_dtype(flat.size))


def _index_dtype(size: int) -> np.dtype[Any]:
    return np.dtype(np.min_scalar_type(max(size - 1, 0)))


def _put_together(arrays: Mapping[str, Array], rest: Any) -> Model:
    if not isinstance(rest, dict) or rest.get("format") != FORMAT:
        raise ValueError(f"its format is not {FORMAT!r}")
    sizes = [arguments.integer(size, f"sizes[{i}]", 1) for i, size in enumerate(rest["sizes"])]
    weights, biases, used = [], [], set()
    for number, shape in enumerate(itertools.pairwise(sizes)):
        names = [f"weights.{number}.values", f"weights.{number}.indices"]
        if names[0] in arrays:
            indices = arrays[names[1]]
            if indices.dtype != _index_dtype(math.prod(shape)):  # a size that is a lie would take all memory
                raise ValueError(
                    f"{names[1]} has dtype {indices.dtype}: not {_index_dtype(math.prod(shape))} for {shape}"
                )
            weights.append(restore(arrays[names[0]], indices.astype(np.int64), shape))
        elif f"weights.{number}.huffman" in arrays:
            names = [f"weights.{number}.huffman"]
            weights.append(decoded_weights(arrays[names[0]], names[0], shape))
        else:
            names = [f"weights.{number}"]
            weights.append(arrays[names[0]])
        biases.append(arrays[f"biases.{number}"])
        if weights[-1].shape != shape or biases[-1].shape != shape[1:]:
            raise ValueError(
                f"layer {number} has arrays of shape {weights[-1].shape} and {biases[-1].shape}: not {shape}"
            )
        used |= {*names, f"biases.{number}"}
    if used != set(arrays):
        raise ValueError(f"it has arrays of no layer: {', '.join(sorted(set(arrays) - used))}")
    if "bits" not in rest:
        return MLP(tuple(weights), tuple(biases), rest["activation"])
    return QuantizedMLP(
        tuple(Codes(w, p) for w, (p, _) in zip(weights, rest["p"], strict=True)),
        tuple(Codes(b, p) for b, (_, p) in zip(biases, rest["p"], strict=True)),
        tuple(ActivationFormat(*fields) for fields in rest["inputs"]),
        rest["bits"],
        rest["activation"],
    )


def decoded_weights(data: Array, name: str, shape: tuple[int, ...] | None = None) -> Array:
    """Return the int8 codes whose bytes by Huffman's code ``save_model`` stored; a line of them if no shape is given.

    Raises
    ------
    ValueError
        For bytes that are not such codes, or not those of the shape.

    Examples
    --------
    >>> data = np.frombuffer(huffman_encode([255, 0, 0, 1]), np.uint8)
    >>> decoded_weights(data, "weights.0.huffman", (2, 2))
    array([[-1,  0],
           [ 0,  1]], dtype=int8)
    """
    if data.dtype != np.uint8 or data.size < HEADER.size:
        raise ValueError(f"{name} has dtype {data.dtype} and {data.size} entries: it must be a file of codes, in uint8")
    codes = data.tobytes()
    n, _ = HEADER.unpack_from(codes)
    shape = (n,) if shape is None else shape
    size = math.prod(shape)
    if n != size or n > 8 * len(codes):  # of more than one code each takes a bit: a lie would take all memory
        raise ValueError(f"{name} has {n} codes in {len(codes)} bytes: they must be {size}, for {shape}")
    return huffman_decode(codes).view(np.int8).reshape(shape)


def _write_safetensors(path: Path, arrays: Arrays, text: str) -> None:
    from safetensors.numpy import save

    path.write_bytes(save(arrays, metadata={TEXT: text}))


def _read_safetensors(path: Path) -> tuple[Arrays, str]:
    from safetensors import SafetensorError, safe_open

    path.open("rb").close()  # a missing file is an OSError that names it
    try:
        with safe_open(path, framework="numpy") as file:
            text = (file.metadata() or {}).get(TEXT, "null")
            return {name: file.get_tensor(name) for name in file.keys()}, text  # noqa: SIM118 - it is no dict
    except SafetensorError as error:
        raise ValueError(f"{path} is no whole safetensors file: {error}") from error
    except (AttributeError, TypeError) as error:  # a dtype that the library reads into no NumPy array
        raise ValueError(f"{path} holds no whole model: {error}") from error


def _write_npz(path: Path, arrays: Arrays, text: str) -> None:
    with path.open("wb") as file:  # an open file keeps NumPy from adding an ending
        np.savez_compressed(file, **arrays, **{TEXT: np.frombuffer(text.encode(), np.uint8)})  # type: ignore[arg-type]


def _read_npz(path: Path) -> tuple[Arrays, str]:
    with path.open("rb") as file:  # a missing file is an OSError that names it
        try:
            with np.load(file, allow_pickle=False) as content:
                arrays = {name: content[name] for name in content.files}
            foreign = [name for name, array in arrays.items() if not isinstance(array, np.ndarray)]
            if foreign:
                raise ValueError(f"its member {foreign[0]!r} is no array")
        except Exception as error:  # NumPy, zipfile and zlib raise a dozen kinds for a damaged archive
            raise ValueError(f"{path} is no whole npz file: {error}") from error
    return arrays, arrays.pop(TEXT, np.frombuffer(b"null", np.uint8)).tobytes().decode(errors="replace")


WRITERS: dict[str, Callable[[Path, Arrays, str], None]] = {".safetensors": _write_safetensors, ".npz": _write_npz}
READERS: dict[str, Callable[[Path], tuple[Arrays, str]]] = {".safetensors": _read_safetensors, ".npz": _read_npz}
