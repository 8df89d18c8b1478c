"""
How values lie in memory: numbers as the narrowest integers, in the order of the tensor; bits as planes of 16.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from blendir.numerics import Format, signed_bits
from blendir.packing import WORD_BITS

Array = NDArray[Any]
PLANE_BITS = 16
"""Bits of a plane: those of 16 neighboring channels at every position."""
PLANES = WORD_BITS // PLANE_BITS
"""Planes of a word."""
LANES = 32
"""Elements that the kernels compute side by side; `lanes.hpp` says the same."""


def narrowest(fmt: Format) -> np.dtype[Any]:
    """
    The narrowest integers that hold a format.
    """
    size = next(width for width in (8, 16, 32, 64) if fmt.width <= width)
    return np.dtype(f"{'' if fmt.signed else 'u'}int{size}")


def format_of(values: Array, frac: int = 0) -> Format:
    """
    The narrowest signed format of numbers.
    """
    return Format(max(2, signed_bits(int(values.min()), int(values.max()))), frac)


def narrowed(values: Array) -> Array:
    """
    Numbers in the narrowest type that holds them.
    """
    return np.ascontiguousarray(values, narrowest(format_of(values)))


@dataclass(eq=False)
class Buffer:
    """
    Memory of one frame: its name in C++, its elements, and where it lies in the arena, once that is known.
    """

    name: str
    dtype: np.dtype[Any]
    size: int
    offset: int = 0

    @property
    def bytes(self) -> int:
        """
        Its size.
        """
        return self.size * self.dtype.itemsize


@dataclass(frozen=True)
class Numbers:
    """
    A tensor of integers of a format, whose values may be known to be in a narrower one than its type says.
    """

    buffer: Buffer
    shape: tuple[int, ...]
    format: Format

    @property
    def channels(self) -> int:
        """
        The size of axis 1.
        """
        return self.shape[0]

    @property
    def pixels(self) -> int:
        """
        Elements of a channel.
        """
        return math.prod(self.shape[1:])


@dataclass(frozen=True)
class Bits:
    """
    A tensor of words: `planes` says which 16 lanes each plane holds, as multiples of 16; all other lanes are 0.
    """

    buffer: Buffer
    shape: tuple[int, ...]
    planes: tuple[int, ...] = field(repr=False)

    @property
    def pixels(self) -> int:
        """
        Elements of a plane.
        """
        return math.prod(self.shape[1:])

    def words(self, data: Array) -> NDArray[np.int64]:
        """
        Frames [N, ..] of planes as the words of the tensor.
        """
        frames = data.reshape(len(data), len(self.planes), self.pixels).astype(np.int64)
        found = np.zeros((len(data), self.shape[0], self.pixels), np.int64)
        for index, plane in enumerate(self.planes):
            found[:, plane // PLANES] |= frames[:, index] << (plane % PLANES * PLANE_BITS)
        return found.reshape(len(data), *self.shape)

    def lanes(self, data: Array, lanes: Sequence[int]) -> NDArray[np.uint8]:
        """
        Frames [N, ..] of planes as the bits of some lanes: 0 or 1, [N, lanes, pixels].
        """
        bits = np.unpackbits(data.view(np.uint8).reshape(-1), bitorder="little")
        found = bits.reshape(len(data), len(self.planes), self.pixels, PLANE_BITS).swapaxes(2, 3)
        if self.planes != tuple(range(len(self.planes))) or len(lanes) > len(self.planes) * PLANE_BITS:
            spread = np.zeros((len(data), self.shape[0] * PLANES, *found.shape[2:]), np.uint8)
            spread[:, list(self.planes)] = found
            found = spread
        found = found.reshape(len(data), -1, self.pixels)
        return found[:, : len(lanes)] if list(lanes) == list(range(len(lanes))) else found[:, list(lanes)]

    def plane_bits(self, words: Array) -> NDArray[np.uint16]:
        """
        The planes of words [.., W, ..] along axis 1, as of weights [O, W, ..].
        """
        parts = [(words[:, p // PLANES] >> (p % PLANES * PLANE_BITS)) & 0xFFFF for p in self.planes]
        return np.stack(parts, axis=1).astype(np.uint16)

    def places(self, lanes: Array) -> Array:
        """
        Where lanes are: 16 times the index of their plane, plus the bit in it.
        """
        index = {plane: i for i, plane in enumerate(self.planes)}
        return np.array([index[int(v) // PLANE_BITS] * PLANE_BITS + int(v) % PLANE_BITS for v in lanes], np.int32)


Value = Numbers | Bits
