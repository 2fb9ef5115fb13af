"""Checkpoints as candidates: which rule makes the tensors of a compressed file out of those of the original."""
