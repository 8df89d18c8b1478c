"""
`raise-binary`: products of bits with weights +-alpha[c] become binary operations.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from xdsl.context import Context
from xdsl.dialects.builtin import ModuleOp, i1
from xdsl.ir import Operation, SSAValue
from xdsl.passes import ModulePass
from xdsl.pattern_rewriter import (
    GreedyRewritePatternApplier,
    PatternRewriter,
    PatternRewriteWalker,
    RewritePattern,
    op_type_rewrite_pattern,
)

from blendir.dialects import blend
from blendir.dialects.blend import BlendOp, ConstantOp, constant_value, is_real, tensor_type
from blendir.dialects.blend.canonicalization import DropIdentityAffine
from blendir.numerics import PadMode
from blendir.passes.fold.channelwise import Affine, Reals
from blendir.passes.rewriting import affine_of, affine_ops, of_operand


@dataclass(frozen=True)
class Bits:
    """
    The bits that a float tensor of +-scale comes from; scale > 0.
    """

    bits: SSAValue
    scale: float

    def value(self, moved: BlendOp, layer: str) -> list[Operation]:
        """
        An operation that moves the bits, and what makes +-scale of its result.
        """
        value = blend.BitsToValueOp(moved.results[0], f"{layer}.value")
        if self.scale == 1:
            return [moved, value]
        zeros = np.zeros(tensor_type(value.result).get_shape()[1])
        affine = Affine(zeros, zeros + self.scale, zeros)
        return [moved, value, *affine_ops(value.result, affine, 1, f"{layer}.scale")]


def bits_of(value: SSAValue) -> Bits | None:
    """
    The bits of a float tensor of +-1, or of +-t after a multiplication by one number t > 0.
    """
    owner, scale = value.owner, 1.0
    if isinstance(owner, blend.AffineOp):
        affine, owner = affine_of(owner), owner.input.owner
        scale = float(affine.scale[0])
        if scale <= 0 or bool((affine.scale != scale).any() or affine.shift.any()):
            return None
    return Bits(owner.input, scale) if isinstance(owner, blend.BitsToValueOp) and is_real(value) else None


def common_magnitude(weight: Reals) -> Reals | None:
    """
    alpha[o] where every weight of output o is +-alpha[o], else None.
    """
    sizes = np.abs(weight).reshape(len(weight), -1)
    return sizes[:, 0] if bool((sizes == sizes[:, :1]).all()) else None


def pad_mode(op: blend.Conv2dOp, scale: float) -> PadMode | None:
    """
    The binary padding that equals a convolution's of +-scale, None where there is none.
    """
    if op.pad is None:
        return PadMode.ZERO_EXACT
    values = constant_value(op.pad)
    for mode, bit in ((PadMode.PLUS_ONE, scale), (PadMode.MINUS_ONE, -scale)):
        if bool((values == bit).all()):
            return mode
    return None


class RaiseConv(RewritePattern):
    """
    `conv2d(t * bits_to_value(b), alpha * s) + bias == affine(binary_conv2d(b, s))` for s in +-1, scale alpha * t.
    """

    @op_type_rewrite_pattern
    def match_and_rewrite(self, op: blend.Conv2dOp, rewriter: PatternRewriter) -> None:
        known = bits_of(op.input)
        if known is None:
            return
        weight, bias = constant_value(op.weight), constant_value(op.bias)
        alpha, mode = common_magnitude(weight), pad_mode(op, known.scale)
        if alpha is None or mode is None or bias.ndim != 1:
            return
        signs = ConstantOp.from_numpy(weight >= 0, i1)
        layer = op.layer_name
        geometry = op.stride, op.pads, mode, layer, op.dilations, op.group_count
        conv = blend.BinaryConv2dOp(known.bits, signs.result, *geometry)
        scale = affine_ops(conv.result, Affine(np.zeros(len(alpha)), alpha * known.scale, bias), 1, f"{layer}.scale")
        rewriter.replace(op, [signs, conv, *scale])


class RaiseLinear(RewritePattern):
    """
    `linear(t * bits_to_value(b), alpha * s) + bias == affine(binary_linear(b, s))` for s in +-1, scale alpha * t.
    """

    @op_type_rewrite_pattern
    def match_and_rewrite(self, op: blend.LinearOp, rewriter: PatternRewriter) -> None:
        known = bits_of(op.input)
        if known is None:
            return
        weight = constant_value(op.weight)
        alpha = common_magnitude(weight)
        if alpha is None:
            return
        signs = ConstantOp.from_numpy(weight >= 0, i1)
        layer = op.layer_name
        product = blend.BinaryLinearOp(known.bits, signs.result, layer)
        affine = Affine(np.zeros(len(alpha)), alpha * known.scale, constant_value(op.bias))
        rewriter.replace(op, [signs, product, *affine_ops(product.result, affine, 1, f"{layer}.scale")])


class SignOfBits(RewritePattern):
    """
    `sign(t * bits_to_value(b)) == b`.
    """

    @op_type_rewrite_pattern
    def match_and_rewrite(self, op: blend.SignOp, rewriter: PatternRewriter) -> None:
        known = bits_of(op.input)
        if known is not None:
            rewriter.replace(op, [], [known.bits])


class ThresholdOfBits(RewritePattern):
    """
    `threshold(t * bits_to_value(b), l) == b` for -t < l <= t without inversion.
    """

    @op_type_rewrite_pattern
    def match_and_rewrite(self, op: blend.ThresholdOp, rewriter: PatternRewriter) -> None:
        known = bits_of(op.input)
        if known is None or constant_value(op.invert).any():
            return
        limit = constant_value(op.threshold)
        if bool(((limit > -known.scale) & (limit <= known.scale)).all()):
            rewriter.replace(op, [], [known.bits])


def moves_lanes(op: Operation, bits: SSAValue) -> bool:
    """
    Whether a move of bits would pick lanes, or take those that are joined already to other words.
    """
    if isinstance(op, blend.TakeOp):
        return op.axis.value.data == 1 or min(op.picks) < 0
    shapes = [tensor_type(value).get_shape() for value in (bits, op.results[0])]
    while isinstance(bits.owner, blend.ReshapeOp):
        bits = bits.owner.input
    joined = isinstance(op, blend.ReshapeOp) and isinstance(bits.owner, blend.ConcatOp)
    return joined and len(shapes[1]) > 2 and shapes[0][1] != shapes[1][1]


class MoveBits(RewritePattern):
    """
    `move(t * bits_to_value(b)) == t * bits_to_value(move(b))` for reshape, transpose, max_pool2d (OR) and for
    take of other axes than channels, without zeros.
    """

    @op_type_rewrite_pattern
    def match_and_rewrite(
        self, op: blend.ReshapeOp | blend.TransposeOp | blend.MaxPool2dOp | blend.TakeOp, rewriter: PatternRewriter
    ) -> None:
        known = bits_of(op.input)
        if known is None or moves_lanes(op, known.bits):
            return
        rewriter.replace(op, known.value(of_operand(op, known.bits), op.layer_name))


class ConcatBits(RewritePattern):
    """
    `concat(t * bits_to_value(a), t * bits_to_value(b)) == t * bits_to_value(concat(a, b))`.
    """

    @op_type_rewrite_pattern
    def match_and_rewrite(self, op: blend.ConcatOp, rewriter: PatternRewriter) -> None:
        known = [found for v in op.inputs if (found := bits_of(v)) is not None]
        if len(known) < len(op.inputs) or len({k.scale for k in known}) != 1:
            return
        layer = op.layer_name
        joined = blend.ConcatOp([k.bits for k in known], op.axis.value.data, layer)
        rewriter.replace(op, known[0].value(joined, layer))


RAISE_PATTERNS: tuple[type[RewritePattern], ...] = (
    RaiseConv,
    RaiseLinear,
    SignOfBits,
    ThresholdOfBits,
    MoveBits,
    ConcatBits,
    DropIdentityAffine,
)


@dataclass(frozen=True)
class RaiseBinaryPass(ModulePass):
    """
    Recognizes binary convolutions and linear layers.
    """

    name = "raise-binary"

    def apply(self, ctx: Context, op: ModuleOp) -> None:
        patterns: list[RewritePattern] = [pattern() for pattern in RAISE_PATTERNS]
        PatternRewriteWalker(GreedyRewritePatternApplier(patterns, ctx=ctx)).rewrite_module(op)
