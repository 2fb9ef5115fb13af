"""A plan that takes a fraction of a second, and what all methods are given under it."""

from functools import cache

from refcompress.compression import Plan
from refcompress.datasets import load_digits
from refcompress.methods.bench import prepare

PLAN = Plan(
    teacher_hidden=(12, 8), student_hidden=(8,), teacher_epochs=2, student_epochs=2, prune_steps=2, tuning_epochs=1
)


@cache
def bench():
    return prepare(load_digits(), PLAN)
