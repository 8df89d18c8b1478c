"""
Laws of what levels stand for: the affine behind integers, which moves to their consumers.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from xdsl.ir import SSAValue
from xdsl.pattern_rewriter import PatternRewriter, RewritePattern, op_type_rewrite_pattern

from blendir.dialects import blend
from blendir.dialects.blend import PIXELS, FixedType, constant_value, tensor_type
from blendir.dialects.blend.levels import level_type
from blendir.passes.bit_planes import Planes
from blendir.passes.fold.channelwise import ROUNDING, Affine
from blendir.passes.fold.laws.backward import AffineOfAffine
from blendir.passes.fold.laws.channel_gather import TakeOfAffine
from blendir.passes.fold.laws.forward import MaxPoolOfAffine, ReshapeOfAffine
from blendir.passes.fold.laws.levels import multi_threshold_ops
from blendir.passes.rewriting import affine_of, affine_ops, shared


def is_whole(value: SSAValue) -> bool:
    """
    Whether a tensor holds integers, as levels or pixels.
    """
    kind = tensor_type(value).element_type
    return kind in PIXELS or (isinstance(kind, FixedType) and kind.format.frac == 0)


def levels_behind(value: SSAValue) -> blend.AffineOp | None:
    """
    The affine, if that is what makes a value, of integers, pixels too, or of bits as +-1.
    """
    owner = value.owner
    if not isinstance(owner, blend.AffineOp):
        return None
    return owner if is_whole(owner.input) or isinstance(owner.input.owner, blend.BitsToValueOp) else None


class AffineOfLevels(AffineOfAffine):
    """
    `affine(affine(n)) == affine'(n)` for levels n.
    """

    @op_type_rewrite_pattern
    def match_and_rewrite(self, op: blend.AffineOp, rewriter: PatternRewriter) -> None:
        if levels_behind(op.input) is not None:
            super().match_and_rewrite(op, rewriter)


class MaxPoolOfLevels(MaxPoolOfAffine):
    """
    `max_pool2d(affine(n)) == affine(max_pool2d(n))` for levels n and scales above 0.
    """

    @op_type_rewrite_pattern
    def match_and_rewrite(self, op: blend.MaxPool2dOp, rewriter: PatternRewriter) -> None:
        if levels_behind(op.input) is not None:
            super().match_and_rewrite(op, rewriter)


class ReshapeOfLevels(ReshapeOfAffine):
    """
    `reshape(affine(n)) == affine'(reshape(n))` for levels n.
    """

    @op_type_rewrite_pattern
    def match_and_rewrite(self, op: blend.ReshapeOp, rewriter: PatternRewriter) -> None:
        if levels_behind(op.input) is not None:
            super().match_and_rewrite(op, rewriter)


class TakeOfLevels(TakeOfAffine):
    """
    `take(affine(n)) == affine'(take(n))` for levels n.
    """

    @op_type_rewrite_pattern
    def match_and_rewrite(self, op: blend.TakeOp, rewriter: PatternRewriter) -> None:
        if levels_behind(op.input) is not None:
            super().match_and_rewrite(op, rewriter)


def differing_bits(levels: range) -> int:
    """
    How many bits of levels are not the same in all.
    """
    return len(Planes.of(level_type(levels[0], levels[-1]).format, levels).places)


@dataclass(frozen=True)
class Scaled:
    """
    `(n - zero) * scale` of integers, or of bits as +-1, the same in every channel. A zero that is an integer or half of
    one up to `ROUNDING` of what it is computed of is taken to be that.
    """

    source: SSAValue
    zero: float
    scale: float

    @staticmethod
    def of(value: SSAValue) -> Scaled | None:
        """
        The levels or pixels that a tensor comes from.
        """
        if is_whole(value):
            return Scaled(value, 0.0, 1.0)
        owner = levels_behind(value)
        if owner is None:
            return None
        affine = affine_of(owner)
        if any(bool((v != v[0]).any()) for v in (affine.center, affine.scale, affine.offset)) or not affine.scale[0]:
            return None
        center, crossing = float(affine.center[0]), float(affine.offset[0] / affine.scale[0])
        zero, near = center - crossing, round(2 * (center - crossing)) / 2
        same = abs(zero - near) <= ROUNDING * (abs(center) + abs(crossing))
        return Scaled(owner.input, near if same else zero, float(affine.scale[0]))


class AlignLevels(RewritePattern):
    """
    `(n - z) * s == n' * s'` where z or 2z is an integer: with the real zero at level 0, zero padding needs no table. An
    integer z stays where n' would differ in more bits; a convolution can pad with it.
    """

    @op_type_rewrite_pattern
    def match_and_rewrite(self, op: blend.AffineOp, rewriter: PatternRewriter) -> None:
        scaled, inner = Scaled.of(op.result), op.input.owner
        if scaled is None or not isinstance(inner, blend.MultiThresholdOp) or shared(op.input) or not scaled.zero:
            return
        half = 1 if scaled.zero == round(scaled.zero) else 2
        zero = scaled.zero * half
        lowest, step = (v.value.data * half for v in (inner.lowest, inner.step))
        if zero != round(zero) or not lowest <= zero <= half * inner.levels[-1]:
            return
        limits, invert = constant_value(inner.thresholds), constant_value(inner.invert)
        lowest, axis, layer = lowest - round(zero), inner.axis.value.data, inner.layer_name
        aligned = range(lowest, lowest + step * limits.shape[1] + 1, step)
        if half == 1 and differing_bits(aligned) > differing_bits(inner.levels):
            return
        made = multi_threshold_ops(inner.input, limits, invert, lowest, step, axis, layer)
        one = np.ones_like(constant_value(op.scale))
        affine = Affine(0 * one, one * scaled.scale / half, 0 * one)
        rewriter.replace(op, [*made, *affine_ops(made[-1].results[0], affine, op.axis.value.data, op.layer_name)])


SCALED_LEVELS: tuple[type[RewritePattern], ...] = (
    AffineOfLevels,
    AlignLevels,
    MaxPoolOfLevels,
    ReshapeOfLevels,
    TakeOfLevels,
)
