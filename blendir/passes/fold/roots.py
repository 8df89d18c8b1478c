"""
Sums of fractions and square roots of fractions, compared exactly.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from fractions import Fraction
from functools import total_ordering
from typing import TypeAlias

Number: TypeAlias = "Fraction | Root"


@total_ordering
@dataclass(frozen=True, eq=False)
class Root:
    """
    `whole + factor * sqrt(square)`, of level n where whole and factor have roots of lower levels only; all numbers of
    one level that meet have the same square.
    """

    whole: Number
    factor: Number
    square: Fraction
    level: int

    def __add__(self, other: Number) -> Number:
        if level_of(other) > self.level:
            return other + self
        if isinstance(other, Root) and other.level == self.level:
            return Root(self.whole + other.whole, self.factor + other.factor, self.square, self.level)
        return Root(self.whole + other, self.factor, self.square, self.level)

    def __mul__(self, other: Number) -> Number:
        if level_of(other) > self.level:
            return other * self
        if isinstance(other, Root) and other.level == self.level:
            whole = self.whole * other.whole + self.factor * other.factor * self.square
            return Root(whole, self.whole * other.factor + self.factor * other.whole, self.square, self.level)
        return Root(self.whole * other, self.factor * other, self.square, self.level)

    __radd__, __rmul__ = __add__, __mul__

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Fraction | Root) and sign_of(self + other * Fraction(-1)) == 0

    def __lt__(self, other: Fraction | Root) -> bool:
        return sign_of(self + other * Fraction(-1)) < 0

    def __hash__(self) -> int:
        return hash(float(self))

    def __float__(self) -> float:
        return float(self.whole) + float(self.factor) * math.sqrt(self.square)


def level_of(number: Number) -> int:
    """
    How many roots a number is made of, at most.
    """
    return number.level if isinstance(number, Root) else 0


def sign_of(number: Number) -> int:
    """
    -1, 0 or 1, from signs and squares: the roots are never formed.
    """
    if isinstance(number, Fraction):
        return (number > 0) - (number < 0)
    whole, factor = sign_of(number.whole), sign_of(number.factor)
    if whole * factor >= 0:
        return whole or factor
    return whole * sign_of(number.whole * number.whole + number.factor * number.factor * -number.square)
