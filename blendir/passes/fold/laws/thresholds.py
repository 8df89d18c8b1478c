"""
Laws that move functions into thresholds.
"""

from __future__ import annotations

from typing import ClassVar

import numpy as np
from xdsl.ir import Block, Operation, SSAValue
from xdsl.pattern_rewriter import (
    PatternRewriter,
    RewritePattern,
    op_type_rewrite_pattern,
)

from blendir.dialects import blend
from blendir.dialects.blend import constant_value, is_real, tensor_type
from blendir.passes.fold.laws.ways import Way, repeated
from blendir.passes.fold.monotone import Ray, Rows, opposite, ray_from, thresholds_of
from blendir.passes.ranges.integers import grid_of
from blendir.passes.rewriting import (
    shared,
    threshold_ops,
)


class SignIsThreshold(RewritePattern):
    """
    `sign(x) == threshold(x, 0)`.
    """

    @op_type_rewrite_pattern
    def match_and_rewrite(self, op: blend.SignOp, rewriter: PatternRewriter) -> None:
        channels = tensor_type(op.input).get_shape()[1]
        limits = np.zeros(channels) if is_real(op.input) else np.zeros(channels, np.int64)
        rewriter.replace(op, threshold_ops(op.input, limits, np.zeros(channels, np.bool_), 1, op.layer_name))


def rows_of(op: blend.ThresholdOp | blend.MultiThresholdOp) -> Rows:
    """
    The conditions that an operation puts on its input.
    """
    limits = constant_value(op.threshold if isinstance(op, blend.ThresholdOp) else op.thresholds)
    grid, invert = grid_of(op.input), constant_value(op.invert).tolist()
    columns = limits.reshape(len(invert), -1).tolist()
    return [
        [ray_from(t if grid is None else grid.real(t), i) for t in row] for row, i in zip(columns, invert, strict=True)
    ]


class ThresholdOfIntegers(RewritePattern):
    """
    `threshold(f(v)) == threshold'(v)` for integers v and any f made of batch normalizations, affines, activations,
    roundings, pools and moves, decided on the given parameters.

    A maximum of falling functions becomes OR of bits. Averages of affine functions are the functions of averages.
    """

    @op_type_rewrite_pattern
    def match_and_rewrite(self, op: blend.ThresholdOp, rewriter: PatternRewriter) -> None:
        if not is_real(op.input):
            return
        found = bits_of_integers(Way(op.input, op.axis.value.data, rows_of(op)), op.layer_name)
        if found is not None:
            rewriter.replace(op, found)


def bits_of_integers(way: Way, layer: str) -> list[Operation] | None:
    """
    What meets the conditions of a way that comes from integers, the bits last.
    """
    found = way.to_integers()
    if found is not None:
        return threshold_of_way(found, layer)
    while is_real(way.value) and not isinstance(way.value.owner, blend.ConcatOp) and not is_maximum(way.value.owner):
        before = way.back()
        if before is None:
            return None
        way = before
    owner, rows = way.value.owner, rows_before_moves(way)
    if rows is None or not is_real(way.value):
        return None
    made = bits_of_maximum(owner, rows, layer) if isinstance(owner, blend.MaxPool2dOp) else None
    if isinstance(owner, blend.ConcatOp):
        made = bits_of_parts(owner, way.axis if not way.moves else 1, rows, layer)
    if made is None:
        return None
    for op in way.moves:
        made.append(repeated(op, made[-1].results[0]))
    return made


def is_maximum(owner: Operation | Block) -> bool:
    """
    Whether an operation chooses among several values.
    """
    return isinstance(owner, blend.MaxPool2dOp) and owner.window != (1, 1)


def threshold_of_way(way: Way, layer: str) -> list[Operation] | None:
    """
    The moves of a way and the threshold behind them.
    """
    made, source, grid = way.source()
    found = thresholds_of(way.rows, grid)
    if found is None:
        return None
    return [*made, *threshold_ops(source, found[0][:, 0], found[1], way.axis, layer)]


