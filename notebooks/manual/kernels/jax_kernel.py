import jax
import jax.numpy as jnp


def top_k_mask(x, k):
    places = jax.lax.top_k(jnp.abs(x).reshape(-1), k)[1]
    return jnp.zeros(x.size, bool).at[places].set(True).reshape(x.shape)
