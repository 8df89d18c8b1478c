"""
Laws of products of levels with weights of few values: exact sums of integers.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from xdsl.dialects.builtin import i1
from xdsl.ir import Operation, SSAValue
from xdsl.pattern_rewriter import PatternRewriter, RewritePattern, op_type_rewrite_pattern

from blendir.dialects import blend
from blendir.dialects.blend import ConstantOp, FixedType, constant_value, element_format, tensor_type
from blendir.dialects.blend.levels import level_type
from blendir.numerics import PadMode
from blendir.passes.fold.channelwise import ROUNDING, Affine, Reals
from blendir.passes.fold.laws.levels import multi_threshold_ops
from blendir.passes.fold.laws.scaled_levels import Scaled
from blendir.passes.fold.monotone import Grid
from blendir.passes.fold.raise_binary import common_magnitude
from blendir.passes.ranges.integers import grid_of
from blendir.passes.rewriting import affine_ops

MOST_WEIGHT = 7
"""The largest integer that stands for a weight."""
MOST_PARTS = 3
"""Units in the smallest weight of an output."""
PAD_MODES = {0.0: PadMode.ZERO_EXACT, 1.0: PadMode.PLUS_ONE, -1.0: PadMode.MINUS_ONE}


def reach(value: SSAValue) -> int:
    """
    The largest magnitude of integers.
    """
    grid = grid_of(value)
    assert isinstance(grid, Grid)
    return max(abs(grid.low), abs(grid.high))


def common_unit(weight: Reals) -> tuple[Reals, NDArray[np.int64]] | None:
    """
    alpha[o] and integers n with weights `alpha[o] * n`, +-1 where that is possible; None where n would be large. Of
    weights that were computed, such as 2/3 - 1, rounding is left out: up to `ROUNDING` of the output's largest.
    """
    alpha = common_magnitude(weight)
    if alpha is not None:
        return alpha, np.where(weight >= 0, 1, -1)
    sizes = np.abs(weight).reshape(len(weight), -1)
    least = np.where(sizes > 0, sizes, np.inf).min(axis=1)
    least = np.where(np.isfinite(least), least, 1.0)
    for parts in range(1, MOST_PARTS + 1):
        unit = (least / parts).reshape(-1, *[1] * (weight.ndim - 1))
        whole = np.rint(weight / unit)
        error = np.abs(whole * unit - weight).reshape(len(weight), -1).max(axis=1)
        if bool((np.abs(whole) <= MOST_WEIGHT).all() and (error <= ROUNDING * sizes.max(axis=1)).all()):
            return unit.reshape(-1), whole.astype(np.int64)
    return None


class ConvOfLevels(RewritePattern):
    """
    `conv2d((n - z) * s, alpha * w) + b == (conv2d_{pad=z}(n, w) - z * sum w) * s * alpha + b` for small integers w: a
    binary convolution of bits with w in +-1, an exact fixed-point convolution of other levels. `passes/bit_planes.py`
    says which of those are made of counts of bits.
    """

    @op_type_rewrite_pattern
    def match_and_rewrite(self, op: blend.Conv2dOp, rewriter: PatternRewriter) -> None:
        scaled, bias = Scaled.of(op.input), constant_value(op.bias)
        found = common_unit(constant_value(op.weight)) if scaled is not None else None
        if scaled is None or found is None or op.pad is not None or bias.ndim != 1:
            return
        (alpha, integers), owner, layer = found, scaled.source.owner, op.layer_name
        padded, groups, geometry = any(op.pads), op.group_count, (op.stride, op.pads)
        made: list[Operation]
        if isinstance(owner, blend.BitsToValueOp):
            mode = PAD_MODES.get(scaled.zero) if padded else PadMode.ZERO_EXACT
            if mode is None or not is_binary(integers):
                return
            bits = ConstantOp.from_numpy(integers > 0, i1)
            made = [bits, blend.BinaryConv2dOp(owner.input, bits.result, *geometry, mode, layer, op.dilations, groups)]
        else:
            pad: SSAValue | None = None
            kind = tensor_type(scaled.source).element_type
            fmt = element_format(kind)
            if padded and not (scaled.zero == round(scaled.zero) and fmt.low <= scaled.zero <= fmt.high):
                return
            w, b, element = integer_products(integers, max(reach(scaled.source), abs(scaled.zero)))
            made = [w, b]
            if padded and scaled.zero:
                zeros = np.full(integers.shape[1] * groups, int(scaled.zero), np.int64)
                made.append(outside := ConstantOp.from_numpy(zeros, kind))
                pad = outside.result
            operands = scaled.source, w.result, b.result
            form = *geometry, element, pad, layer
            made.append(blend.FixedConv2dOp(*operands, *form, dilation=op.dilations, groups=groups))
        rewriter.replace(op, [*made, *rescaled(made[-1].results[0], integers, alpha, bias, scaled, layer)])


class LinearOfLevels(RewritePattern):
    """
    `linear((n - z) * s, alpha * w) + b == (linear(n, w) - z * sum w) * s * alpha + b` for small integers w.
    """

    @op_type_rewrite_pattern
    def match_and_rewrite(self, op: blend.LinearOp, rewriter: PatternRewriter) -> None:
        scaled = Scaled.of(op.input)
        found = common_unit(constant_value(op.weight)) if scaled is not None else None
        if scaled is None or found is None:
            return
        (alpha, integers), owner, layer = found, scaled.source.owner, op.layer_name
        if isinstance(owner, blend.BitsToValueOp):
            if not is_binary(integers):
                return
            bits = ConstantOp.from_numpy(integers > 0, i1)
            made: list[Operation] = [bits, blend.BinaryLinearOp(owner.input, bits.result, layer)]
        else:
            w, b, element = integer_products(integers, reach(scaled.source))
            made = [w, b, blend.FixedLinearOp(scaled.source, w.result, b.result, element, layer)]
        bias = constant_value(op.bias)
        rewriter.replace(op, [*made, *rescaled(made[-1].results[0], integers, alpha, bias, scaled, layer)])


class GateOfBits(RewritePattern):
    """
    `multiply(a, bits ? 1 : 0) == multiply(a, multi_threshold(x))`, the bits being a threshold of x: a factor 0 or 1.
    """

    @op_type_rewrite_pattern
    def match_and_rewrite(self, op: blend.MultiplyOp, rewriter: PatternRewriter) -> None:
        for index, value in enumerate((op.lhs, op.rhs)):
            scaled = Scaled.of(value)
            bits = scaled.source.owner if scaled is not None else None
            inner = bits.input.owner if isinstance(bits, blend.BitsToValueOp) else None
            if scaled is None or (scaled.zero, scaled.scale) != (-1.0, 0.5) or not isinstance(inner, blend.ThresholdOp):
                continue
            limits, invert = constant_value(inner.threshold)[:, None], constant_value(inner.invert)
            axis, layer = inner.axis.value.data, f"{inner.layer_name}.gate"
            made = multi_threshold_ops(inner.input, limits, invert, 0, 1, axis, layer)
            factors = [op.lhs, op.rhs]
            factors[index] = made[-1].results[0]
            rewriter.replace(op, [*made, blend.MultiplyOp(factors[0], factors[1], op.layer_name)])
            return


def is_binary(integers: NDArray[np.int64]) -> bool:
    """
    Whether all are +-1.
    """
    return bool((np.abs(integers) == 1).all())


def integer_products(integers: NDArray[np.int64], largest: float) -> tuple[ConstantOp, ConstantOp, FixedType]:
    """
    Weights and no bias as constants, and a type that holds every sum of products with integers up to `largest`.
    """
    magnitudes = np.abs(integers).reshape(len(integers), -1)
    most = int(largest) * int(magnitudes.sum(axis=1).max())
    heaviest = int(magnitudes.max())
    weight = ConstantOp.from_numpy(integers, level_type(-heaviest, heaviest))
    return (
        weight,
        ConstantOp.from_numpy(np.zeros(len(integers), np.int64), FixedType(2, 2)),
        level_type(-most, most),
    )


def rescaled(
    value: SSAValue, integers: NDArray[np.int64], alpha: Reals, bias: Reals, scaled: Scaled, layer: str
) -> list[Operation]:
    """
    Sums of integers as what they stand for.
    """
    sums = integers.reshape(len(integers), -1).sum(axis=1).astype(np.float64)
    return affine_ops(value, Affine(scaled.zero * sums, scaled.scale * alpha, bias), 1, f"{layer}.scale")


LEVEL_PRODUCTS: tuple[type[RewritePattern], ...] = (ConvOfLevels, LinearOfLevels, GateOfBits)
