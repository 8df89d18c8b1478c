"""
Laws that move affines back into what produces their input.
"""

from __future__ import annotations

import numpy as np
from xdsl.ir import Operation, SSAValue
from xdsl.pattern_rewriter import (
    PatternRewriter,
    RewritePattern,
    op_type_rewrite_pattern,
)

from blendir.dialects import blend
from blendir.dialects.blend import constant_value, is_real, tensor_type
from blendir.passes.fold.channelwise import (
    Affine,
    Pieces,
)
from blendir.passes.fold.laws.transposes import before_moves, channels_before
from blendir.passes.rewriting import (
    affine_input,
    affine_of,
    affine_ops,
    constants,
    of_operand,
    pieces_of,
    pieces_ops,
    shared,
)

MOST_SPREAD = 8.0
"""Of the scales of a renormalized residual, largest by smallest: what it costs at most is three bits."""


class BatchNormIsAffine(RewritePattern):
    """
    `batch_norm(x) == affine(x)` with center mean, scale gamma / sigma, offset beta.
    """

    @op_type_rewrite_pattern
    def match_and_rewrite(self, op: blend.BatchNormOp, rewriter: PatternRewriter) -> None:
        gamma, beta, mean, variance = (constant_value(v) for v in (op.gamma, op.beta, op.mean, op.variance))
        affine = Affine(mean, gamma / np.sqrt(variance + op.epsilon.value.data), beta)
        rewriter.replace(op, affine_ops(op.input, affine, op.axis.value.data, op.layer_name))


class ReluIsPieces(RewritePattern):
    """
    `relu(x) == piecewise_linear(x)` with slopes 0 and 1.
    """

    @op_type_rewrite_pattern
    def match_and_rewrite(self, op: blend.ReluOp, rewriter: PatternRewriter) -> None:
        zero = np.zeros(tensor_type(op.input).get_shape()[1])
        pieces = Pieces(zero, zero, zero, zero + 1, zero)
        rewriter.replace(op, pieces_ops(op.input, pieces, 1, op.layer_name))


class PReluIsPieces(RewritePattern):
    """
    `prelu(x, a) == piecewise_linear(x)` with slopes a and 1.
    """

    @op_type_rewrite_pattern
    def match_and_rewrite(self, op: blend.PReluOp, rewriter: PatternRewriter) -> None:
        slope = constant_value(op.slope)
        zero = np.zeros_like(slope)
        pieces = Pieces(zero, slope, zero, zero + 1, zero)
        rewriter.replace(op, pieces_ops(op.input, pieces, op.axis.value.data, op.layer_name))


class AvgPoolIsExact(RewritePattern):
    """
    `avg_pool2d{divisor=n}(x) == affine(avg_pool2d{divisor=2^k}(x))`: a division that fixed point can do exactly.
    """

    @op_type_rewrite_pattern
    def match_and_rewrite(self, op: blend.AvgPool2dOp, rewriter: PatternRewriter) -> None:
        divisor = op.divisor.value.data
        power = 1 << (divisor.bit_length() - 1)
        if divisor == power or not is_real(op.result):
            return
        layer = op.layer_name
        pool = blend.AvgPool2dOp(op.input, op.window, op.stride, op.pads, power, layer=layer, dilation=op.dilations)
        zero = np.zeros(tensor_type(op.input).get_shape()[1])
        affine = Affine(zero, zero + power / divisor, zero)
        rewriter.replace(op, [pool, *affine_ops(pool.result, affine, 1, f"{layer}.affine")])


class AffineOfAffine(RewritePattern):
    """
    `affine(affine(x)) == affine'(x)`.
    """

    @op_type_rewrite_pattern
    def match_and_rewrite(self, op: blend.AffineOp, rewriter: PatternRewriter) -> None:
        inner = affine_input(op.input, op.axis.value.data)
        if inner is not None:
            both = affine_of(inner).then(affine_of(op))
            rewriter.replace(op, affine_ops(inner.input, both, op.axis.value.data, op.layer_name))


class AffineOfPieces(RewritePattern):
    """
    `affine(piecewise_linear(x)) == piecewise_linear'(x)`, the function having one use.
    """

    @op_type_rewrite_pattern
    def match_and_rewrite(self, op: blend.AffineOp, rewriter: PatternRewriter) -> None:
        inner = op.input.owner
        if not isinstance(inner, blend.PiecewiseLinearOp) or shared(op.input) or inner.axis != op.axis:
            return
        pieces = pieces_of(inner).then(affine_of(op))
        rewriter.replace(op, pieces_ops(inner.input, pieces, op.axis.value.data, inner.layer_name))


