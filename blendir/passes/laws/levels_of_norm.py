"""
The law of counts of thresholds behind batch normalizations, which is exact.
"""

from __future__ import annotations

import math
from fractions import Fraction

from xdsl.pattern_rewriter import PatternRewriter, RewritePattern, op_type_rewrite_pattern

from blendir.dialects.blend import BatchNormOp, MultiThresholdOp, constant_value
from blendir.passes.folding import Affine
from blendir.passes.laws.levels import multi_threshold_ops
from blendir.passes.laws.thresholds import exact_norm
from blendir.passes.rays import Quantizer, Ray, same_direction
from blendir.passes.rewriting import affine_input, affine_of, integer_range, layer_of


class LevelsOfBatchNorm(RewritePattern):
    """
    `multi_threshold(a(batch_norm(b(v)))) == multi_threshold'(v)` for affines a, b and integers v, decided on the five
    given parameters.
    """

    @op_type_rewrite_pattern
    def match_and_rewrite(self, op: MultiThresholdOp, rewriter: PatternRewriter) -> None:
        lowest, step, axis = (v.value.data for v in (op.lowest, op.step, op.axis))
        source, outer, inner = op.input, list[Affine](), list[Affine]()
        while (affine := affine_input(source, axis)) is not None:
            outer.insert(0, affine_of(affine))
            source = affine.input
        norm = source.owner
        if not isinstance(norm, BatchNormOp) or norm.axis.value.data != axis:
            return
        source = norm.input
        while (affine := affine_input(source, axis)) is not None:
            inner.insert(0, affine_of(affine))
            source = affine.input
        grid = integer_range(source)
        if grid is None:
            return
        quantizer, invert = Quantizer(inner, exact_norm(norm), outer), constant_value(op.invert).tolist()
        rows: list[list[tuple[float | int, bool] | bool]] = []
        for channel, limits in enumerate(constant_value(op.thresholds).tolist()):
            found = [quantizer.threshold(channel, ray_from(t), grid) for t in limits]
            rows.append([inverted(t) if invert[channel] else t for t in found])
        moved = same_direction(rows, grid)
        rewriter.replace(op, multi_threshold_ops(source, *moved, lowest, step, axis, layer_of(op)))


def ray_from(limit: float) -> Ray | bool:
    """
    The numbers from a limit on: all of them, or none, where it is infinite.
    """
    return limit < 0 if math.isinf(limit) else Ray(Fraction(limit))


def inverted(threshold: tuple[float | int, bool] | bool) -> tuple[float | int, bool] | bool:
    """
    The threshold that holds where the other one does not.
    """
    return not threshold if isinstance(threshold, bool) else (threshold[0], not threshold[1])
