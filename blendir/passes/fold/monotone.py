"""
Exact monotone functions: which numbers a composition of affines, batch normalizations, clamps, pieces and roundings
brings to a limit or above, decided on the given parameters as fractions.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from blendir.functions import LEAST, Function, evaluate
from blendir.numerics import first_double, first_integer
from blendir.passes.fold.roots import Number, Root, level_of, sign_of

HALF = Fraction(1, 2)
LARGE = Fraction(2) ** 1000
"""Beyond this, rounding to doubles is not looked at."""


@dataclass(frozen=True)
class Ray:
    """
    The numbers from a bound on, or up to it where `below`; without the bound itself where `open`.
    """

    bound: Number
    below: bool = False
    open: bool = False

    def holds(self, value: Number | float) -> bool:
        """
        Whether a number, or an infinity, lies in the ray.
        """
        if isinstance(value, float) and math.isinf(value):
            return (value < 0) == self.below
        number = value if isinstance(value, Root) else Fraction(value)
        if number == self.bound:
            return not self.open
        return (number < self.bound) == self.below


Condition: TypeAlias = Ray | bool
"""The numbers of a ray, all or none."""


def opposite(condition: Condition) -> Condition:
    """
    All other numbers.
    """
    if isinstance(condition, bool):
        return not condition
    return Ray(condition.bound, not condition.below, not condition.open)


def ray_from(limit: float | Fraction, invert: bool = False) -> Condition:
    """
    What is at a limit or above, or with `invert` what is not.
    """
    condition = limit < 0 if isinstance(limit, float) and math.isinf(limit) else Ray(Fraction(limit))
    return opposite(condition) if invert else condition


def before_rounding(condition: Condition) -> Condition:
    """
    The real numbers that are rounded, half to even, to the doubles that meet a condition. A scale such as 1/3 is
    rounded to float64, and so is three times that, which is 1 there and less as a fraction.
    """
    if isinstance(condition, bool) or isinstance(condition.bound, Root) or not 0 < abs(condition.bound) < LARGE:
        return condition
    if condition.below:
        return opposite(before_rounding(opposite(condition)))
    first = float(condition.bound)
    if not condition.holds(first):
        first = math.nextafter(first, math.inf)
    middle = (Fraction(first) + Fraction(math.nextafter(first, -math.inf))) / 2
    return Ray(middle, open=float(middle) != first)


@dataclass(frozen=True)
class ExactAffine:
    """
    `v -> (v - center) * scale + offset`.
    """

    center: Fraction
    scale: Fraction
    offset: Fraction

    def after(self, value: Fraction | float) -> Fraction | float:
        """
        The result for a number or an infinity.
        """
        if self.scale == 0:
            return self.offset
        if isinstance(value, float):
            return value if self.scale > 0 else -value
        return (value - self.center) * self.scale + self.offset

    def before(self, ray: Ray) -> Condition:
        """
        What goes into a ray.
        """
        if self.scale == 0:
            return ray.holds(self.offset)
        bound = (ray.bound + -self.offset) * (1 / self.scale) + self.center
        return Ray(bound, ray.below != (self.scale < 0), ray.open)

    def averaged(self, gain: Fraction) -> ExactAffine:
        """
        The same of sums, `gain` being how many values a sum has by what it is divided by.
        """
        return ExactAffine(self.center * gain, self.scale, self.offset * gain)


@dataclass(frozen=True)
class ExactBatchNorm:
    """
    `v -> gamma * (v - mean) / sqrt(variance) + beta`; `variance` includes epsilon and is positive.
    """

    gamma: Fraction
    beta: Fraction
    mean: Fraction
    variance: Fraction

    def after(self, value: Fraction | float) -> Fraction | float:
        """
        A bound of the results: infinite, but for a constant.
        """
        return self.beta if self.gamma == 0 else math.inf if (value > 0) == (self.gamma > 0) else -math.inf

    def before(self, ray: Ray) -> Condition:
        """
        What goes into a ray.
        """
        if self.gamma == 0:
            return ray.holds(self.beta)
        distance = (ray.bound + -self.beta) * (1 / self.gamma)
        tie = sign_of(distance) == 0
        bound = self.mean if tie else Root(self.mean, distance, self.variance, level_of(distance) + 1)
        return Ray(bound, ray.below != (self.gamma < 0), ray.open)

    def averaged(self, gain: Fraction) -> ExactBatchNorm:
        """
        The same of sums, `gain` being how many values a sum has by what it is divided by.
        """
        return ExactBatchNorm(self.gamma, self.beta * gain, self.mean * gain, self.variance)


@dataclass(frozen=True)
class Clamp:
    """
    `v -> min(max(v, low), high)`.
    """

    low: float
    high: float

    def after(self, value: Fraction | float) -> Fraction | float:
        """
        The result for a number or an infinity.
        """
        return min(max(value, exact(self.low)), exact(self.high))

    def before(self, ray: Ray) -> Condition:
        """
        What goes into a ray.
        """
        ends = ray.holds(exact(self.low)), ray.holds(exact(self.high))
        return ends[0] if ends[0] == ends[1] else ray


@dataclass(frozen=True)
class Rounding:
    """
    `v -> round(v)`, half to even.
    """

    def after(self, value: Fraction | float) -> Fraction | float:
        """
        The result for a number or an infinity.
        """
        return value if isinstance(value, float) else Fraction(round(value))

    def before(self, ray: Ray) -> Condition:
        """
        What goes into a ray.
        """
        level = first_level(ray if not ray.below else opposite(ray))
        found = Ray(level - HALF, open=level % 2 == 1)
        return opposite(found) if ray.below else found


def first_level(ray: Condition) -> int:
    """
    The first integer of a rising ray.
    """
    assert isinstance(ray, Ray)
    guess = round(ray.bound) if isinstance(ray.bound, Fraction) else round(float(ray.bound))
    slack = 2 + (abs(guess) >> 40)
    return first_integer(lambda v: ray.holds(Fraction(v)), guess - slack, guess + slack)


@dataclass(frozen=True)
class Kink:
    """
    `v -> v >= at ? above(v) : below(v)`.
    """

    at: Fraction
    below: ExactAffine
    above: ExactAffine

    def after(self, value: Fraction | float) -> Fraction | float:
        """
        The result for a number or an infinity.
        """
        return (self.above if value >= self.at else self.below).after(value)

    def before(self, ray: Ray) -> Condition | None:
        """
        What goes into a ray, None where that is no ray.
        """
        low, high = self.below.before(ray), self.above.before(ray)
        if isinstance(low, Ray) and (low.bound >= self.at):
            low = low.below
        if isinstance(high, Ray) and (high.bound < self.at or (high.bound == self.at and high.open == high.below)):
            high = not high.below
        match low, high:
            case bool(), bool():
                return low if low == high else Ray(self.at, below=low, open=low)
            case bool(), Ray() if low == high.below:
                return high
            case Ray(), bool() if high != low.below:
                return low
            case _:
                return None


@dataclass(frozen=True)
class Curve:
    """
    `v -> f(v)` in float64, f rising, or with the sign of v and rising from 0 on.

    GELU and SiLU of negative numbers are taken to be negative, also where doubles have underflowed to -0.
    """

    function: Function

    def after(self, value: Fraction | float) -> Fraction | float:
        """
        A bound of the results: infinite.
        """
        return math.copysign(math.inf, value)

    def before(self, ray: Ray) -> Condition | None:
        """
        What goes into a ray, None where f does not rise.
        """
        rising = opposite(ray) if ray.below else ray
        assert isinstance(rising, Ray)
        side, dips = sign_of(rising.bound), self.function in LEAST
        if dips and (side < 0 or (side == 0 and self.function is Function.HARDSWISH and not rising.open)):
            return None
        if dips and side == 0 and not rising.open:
            first = 0.0
        else:
            first = first_double(lambda x: rising.holds(Fraction(float(evaluate(self.function, x)))), 0.0)
        found = ray_from(first)
        return opposite(found) if ray.below else found


Step: TypeAlias = ExactAffine | ExactBatchNorm | Clamp | Rounding | Kink | Curve


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


@dataclass(frozen=True)
class Monotone:
    """
    The composition of steps, first to last.
    """

    steps: Sequence[Step]

    def before(self, condition: Condition) -> Condition | None:
        """
        What meets a condition after the steps; None where a step does not rise or fall.
        """
        for step in reversed(self.steps):
            if isinstance(condition, bool):
                return condition
            found = step.before(condition)
            if found is None:
                return None
            condition = found
        return condition

    def threshold(self, limit: float | Fraction, grid: Grid | None) -> tuple[float | int, bool] | None:
        """
        The (threshold, invert) with `(x >= threshold) xor invert == (f(x) >= limit)` for every x of the grid.
        """
        condition = self.before(ray_from(limit))
        return None if condition is None else first_of(condition, grid)

    def levels(self, grid: Grid | None) -> tuple[float, float]:
        """
        The nearest integers to the least and the largest result, or infinities, for a rising or falling function.
        """
        ends: list[Fraction | float] = [grid.real(grid.low), grid.real(grid.high)] if grid else [-math.inf, math.inf]
        for step in self.steps:
            if isinstance(step, ExactBatchNorm | Curve):
                ends = [-math.inf, math.inf]  # their bounds
            ends = sorted(step.after(v) for v in ends)
        low, high = (v if isinstance(v, float) else round(v) for v in ends)
        return low, high


def first_of(condition: Condition, grid: Grid | None) -> tuple[float | int, bool]:
    """
    The (threshold, invert) that tells whether a number of the grid meets a condition.
    """
    if isinstance(condition, bool):
        low, high = (-math.inf, math.inf) if grid is None else (grid.low, grid.high + 1)
        return (low if condition else high), False
    ray, rises = condition, not condition.below
    if grid is not None:
        return first_integer(lambda v: ray.holds(grid.real(v)) == rises, grid.low, grid.high), not rises
    try:
        guess = float(ray.bound)
    except OverflowError:
        guess = 0.0
    return first_double(lambda x: ray.holds(Fraction(x)) == rises, guess), not rises


Rows: TypeAlias = Sequence[Sequence[Condition]]
"""Conditions [channels][thresholds]."""


def thresholds_of(rows: Rows, grid: Grid | None) -> tuple[NDArray[Any], NDArray[np.bool_]] | None:
    """
    Thresholds [channels, thresholds] with one inversion per channel, which what is all or none fits either way; None
    where the conditions of a channel run both ways.
    """
    invert: list[bool] = []
    limits: list[list[float | int]] = []
    for row in rows:
        ways = {c.below for c in row if isinstance(c, Ray)}
        if len(ways) > 1:
            return None
        flip = ways == {True}
        invert.append(flip)
        limits.append([first_of(c != flip if isinstance(c, bool) else c, grid)[0] for c in row])
    return np.array(limits, np.float64 if grid is None else np.int64), np.array(invert, np.bool_)


def exact(value: float) -> Fraction | float:
    """
    A float as a fraction; infinities stay.
    """
    return value if math.isinf(value) else Fraction(value)


def quantizer_levels(
    functions: Sequence[Monotone], grid: Grid | None, most: int
) -> tuple[int, NDArray[Any], NDArray[np.bool_]] | None:
    """
    Of `round(f(x))`, one function per channel: the lowest level, the thresholds [channels, levels] that each add 1 to
    it, and their inversion; None where there are no further levels, more than `most`, or a function is not monotone.
    """
    ranges = [f.levels(grid) for f in functions]
    low, high = min(r[0] for r in ranges), max(r[1] for r in ranges)
    if math.isinf(low) or math.isinf(high) or not 1 <= high - low <= most:
        return None
    wanted = [Rounding().before(Ray(Fraction(level))) for level in range(int(low) + 1, int(high) + 1)]
    rows = [[f.before(condition) for condition in wanted] for f in functions]
    known = [[c for c in row if c is not None] for row in rows]
    found = thresholds_of(known, grid) if known == rows else None
    return None if found is None else (int(low), *found)
