"""
Laws of channels that are picked: they go to consumers whose weights can follow, and stay numbers.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from xdsl.pattern_rewriter import PatternRewriter, RewritePattern, op_type_rewrite_pattern

from blendir.dialects import blend
from blendir.dialects.blend import constant_value, tensor_type
from blendir.dialects.blend.canonicalization import DropIdentityTake, MergeTakes, MovesAreTake
from blendir.passes.fold.channelwise import Affine, Reals
from blendir.passes.rewriting import affine_of, affine_ops, constants, threshold_ops


class TakeOfAffine(RewritePattern):
    """
    `take(affine(x)) == affine'(take(x))`; what is 0 stays so.
    """

    @op_type_rewrite_pattern
    def match_and_rewrite(self, op: blend.TakeOp, rewriter: PatternRewriter) -> None:
        inner = op.input.owner
        if not isinstance(inner, blend.AffineOp):
            return
        axis, taken = inner.axis.value.data, op.axis.value.data
        affine, picks = affine_of(inner), np.array(op.picks)
        if axis == taken:
            kept = picks >= 0
            affine = Affine(
                np.where(kept, affine.center[picks], 0.0),
                np.where(kept, affine.scale[picks], 1.0),
                np.where(kept, affine.offset[picks], 0.0),
            )
        elif bool((picks < 0).any()):
            return
        layer = op.layer_name
        moved = blend.TakeOp(inner.input, op.picks, taken, layer)
        rewriter.replace(op, [moved, *affine_ops(moved.result, affine, axis, f"{layer}.affine")])


class TakeOfRound(RewritePattern):
    """
    `take(round(x)) == round(take(x))`.
    """

    @op_type_rewrite_pattern
    def match_and_rewrite(self, op: blend.TakeOp, rewriter: PatternRewriter) -> None:
        inner = op.input.owner
        if isinstance(inner, blend.RoundOp):
            layer = op.layer_name
            moved = blend.TakeOp(inner.input, op.picks, op.axis.value.data, layer)
            rewriter.replace(op, [moved, blend.RoundOp(moved.result, f"{layer}.round")])


class TakeOfBits(RewritePattern):
    """
    `take(bits_to_value(threshold(x))) == bits_to_value(threshold'(take(x)))`: lanes are not moved, numbers are.
    """

    @op_type_rewrite_pattern
    def match_and_rewrite(self, op: blend.TakeOp, rewriter: PatternRewriter) -> None:
        value = op.input.owner
        if not isinstance(value, blend.BitsToValueOp) or min(op.picks) < 0:
            return
        inner = value.input.owner
        if not isinstance(inner, blend.ThresholdOp) or inner.axis != op.axis:
            return
        layer, axis = op.layer_name, op.axis.value.data
        moved = blend.TakeOp(inner.input, op.picks, axis, f"{layer}.input")
        limits, invert = (constant_value(v)[op.picks] for v in (inner.threshold, inner.invert))
        made = threshold_ops(moved.result, limits, invert, axis, layer)
        rewriter.replace(op, [moved, *made, blend.BitsToValueOp(made[-1].results[0], f"{layer}.value")])


def absorbed(weight: Reals, op: blend.TakeOp) -> NDArray[np.float64] | None:
    """
    Weights [O, I, ..] for the input of a take, None where that has more channels than it picks.
    """
    channels = tensor_type(op.input).get_shape()[1]
    if op.axis.value.data != 1 or channels > weight.shape[1]:
        return None
    total = np.zeros((weight.shape[0], channels, *weight.shape[2:]))
    for index, pick in enumerate(op.picks):
        if pick >= 0:
            total[:, pick] += weight[:, index]
    return total


class ConvOfTake(RewritePattern):
    """
    `conv2d(take(x), w) == conv2d(x, w')`, w' adding up the weights of each channel.
    """

    @op_type_rewrite_pattern
    def match_and_rewrite(self, op: blend.Conv2dOp, rewriter: PatternRewriter) -> None:
        inner = op.input.owner
        if not isinstance(inner, blend.TakeOp) or op.pad is not None or op.group_count > 1:
            return
        weight = absorbed(constant_value(op.weight), inner)
        if weight is None:
            return
        (w,) = constants([weight])
        operands = inner.input, w.result, op.bias
        new = blend.Conv2dOp(*operands, op.stride, op.pads, None, op.layer_name, op.dilations)
        rewriter.replace(op, [w, new])


class LinearOfTake(RewritePattern):
    """
    `linear(take(x), w) == linear(x, w')`, w' adding up the weights of each feature.
    """

    @op_type_rewrite_pattern
    def match_and_rewrite(self, op: blend.LinearOp, rewriter: PatternRewriter) -> None:
        inner = op.input.owner
        if not isinstance(inner, blend.TakeOp):
            return
        weight = absorbed(constant_value(op.weight), inner)
        if weight is not None:
            (w,) = constants([weight])
            rewriter.replace(op, [w, blend.LinearOp(inner.input, w.result, op.bias, op.layer_name)])


EXACT_GATHERS: tuple[type[RewritePattern], ...] = (
    DropIdentityTake,
    MergeTakes,
    MovesAreTake,
    TakeOfRound,
    TakeOfBits,
)
GATHERS: tuple[type[RewritePattern], ...] = (*EXACT_GATHERS, TakeOfAffine, ConvOfTake, LinearOfTake)
