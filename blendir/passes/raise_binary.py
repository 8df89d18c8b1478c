"""
`raise-binary`: products of bits with weights +-alpha[c] become binary operations.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from xdsl.context import Context
from xdsl.dialects.builtin import ModuleOp, i1
from xdsl.ir import SSAValue
from xdsl.passes import ModulePass
from xdsl.pattern_rewriter import (
    GreedyRewritePatternApplier,
    PatternRewriter,
    PatternRewriteWalker,
    RewritePattern,
    op_type_rewrite_pattern,
)

from blendir.dialects.blend import (
    BinaryConv2dOp,
    BinaryLinearOp,
    BitsToValueOp,
    ConcatOp,
    ConstantOp,
    Conv2dOp,
    LinearOp,
    MaxPool2dOp,
    ReshapeOp,
    SignOp,
    ThresholdOp,
    TransposeOp,
    constant_value,
    is_real,
    tensor_type,
)
from blendir.dialects.blend.canonicalization import DropIdentityAffine
from blendir.numerics import PadMode
from blendir.passes.folding import Affine, Reals
from blendir.passes.rewriting import affine_ops, layer_of


def bits_of(value: SSAValue) -> SSAValue | None:
    """
    The bits that a float tensor of +-1 comes from.
    """
    owner = value.owner
    return owner.input if isinstance(owner, BitsToValueOp) and is_real(value) else None


def common_magnitude(weight: Reals) -> Reals | None:
    """
    alpha[o] where every weight of output o is +-alpha[o], else None.
    """
    sizes = np.abs(weight).reshape(len(weight), -1)
    return sizes[:, 0] if bool((sizes == sizes[:, :1]).all()) else None


def pad_mode(op: Conv2dOp) -> PadMode | None:
    """
    The binary padding that equals a convolution's, None where there is none.
    """
    if op.pad is None:
        return PadMode.ZERO_EXACT
    values = constant_value(op.pad)
    for mode, bit in ((PadMode.PLUS_ONE, 1.0), (PadMode.MINUS_ONE, -1.0)):
        if bool((values == bit).all()):
            return mode
    return None


class RaiseConv(RewritePattern):
    """
    `conv2d(bits_to_value(b), alpha * s) + bias == affine(binary_conv2d(b, s))` for s in +-1.
    """

    @op_type_rewrite_pattern
    def match_and_rewrite(self, op: Conv2dOp, rewriter: PatternRewriter) -> None:
        bits = bits_of(op.input)
        if bits is None:
            return
        weight, bias = constant_value(op.weight), constant_value(op.bias)
        alpha, mode = common_magnitude(weight), pad_mode(op)
        if alpha is None or mode is None or bias.ndim != 1:
            return
        signs = ConstantOp.from_numpy(weight >= 0, i1)
        layer = layer_of(op)
        conv = BinaryConv2dOp(bits, signs.result, op.stride, op.pads, mode, layer)
        scale = affine_ops(conv.result, Affine(np.zeros(len(alpha)), alpha, bias), 1, f"{layer}.scale")
        rewriter.replace(op, [signs, conv, *scale])


class RaiseLinear(RewritePattern):
    """
    `linear(bits_to_value(b), alpha * s) + bias == affine(binary_linear(b, s))` for s in +-1.
    """

    @op_type_rewrite_pattern
    def match_and_rewrite(self, op: LinearOp, rewriter: PatternRewriter) -> None:
        bits = bits_of(op.input)
        if bits is None:
            return
        weight = constant_value(op.weight)
        alpha = common_magnitude(weight)
        if alpha is None:
            return
        signs = ConstantOp.from_numpy(weight >= 0, i1)
        layer = layer_of(op)
        product = BinaryLinearOp(bits, signs.result, layer)
        affine = Affine(np.zeros(len(alpha)), alpha, constant_value(op.bias))
        rewriter.replace(op, [signs, product, *affine_ops(product.result, affine, 1, f"{layer}.scale")])


class SignOfBits(RewritePattern):
    """
    `sign(bits_to_value(b)) == b`.
    """

    @op_type_rewrite_pattern
    def match_and_rewrite(self, op: SignOp, rewriter: PatternRewriter) -> None:
        bits = bits_of(op.input)
        if bits is not None:
            rewriter.replace(op, [], [bits])


class ThresholdOfBits(RewritePattern):
    """
    `threshold(bits_to_value(b), t) == b` for -1 < t <= 1 without inversion.
    """

    @op_type_rewrite_pattern
    def match_and_rewrite(self, op: ThresholdOp, rewriter: PatternRewriter) -> None:
        bits = bits_of(op.input)
        if bits is None or constant_value(op.invert).any():
            return
        limit = constant_value(op.threshold)
        if bool(((limit > -1) & (limit <= 1)).all()):
            rewriter.replace(op, [], [bits])


class MoveBits(RewritePattern):
    """
    `move(bits_to_value(b)) == bits_to_value(move(b))` for reshape, transpose and max_pool2d (OR).
    """

    @op_type_rewrite_pattern
    def match_and_rewrite(self, op: ReshapeOp | TransposeOp | MaxPool2dOp, rewriter: PatternRewriter) -> None:
        bits = bits_of(op.input)
        if bits is None:
            return
        layer = layer_of(op)
        moved: ReshapeOp | TransposeOp | MaxPool2dOp
        match op:
            case ReshapeOp():
                moved = ReshapeOp(bits, tensor_type(op.result).get_shape(), layer)
            case TransposeOp():
                moved = TransposeOp(bits, op.permutation.get_values(), layer)
            case MaxPool2dOp():
                moved = MaxPool2dOp(bits, op.window, op.stride, op.pads, layer)
        rewriter.replace(op, [moved, BitsToValueOp(moved.result, f"{layer}.value")])


class ConcatBits(RewritePattern):
    """
    `concat(bits_to_value(a), bits_to_value(b)) == bits_to_value(concat(a, b))`.
    """

    @op_type_rewrite_pattern
    def match_and_rewrite(self, op: ConcatOp, rewriter: PatternRewriter) -> None:
        bits = [bits_of(v) for v in op.inputs]
        if any(b is None for b in bits):
            return
        layer = layer_of(op)
        joined = ConcatOp([b for b in bits if b is not None], op.axis.value.data, layer)
        rewriter.replace(op, [joined, BitsToValueOp(joined.result, f"{layer}.value")])


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
