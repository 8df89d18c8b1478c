"""
Laws that make levels: rounded functions become counts of thresholds.
"""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from typing import Any

import numpy as np
from numpy.typing import NDArray
from xdsl.dialects.builtin import f64, i1, i64
from xdsl.ir import Operation, SSAValue
from xdsl.pattern_rewriter import PatternRewriter, RewritePattern, op_type_rewrite_pattern

from blendir.dialects.blend import (
    AffineOp,
    BatchNormOp,
    BitsToValueOp,
    ClampOp,
    ConstantOp,
    MultiThresholdOp,
    ReluOp,
    RoundOp,
    ThresholdOp,
    constant_value,
    is_real,
    tensor_type,
)
from blendir.passes.folding import Affine, threshold_after
from blendir.passes.laws.thresholds import exact_norm
from blendir.passes.rays import Clamp, Quantizer, Step, before_rounding, decided, quantizer_levels, same_direction
from blendir.passes.rewriting import affine_of, affine_ops, integer_range, layer_of, threshold_ops

MOST_LEVELS = 15
"""Thresholds of one activation."""


class RoundOfClamp(RewritePattern):
    """
    `clamp_{lo,hi}(round(x) + n) == round(clamp_{lo-n,hi-n}(x)) + n` for integers lo, hi and n.
    """

    @op_type_rewrite_pattern
    def match_and_rewrite(self, op: ClampOp, rewriter: PatternRewriter) -> None:
        source, shift = op.input, 0.0
        if isinstance(source.owner, AffineOp):
            affine = affine_of(source.owner)
            offsets = affine.offset - affine.center
            if not bool((affine.scale == 1).all() and (offsets == np.rint(offsets[0])).all()):
                return
            source, shift = source.owner.input, float(offsets[0])
        inner = source.owner
        bounds = [v.value.data for v in (op.low, op.high)]
        if not isinstance(inner, RoundOp) or any(b != np.rint(b) for b in bounds):
            return
        layer = layer_of(op)
        clamp = ClampOp(inner.input, bounds[0] - shift, bounds[1] - shift, layer)
        rounded = RoundOp(clamp.result, layer_of(inner))
        made: list[Operation] = [clamp, rounded]
        if shift:
            channels = tensor_type(op.input).get_shape()[1]
            affine = Affine(np.zeros(channels), np.ones(channels), np.full(channels, shift))
            made += affine_ops(rounded.result, affine, 1, f"{layer}.zero")
        rewriter.replace(op, made)


@dataclass
class Chain:
    """
    The monotone functions, first to last, that make a value of another one, along one axis.
    """

    source: SSAValue
    steps: list[Step]
    axis: int | None = None

    @staticmethod
    def ending_in(value: SSAValue) -> Chain:
        """
        The longest chain of affines and clamps behind a value.
        """
        chain = Chain(value, [])
        while chain.extend():
            pass
        return chain

    def extend(self) -> bool:
        """
        Takes in one more function, if there is one.
        """
        match self.source.owner:
            case ClampOp() as op if is_real(self.source):
                self.steps.insert(0, Clamp(float(op.low.value.data), float(op.high.value.data)))
            case ReluOp() as op:
                self.steps.insert(0, Clamp(0.0, float("inf")))
            case AffineOp() as op if self.axis in (None, op.axis.value.data):
                self.steps.insert(0, affine_of(op))
                self.axis = op.axis.value.data
            case _:
                return False
        self.source = op.input
        return True


class RoundIsLevels(RewritePattern):
    """
    `round(f(x)) == multi_threshold(x)` for a bounded f made of affines, clamps and relu, and behind integers also of a
    batch normalization; each threshold is decided exactly. Of two levels a threshold is left.
    """

    @op_type_rewrite_pattern
    def match_and_rewrite(self, op: RoundOp, rewriter: PatternRewriter) -> None:
        chain = Chain.ending_in(op.input)
        inner, norm = Chain(chain.source, [], chain.axis), None
        owner = chain.source.owner
        if isinstance(owner, BatchNormOp) and chain.axis in (None, owner.axis.value.data):
            inner = Chain.ending_in(owner.input)
            inner.axis = owner.axis.value.data
            affines = all(isinstance(s, Affine) for s in inner.steps)
            norm = exact_norm(owner) if affines and integer_range(inner.source) is not None else None
        if norm is None:
            inner = Chain(chain.source, [], chain.axis)
        axis, grid = inner.axis or 1, integer_range(inner.source)
        channels = tensor_type(inner.source).get_shape()[axis]
        steps = [s for s in inner.steps if isinstance(s, Affine)]
        found = quantizer_levels(Quantizer(steps, norm, chain.steps), channels, grid, MOST_LEVELS)
        if found is not None:
            rewriter.replace(op, level_ops(inner.source, *found, axis, layer_of(op)))


