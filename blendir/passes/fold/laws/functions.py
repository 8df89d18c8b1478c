"""
The law of products and scales.
"""

from __future__ import annotations

import numpy as np
from xdsl.ir import Operation
from xdsl.pattern_rewriter import PatternRewriter, RewritePattern, op_type_rewrite_pattern

from blendir.dialects.blend import MultiplyOp
from blendir.passes.fold.channelwise import Affine
from blendir.passes.rewriting import affine_input, affine_of, affine_ops


class MultiplyOfScale(RewritePattern):
    """
    `multiply(s * x, y) == s * multiply(x, y)`, on either side.
    """

    @op_type_rewrite_pattern
    def match_and_rewrite(self, op: MultiplyOp, rewriter: PatternRewriter) -> None:
        for index, value in enumerate(op.operands):
            inner = affine_input(value)
            if inner is None:
                continue
            affine = affine_of(inner)
            if affine.center.any() or affine.offset.any():
                continue
            operands = [inner.input if i == index else v for i, v in enumerate(op.operands)]
            layer = op.layer_name
            product = MultiplyOp(operands[0], operands[1], layer)
            zero = np.zeros_like(affine.scale)
            made: list[Operation] = [product]
            if bool((affine.scale != 1).any()):
                made += affine_ops(product.result, Affine(zero, affine.scale, zero), 1, f"{layer}.scale")
            rewriter.replace(op, made)
            return
