"""
The arithmetic of blendir on Python integers, fractions and numpy arrays: formats, rounding, thresholds, borders.

All stages of the compiler, the interpreter and the code generators use these functions.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray
from xdsl.utils.str_enum import StrEnum

Ints = NDArray[np.signedinteger[Any]]
IntT = TypeVar("IntT", int, Ints)


class Rounding(StrEnum):
    """
    How an exact value is rounded to a coarser grid: half up, `floor(v + 1/2)`, or to nearest with ties to even.
    """

    HALF_UP = "half_up"
    HALF_EVEN = "half_even"


class PadMode(StrEnum):
    """
    What a binary convolution reads outside its input: nothing (zero_exact), bit 1 (plus_one) or bit 0 (minus_one).
    """

    ZERO_EXACT = "zero_exact"
    PLUS_ONE = "plus_one"
    MINUS_ONE = "minus_one"


@dataclass(frozen=True)
class Format:
    """
    A fixed-point format: integers of `width` bits that count units of `2**-frac`.
    """

    width: int
    frac: int
    signed: bool = True

    @property
    def low(self) -> int:
        """
        The smallest integer of the format.
        """
        return -(1 << (self.width - 1)) if self.signed else 0

    @property
    def high(self) -> int:
        """
        The largest integer of the format.
        """
        return (1 << (self.width - int(self.signed))) - 1

    @property
    def lsb(self) -> float:
        """
        The value of one unit.
        """
        return math.ldexp(1.0, -self.frac)

    def encode(self, values: NDArray[np.float64]) -> NDArray[np.int64]:
        """
        Rounds real values once to the grid (half to even) and saturates.
        """
        scaled = np.rint(shifted(np.asarray(values, np.float64), self.frac))
        if self.width >= 53:  # the bounds may not be exact doubles: clip in integers
            beyond = 2.0**63
            inside = np.clip(scaled, -beyond, np.nextafter(beyond, 0)).astype(np.int64)
            return np.where(scaled >= beyond, self.high, np.clip(inside, self.low, self.high))
        return np.clip(scaled, self.low, self.high).astype(np.int64)

    def holds(self, values: NDArray[np.float64]) -> bool:
        """
        Whether every value rounds to an integer of the format without saturation.
        """
        scaled = np.rint(shifted(values, self.frac))
        return bool(((scaled >= self.low) & (scaled <= self.high)).all())

    def decode(self, ints: Ints) -> NDArray[np.float64]:
        """
        The real values of integers of the format.
        """
        return shifted(ints.astype(np.float64), -self.frac)

    @staticmethod
    def covering(magnitude: float, width: int) -> Format:
        """
        The finest signed format of `width` bits that holds +-`magnitude` without saturation.
        """
        if magnitude <= 0:
            return Format(width, width - 1)
        frac = width - 1 - max(math.frexp(magnitude)[1], -1022)
        while round(Fraction(magnitude) * Fraction(2) ** frac) > (1 << (width - 1)) - 1:
            frac -= 1
        return Format(width, frac)


def shifted(values: NDArray[np.float64], exponent: int | Ints) -> NDArray[np.float64]:
    """
    `values * 2**exponent`, rounded once where that is subnormal: as `np.ldexp`, which is slower.
    """
    if np.max(np.abs(exponent), initial=0) < SHIFT:
        return values * np.ldexp(1.0, exponent)
    return np.ldexp(values, exponent)


def round_shift(value: IntT, shift: int, rounding: Rounding = Rounding.HALF_UP) -> IntT:
    """
    `round(value / 2**shift)`; a negative shift multiplies exactly. No intermediate result needs more bits than the
    value has.
    """
    if shift <= 0:
        return value << -shift
    if not isinstance(value, int) and shift >= 8 * value.itemsize:
        return np.zeros_like(value)  # at most half a unit, and half up from below
    whole, first = value >> shift, (value >> (shift - 1)) & 1
    if rounding is Rounding.HALF_UP:
        return whole + first
    above = (-(value & ((1 << (shift - 1)) - 1)) >> shift) & 1  # whether more than a half is left
    return whole + (first & (above | whole))


def saturate(value: IntT, width: int, signed: bool = True) -> IntT:
    """
    The nearest integer of `width` bits.
    """
    target = Format(width, 0, signed)
    if isinstance(value, int):
        return min(max(value, target.low), target.high)
    return np.clip(value, target.low, target.high)


SHIFT = 1022
"""Powers of two of a smaller exponent, of either sign, are normal numbers."""
ROOT_FRAC = 16
"""Fractional bits of the mantissa of a reciprocal root."""
ROOT_MANTISSA, ROOT_INDEX, ROOT_SEED = 24, 9, 11
"""Bits of the normalized radicand, leading bits of it that select a seed, and fractional bits of a seed."""
ROOT_SEEDS = np.array(
    [(math.isqrt((1 << 34) // (2 * t + 1)) + 1) // 2 for t in range(1 << (ROOT_INDEX - 2), 1 << ROOT_INDEX)]
)
"""Rounded `2**11 / sqrt((t + 1/2) / 2**9)`, for the leading 9 bits t of a radicand between 1/4 and 1."""
STANDARD_FRAC = 16
"""Fractional bits of `standardize`."""


def reciprocal_root(values: NDArray[np.int64]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """
    (m, k) with `m * 2**-16 * 2**-k` = `1 / sqrt(v)` for integers v from 1 to 2**62, in integer arithmetic: a seed from
    a table, then one Newton step.

    The relative error is below 2**-16. m has 17 bits.
    """
    smeared = values
    for shift in (1, 2, 4, 8, 16, 32):
        smeared = smeared | (smeared >> shift)
    pairs = (np.bitwise_count(smeared).astype(np.int64) + 1) // 2
    up = ROOT_MANTISSA - 2 * pairs
    mantissa = np.where(up >= 0, values << np.maximum(up, 0), values >> np.maximum(-up, 0))
    seed = ROOT_SEEDS[(mantissa >> (ROOT_MANTISSA - ROOT_INDEX)) - (1 << (ROOT_INDEX - 2))]
    rest = ((3 << (ROOT_MANTISSA + 2 * ROOT_SEED)) - mantissa * seed * seed) >> ROOT_MANTISSA
    return round_shift(seed * rest, 3 * ROOT_SEED + 1 - ROOT_FRAC), pairs


def standardize(x: Ints, epsilon: int) -> NDArray[np.int64]:
    """
    `(x - mean) / sqrt(variance + epsilon / n**2)` along the last axis of n integers, with 16 fractional bits.

    The sums are exact if `widths.fits_norm` holds. The error is below half a unit plus 2**-16 of the result.
    """
    x = x.astype(np.int64)
    n = x.shape[-1]
    total = x.sum(axis=-1, keepdims=True)
    spread = n * (x * x).sum(axis=-1, keepdims=True) - total * total
    root, pairs = reciprocal_root(np.maximum(spread + epsilon, 1))
    shift = pairs + ROOT_FRAC - STANDARD_FRAC
    return ((n * x - total) * root + (np.int64(1) << (shift - 1))) >> shift


def signed_bits(low: int, high: int) -> int:
    """
    The width of the narrowest two's complement integer that holds all of `low` .. `high`.
    """
    return max(low.bit_length() if low >= 0 else (-low - 1).bit_length(), max(high, 0).bit_length()) + 1


@dataclass(frozen=True)
class WindowAxis:
    """
    Windows along one dimension: tap t of output p is input `p * stride + t * dilation - before`.

    `before` and `after` are the positions of padding at the two ends of the input.
    """

    kernel: int
    stride: int = 1
    before: int = 0
    after: int = 0
    dilation: int = 1

    @property
    def extent(self) -> int:
        """
        The positions from the first tap to the last one.
        """
        return (self.kernel - 1) * self.dilation + 1

    def outputs(self, size: int) -> int:
        """
        The number of windows over `size` positions.
        """
        return (size + self.before + self.after - self.extent) // self.stride + 1


def border_classes(size: int, axis: WindowAxis) -> tuple[list[int], list[tuple[int, ...]]]:
    """
    The border classes of one dimension: output positions with the same kernel taps inside the input.

    Returns the class of every output position, and for each class the taps that are inside. A 3-tap kernel with padding
    1 has three classes at stride 1 (top, inside, bottom), and two at an even size and stride 2.
    """
    taps: list[tuple[int, ...]] = []
    classes: list[int] = []
    for position in range(axis.outputs(size)):
        start = position * axis.stride - axis.before
        inside = tuple(tap for tap in range(axis.kernel) if 0 <= start + tap * axis.dilation < size)
        if inside not in taps:
            taps.append(inside)
        classes.append(taps.index(inside))
    return classes, taps


def of_inputs(values: NDArray[Any], weights: NDArray[Any]) -> NDArray[Any]:
    """
    A number for each channel [I] beside the weights [O, I / groups, ..] that it is multiplied with.
    """
    share = values.reshape(-1, weights.shape[1])
    spread = np.repeat(share, len(weights) // len(share), axis=0)
    return spread.reshape(*spread.shape, *[1] * (weights.ndim - 2))


def outside_sums(
    weights: NDArray[Any], rows: Sequence[tuple[int, ...]], columns: Sequence[tuple[int, ...]]
) -> NDArray[Any]:
    """
    For each output channel and border class, the sum of the weights whose taps lie outside the input.

    weights: [O, I / groups, KH, KW]; rows, columns: the taps inside, from `border_classes`. Returns [O, rows, columns].
    """
    per_tap = weights.sum(axis=1)
    total = per_tap.sum(axis=(1, 2))
    inside = [[per_tap[:, list(r)][:, :, list(c)].sum(axis=(1, 2)) for c in columns] for r in rows]
    return total[:, None, None] - np.stack([np.stack(row, axis=-1) for row in inside], axis=1)


def first_integer(holds: Callable[[int], bool], low: int, high: int) -> int:
    """
    The smallest v in `low` .. `high` for which the monotone predicate holds, found by bisection; `high + 1` if it holds
    for none.
    """
    high += 1
    while low < high:
        middle = (low + high) // 2
        if holds(middle):
            high = middle
        else:
            low = middle + 1
    return low


def first_double(holds: Callable[[float], bool], guess: float) -> float:
    """
    The smallest finite double for which the monotone predicate holds; infinity if it holds for none, -inf if it holds
    for all.

    `guess` is any starting point. The search brackets the result in growing steps, then bisects over the doubles.
    """
    low, high = -math.inf, math.inf
    step = 2
    key = _order_key(guess if math.isfinite(guess) else 0.0)
    limit = _order_key(math.inf)
    if holds(_from_order_key(key)):
        high_key = key
        while holds(_from_order_key(low_key := max(high_key - step, -limit + 1))):
            high_key, step = low_key, step * 4
            if low_key == -limit + 1:
                return low
    else:
        low_key = key
        while not holds(_from_order_key(high_key := min(low_key + step, limit - 1))):
            low_key, step = high_key, step * 4
            if high_key == limit - 1:
                return high
    while high_key - low_key > 1:
        middle = (low_key + high_key) // 2
        if holds(_from_order_key(middle)):
            high_key = middle
        else:
            low_key = middle
    return _from_order_key(high_key)


def _order_key(value: float) -> int:
    """
    Numbers the doubles in ascending order; zero has key 0.
    """
    bits = int(np.float64(abs(value)).view(np.int64))
    return -bits if value < 0 else bits


def _from_order_key(key: int) -> float:
    magnitude = float(np.int64(abs(key)).view(np.float64))
    return -magnitude if key < 0 else magnitude