def level_ops(
    source: SSAValue, lowest: int, limits: NDArray[Any], invert: NDArray[np.bool_], axis: int, layer: str
) -> list[Operation]:
    """
    Levels as floats: counts of thresholds, or bits where there are two.
    """
    one = np.ones(tensor_type(source).get_shape()[1])
    if limits.shape[1] == 1:
        made = threshold_ops(source, limits[:, 0], invert, axis, layer)
        value = BitsToValueOp(made[-1].results[0], f"{layer}.value")
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
    return [t, i, MultiThresholdOp(source, t.result, i.result, lowest, step, axis, layer)]


class ThresholdOfRound(RewritePattern):
    """
    `threshold(round(x), t) == threshold(x, t')`, t' being the first number that rounds to t or above.
    """

    @op_type_rewrite_pattern
    def match_and_rewrite(self, op: ThresholdOp, rewriter: PatternRewriter) -> None:
        inner = op.input.owner
        if not isinstance(inner, RoundOp):
            return
        limits = before_rounding(constant_value(op.threshold))
        made = threshold_ops(inner.input, limits, constant_value(op.invert), op.axis.value.data, layer_of(op))
        rewriter.replace(op, made)


class ThresholdOfLevels(RewritePattern):
    """
    `threshold(affine(multi_threshold(x)), t) == threshold(x, t')`: t lies between two levels.
    """

    @op_type_rewrite_pattern
    def match_and_rewrite(self, op: ThresholdOp, rewriter: PatternRewriter) -> None:
        chain = Chain.ending_in(op.input)
        inner, axis = chain.source.owner, op.axis.value.data
        if not isinstance(inner, MultiThresholdOp) or inner.axis != op.axis or chain.axis not in (None, axis):
            return
        limits, flips = constant_value(inner.thresholds), constant_value(inner.invert)
        grid = integer_range(inner.input)
        made: list[tuple[float | int, bool]] = []
        for channel, limit in enumerate(constant_value(op.threshold).tolist()):
            holds = [reaches(chain.steps, channel, level, limit) for level in inner.levels]
            rises, changes = holds[-1], holds.count(not holds[0])
            if changes == 0:
                (t,), _ = same_direction([[holds[0]]], grid)
                made.append((t[0], False))
            else:
                column = len(holds) - changes - 1
                made.append((limits[channel, column], bool(flips[channel]) == rises))
        invert = np.array([flip for _, flip in made]) ^ constant_value(op.invert)
        moved = np.array([t for t, _ in made], limits.dtype)
        rewriter.replace(op, threshold_ops(inner.input, moved, invert, axis, layer_of(op)))


def reaches(steps: list[Step], channel: int, level: int, limit: float) -> bool:
    """
    Whether functions bring a level to a limit or above.
    """
    value = Fraction(level)
    for step in steps:
        if isinstance(step, Clamp):
            value = Fraction(min(max(value, step.low), step.high))
        else:
            value = step.exact(channel)(value)
    return value >= limit


class LevelsOfAffine(RewritePattern):
    """
    `multi_threshold(affine(x)) == multi_threshold'(x)`.
    """

    @op_type_rewrite_pattern
    def match_and_rewrite(self, op: MultiThresholdOp, rewriter: PatternRewriter) -> None:
        inner = op.input.owner
        if not isinstance(inner, AffineOp) or inner.axis != op.axis:
            return
        grid, limits, invert = integer_range(inner.input), constant_value(op.thresholds), constant_value(op.invert)
        columns = [threshold_after(column, invert, [affine_of(inner)], None, grid) for column in limits.T]
        rows = [[decided(t[c], bool(i[c]), grid) for t, i in columns] for c in range(len(limits))]
        lowest, step, axis = (v.value.data for v in (op.lowest, op.step, op.axis))
        moved = same_direction(rows, grid)
        rewriter.replace(op, multi_threshold_ops(inner.input, *moved, lowest, step, axis, layer_of(op)))


LEVELS: tuple[type[RewritePattern], ...] = (RoundOfClamp, RoundIsLevels, ThresholdOfRound, ThresholdOfLevels)