class AffineOfConv(RewritePattern):
    """
    `affine(conv2d(x, w, b)) == conv2d(x, s * w, s * (b - c) + o)`, the convolution having one use (equation 3); moves
    may stand between.
    """

    @op_type_rewrite_pattern
    def match_and_rewrite(self, op: blend.AffineOp, rewriter: PatternRewriter) -> None:
        found = channels_before(op.input, op.axis.value.data)
        if found is None:
            return
        source, channels, moves = found
        conv = source.owner
        if not isinstance(conv, blend.Conv2dOp) or shared(source):
            return
        given, bias = affine_of(op), constant_value(conv.bias)
        affine = Affine(given.center[channels], given.scale[channels], given.offset[channels])
        weight = constant_value(conv.weight) * affine.scale[:, None, None, None]
        center, scale, offset = (
            v.reshape(-1, *[1] * (bias.ndim - 1)) for v in (affine.center, affine.scale, affine.offset)
        )
        made = constants((weight, (bias - center) * scale + offset))
        w, b = (c.result for c in made)
        rest = conv.dilations, conv.group_count
        new: list[Operation] = [
            *made,
            blend.Conv2dOp(conv.input, w, b, conv.stride, conv.pads, conv.pad, conv.layer_name, *rest),
        ]
        for move in moves:
            new.append(of_operand(move, new[-1].results[0]))
        rewriter.replace(op, new)


class AffineOfLinear(RewritePattern):
    """
    `affine(linear(x, w, b)) == linear(x, s * w, s * (b - c) + o)`, the layer having one use.
    """

    @op_type_rewrite_pattern
    def match_and_rewrite(self, op: blend.AffineOp, rewriter: PatternRewriter) -> None:
        linear = op.input.owner
        if not isinstance(linear, blend.LinearOp) or shared(op.input):
            return
        affine = affine_of(op)
        weight = constant_value(linear.weight) * affine.scale[:, None]
        made = constants((weight, (constant_value(linear.bias) - affine.center) * affine.scale + affine.offset))
        w, b = (c.result for c in made)
        rewriter.replace(op, [*made, blend.LinearOp(linear.input, w, b, linear.layer_name)])


def absorbs(value: SSAValue, axis: int) -> bool:
    """
    Whether what makes a value can take an affine along `axis` into its own parameters.
    """
    value, axis, _ = before_moves(value, axis)
    if shared(value) or not is_real(value):
        return False
    owner = value.owner
    match owner:
        case blend.AddOp():
            return absorbs(owner.lhs, axis) and absorbs(owner.rhs, axis)
        case blend.PiecewiseLinearOp() | blend.AffineOp():
            return owner.axis.value.data == axis
        case _:
            return isinstance(owner, blend.Conv2dOp | blend.LinearOp) and axis == 1


class AffineOfAdd(RewritePattern):
    """
    `affine(add(f, g)) == add(f * s, affine(g))`, the sum having one use and both sides absorbing.
    """

    @op_type_rewrite_pattern
    def match_and_rewrite(self, op: blend.AffineOp, rewriter: PatternRewriter) -> None:
        add, axis = op.input.owner, op.axis.value.data
        if not isinstance(add, blend.AddOp) or not absorbs(op.input, axis):
            return
        affine = affine_of(op)
        zero = np.zeros_like(affine.scale)
        layer = add.layer_name
        left = affine_ops(add.lhs, Affine(zero, affine.scale, zero), axis, f"{layer}.lhs")
        right = affine_ops(add.rhs, affine, axis, f"{layer}.rhs")
        total = blend.AddOp(left[-1].results[0], right[-1].results[0], layer)
        rewriter.replace(op, [*left, *right, total])


class AddOfAffine(RewritePattern):
    """
    `add(affine(z), f) == affine'(add(z, f / s + o / s - c))` for s > 0, f absorbing, z not: the renormalized residual.

    The identity path is left without arithmetic, and the pending affine has no offset. All channels of a stream have
    one format, so the scales must not differ much: `f / s` of the smallest one sets the range of all.
    """

    @op_type_rewrite_pattern
    def match_and_rewrite(self, op: blend.AddOp, rewriter: PatternRewriter) -> None:
        for skip, main in ((op.lhs, op.rhs), (op.rhs, op.lhs)):
            owner = skip.owner
            if not isinstance(owner, blend.AffineOp) or not is_real(owner.input):
                continue
            affine, axis = affine_of(owner), owner.axis.value.data
            if absorbs(owner.input, axis) or not absorbs(main, axis):
                continue
            if affine.scale.min() <= 0 or affine.scale.max() > MOST_SPREAD * affine.scale.min():
                continue
            zero = np.zeros_like(affine.scale)
            layer = op.layer_name
            inner = Affine(zero, 1 / affine.scale, affine.offset / affine.scale - affine.center)
            scaled = affine_ops(main, inner, axis, f"{layer}.main")
            total = blend.AddOp(owner.input, scaled[-1].results[0], layer)
            pending = affine_ops(total.result, Affine(zero, affine.scale, zero), axis, f"{layer}.scale")
            rewriter.replace(op, [*scaled, total, *pending])
            return
