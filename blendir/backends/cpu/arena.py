"""
Where buffers lie in one block of memory.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

ALIGNMENT = 64
"""Bytes: a cache line, and the widest vector."""


class Span(NamedTuple):
    """
    A buffer: its bytes, and the first and the last step in which it is needed.
    """

    size: int
    first: int
    last: int


def aligned(size: int) -> int:
    """
    A size that keeps what follows it aligned.
    """
    return -(-size // ALIGNMENT) * ALIGNMENT


def place(spans: Sequence[Span]) -> tuple[list[int], int]:
    """
    The offset of each buffer, and the bytes of them all: buffers that are needed in the same step do not overlap.

    The largest one first, each in the lowest gap that holds it.
    """
    offsets = [0] * len(spans)
    placed: list[int] = []
    for index in sorted(range(len(spans)), key=lambda i: (-spans[i].size, i)):
        span = spans[index]
        beside = sorted(
            (offsets[i], offsets[i] + aligned(spans[i].size))
            for i in placed
            if spans[i].first <= span.last and span.first <= spans[i].last
        )
        offset = 0
        for start, end in beside:
            if offset + aligned(span.size) <= start:
                break
            offset = max(offset, end)
        offsets[index] = offset
        placed.append(index)
    return offsets, max((offsets[i] + aligned(spans[i].size) for i in placed), default=0)
