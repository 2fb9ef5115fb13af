"""What JAX and ml_dtypes do: casts to 8-bit floats, and JAX's choice of the largest."""

from collections.abc import Callable
from typing import Any

import numpy as np

from refcompress.arguments import Array
from refcompress.peers.peer import FLOAT8, Peer


def _ml_dtypes(name: str) -> Callable[[Array], Array]:
    def function(x: Array) -> Array:
        import ml_dtypes

        return np.asarray(x.astype(getattr(ml_dtypes, f"float8_{name}")).astype(np.float32))

    return function


def _jax(name: str) -> Callable[[Array], Array]:
    def function(x: Array) -> Array:
        import jax.numpy as jnp

        return np.asarray(jnp.asarray(x).astype(getattr(jnp, f"float8_{name}")).astype(jnp.float32))

    return function


def _top_k(x: Array, k: int) -> Any:
    import jax
    import jax.numpy as jnp

    mask = np.zeros(x.size, np.bool_)
    mask[np.asarray(jax.lax.top_k(jnp.abs(jnp.asarray(x)).reshape(-1), k)[1])] = True
    return mask.reshape(x.shape)


PEERS = (
    *(
        Peer(
            f"ml_dtypes.float8_{name}",
            "ml_dtypes",
            "cast_float8",
            _ml_dtypes(name),
            {"format": name, "dtype": "float32"},
        )
        for name in FLOAT8
    ),
    *(
        Peer(f"jax.numpy.float8_{name}", "jax", "cast_float8", _jax(name), {"format": name, "dtype": "float32"})
        for name in FLOAT8
    ),
    Peer("jax.lax.top_k of magnitudes", "jax", "top_k_mask", _top_k, {"axis": None, "dtype": "float32"}),
)
