"""
Which fixed-point format each number gets: activations from their ranges, constants from their values.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from fractions import Fraction

import numpy as np
from numpy.typing import NDArray
from xdsl.ir import Operation, SSAValue
from xdsl.utils.exceptions import PassFailedException

from blendir import widths
from blendir.dialects import blend
from blendir.dialects.blend import ConstantOp, FixedType, element_format, tensor_type
from blendir.numerics import Format, Rounding, signed_bits
from blendir.passes.fold.channelwise import Reals
from blendir.passes.fold.monotone import Grid
from blendir.passes.quantize.calibration import Range

MOST_BITS = 24
"""Of activations."""
Kinds = tuple[type[Operation], ...]
LEVELS: Kinds = (blend.MultiThresholdOp, blend.RequantizeOp, blend.RoundOp)
COMPARISONS: Kinds = (blend.ThresholdOp, blend.ArgmaxOp, *LEVELS)
MOVES: Kinds = (blend.AddOp, blend.ClampOp, blend.KeepsFormat)


@dataclass(frozen=True)
class Formats:
    """
    The widths to quantize to: activations, weights and constants; residual streams; and how results are rounded.
    """

    bits: int = 16
    skip_bits: int = 16
    rounding: Rounding = Rounding.HALF_UP

    def __post_init__(self) -> None:
        for name, width in (("bits", self.bits), ("skip-bits", self.skip_bits)):
            if not 2 <= width <= MOST_BITS:
                raise PassFailedException(f"quantize: {name} should be in 2..{MOST_BITS}, got {width}")


class FormatChoice:
    """
    The formats of values and constants, given the widths and the ranges that values have.
    """

    def __init__(self, formats: Formats, ranges: dict[SSAValue, Range]):
        self.formats = formats
        self.ranges = ranges

    def cover(self, value: SSAValue, width: int) -> Format:
        """
        The format of a value.
        """
        return self.ranges[value].format(width)

    def width_of(self, op: Operation) -> int:
        """
        Residual streams, the operands and results of additions, have a width of their own.
        """
        value = op.results[0]
        residual = isinstance(op, blend.AddOp) or any(isinstance(use.operation, blend.AddOp) for use in value.uses)
        return self.formats.skip_bits if residual else self.formats.bits

    def result_type(self, op: Operation) -> FixedType:
        """
        The type of an operation's result. What only an addition uses is no finer than the sum: rounding it once more
        there, half up from few bits, would move every sum the same way.
        """
        value = op.results[0]
        fmt = self.cover(value, self.width_of(op))
        uses = [use.operation for use in value.uses]
        if len(uses) == 1 and isinstance(uses[0], blend.AddOp):
            fmt = no_finer(fmt, self.cover(uses[0].result, self.formats.skip_bits).frac)
        return FixedType.of(fmt)

    def input_format(self, argument: SSAValue) -> Format:
        """
        The format of the input; where the network rounds it to levels itself, with as many more bits as hold every
        value exactly, or all.
        """
        bits, known = self.formats.bits, self.ranges[argument]
        if known.spread is None or not only_compared(
            argument, (*MOVES, blend.AffineOp, blend.PiecewiseLinearOp), LEVELS
        ):
            return known.format(bits)
        formats = [known.format(width) for width in range(bits, MOST_BITS + 1)]
        return next((fmt for fmt in formats if known.is_exact(fmt)), formats[-1])

    def rounded_type(self, op: Operation, terms: widths.Terms, exact: Format | None = None) -> FixedType:
        """
        The type of an operation's result to which machine words can bring the sum of these terms; the format of the
        exact result, where it is known, if only comparisons see it. There rounding would save no multiplier, and move
        values across thresholds.
        """
        fmt = self.result_type(op).format
        if exact is not None and only_compared(op.results[0]):
            excess = max(0, exact.width - widths.EXACT)
            fmt = Format(exact.width - excess, exact.frac - excess)
        return FixedType.of(widths.coarsened(fmt, terms))

    def of_factors(self, values: Reals) -> Format:
        """
        The finest format of factors.
        """
        return Format.covering(float(np.abs(values).max(initial=0.0)), self.formats.bits)

    def products(self, source: SSAValue, weight: Reals, bias: Reals) -> list[ConstantOp]:
        """
        Weights, and the bias on the grid of the products: in as few bits as hold both exactly, else in all.
        """
        frac, fmt = element_format(tensor_type(source).element_type).frac, self.of_factors(weight)
        while weight.any() and is_whole(weight, fmt.frac - 1) and is_whole(bias, frac + fmt.frac - 1):
            fmt = Format(max(2, fmt.width - 1), fmt.frac - 1)
        return self.factors(fmt, frac, weight, bias)

    def factors(self, fmt: Format, frac: int, weight: Reals, bias: Reals) -> list[ConstantOp]:
        """
        Factors of numbers with `frac` fractional bits, and what is added to the products. Where that is so large that
        it would need more than `widths.EXACT` bits, factors are coarser: the products lie far below the result's unit.
        """
        excess = excess_bits(bias, frac + fmt.frac)
        fmt = Format(max(2, fmt.width - excess), fmt.frac - excess)
        frac += fmt.frac
        exact = exact_integers(bias, frac)
        width = max(2, signed_bits(int(exact.min()), int(exact.max())))
        return [
            ConstantOp.from_numpy(fmt.encode(weight), FixedType.of(fmt)),
            ConstantOp.from_numpy(exact, FixedType.of(Format(width, frac))),
        ]

    def pads(self, fmt: Format, values: Reals) -> bool:
        """
        Whether a format can stand for pad values: a narrow one only for values on its grid.
        """
        exact = np.array_equal(fmt.decode(fmt.encode(values)), values)
        return exact or (fmt.width >= self.formats.bits and fmt.holds(values))


def only_compared(value: SSAValue, through: Kinds = MOVES, ends: Kinds = COMPARISONS) -> bool:
    """
    Whether all that a value leads to, moved, clamped, picked or added, are comparisons: bits, levels and whole numbers.
    """
    uses = [use.operation for use in value.uses]
    return bool(uses) and all(
        isinstance(op, ends) or (isinstance(op, through) and only_compared(op.results[0], through, ends)) for op in uses
    )


def no_finer(fmt: Format, frac: int) -> Format:
    """
    A format of the same range with at most `frac` fractional bits, where two bits are left.
    """
    excess = fmt.frac - frac
    return Format(fmt.width - excess, frac) if 0 < excess <= fmt.width - 2 else fmt


def is_whole(values: Reals, frac: int) -> bool:
    """
    Whether real values lie on a grid.
    """
    scaled = np.ldexp(values, frac)
    return np.array_equal(scaled, np.rint(scaled))


def excess_bits(values: Reals, frac: int) -> int:
    """
    How many of `frac` fractional bits values must lose to be a term of an exact sum.
    """
    return max(0, math.frexp(np.abs(values).max())[1] + frac + 1 - widths.EXACT) if values.any() else 0


def exact_integers(values: Reals, frac: int) -> NDArray[np.int64]:
    """
    Real values rounded (half to even) to a grid, without saturation.
    """
    scaled = np.rint(np.ldexp(values, frac))
    if scaled.size and np.abs(scaled).max() >= 2.0 ** (widths.EXACT - 1):
        largest = np.abs(values).max()
        raise PassFailedException(f"quantize: constants up to {largest:.3g} need more than {widths.EXACT} bits")
    return scaled.astype(np.int64)


def covering_type(arrays: list[NDArray[np.int64]], frac: int) -> FixedType:
    """
    The narrowest type that holds integers on a grid.
    """
    low, high = min(int(a.min()) for a in arrays), max(int(a.max()) for a in arrays)
    return FixedType.of(Format(max(2, signed_bits(low, high)), frac))


def integer_limits(limits: Reals, frac: int, grid: Grid) -> NDArray[np.int64]:
    """
    `ceil(limit * 2**frac)` in exact arithmetic, kept in low .. high + 1 (always, never).
    """
    result: list[int] = []
    for limit in limits.tolist():
        if math.isinf(limit):
            result.append(grid.low if limit < 0 else grid.high + 1)
        else:
            exact = math.ceil(Fraction(limit) * Fraction(2) ** frac)
            result.append(min(max(exact, grid.low), grid.high + 1))
    return np.array(result, np.int64)
