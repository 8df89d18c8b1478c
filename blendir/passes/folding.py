"""
The arithmetic of the folding laws, on numpy arrays of per-channel numbers.

Thresholds are decided in exact arithmetic: parameters are floats, floats are fractions.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

import numpy as np
from numpy.typing import NDArray

from blendir.numerics import ExactAffine, ExactBatchNorm, first_double, first_integer, outside_sums

Reals = NDArray[np.float64]
Predicate = Callable[[Fraction], bool]


@dataclass(frozen=True)
class Affine:
    """
    `x -> (x - center) * scale + offset`, one number of each per channel.
    """

    center: Reals
    scale: Reals
    offset: Reals

    @property
    def shift(self) -> Reals:
        """
        The value at x = 0.
        """
        return self.offset - self.center * self.scale

    def then(self, outer: Affine) -> Affine:
        """
        `outer(self(x))`; a zero outer offset keeps the zero crossing in the center.
        """
        centered = (outer.offset == 0) & (self.scale != 0)
        with np.errstate(divide="ignore", invalid="ignore"):
            crossing = self.center + (outer.center - self.offset) / self.scale
        return Affine(
            np.where(centered, crossing, self.center),
            self.scale * outer.scale,
            np.where(centered, 0.0, (self.offset - outer.center) * outer.scale + outer.offset),
        )

    def preimage(self, value: Reals | float) -> Reals:
        """
        The x at which the result is `value`; not finite where the scale is zero.
        """
        with np.errstate(divide="ignore", invalid="ignore"):
            return self.center + (value - self.offset) / self.scale

    def exact(self, channel: int) -> ExactAffine:
        """
        The same for one channel, in exact arithmetic.
        """
        return ExactAffine(*(Fraction(float(v[channel])) for v in (self.center, self.scale, self.offset)))

    @staticmethod
    def identity(channels: int) -> Affine:
        """
        `x -> x`.
        """
        return Affine(np.zeros(channels), np.ones(channels), np.zeros(channels))


@dataclass(frozen=True)
class Pieces:
    """
    `x -> x >= k ? a1 * x + b1 : a0 * x + b0` per channel.
    """

    k: Reals
    a0: Reals
    b0: Reals
    a1: Reals
    b1: Reals

    @property
    def arrays(self) -> tuple[Reals, Reals, Reals, Reals, Reals]:
        """
        The parameters in the order of the operation's operands.
        """
        return self.k, self.a0, self.b0, self.a1, self.b1

    def after(self, inner: Affine) -> Pieces:
        """
        `self(inner(x))`; a negative scale swaps the pieces, a zero scale leaves a constant.
        """
        flip = inner.scale < 0
        constant = inner.scale == 0
        above = inner.offset >= self.k
        k = np.where(constant, 0.0, inner.preimage(self.k))
        low = np.where(constant, above, flip)
        high = np.where(constant, above, ~flip)
        a0, b0 = np.where(low, self.a1, self.a0), np.where(low, self.b1, self.b0)
        a1, b1 = np.where(high, self.a1, self.a0), np.where(high, self.b1, self.b0)
        return Pieces(k, a0 * inner.scale, a0 * inner.shift + b0, a1 * inner.scale, a1 * inner.shift + b1)

    def then(self, outer: Affine) -> Pieces:
        """
        `outer(self(x))`.
        """
        scale = outer.scale
        below, above = (b * scale + outer.shift for b in (self.b0, self.b1))
        return Pieces(self.k, self.a0 * scale, below, self.a1 * scale, above)

    @property
    def is_continuous(self) -> bool:
        """
        Whether the pieces meet at the breakpoint (to rounding).
        """
        below, above = self.a0 * self.k + self.b0, self.a1 * self.k + self.b1
        size = np.abs(self.a0 * self.k) + np.abs(self.b0) + np.abs(self.a1 * self.k) + np.abs(self.b1)
        return bool((np.abs(below - above) <= 1e-12 * size).all())

    def __call__(self, x: Reals) -> Reals:
        return np.where(x >= self.k, self.a1 * x + self.b1, self.a0 * x + self.b0)

    def bounds(self, low: Reals, high: Reals) -> tuple[Reals, Reals]:
        """
        The smallest and largest values on `low` .. `high`: a piece is extreme at its ends.
        """
        inside = (low < self.k) & (self.k <= high)
        ends = [self(low), self(high), self(np.clip(self.k, low, high))]
        ends.append(np.where(inside, self.a0 * self.k + self.b0, ends[0]))
        return np.min(ends, axis=0), np.max(ends, axis=0)


@dataclass(frozen=True)
class Grid:
    """
    What values a threshold is compared with: integers in `low` .. `high`, each so many times 2**-frac, or (None) any
    double.
    """

    low: int
    high: int
    frac: int = 0

    def real(self, integer: int) -> Fraction:
        """
        What an integer stands for.
        """
        return integer * Fraction(2) ** -self.frac


def float_guess(function: Callable[[float], float]) -> float:
    """
    A start for the search of a threshold, or 0 where there is none.
    """
    try:
        guess = function(0.0)
    except (ZeroDivisionError, OverflowError):
        return 0.0
    return guess if math.isfinite(guess) else 0.0


def solve_threshold(holds: Predicate, rises: bool | None, grid: Grid | None, guess: float) -> tuple[float | int, bool]:
    """
    The (threshold, invert) with `(x >= threshold) xor invert == holds(x)` for every x of the grid.

    `rises`: whether the predicate is non-decreasing (True), non-increasing (False) or constant (None).
    """
    if rises is None:
        always = holds(Fraction(0))
        if grid is None:
            return (-math.inf if always else math.inf), False
        return (grid.low if always else grid.high + 1), False
    if grid is None:
        return first_double(lambda x: holds(Fraction(x)) == rises, guess), not rises
    return first_integer(lambda x: holds(grid.real(x)) == rises, grid.low, grid.high), not rises


def threshold_after(
    limits: NDArray[Any],
    invert: NDArray[np.bool_],
    chain: Sequence[Affine],
    norm: Sequence[ExactBatchNorm] | None,
    grid: Grid | None,
) -> tuple[NDArray[Any], NDArray[np.bool_]]:
    """
    The threshold of x that equals `norm(chain(x)) >= limits, xor invert`, per channel, decided exactly.

    `chain` is applied first to last, then the batch normalization if there is one.
    """
    results: list[tuple[float | int, bool]] = []
    for channel, limit in enumerate(limits.tolist()):
        affines = [a.exact(channel) for a in chain]
        scale = math.prod((a.scale for a in affines), start=Fraction(1))
        gamma = norm[channel] if norm is not None else None
        slope = scale * gamma.gamma if gamma is not None else scale
        holds = exact_predicate(affines, gamma, limit)
        rises = None if slope == 0 or math.isinf(limit) else slope > 0
        guess = invert_chain(chain, gamma, channel, limit) if grid is None and rises is not None else 0.0
        threshold, flipped = solve_threshold(holds, rises, grid, guess)
        results.append((threshold, flipped != bool(invert[channel])))
    dtype = np.float64 if grid is None else np.int64
    return np.array([t for t, _ in results], dtype), np.array([i for _, i in results], np.bool_)


def exact_predicate(affines: Sequence[ExactAffine], norm: ExactBatchNorm | None, limit: float) -> Predicate:
    """
    `x -> norm(affines(x)) >= limit`.
    """
    if math.isinf(limit):
        return lambda x: limit < 0
    level = Fraction(limit)

    def holds(x: Fraction) -> bool:
        for affine in affines:
            x = affine(x)
        return norm.at_least(x, level) if norm is not None else x >= level

    return holds


def invert_chain(chain: Sequence[Affine], norm: ExactBatchNorm | None, channel: int, limit: float) -> float:
    """
    The x at which the chain reaches the limit, in floats.
    """

    def solve(_: float) -> float:
        y = limit
        if norm is not None:
            y = float(norm.mean) + (y - float(norm.beta)) * math.sqrt(norm.variance) / float(norm.gamma)
        for affine in reversed(chain):
            y = float(affine.center[channel] + (y - affine.offset[channel]) / affine.scale[channel])
        return y

    return float_guess(solve)


def threshold_after_pieces(
    limits: Reals, invert: NDArray[np.bool_], pieces: Pieces, grid: Grid | None
) -> tuple[NDArray[Any], NDArray[np.bool_]] | None:
    """
    The threshold of x that equals `pieces(x) >= limits, xor invert`, or None where a channel is not monotone.
    """
    results: list[tuple[float | int, bool]] = []
    for channel, limit in enumerate(limits.tolist()):
        k, a0, b0, a1, b1 = (Fraction(float(v[channel])) for v in pieces.arrays)
        if a0 * a1 < 0 or not pieces.is_continuous:
            return None
        rises = None if (a0 == 0 and a1 == 0) or math.isinf(limit) else (a0 + a1) > 0

        def holds(x: Fraction, limit: float = limit, k: Fraction = k, lines: Any = (a0, b0, a1, b1)) -> bool:
            if math.isinf(limit):
                return limit < 0
            below, above = lines[0] * x + lines[1], lines[2] * x + lines[3]
            return (above if x >= k else below) >= Fraction(limit)

        def guess(_: float, c: int = channel, limit: float = limit) -> float:
            upper = (limit - pieces.b1[c]) / pieces.a1[c] if pieces.a1[c] else -math.inf
            if upper >= pieces.k[c]:
                return float(upper)
            return float((limit - pieces.b0[c]) / pieces.a0[c]) if pieces.a0[c] else float(pieces.k[c])

        start = float_guess(guess) if grid is None else 0.0
        threshold, flipped = solve_threshold(holds, rises, grid, start)
        results.append((threshold, flipped != bool(invert[channel])))
    dtype = np.float64 if grid is None else np.int64
    return np.array([t for t, _ in results], dtype), np.array([i for _, i in results], np.bool_)


@dataclass(frozen=True)
class FoldedConv:
    """
    Weights [O, I, KH, KW], bias [O] or [O, rows, columns], and what to pad with (None: zeros).
    """

    weight: Reals
    bias: Reals
    pad: Reals | None


def fold_into_conv(
    conv: FoldedConv,
    inner: Affine,
    padded: bool,
    taps: tuple[Sequence[tuple[int, ...]], Sequence[tuple[int, ...]]],
    representable: Callable[[Reals], bool],
) -> FoldedConv:
    """
    `conv(inner(x)) == conv'(x)` (BlendNet, equations 1 and 2).

    Padding follows the affine backwards: the pad value of x is the preimage of the old one where the input can
    represent it in every channel, else x is padded with zeros and the bias becomes a map over the border classes.
    """
    weight = conv.weight * inner.scale[:, None, None]
    shifted = conv.weight * inner.shift[:, None, None]
    total = shifted.sum(axis=(1, 2, 3))
    bias = conv.bias + (total if conv.bias.ndim == 1 else total[:, None, None])
    if not padded:
        return FoldedConv(weight, bias, None)
    before = conv.pad if conv.pad is not None else np.zeros(len(inner.scale))
    pad = inner.preimage(before)
    if bool(np.isfinite(pad).all()) and representable(pad):
        return FoldedConv(weight, bias, pad if pad.any() else None)
    # outside taps saw `before`; they now see zero and must not receive the shift either
    missing = outside_sums(conv.weight * (before - inner.shift)[:, None, None], *taps)
    return FoldedConv(weight, (bias[:, None, None] if bias.ndim == 1 else bias) + missing, None)
