"""
Functions of single elements with numbers per channel, and the arithmetic of the laws that fold them.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from fractions import Fraction

import numpy as np
from numpy.typing import NDArray

from blendir.numerics import of_inputs, outside_sums
from blendir.passes.fold.monotone import ExactAffine

Reals = NDArray[np.float64]
ROUNDING = 2.0**-48
"""
How much a few operations in float64 are off by, relative to their operands: numbers that differ by less stand for the
same real number.
"""


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
        Whether the pieces meet at the breakpoint up to `ROUNDING`.
        """
        below, above = self.a0 * self.k + self.b0, self.a1 * self.k + self.b1
        size = np.abs(self.a0 * self.k) + np.abs(self.b0) + np.abs(self.a1 * self.k) + np.abs(self.b1)
        return bool((np.abs(below - above) <= ROUNDING * size).all())

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
class FoldedConv:
    """
    Weights [O, I / groups, KH, KW], bias [O] or [O, rows, columns], and what to pad with (None: zeros).
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
    weight = conv.weight * of_inputs(inner.scale, conv.weight)
    shifted = conv.weight * of_inputs(inner.shift, conv.weight)
    total = shifted.sum(axis=(1, 2, 3))
    bias = conv.bias + (total if conv.bias.ndim == 1 else total[:, None, None])
    if not padded:
        return FoldedConv(weight, bias, None)
    before = conv.pad if conv.pad is not None else np.zeros(len(inner.scale))
    pad = inner.preimage(before)
    if bool(np.isfinite(pad).all()) and representable(pad):
        return FoldedConv(weight, bias, pad if pad.any() else None)
    # outside taps saw `before`; they now see zero and must not receive the shift either
    missing = outside_sums(conv.weight * of_inputs(before - inner.shift, conv.weight), *taps)
    return FoldedConv(weight, (bias[:, None, None] if bias.ndim == 1 else bias) + missing, None)
