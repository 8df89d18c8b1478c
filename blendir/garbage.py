"""
Python's collector of cyclic garbage, which would walk through PyTorch's objects and a network's again and again.
"""

from __future__ import annotations

import gc
from collections.abc import Generator
from contextlib import contextmanager

SELDOM = 100_000
"""Objects made, not counting those deleted, from one collection to the next."""


@contextmanager
def seldom_collected() -> Generator[None]:
    """
    Collects seldom inside, if at all: little of what is made there is cyclic, and most of it stays.
    """
    first, *others = gc.get_threshold()
    gc.set_threshold(first and max(first, SELDOM), *others)
    try:
        yield
    finally:
        gc.set_threshold(first, *others)
