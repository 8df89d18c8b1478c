"""
Laws that move functions into thresholds.
"""

from __future__ import annotations

from fractions import Fraction
from typing import Any

import numpy as np
from numpy.typing import NDArray
from xdsl.pattern_rewriter import (
    PatternRewriter,
    RewritePattern,
    op_type_rewrite_pattern,
)

from blendir.dialects.blend import (
    AffineOp,
    BatchNormOp,
    ClampOp,
    MaxPool2dOp,
    PiecewiseLinearOp,
    PReluOp,
    ReluOp,
    SignOp,
    ThresholdOp,
    constant_value,
    is_real,
    tensor_type,
)
from blendir.numerics import ExactBatchNorm
from blendir.passes.folding import (
    Affine,
    threshold_after,
    threshold_after_pieces,
)
from blendir.passes.rewriting import (
    affine_input,
    affine_of,
    integer_range,
    layer_of,
    pieces_of,
    shared,
    threshold_ops,
)


class SignIsThreshold(RewritePattern):
    """
    `sign(x) == threshold(x, 0)`.
    """

    @op_type_rewrite_pattern
    def match_and_rewrite(self, op: SignOp, rewriter: PatternRewriter) -> None:
        channels = tensor_type(op.input).get_shape()[1]
        limits = np.zeros(channels) if is_real(op.input) else np.zeros(channels, np.int64)
        rewriter.replace(op, threshold_ops(op.input, limits, np.zeros(channels, np.bool_), 1, layer_of(op)))


def limits_along(op: ThresholdOp, axis: int) -> tuple[NDArray[Any], NDArray[np.bool_]] | None:
    """
    Thresholds and inversions along a dimension: the threshold's own, or any where all its channels are alike.
    """
    limits, invert = constant_value(op.threshold), constant_value(op.invert)
    if op.axis.value.data == axis:
        return limits, invert
    if not bool((limits == limits[0]).all() and (invert == invert[0]).all()):
        return None
    size = tensor_type(op.input).get_shape()[axis]
    return np.full(size, limits[0]), np.full(size, invert[0])


class ThresholdOfRelu(RewritePattern):
    """
    `threshold(prelu(x), t) == threshold(x, t)` for t >= 0 and slopes that are not negative; t up to 0 always holds
    where the slope is 0, as a ReLU's is.
    """

    @op_type_rewrite_pattern
    def match_and_rewrite(self, op: ThresholdOp, rewriter: PatternRewriter) -> None:
        inner = op.input.owner
        if not isinstance(inner, ReluOp | PReluOp):
            return
        axis = op.axis.value.data if isinstance(inner, ReluOp) else inner.axis.value.data
        given = limits_along(op, axis)
        if given is None:
            return
        limits, invert = given
        slope = np.zeros_like(limits) if isinstance(inner, ReluOp) else constant_value(inner.slope)
        flat = (slope == 0) & (limits <= 0)
        if bool((slope < 0).any() or ((limits < 0) & ~flat).any()):
            return
        rewriter.replace(op, threshold_ops(inner.input, np.where(flat, -np.inf, limits), invert, axis, layer_of(op)))


class ThresholdOfBatchNorm(RewritePattern):
    """
    `threshold(batch_norm(affine(v)), t) == threshold(v, t')` for integers v, decided on the five given parameters.
    """

    @op_type_rewrite_pattern
    def match_and_rewrite(self, op: ThresholdOp, rewriter: PatternRewriter) -> None:
        norm = op.input.owner
        if not isinstance(norm, BatchNormOp):
            return
        axis = norm.axis.value.data
        source, chain = norm.input, list[Affine]()
        while (affine := affine_input(source, axis)) is not None:
            chain.insert(0, affine_of(affine))
            source = affine.input
        grid, given = integer_range(source), limits_along(op, axis)
        if grid is None or given is None:
            return
        result = threshold_after(*given, chain, exact_norm(norm), grid)
        rewriter.replace(op, threshold_ops(source, *result, axis, layer_of(op)))


def exact_norm(norm: BatchNormOp) -> list[ExactBatchNorm]:
    """
    The five parameters of a batch normalization as fractions, per channel.
    """
    epsilon = Fraction(norm.epsilon.value.data)
    columns = [constant_value(v).tolist() for v in (norm.gamma, norm.beta, norm.mean, norm.variance)]
    return [
        ExactBatchNorm(Fraction(g), Fraction(b), Fraction(m), Fraction(v) + epsilon)
        for g, b, m, v in zip(*columns, strict=True)
    ]


class ThresholdOfAffine(RewritePattern):
    """
    `threshold(affine(x)) == threshold'(x)`.
    """

    @op_type_rewrite_pattern
    def match_and_rewrite(self, op: ThresholdOp, rewriter: PatternRewriter) -> None:
        inner = op.input.owner
        if not isinstance(inner, AffineOp):
            return
        axis = inner.axis.value.data
        given = limits_along(op, axis)
        if given is None:
            return
        result = threshold_after(*given, [affine_of(inner)], None, integer_range(inner.input))
        rewriter.replace(op, threshold_ops(inner.input, *result, axis, layer_of(op)))


class ThresholdOfPieces(RewritePattern):
    """
    `threshold(piecewise_linear(x)) == threshold'(x)` where the function is monotone in every channel.
    """

    @op_type_rewrite_pattern
    def match_and_rewrite(self, op: ThresholdOp, rewriter: PatternRewriter) -> None:
        inner = op.input.owner
        if not isinstance(inner, PiecewiseLinearOp) or not is_real(op.input):
            return
        axis = inner.axis.value.data
        given = limits_along(op, axis)
        if given is None:
            return
        result = threshold_after_pieces(*given, pieces_of(inner), integer_range(inner.input))
        if result is not None:
            rewriter.replace(op, threshold_ops(inner.input, *result, axis, layer_of(op)))


class ThresholdOfClamp(RewritePattern):
    """
    `threshold(clamp(x), t) == threshold(x, t')`: t up to `low` always holds, t above `high` never.
    """

    @op_type_rewrite_pattern
    def match_and_rewrite(self, op: ThresholdOp, rewriter: PatternRewriter) -> None:
        inner = op.input.owner
        if not isinstance(inner, ClampOp) or not is_real(op.input):
            return
        low, high = inner.low.value.data, inner.high.value.data
        limits = constant_value(op.threshold)
        limits = np.where(limits <= low, -np.inf, np.where(limits > high, np.inf, limits))
        invert = constant_value(op.invert)
        rewriter.replace(op, threshold_ops(inner.input, limits, invert, op.axis.value.data, layer_of(op)))


class ThresholdOfMaxPool(RewritePattern):
    """
    `threshold(max_pool2d(x)) == max_pool2d(threshold(x))` without inversion: OR on bits.
    """

    @op_type_rewrite_pattern
    def match_and_rewrite(self, op: ThresholdOp, rewriter: PatternRewriter) -> None:
        pool = op.input.owner
        if not isinstance(pool, MaxPool2dOp) or shared(op.input) or op.axis.value.data != 1:
            return
        invert = constant_value(op.invert)
        if invert.any():
            return
        made = threshold_ops(pool.input, constant_value(op.threshold), invert, 1, layer_of(op))
        moved = MaxPool2dOp(made[-1].results[0], pool.window, pool.stride, pool.pads, layer_of(pool))
        rewriter.replace(op, [*made, moved])
