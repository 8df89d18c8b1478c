"""
The arithmetic of quantizers: where a rounded monotone function reaches each of its levels, in exact arithmetic.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from blendir.numerics import ExactBatchNorm
from blendir.passes.folding import Affine, Grid, Reals, solve_threshold

HALF = Fraction(1, 2)


@dataclass(frozen=True)
class Clamp:
    """
    `x -> min(max(x, low), high)`.
    """

    low: float
    high: float


Step: TypeAlias = Affine | Clamp


@dataclass(frozen=True)
class Ray:
    """
    The numbers from a bound on, or up to it where `below`; without the bound itself where `open`.
    """

    bound: Fraction
    below: bool = False
    open: bool = False

    def holds(self, value: Fraction | float) -> bool:
        """
        Whether a number, or an infinity, lies in the ray.
        """
        if value == self.bound:
            return not self.open
        return (value < self.bound) == self.below

    def before(self, step: Step, channel: int) -> Ray | bool:
        """
        The numbers that a step brings into the ray: a ray, all or none.
        """
        if isinstance(step, Clamp):
            ends = self.holds(step.low), self.holds(step.high)
            return ends[0] if ends[0] == ends[1] else self
        affine = step.exact(channel)
        if affine.scale == 0:
            return self.holds(affine.offset)
        bound = (self.bound - affine.offset) / affine.scale + affine.center
        return Ray(bound, self.below != (affine.scale < 0), self.open)

    def holds_after(self, norm: ExactBatchNorm, value: Fraction) -> bool:
        """
        Whether a batch normalization brings a number into the ray.
        """
        negative = ExactBatchNorm(-norm.gamma, -norm.beta, norm.mean, norm.variance)
        if self.below != self.open:  # v <= b where -v >= -b, v > b where not v <= b
            return negative.at_least(value, -self.bound) != self.open
        return norm.at_least(value, self.bound) != self.open


def reached(level: int) -> Ray:
    """
    What rounds, half to even, to a level or above.
    """
    return Ray(level - HALF, open=level % 2 == 1)


@dataclass(frozen=True)
class Quantizer:
    """
    `x -> round(steps(norm(inner(x))))`, the steps and `inner` first to last, the norm and `inner` of integers only.
    """

    inner: Sequence[Affine]
    norm: Sequence[ExactBatchNorm] | None
    steps: Sequence[Step]

    def range(self, channel: int, grid: Grid | None) -> tuple[float, float]:
        """
        The least and the largest result, or infinities.
        """
        low, high = (grid.real(grid.low), grid.real(grid.high)) if grid and self.norm is None else (-math.inf, math.inf)
        for step in self.steps:
            if isinstance(step, Clamp):
                low, high = (min(max(v, exact(step.low)), exact(step.high)) for v in (low, high))
                continue
            affine = step.exact(channel)
            if affine.scale == 0:
                low = high = affine.offset
                continue
            sign = 1 if affine.scale > 0 else -1
            low, high = sorted(sign * v if math.isinf(v) else affine(Fraction(v)) for v in (low, high))
        return nearest(low), nearest(high)

    def threshold(self, channel: int, ray: Ray | bool, grid: Grid | None) -> tuple[float | int, bool] | bool:
        """
        The (threshold, invert) of x that decides whether the steps end in a ray, or that they always or never do.
        """
        for step in reversed(self.steps):
            if isinstance(ray, bool):
                return ray
            ray = ray.before(step, channel)
        if isinstance(ray, bool):
            return ray
        if self.norm is None:
            return solve_threshold(ray.holds, not ray.below, grid, float(ray.bound))
        affines, norm, condition = [a.exact(channel) for a in self.inner], self.norm[channel], ray
        slope = math.prod((a.scale for a in affines), start=norm.gamma)

        def holds(x: Fraction) -> bool:
            for affine in affines:
                x = affine(x)
            return condition.holds_after(norm, x)

        if slope == 0:
            return holds(Fraction(0))
        return solve_threshold(holds, (slope > 0) != condition.below, grid, 0.0)


def exact(value: float) -> Fraction | float:
    """
    A float as a fraction; infinities stay.
    """
    return value if math.isinf(value) else Fraction(value)


def nearest(value: Fraction | float) -> float:
    """
    The nearest integer, the even one of two; infinities stay.
    """
    return float(value) if math.isinf(value) else round(value)


def quantizer_levels(
    quantizer: Quantizer, channels: int, grid: Grid | None, most: int
) -> tuple[int, NDArray[Any], NDArray[np.bool_]] | None:
    """
    The lowest level, the thresholds [channels, levels] that each add 1 to it, and their inversion; None where there are
    no further levels or more than `most`.
    """
    ranges = [quantizer.range(c, grid) for c in range(channels)]
    low, high = min(r[0] for r in ranges), max(r[1] for r in ranges)
    if math.isinf(low) or math.isinf(high) or not 1 <= high - low <= most:
        return None
    wanted = range(int(low) + 1, int(high) + 1)
    rows = [[quantizer.threshold(c, reached(level), grid) for level in wanted] for c in range(channels)]
    return int(low), *same_direction(rows, grid)


def same_direction(
    rows: Sequence[Sequence[tuple[float | int, bool] | bool]], grid: Grid | None
) -> tuple[NDArray[Any], NDArray[np.bool_]]:
    """
    Thresholds with one inversion per channel; a threshold that always or never holds fits both.
    """
    invert = [any(not isinstance(t, bool) and t[1] for t in row) for row in rows]
    low, high = (-math.inf, math.inf) if grid is None else (grid.low, grid.high + 1)
    limits = [
        [(low if t != flip else high) if isinstance(t, bool) else t[0] for t in row]
        for row, flip in zip(rows, invert, strict=True)
    ]
    return np.array(limits, np.float64 if grid is None else np.int64), np.array(invert)


def decided(limit: float, flip: bool, grid: Grid | None) -> tuple[float | int, bool] | bool:
    """
    A threshold, or that it always or never holds.
    """
    low, high = (-math.inf, math.inf) if grid is None else (grid.low, grid.high + 1)
    if limit <= low or limit >= high:
        return bool(limit <= low) != flip
    return limit, flip


def before_rounding(limits: Reals) -> Reals:
    """
    The t' with `round(x) >= t` where `x >= t'`, half to even, on doubles.
    """
    level = np.ceil(limits)
    bound = level - 0.5
    return np.where(level % 2 == 1, np.nextafter(bound, np.inf), bound)
