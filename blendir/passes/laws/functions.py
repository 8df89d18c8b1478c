"""
Laws of functions and products: thresholds look through the one, scales pass the other.
"""

from __future__ import annotations

from functools import partial

import numpy as np
from xdsl.ir import Operation
from xdsl.pattern_rewriter import PatternRewriter, RewritePattern, op_type_rewrite_pattern

from blendir.dialects.blend import ActivationOp, MultiplyOp, ThresholdOp, constant_value
from blendir.functions import LEAST, Function, evaluate
from blendir.numerics import first_double
from blendir.passes.folding import Affine
from blendir.passes.rewriting import affine_input, affine_of, affine_ops, layer_of, threshold_ops


def reaches(function: Function, level: float, x: float) -> bool:
    """
    Whether the function of x is at least a level.
    """
    return bool(evaluate(function, x) >= level)


class ThresholdOfActivation(RewritePattern):
    """
    `threshold(f(x), t) == threshold(x, t')`, t' the first double with `f(t') >= t`, where f rises, or has the sign of x
    and rises from 0 on, and t is not negative.

    GELU and SiLU of negative numbers are taken to be negative, also where doubles have underflowed to -0.
    """

    @op_type_rewrite_pattern
    def match_and_rewrite(self, op: ThresholdOp, rewriter: PatternRewriter) -> None:
        inner = op.input.owner
        if not isinstance(inner, ActivationOp):
            return
        function, limits = inner.function.data, constant_value(op.threshold)
        if function in LEAST and bool((limits < 0).any() or (function is Function.HARDSWISH and (limits == 0).any())):
            return
        found = [
            0.0 if function in LEAST and limit == 0 else first_double(partial(reaches, function, limit), 0.0)
            for limit in limits.tolist()
        ]
        made = threshold_ops(inner.input, np.array(found), constant_value(op.invert), op.axis.value.data, layer_of(op))
        rewriter.replace(op, made)


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
            layer = layer_of(op)
            product = MultiplyOp(operands[0], operands[1], layer)
            zero = np.zeros_like(affine.scale)
            made: list[Operation] = [product]
            if bool((affine.scale != 1).any()):
                made += affine_ops(product.result, Affine(zero, affine.scale, zero), 1, f"{layer}.scale")
            rewriter.replace(op, made)
            return