def rows_before_moves(way: Way) -> Rows | None:
    """
    The rows of a way along its axis of the value itself, or dimension 1; None where they are not alike or lanes of bits
    would be picked or moved between words.
    """
    if not way.moves:
        return way.rows
    moves = all(isinstance(op, blend.ReshapeOp | blend.MaxPool2dOp) for op in way.moves)
    alike = all(row == way.rows[0] for row in way.rows)
    return [way.rows[0]] * tensor_type(way.value).get_shape()[1] if moves and alike and way.gain is None else None


def bits_of_maximum(pool: blend.MaxPool2dOp, rows: Rows, layer: str) -> list[Operation] | None:
    """
    Which maxima meet a condition: OR of the bits of what does, or what does not, inverted again.
    """
    falls = [isinstance(c, Ray) and c.below for (c,) in rows]
    rising = [[opposite(c)] if f else [c] for (c,), f in zip(rows, falls, strict=True)]
    made = bits_of_integers(Way(pool.input, 1, rising), layer)
    if made is None:
        return None
    made.append(repeated(pool, made[-1].results[0]))
    if any(falls):
        value = blend.BitsToValueOp(made[-1].results[0], f"{layer}.value")
        made += [value, *threshold_ops(value.result, np.zeros(len(falls)), np.array(falls), 1, layer)]
    return made


def bits_of_parts(op: blend.ConcatOp, axis: int, rows: Rows, layer: str) -> list[Operation] | None:
    """
    The bits of each operand, one after another.
    """
    made: list[Operation] = []
    parts: list[SSAValue] = []
    start = 0
    for index, value in enumerate(op.inputs):
        size = tensor_type(value).get_shape()[axis] if op.axis.value.data == axis else 0
        part = bits_of_integers(Way(value, axis, rows[start : start + size] if size else rows), f"{layer}.{index}")
        if part is None:
            return None
        made += part
        parts.append(part[-1].results[0])
        start += size
    return [*made, blend.ConcatOp(parts, op.axis.value.data, op.layer_name)]


class ThresholdOfActivations(RewritePattern):
    """
    `threshold(f(x)) == threshold'(x)` for f made of activations, and of batch normalizations between them and the
    threshold.
    """

    ends: ClassVar[tuple[type, ...]] = (blend.ReluOp, blend.PReluOp, blend.ClampOp)
    kinds: ClassVar[tuple[type, ...]] = (*ends, blend.BatchNormOp)

    @op_type_rewrite_pattern
    def match_and_rewrite(self, op: blend.ThresholdOp, rewriter: PatternRewriter) -> None:
        self.move(op, rewriter)

    def move(self, op: blend.ThresholdOp, rewriter: PatternRewriter) -> None:
        """
        Moves a threshold in front of all functions of the pattern's kinds.
        """
        if not is_real(op.input):
            return
        way = Way(op.input, op.axis.value.data, rows_of(op)).through(self.kinds, self.ends)
        made = threshold_of_way(way, op.layer_name) if way.functions else None
        if made is not None:
            rewriter.replace(op, made)


class ThresholdOfFunction(ThresholdOfActivations):
    """
    `threshold(f(x)) == threshold'(x)` for f made of affines, pieces, clamps, roundings and activations that rises or
    falls, t' being the first double from which it holds.
    """

    kinds: ClassVar[tuple[type, ...]] = (
        blend.AffineOp,
        blend.PiecewiseLinearOp,
        blend.ClampOp,
        blend.RoundOp,
        blend.ActivationOp,
    )
    ends: ClassVar[tuple[type, ...]] = (Operation,)

    @op_type_rewrite_pattern
    def match_and_rewrite(self, op: blend.ThresholdOp, rewriter: PatternRewriter) -> None:
        self.move(op, rewriter)


class ThresholdOfMaxPool(RewritePattern):
    """
    `threshold(max_pool2d(x)) == max_pool2d(threshold(x))` without inversion: OR on bits.
    """

    @op_type_rewrite_pattern
    def match_and_rewrite(self, op: blend.ThresholdOp, rewriter: PatternRewriter) -> None:
        pool = op.input.owner
        if not isinstance(pool, blend.MaxPool2dOp) or shared(op.input) or op.axis.value.data != 1:
            return
        invert = constant_value(op.invert)
        if invert.any():
            return
        made = threshold_ops(pool.input, constant_value(op.threshold), invert, 1, op.layer_name)
        rewriter.replace(op, [*made, repeated(pool, made[-1].results[0])])
