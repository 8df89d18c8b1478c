"""
Canonicalization patterns of the `blend` dialect: what changes nothing disappears, what moves twice moves once.
"""

from __future__ import annotations

from xdsl.dialects.builtin import f64
from xdsl.pattern_rewriter import PatternRewriter, RewritePattern, op_type_rewrite_pattern

from blendir.dialects.blend.elementwise import AffineOp, RequantizeOp
from blendir.dialects.blend.shape import ReshapeOp, TransposeOp, constant_value
from blendir.dialects.blend.types import tensor_type


class DropIdentityAffine(RewritePattern):
    """
    `affine(x) == x` where every center and offset is 0 and every scale 1.
    """

    @op_type_rewrite_pattern
    def match_and_rewrite(self, op: AffineOp, rewriter: PatternRewriter) -> None:
        if tensor_type(op.input).element_type != f64:
            return
        center, scale, offset = (constant_value(v) for v in (op.center, op.scale, op.offset))
        if not center.any() and not offset.any() and bool((scale == 1).all()):
            rewriter.replace(op, [], [op.input])


class DropSameReshape(RewritePattern):
    """
    `reshape(x) == x` for the same shape.
    """

    @op_type_rewrite_pattern
    def match_and_rewrite(self, op: ReshapeOp, rewriter: PatternRewriter) -> None:
        if op.result.type == op.input.type:
            rewriter.replace(op, [], [op.input])


class MergeReshapes(RewritePattern):
    """
    `reshape(reshape(x)) == reshape(x)`.
    """

    @op_type_rewrite_pattern
    def match_and_rewrite(self, op: ReshapeOp, rewriter: PatternRewriter) -> None:
        inner = op.input.owner
        if isinstance(inner, ReshapeOp):
            rewriter.replace(op, ReshapeOp(inner.input, tensor_type(op.result).get_shape(), op.layer))


class DropIdentityTranspose(RewritePattern):
    """
    `transpose(x) == x` for the identity permutation.
    """

    @op_type_rewrite_pattern
    def match_and_rewrite(self, op: TransposeOp, rewriter: PatternRewriter) -> None:
        order = list(op.permutation.get_values())
        if order == sorted(order):
            rewriter.replace(op, [], [op.input])


class MergeTransposes(RewritePattern):
    """
    `transpose_p(transpose_q(x)) == transpose_r(x)` with `r[d] = q[p[d]]`.
    """

    @op_type_rewrite_pattern
    def match_and_rewrite(self, op: TransposeOp, rewriter: PatternRewriter) -> None:
        inner = op.input.owner
        if isinstance(inner, TransposeOp):
            first = list(inner.permutation.get_values())
            order = [first[d] for d in op.permutation.get_values()]
            rewriter.replace(op, TransposeOp(inner.input, order, op.layer))


class DropSameRequantize(RewritePattern):
    """
    `requantize(x) == x` for the same format.
    """

    @op_type_rewrite_pattern
    def match_and_rewrite(self, op: RequantizeOp, rewriter: PatternRewriter) -> None:
        if op.result.type == op.input.type:
            rewriter.replace(op, [], [op.input])
