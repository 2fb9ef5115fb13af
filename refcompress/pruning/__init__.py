"""Pruning: the k entries of largest magnitude, in place or compact."""

from refcompress.pruning.prune import prune, restore
from refcompress.pruning.selection import top_k_mask
from refcompress.pruning.sparsify import sparsify

__all__ = ["prune", "restore", "sparsify", "top_k_mask"]
