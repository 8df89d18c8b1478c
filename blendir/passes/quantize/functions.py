"""
Quantizing functions of single elements: lines and pieces, tables, thresholds and levels.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray
from xdsl.dialects.builtin import i1, i64
from xdsl.ir import Operation, SSAValue

from blendir import widths
from blendir.dialects import blend
from blendir.dialects.blend import ConstantOp, FixedType, constant_value, tensor_type
from blendir.dialects.blend.base import retyped
from blendir.functions import FLAT_FROM, evaluate
from blendir.numerics import Format, Rounding, signed_bits
from blendir.passes.fold.channelwise import Pieces, Reals
from blendir.passes.quantize.formats import (
    FormatChoice,
    covering_type,
    exact_integers,
    excess_bits,
    integer_limits,
    is_whole,
    no_finer,
    only_compared,
)
from blendir.passes.quantize.rules import format_of, quantized, without
from blendir.passes.ranges.integers import integers_of
from blendir.passes.rewriting import affine_of, pieces_of

SLOPE_BITS = 26
LOOKUP_BITS = 12


@quantized.register(blend.AffineOp)
def quantized_affine(op: blend.AffineOp, choice: FormatChoice) -> list[Operation]:
    """
    A piecewise linear function of one piece.
    """
    affine = affine_of(op)
    always = np.full_like(affine.scale, -np.inf)
    return fixed_pieces(op, Pieces(always, affine.scale, affine.shift, affine.scale, affine.shift), choice)


@quantized.register(blend.PiecewiseLinearOp)
def quantized_pieces(op: blend.PiecewiseLinearOp, choice: FormatChoice) -> list[Operation]:
    """
    A piecewise linear function.
    """
    return fixed_pieces(op, pieces_of(op), choice)


def slope_bits(
    op: blend.AffineOp | blend.PiecewiseLinearOp, source: SSAValue, pieces: Pieces, choice: FormatChoice
) -> int:
    """
    The fractional bits of slopes: enough for an error below an eighth of the result's unit, and few enough for exact
    products and offsets. Where the result is only compared, slopes have all their bits.
    """
    kind, unit = format_of(source), choice.result_type(op).format.frac
    steep = float(max(np.abs(pieces.a0).max(), np.abs(pieces.a1).max()))
    found = Format.covering(steep, SLOPE_BITS).frac
    if only_compared(op.result):
        while steep and all(is_whole(v, found - 1) for v in (pieces.a0, pieces.a1)):
            found -= 1
    else:
        found = max(min(found, unit + 2 + reach_bits(source)), unit - kind.frac)
    found -= max(excess_bits(v, kind.frac + found) for v in (pieces.b0, pieces.b1))
    width = math.frexp(steep)[1] + found + 1
    return found - max(0, widths.signed(kind).width + width - widths.EXACT)


def reach_bits(source: SSAValue) -> int:
    """
    The bits before the point of the largest magnitude of a value, 0 where it is below 1.
    """
    grid = integers_of(source).grid
    return max(0, math.frexp(math.ldexp(max(abs(grid.low), abs(grid.high)), -grid.frac))[1])


def exact_pieces(
    source: SSAValue, pieces: Pieces, slope_frac: int, slopes: list[NDArray[np.int64]], offsets: list[NDArray[np.int64]]
) -> Format:
    """
    The format that holds every result of rounded pieces as it is; of slopes that are rounded, as far as they are fine.
    """
    grid, frac = integers_of(source).grid, format_of(source).frac
    whole = all(is_whole(v, slope_frac) for v in (pieces.a0, pieces.a1))
    whole &= all(is_whole(v, frac + slope_frac) for v in (pieces.b0, pieces.b1))
    finest = frac + slope_frac if whole else min(slope_frac - 2 - reach_bits(source), frac + slope_frac)
    row, addend = (max(int(np.abs(v).max()) for v in values) for values in (slopes, offsets))
    return widths.exact_affine(max(-grid.low, grid.high), row, addend, finest, frac + slope_frac - finest)


def fixed_pieces(op: blend.AffineOp | blend.PiecewiseLinearOp, pieces: Pieces, choice: FormatChoice) -> list[Operation]:
    """
    A piecewise linear function in fixed point; an input that leaves slopes too few bits is rounded first.
    """
    excess = widths.signed(format_of(op.input)).width + SLOPE_BITS - widths.EXACT
    source, before = without(op.input, excess, f"{op.layer_name}.rounded", choice)
    kind, slope_frac = format_of(source), slope_bits(op, source, pieces, choice)
    offset_frac = kind.frac + slope_frac
    slopes = [exact_integers(v, slope_frac) for v in (pieces.a0, pieces.a1)]
    offsets = [exact_integers(v, offset_frac) for v in (pieces.b0, pieces.b1)]
    slope, offset = covering_type(slopes, slope_frac), covering_type(offsets, offset_frac)
    parameters = [
        ConstantOp.from_numpy(integer_limits(pieces.k, kind.frac, integers_of(source).grid), i64),
        ConstantOp.from_numpy(slopes[0], slope),
        ConstantOp.from_numpy(offsets[0], offset),
        ConstantOp.from_numpy(slopes[1], slope),
        ConstantOp.from_numpy(offsets[1], offset),
    ]
    exact = exact_pieces(source, pieces, slope_frac, slopes, offsets)
    result = choice.rounded_type(op, widths.piece(kind, slope.format, offset.format), exact)
    k, a0, b0, a1, b1 = (c.result for c in parameters)
    new = blend.PiecewiseLinearOp(
        source,
        (k, a0, b0, a1, b1),
        op.axis.value.data,
        op.layer,
        retyped(op.result, result),
        choice.formats.rounding,
    )
    return [*before, *parameters, new]


def limits_of(source: SSAValue, limits: Reals) -> ConstantOp:
    """
    For each real limit the first integer of a value's grid at or above it.
    """
    integers = integer_limits(limits.reshape(-1), format_of(source).frac, integers_of(source).grid)
    return ConstantOp.from_numpy(integers.reshape(limits.shape), i64)


@quantized.register(blend.ThresholdOp)
def quantized_threshold(op: blend.ThresholdOp, choice: FormatChoice) -> list[Operation]:
    """
    A threshold of integers.
    """
    limits = limits_of(op.input, constant_value(op.threshold))
    invert = ConstantOp.from_numpy(constant_value(op.invert), i1)
    axis, kind = op.axis.value.data, tensor_type(op.result)
    return [limits, invert, blend.ThresholdOp(op.input, limits.result, invert.result, axis, op.layer, kind)]


@quantized.register(blend.MultiThresholdOp)
def quantized_levels(op: blend.MultiThresholdOp, choice: FormatChoice) -> list[Operation]:
    """
    Several thresholds per channel, each like a single one.
    """
    limits = limits_of(op.input, constant_value(op.thresholds))
    invert = ConstantOp.from_numpy(constant_value(op.invert), i1)
    lowest, step, axis = (v.value.data for v in (op.lowest, op.step, op.axis))
    return [
        limits,
        invert,
        blend.MultiThresholdOp(op.input, limits.result, invert.result, lowest, step, axis, op.layer),
    ]


@quantized.register(blend.RoundOp)
def quantized_round(op: blend.RoundOp, choice: FormatChoice) -> list[Operation]:
    """
    Exact: to integers, as many as the input reaches.
    """
    fmt = format_of(op.input)
    if fmt.frac > 0:
        most = math.ceil(choice.ranges[op.result].largest)
        fmt = Format(max(2, min(fmt.width - fmt.frac + 1, signed_bits(-most, most))), 0)
    return [blend.RequantizeOp(op.input, FixedType.of(fmt), op.layer, Rounding.HALF_EVEN)]


@quantized.register(blend.ActivationOp)
def quantized_activation(op: blend.ActivationOp, choice: FormatChoice) -> list[Operation]:
    """
    A table over at most 12 bits of the input.

    The result is off by half a unit, and where the input is rounded to its bits by half a unit of them times the
    function's greatest slope; a function is flat beyond what they hold, or they hold the range of the input.
    """
    function, source, value = op.function.data, format_of(op.input), op.input
    index = choice.cover(op.input, LOOKUP_BITS)
    if function in FLAT_FROM:
        index = max(index, Format.covering(FLAT_FROM[function], LOOKUP_BITS), key=lambda fmt: fmt.frac)
    made: list[Operation] = []
    if source.width <= LOOKUP_BITS:
        index = source
    else:
        index = widths.coarsened(no_finer(index, source.frac), {"an input": source})
        made.append(blend.RequantizeOp(value, FixedType.of(index), f"{op.layer_name}.input", choice.formats.rounding))
        value = made[-1].results[0]
    result = choice.result_type(op)
    exact = evaluate(function, index.decode(np.arange(index.low, index.high + 1)))
    table = ConstantOp.from_numpy(result.format.encode(exact), result)
    return [*made, table, blend.LookupOp(value, table.result, op.layer)]
