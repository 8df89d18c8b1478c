"""
Laws that move affines forward into what consumes them.
"""

from __future__ import annotations

import numpy as np
from xdsl.dialects.builtin import f64
from xdsl.pattern_rewriter import (
    PatternRewriter,
    RewritePattern,
    op_type_rewrite_pattern,
)

from blendir.dialects import blend
from blendir.dialects.blend import PIXELS, constant_value, element_format, is_real, tensor_type
from blendir.passes.fold.channelwise import (
    Affine,
    FoldedConv,
    Reals,
    fold_into_conv,
)
from blendir.passes.rewriting import (
    affine_input,
    affine_of,
    affine_ops,
    constants,
    of_operand,
    pieces_of,
    pieces_ops,
)


class AlikeAffine(RewritePattern):
    """
    `f_b(affine_a(x)) == f_b(affine_b(x))` for an affine along a dimension a whose channels are all alike, f_b working
    along b.
    """

    @op_type_rewrite_pattern
    def match_and_rewrite(
        self,
        op: blend.PiecewiseLinearOp | blend.AffineOp | blend.BatchNormOp | blend.Conv2dOp | blend.AvgPool2dOp,
        rewriter: PatternRewriter,
    ) -> None:
        inner = op.input.owner
        axis = 1 if isinstance(op, blend.Conv2dOp | blend.AvgPool2dOp) else op.axis.value.data
        if not isinstance(inner, blend.AffineOp) or inner.axis.value.data == axis:
            return
        numbers = [constant_value(v) for v in (inner.center, inner.scale, inner.offset)]
        if not all(bool((n == n[0]).all()) for n in numbers):
            return
        size = tensor_type(inner.input).get_shape()[axis]
        made = affine_ops(inner.input, Affine(*(np.full(size, n[0]) for n in numbers)), axis, inner.layer_name)
        rewriter.insert(made)
        op.operands[0] = made[-1].results[0]
        rewriter.handle_operation_modification(op)


class PiecesOfAffine(RewritePattern):
    """
    `piecewise_linear(affine(x)) == piecewise_linear'(x)`; a negative scale swaps continuous pieces, which at the
    breakpoint itself differ by rounding alone.
    """

    @op_type_rewrite_pattern
    def match_and_rewrite(self, op: blend.PiecewiseLinearOp, rewriter: PatternRewriter) -> None:
        axis = op.axis.value.data
        inner = affine_input(op.input, axis)
        if inner is None or not is_real(op.result):
            return
        affine, pieces = affine_of(inner), pieces_of(op)
        if bool((affine.scale < 0).any()) and not pieces.is_continuous:
            return
        rewriter.replace(op, pieces_ops(inner.input, pieces.after(affine), axis, op.layer_name))


class ConvOfAffine(RewritePattern):
    """
    `conv2d(affine(x)) == conv2d'(x)`, with the padding remapped (BlendNet, equations 1 and 2).
    """

    @op_type_rewrite_pattern
    def match_and_rewrite(self, op: blend.Conv2dOp, rewriter: PatternRewriter) -> None:
        inner = affine_input(op.input)
        if inner is None:
            return
        source = inner.input
        kind = tensor_type(source).element_type

        def representable(pad: Reals) -> bool:
            if kind == f64:
                return True
            whole = bool((pad == np.rint(pad)).all())
            return kind in PIXELS and whole and element_format(kind).holds(pad)

        pad = constant_value(op.pad) if op.pad is not None else None
        conv = FoldedConv(constant_value(op.weight), constant_value(op.bias), pad)
        taps = op.borders(tensor_type(op.input).get_shape())
        folded = fold_into_conv(conv, affine_of(inner), any(op.pads), taps, representable)
        made = constants([v for v in (folded.weight, folded.bias, folded.pad) if v is not None])
        w, b, *p = (c.result for c in made)
        rest = op.layer_name, op.dilations, op.group_count
        new = blend.Conv2dOp(source, w, b, op.stride, op.pads, p[0] if p else None, *rest)
        rewriter.replace(op, [*made, new])


class LinearOfAffine(RewritePattern):
    """
    `linear(affine(x)) == linear'(x)`.
    """

    @op_type_rewrite_pattern
    def match_and_rewrite(self, op: blend.LinearOp, rewriter: PatternRewriter) -> None:
        inner = affine_input(op.input)
        if inner is None:
            return
        affine, weight = affine_of(inner), constant_value(op.weight)
        made = constants((weight * affine.scale, constant_value(op.bias) + weight @ affine.shift))
        w, b = (c.result for c in made)
        rewriter.replace(op, [*made, blend.LinearOp(inner.input, w, b, op.layer_name)])


