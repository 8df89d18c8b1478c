"""
Laws that make levels: rounded functions become counts of thresholds.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from xdsl.dialects.builtin import f64, i1, i64
from xdsl.ir import Operation, SSAValue
from xdsl.pattern_rewriter import PatternRewriter, RewritePattern, op_type_rewrite_pattern

from blendir.dialects import blend
from blendir.dialects.blend import ConstantOp, constant_value, is_real, tensor_type
from blendir.dialects.blend.levels import level_type
from blendir.numerics import Rounding
from blendir.passes.fold.channelwise import Affine
from blendir.passes.fold.laws.thresholds import rows_of
from blendir.passes.fold.laws.ways import Way, steps_of
from blendir.passes.fold.monotone import Condition, Monotone, Step, opposite, quantizer_levels, thresholds_of
from blendir.passes.ranges.integers import grid_of
from blendir.passes.rewriting import affine_of, affine_ops, threshold_ops

MOST_LEVELS = 15
"""Thresholds of one activation."""
MOST_INTEGER = 1 << 15
"""The largest magnitude of rounded numbers that are integers at every stage."""


class RoundOfClamp(RewritePattern):
    """
    `clamp_{lo,hi}(round(x) + n) == round(clamp_{lo-n,hi-n}(x)) + n` for integers lo, hi and n.
    """

    @op_type_rewrite_pattern
    def match_and_rewrite(self, op: blend.ClampOp, rewriter: PatternRewriter) -> None:
        source, shift = op.input, 0.0
        if isinstance(source.owner, blend.AffineOp):
            affine = affine_of(source.owner)
            offsets = affine.offset - affine.center
            if not bool((affine.scale == 1).all() and (offsets == np.rint(offsets[0])).all()):
                return
            source, shift = source.owner.input, float(offsets[0])
        inner = source.owner
        bounds = [v.value.data for v in (op.low, op.high)]
        if not isinstance(inner, blend.RoundOp) or any(b != np.rint(b) for b in bounds):
            return
        layer = op.layer_name
        clamp = blend.ClampOp(inner.input, bounds[0] - shift, bounds[1] - shift, layer)
        rounded = blend.RoundOp(clamp.result, inner.layer_name)
        made: list[Operation] = [clamp, rounded]
        if shift:
            channels = tensor_type(op.input).get_shape()[1]
            affine = Affine(np.zeros(channels), np.ones(channels), np.full(channels, shift))
            made += affine_ops(rounded.result, affine, 1, f"{layer}.zero")
        rewriter.replace(op, made)


class RoundIsLevels(RewritePattern):
    """
    `round(f(x)) == multi_threshold(x)` for a bounded f made of affines, clamps and relu, and behind integers also of
    what thresholds look through; each threshold is decided exactly. Of two levels a threshold is left.
    """

    @op_type_rewrite_pattern
    def match_and_rewrite(self, op: blend.RoundOp, rewriter: PatternRewriter) -> None:
        found = functions_behind(op.input)
        if found is None:
            return
        source, axis, functions = found
        levels = quantizer_levels(functions, grid_of(source), MOST_LEVELS)
        if levels is not None:
            rewriter.replace(op, level_ops(source, *levels, axis, op.layer_name))


class RoundIsInteger(RewritePattern):
    """
    `f(round(x)) == f(1 * requantize(x))` for x within bounds, and functions f that take the scale in: what is rounded
    to more levels than thresholds are counted for is an exact integer too.
    """

    @op_type_rewrite_pattern
    def match_and_rewrite(self, op: blend.RoundOp, rewriter: PatternRewriter) -> None:
        inner = op.input.owner
        scaled = all(
            isinstance(use.operation, blend.AffineOp | blend.Conv2dOp | blend.LinearOp) for use in op.result.uses
        )
        if not isinstance(inner, blend.ClampOp) or not scaled:
            return
        bounds = [v.value.data for v in (inner.low, inner.high)]
        if max(map(abs, bounds)) > MOST_INTEGER:
            return
        layer = op.layer_name
        rounded = blend.RequantizeOp(op.input, level_type(*map(round, bounds)), layer, Rounding.HALF_EVEN)
        one = np.ones(tensor_type(op.result).get_shape()[1])
        rewriter.replace(op, [rounded, *affine_ops(rounded.result, Affine(0 * one, one, 0 * one), 1, f"{layer}.value")])


def functions_behind(value: SSAValue) -> tuple[SSAValue, int, list[Monotone]] | None:
    """
    What a value is made of by functions along one axis, that axis, and the function of each channel: up to integers, or
    else through affines and clamps. None where there are no functions.
    """
    steps: list[list[Step]] = []
    axis: int | None = None
    best = 0
    source = end = value
    while is_real(end):
        owner = end.owner
        if isinstance(owner, blend.PReluOp | blend.AffineOp | blend.BatchNormOp | blend.PiecewiseLinearOp):
            if axis not in (None, owner.axis.value.data):
                break
            axis = owner.axis.value.data
        elif not isinstance(owner, blend.ReluOp | blend.ClampOp):
            break
        simple = isinstance(owner, blend.AffineOp | blend.ReluOp | blend.ClampOp) and best == len(steps)
        steps.insert(0, steps_of(owner))
        end = owner.input
        if simple or not is_real(end):
            source, best = end, len(steps)
    axis = axis or 1
    kept = steps[len(steps) - best :]
    channels = range(tensor_type(source).get_shape()[axis])
    return source, axis, [Monotone([s[c % len(s)] for s in kept]) for c in channels]


def level_ops(
    source: SSAValue, lowest: int, limits: NDArray[Any], invert: NDArray[np.bool_], axis: int, layer: str
) -> list[Operation]:
    """
    Levels as floats: counts of thresholds, or bits where there are two.
    """
    one = np.ones(tensor_type(source).get_shape()[1])
    if limits.shape[1] == 1:
        made = threshold_ops(source, limits[:, 0], invert, axis, layer)
        value = blend.BitsToValueOp(made[-1].results[0], f"{layer}.value")
        return [*made, value, *affine_ops(value.result, Affine(-one, one / 2, one * lowest), 1, f"{layer}.level")]
    made = multi_threshold_ops(source, limits, invert, lowest, 1, axis, layer)
    return [*made, *affine_ops(made[-1].results[0], Affine(0 * one, one, 0 * one), 1, f"{layer}.value")]


def multi_threshold_ops(
    source: SSAValue,
    limits: NDArray[Any],
    invert: NDArray[np.bool_],
    lowest: int,
    step: int,
    axis: int,
    layer: str,
) -> list[Operation]:
    """
    A count of thresholds and its constants, the count last.
    """
    kind = f64 if tensor_type(source).element_type == f64 else i64
    t, i = ConstantOp.from_numpy(limits, kind), ConstantOp.from_numpy(invert, i1)
    return [t, i, blend.MultiThresholdOp(source, t.result, i.result, lowest, step, axis, layer)]


class ThresholdOfLevels(RewritePattern):
    """
    `threshold(multi_threshold(x), t) == threshold(x, t')`: t lies between two levels.
    """

    @op_type_rewrite_pattern
    def match_and_rewrite(self, op: blend.ThresholdOp, rewriter: PatternRewriter) -> None:
        inner = op.input.owner
        if not isinstance(inner, blend.MultiThresholdOp) or inner.axis != op.axis:
            return
        rows: list[list[Condition]] = []
        limits = zip(constant_value(op.threshold).tolist(), constant_value(op.invert).tolist(), strict=True)
        for row, (limit, invert) in zip(rows_of(inner), limits, strict=True):
            below = sum(level < limit for level in inner.levels)
            condition = below == 0 if below in (0, len(inner.levels)) else row[below - 1]
            rows.append([opposite(condition) if invert else condition])
        found = thresholds_of(rows, grid_of(inner.input))
        if found is not None:
            made = threshold_ops(inner.input, found[0][:, 0], found[1], op.axis.value.data, op.layer_name)
            rewriter.replace(op, made)


class LevelsOfIntegers(RewritePattern):
    """
    `multi_threshold(f(v)) == multi_threshold'(v)` for integers v and any f that thresholds look through.
    """

    @op_type_rewrite_pattern
    def match_and_rewrite(self, op: blend.MultiThresholdOp, rewriter: PatternRewriter) -> None:
        way = Way(op.input, op.axis.value.data, rows_of(op)).to_integers() if is_real(op.input) else None
        replace_levels(op, way, rewriter)


class LevelsOfAffine(RewritePattern):
    """
    `multi_threshold(affine(x)) == multi_threshold'(x)`.
    """

    @op_type_rewrite_pattern
    def match_and_rewrite(self, op: blend.MultiThresholdOp, rewriter: PatternRewriter) -> None:
        way = Way(op.input, op.axis.value.data, rows_of(op)).through((blend.AffineOp,))
        replace_levels(op, way if way.functions else None, rewriter)


def replace_levels(op: blend.MultiThresholdOp, way: Way | None, rewriter: PatternRewriter) -> None:
    """
    Counts thresholds at the start of a way, if there is one.
    """
    if way is None:
        return
    made, source, grid = way.source()
    found = thresholds_of(way.rows, grid)
    if found is not None:
        lowest, step = op.lowest.value.data, op.step.value.data
        rewriter.replace(op, [*made, *multi_threshold_ops(source, *found, lowest, step, way.axis, op.layer_name)])


LEVELS: tuple[type[RewritePattern], ...] = (RoundOfClamp, RoundIsLevels, RoundIsInteger, ThresholdOfLevels)