class AvgPoolOfAffine(RewritePattern):
    """
    `avg_pool2d(affine(x)) == affine'(avg_pool2d(x))` without padding; center and offset grow by taps / divisor.
    """

    @op_type_rewrite_pattern
    def match_and_rewrite(self, op: blend.AvgPool2dOp, rewriter: PatternRewriter) -> None:
        inner = affine_input(op.input)
        if inner is None or any(op.pads) or not is_real(op.result):
            return
        divisor = op.divisor.value.data
        affine, gain = affine_of(inner), op.window[0] * op.window[1] / divisor
        outer = Affine(affine.center * gain, affine.scale, affine.offset * gain)
        layer = op.layer_name
        pool = blend.AvgPool2dOp(
            inner.input, op.window, op.stride, op.pads, divisor, layer=layer, dilation=op.dilations
        )
        rewriter.replace(op, [pool, *affine_ops(pool.result, outer, 1, f"{layer}.affine")])


class MaxPoolOfAffine(RewritePattern):
    """
    `max_pool2d(affine(x)) == affine(max_pool2d(x))` for scales above 0, or of single pixels.
    """

    @op_type_rewrite_pattern
    def match_and_rewrite(self, op: blend.MaxPool2dOp, rewriter: PatternRewriter) -> None:
        inner = affine_input(op.input)
        if inner is None or not (op.window == (1, 1) or bool((constant_value(inner.scale) > 0).all())):
            return
        layer = op.layer_name
        pool = of_operand(op, inner.input)
        rewriter.replace(op, [pool, *affine_ops(pool.result, affine_of(inner), 1, f"{layer}.affine")])


class ReshapeOfAffine(RewritePattern):
    """
    `reshape(affine(x)) == affine'(reshape(x))` where the parameters still vary along one axis only.
    """

    @op_type_rewrite_pattern
    def match_and_rewrite(self, op: blend.ReshapeOp, rewriter: PatternRewriter) -> None:
        inner = op.input.owner
        if not isinstance(inner, blend.AffineOp):
            return
        affine = affine_of(inner)
        source, shape = tensor_type(op.input).get_shape(), tensor_type(op.result).get_shape()
        along = [-1 if d == inner.axis.value.data else 1 for d in range(len(source))]
        index = np.broadcast_to(np.arange(len(affine.scale)).reshape(along), source).reshape(shape)
        axis = sole_axis(index)
        if axis is None:
            return
        channels = np.moveaxis(index, axis, 0).reshape(shape[axis], -1)[:, 0]
        spread = Affine(affine.center[channels], affine.scale[channels], affine.offset[channels])
        layer = op.layer_name
        moved = blend.ReshapeOp(inner.input, shape, layer)
        rewriter.replace(op, [moved, *affine_ops(moved.result, spread, axis, f"{layer}.affine")])


def sole_axis(index: np.ndarray) -> int | None:
    """
    The one dimension from 1 on along which an array varies (1 where it does not), None where there are several.
    """
    varying = [d for d in range(1, index.ndim) if not bool((index == index.take([0], axis=d)).all())]
    if len(varying) > 1 or index.ndim < 2:
        return None
    return varying[0] if varying else 1


class ConcatOfAffine(RewritePattern):
    """
    `concat(affine(a), b) == affine'(concat(a, b))` along the channels, b passing unchanged.
    """

    @op_type_rewrite_pattern
    def match_and_rewrite(self, op: blend.ConcatOp, rewriter: PatternRewriter) -> None:
        axis = op.axis.value.data
        inner = [affine_input(v, axis) for v in op.inputs]
        sources = [a.input if a is not None else v for a, v in zip(inner, op.inputs, strict=True)]
        if not any(inner) or not all(is_real(v) for v in sources):
            return
        affines = [
            affine_of(a) if a is not None else Affine.identity(tensor_type(v).get_shape()[axis])
            for a, v in zip(inner, op.inputs, strict=True)
        ]
        layer = op.layer_name
        joined = blend.ConcatOp(sources, axis, layer)
        center, scale, offset = (
            np.concatenate(v) for v in zip(*((a.center, a.scale, a.offset) for a in affines), strict=True)
        )
        rewriter.replace(
            op, [joined, *affine_ops(joined.result, Affine(center, scale, offset), axis, f"{layer}.affine")]
        )
