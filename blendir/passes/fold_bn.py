"""
`fold-bn`: batch normalizations become thresholds, weights, biases and slopes (BlendNet, section IV-A and figure 4).

Affines move back into what produces them, then forward into what consumes them. With `residual=renormalize` the
pending affine of a residual stream is carried past the addition, so that identity skips need no multiplication; with
`residual=affine` it stays on the skip, as in figure 4(c).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Literal

import numpy as np
from xdsl.context import Context
from xdsl.dialects.builtin import ModuleOp, f64
from xdsl.ir import Operation, SSAValue
from xdsl.passes import ModulePass
from xdsl.pattern_rewriter import (
    GreedyRewritePatternApplier,
    PatternRewriter,
    PatternRewriteWalker,
    RewritePattern,
    op_type_rewrite_pattern,
)
from xdsl.utils.exceptions import PassFailedException

from blendir.dialects.blend import (
    AddOp,
    AffineOp,
    AvgPool2dOp,
    BatchNormOp,
    ClampOp,
    ConcatOp,
    ConstantOp,
    Conv2dOp,
    LinearOp,
    MaxPool2dOp,
    PiecewiseLinearOp,
    PReluOp,
    ReluOp,
    ReshapeOp,
    SignOp,
    ThresholdOp,
    TransposeOp,
    constant_value,
    is_real,
    tensor_type,
)
from blendir.dialects.blend.types import ui8
from blendir.numerics import ExactBatchNorm
from blendir.passes.folding import (
    Affine,
    FoldedConv,
    Pieces,
    Reals,
    fold_into_conv,
    threshold_after,
    threshold_after_pieces,
)
from blendir.passes.raise_binary import RAISE_PATTERNS
from blendir.passes.rewriting import (
    affine_of,
    affine_ops,
    constants,
    integer_range,
    layer_of,
    pieces_of,
    pieces_ops,
    threshold_ops,
)


def shared(value: SSAValue) -> bool:
    """
    Whether a value has more than one use.
    """
    return value.has_more_than_one_use()


def affine_input(value: SSAValue, axis: int = 1) -> AffineOp | None:
    """
    The affine along `axis` that makes a value.
    """
    owner = value.owner
    return owner if isinstance(owner, AffineOp) and owner.axis.value.data == axis else None


class SignIsThreshold(RewritePattern):
    """
    `sign(x) == threshold(x, 0)`.
    """

    @op_type_rewrite_pattern
    def match_and_rewrite(self, op: SignOp, rewriter: PatternRewriter) -> None:
        channels = tensor_type(op.input).get_shape()[1]
        limits = np.zeros(channels) if is_real(op.input) else np.zeros(channels, np.int64)
        rewriter.replace(op, threshold_ops(op.input, limits, np.zeros(channels, np.bool_), 1, layer_of(op)))


class ThresholdOfBatchNorm(RewritePattern):
    """
    `threshold(batch_norm(affine(v)), t) == threshold(v, t')` for integers v, decided on the five given parameters.
    """

    @op_type_rewrite_pattern
    def match_and_rewrite(self, op: ThresholdOp, rewriter: PatternRewriter) -> None:
        norm = op.input.owner
        axis = op.axis.value.data
        if not isinstance(norm, BatchNormOp) or norm.axis != op.axis:
            return
        source, chain = norm.input, list[Affine]()
        while (affine := affine_input(source, axis)) is not None:
            chain.insert(0, affine_of(affine))
            source = affine.input
        grid = integer_range(source)
        if grid is None:
            return
        limits, invert = constant_value(op.threshold), constant_value(op.invert)
        result = threshold_after(limits, invert, chain, exact_norm(norm), grid)
        rewriter.replace(op, threshold_ops(source, *result, axis, layer_of(op)))


def exact_norm(norm: BatchNormOp) -> list[ExactBatchNorm]:
    """
    The five parameters of a batch normalization as fractions, per channel.
    """
    epsilon = Fraction(norm.epsilon.value.data)
    columns = [constant_value(v).tolist() for v in (norm.gamma, norm.beta, norm.mean, norm.variance)]
    return [
        ExactBatchNorm(Fraction(g), Fraction(b), Fraction(m), Fraction(v) + epsilon)
        for g, b, m, v in zip(*columns, strict=True)
    ]


class BatchNormIsAffine(RewritePattern):
    """
    `batch_norm(x) == affine(x)` with center mean, scale gamma / sigma, offset beta.
    """

    @op_type_rewrite_pattern
    def match_and_rewrite(self, op: BatchNormOp, rewriter: PatternRewriter) -> None:
        gamma, beta, mean, variance = (constant_value(v) for v in (op.gamma, op.beta, op.mean, op.variance))
        affine = Affine(mean, gamma / np.sqrt(variance + op.epsilon.value.data), beta)
        rewriter.replace(op, affine_ops(op.input, affine, op.axis.value.data, layer_of(op)))


class ReluIsPieces(RewritePattern):
    """
    `relu(x) == piecewise_linear(x)` with slopes 0 and 1.
    """

    @op_type_rewrite_pattern
    def match_and_rewrite(self, op: ReluOp, rewriter: PatternRewriter) -> None:
        zero = np.zeros(tensor_type(op.input).get_shape()[1])
        pieces = Pieces(zero, zero, zero, zero + 1, zero)
        rewriter.replace(op, pieces_ops(op.input, pieces, 1, layer_of(op)))


class PReluIsPieces(RewritePattern):
    """
    `prelu(x, a) == piecewise_linear(x)` with slopes a and 1.
    """

    @op_type_rewrite_pattern
    def match_and_rewrite(self, op: PReluOp, rewriter: PatternRewriter) -> None:
        slope = constant_value(op.slope)
        zero = np.zeros_like(slope)
        pieces = Pieces(zero, slope, zero, zero + 1, zero)
        rewriter.replace(op, pieces_ops(op.input, pieces, op.axis.value.data, layer_of(op)))


class AffineOfAffine(RewritePattern):
    """
    `affine(affine(x)) == affine'(x)`.
    """

    @op_type_rewrite_pattern
    def match_and_rewrite(self, op: AffineOp, rewriter: PatternRewriter) -> None:
        inner = affine_input(op.input, op.axis.value.data)
        if inner is not None:
            both = affine_of(inner).then(affine_of(op))
            rewriter.replace(op, affine_ops(inner.input, both, op.axis.value.data, layer_of(op)))


class ThresholdOfAffine(RewritePattern):
    """
    `threshold(affine(x)) == threshold'(x)`.
    """

    @op_type_rewrite_pattern
    def match_and_rewrite(self, op: ThresholdOp, rewriter: PatternRewriter) -> None:
        axis = op.axis.value.data
        inner = affine_input(op.input, axis)
        if inner is None:
            return
        limits, invert = constant_value(op.threshold), constant_value(op.invert)
        result = threshold_after(limits, invert, [affine_of(inner)], None, integer_range(inner.input))
        rewriter.replace(op, threshold_ops(inner.input, *result, axis, layer_of(op)))


class ThresholdOfPieces(RewritePattern):
    """
    `threshold(piecewise_linear(x)) == threshold'(x)` where the function is monotone in every channel.
    """

    @op_type_rewrite_pattern
    def match_and_rewrite(self, op: ThresholdOp, rewriter: PatternRewriter) -> None:
        inner = op.input.owner
        if not isinstance(inner, PiecewiseLinearOp) or inner.axis != op.axis or not is_real(op.input):
            return
        limits, invert = constant_value(op.threshold), constant_value(op.invert)
        result = threshold_after_pieces(limits, invert, pieces_of(inner), integer_range(inner.input))
        if result is not None:
            rewriter.replace(op, threshold_ops(inner.input, *result, op.axis.value.data, layer_of(op)))


class ThresholdOfClamp(RewritePattern):
    """
    `threshold(clamp(x), t) == threshold(x, t')`: t up to `low` always holds, t above `high` never.
    """

    @op_type_rewrite_pattern
    def match_and_rewrite(self, op: ThresholdOp, rewriter: PatternRewriter) -> None:
        inner = op.input.owner
        if not isinstance(inner, ClampOp) or not is_real(op.input):
            return
        low, high = inner.low.value.data, inner.high.value.data
        limits = constant_value(op.threshold)
        limits = np.where(limits <= low, -np.inf, np.where(limits > high, np.inf, limits))
        invert = constant_value(op.invert)
        rewriter.replace(op, threshold_ops(inner.input, limits, invert, op.axis.value.data, layer_of(op)))


class ThresholdOfMaxPool(RewritePattern):
    """
    `threshold(max_pool2d(x)) == max_pool2d(threshold(x))` without inversion: OR on bits.
    """

    @op_type_rewrite_pattern
    def match_and_rewrite(self, op: ThresholdOp, rewriter: PatternRewriter) -> None:
        pool = op.input.owner
        if not isinstance(pool, MaxPool2dOp) or shared(op.input) or op.axis.value.data != 1:
            return
        invert = constant_value(op.invert)
        if invert.any():
            return
        made = threshold_ops(pool.input, constant_value(op.threshold), invert, 1, layer_of(op))
        moved = MaxPool2dOp(made[-1].results[0], pool.window, pool.stride, pool.pads, layer_of(pool))
        rewriter.replace(op, [*made, moved])


class PiecesOfAffine(RewritePattern):
    """
    `piecewise_linear(affine(x)) == piecewise_linear'(x)`; a negative scale swaps continuous pieces.
    """

    @op_type_rewrite_pattern
    def match_and_rewrite(self, op: PiecewiseLinearOp, rewriter: PatternRewriter) -> None:
        axis = op.axis.value.data
        inner = affine_input(op.input, axis)
        if inner is None or not is_real(op.result):
            return
        affine, pieces = affine_of(inner), pieces_of(op)
        if bool((affine.scale < 0).any()) and not pieces.is_continuous:
            return
        rewriter.replace(op, pieces_ops(inner.input, pieces.after(affine), axis, layer_of(op)))


class AffineOfPieces(RewritePattern):
    """
    `affine(piecewise_linear(x)) == piecewise_linear'(x)`, the function having one use.
    """

    @op_type_rewrite_pattern
    def match_and_rewrite(self, op: AffineOp, rewriter: PatternRewriter) -> None:
        inner = op.input.owner
        if not isinstance(inner, PiecewiseLinearOp) or shared(op.input) or inner.axis != op.axis:
            return
        pieces = pieces_of(inner).then(affine_of(op))
        rewriter.replace(op, pieces_ops(inner.input, pieces, op.axis.value.data, layer_of(inner)))


class AffineOfConv(RewritePattern):
    """
    `affine(conv2d(x, w, b)) == conv2d(x, s * w, s * (b - c) + o)`, the convolution having one use (equation 3).
    """

    @op_type_rewrite_pattern
    def match_and_rewrite(self, op: AffineOp, rewriter: PatternRewriter) -> None:
        conv = op.input.owner
        if not isinstance(conv, Conv2dOp) or shared(op.input) or op.axis.value.data != 1:
            return
        affine, bias = affine_of(op), constant_value(conv.bias)
        weight = constant_value(conv.weight) * affine.scale[:, None, None, None]
        center, scale, offset = (
            v.reshape(-1, *[1] * (bias.ndim - 1)) for v in (affine.center, affine.scale, affine.offset)
        )
        made = constants((weight, (bias - center) * scale + offset))
        w, b = (c.result for c in made)
        rewriter.replace(op, [*made, Conv2dOp(conv.input, w, b, conv.stride, conv.pads, conv.pad, layer_of(conv))])


class AffineOfLinear(RewritePattern):
    """
    `affine(linear(x, w, b)) == linear(x, s * w, s * (b - c) + o)`, the layer having one use.
    """

    @op_type_rewrite_pattern
    def match_and_rewrite(self, op: AffineOp, rewriter: PatternRewriter) -> None:
        linear = op.input.owner
        if not isinstance(linear, LinearOp) or shared(op.input):
            return
        affine = affine_of(op)
        weight = constant_value(linear.weight) * affine.scale[:, None]
        made = constants((weight, (constant_value(linear.bias) - affine.center) * affine.scale + affine.offset))
        w, b = (c.result for c in made)
        rewriter.replace(op, [*made, LinearOp(linear.input, w, b, layer_of(linear))])


def absorbs(value: SSAValue) -> bool:
    """
    Whether what makes a value can take an affine into its own parameters.
    """
    if shared(value) or not is_real(value):
        return False
    owner = value.owner
    if isinstance(owner, AddOp):
        return absorbs(owner.lhs) and absorbs(owner.rhs)
    return isinstance(owner, Conv2dOp | LinearOp | PiecewiseLinearOp | AffineOp)


class AffineOfAdd(RewritePattern):
    """
    `affine(add(f, g)) == add(f * s, affine(g))`, the sum having one use and both sides absorbing.
    """

    @op_type_rewrite_pattern
    def match_and_rewrite(self, op: AffineOp, rewriter: PatternRewriter) -> None:
        add = op.input.owner
        if not isinstance(add, AddOp) or not absorbs(op.input):
            return
        affine, axis = affine_of(op), op.axis.value.data
        zero = np.zeros_like(affine.scale)
        layer = layer_of(add)
        left = affine_ops(add.lhs, Affine(zero, affine.scale, zero), axis, f"{layer}.lhs")
        right = affine_ops(add.rhs, affine, axis, f"{layer}.rhs")
        total = AddOp(left[-1].results[0], right[-1].results[0], layer)
        rewriter.replace(op, [*left, *right, total])


class AddOfAffine(RewritePattern):
    """
    `add(affine(z), f) == affine'(add(z, f / s + o / s - c))` for s > 0, f absorbing: the renormalized residual.

    The identity path is left without arithmetic, and the pending affine has no offset.
    """

    @op_type_rewrite_pattern
    def match_and_rewrite(self, op: AddOp, rewriter: PatternRewriter) -> None:
        for skip, main in ((op.lhs, op.rhs), (op.rhs, op.lhs)):
            owner = skip.owner
            if not isinstance(owner, AffineOp) or not is_real(owner.input) or not absorbs(main):
                continue
            affine, axis = affine_of(owner), owner.axis.value.data
            if not bool((affine.scale > 0).all()):
                continue
            zero = np.zeros_like(affine.scale)
            layer = layer_of(op)
            inner = Affine(zero, 1 / affine.scale, affine.offset / affine.scale - affine.center)
            scaled = affine_ops(main, inner, axis, f"{layer}.main")
            total = AddOp(owner.input, scaled[-1].results[0], layer)
            pending = affine_ops(total.result, Affine(zero, affine.scale, zero), axis, f"{layer}.scale")
            rewriter.replace(op, [*scaled, total, *pending])
            return


class ConvOfAffine(RewritePattern):
    """
    `conv2d(affine(x)) == conv2d'(x)`, with the padding remapped (BlendNet, equations 1 and 2).
    """

    @op_type_rewrite_pattern
    def match_and_rewrite(self, op: Conv2dOp, rewriter: PatternRewriter) -> None:
        inner = affine_input(op.input)
        if inner is None:
            return
        source = inner.input
        kind = tensor_type(source).element_type

        def representable(pad: Reals) -> bool:
            if kind == f64:
                return True
            whole = bool((pad == np.rint(pad)).all())
            return kind == ui8 and whole and bool(((pad >= 0) & (pad <= 255)).all())

        pad = constant_value(op.pad) if op.pad is not None else None
        conv = FoldedConv(constant_value(op.weight), constant_value(op.bias), pad)
        taps = op.borders(tensor_type(op.input).get_shape())
        folded = fold_into_conv(conv, affine_of(inner), any(op.pads), taps, representable)
        made = constants([v for v in (folded.weight, folded.bias, folded.pad) if v is not None])
        w, b, *p = (c.result for c in made)
        new = Conv2dOp(source, w, b, op.stride, op.pads, p[0] if p else None, layer_of(op))
        rewriter.replace(op, [*made, new])


class LinearOfAffine(RewritePattern):
    """
    `linear(affine(x)) == linear'(x)`.
    """

    @op_type_rewrite_pattern
    def match_and_rewrite(self, op: LinearOp, rewriter: PatternRewriter) -> None:
        inner = affine_input(op.input)
        if inner is None:
            return
        affine, weight = affine_of(inner), constant_value(op.weight)
        made = constants((weight * affine.scale, constant_value(op.bias) + weight @ affine.shift))
        w, b = (c.result for c in made)
        rewriter.replace(op, [*made, LinearOp(inner.input, w, b, layer_of(op))])


class AvgPoolOfAffine(RewritePattern):
    """
    `avg_pool2d(affine(x)) == affine(avg_pool2d(x))` without padding and with the window's size as divisor.
    """

    @op_type_rewrite_pattern
    def match_and_rewrite(self, op: AvgPool2dOp, rewriter: PatternRewriter) -> None:
        inner = affine_input(op.input)
        taps = op.window[0] * op.window[1]
        if inner is None or any(op.pads) or op.divisor.value.data != taps or not is_real(op.result):
            return
        layer = layer_of(op)
        pool = AvgPool2dOp(inner.input, op.window, op.stride, op.pads, taps, layer=layer)
        rewriter.replace(op, [pool, *affine_ops(pool.result, affine_of(inner), 1, f"{layer}.affine")])


class AvgPoolIsExact(RewritePattern):
    """
    `avg_pool2d{divisor=n}(x) == affine(avg_pool2d{divisor=2^k}(x))`: a division that fixed point can do exactly.
    """

    @op_type_rewrite_pattern
    def match_and_rewrite(self, op: AvgPool2dOp, rewriter: PatternRewriter) -> None:
        divisor = op.divisor.value.data
        power = 1 << (divisor.bit_length() - 1)
        if divisor == power or not is_real(op.result):
            return
        layer = layer_of(op)
        pool = AvgPool2dOp(op.input, op.window, op.stride, op.pads, power, layer=layer)
        zero = np.zeros(tensor_type(op.input).get_shape()[1])
        affine = Affine(zero, zero + power / divisor, zero)
        rewriter.replace(op, [pool, *affine_ops(pool.result, affine, 1, f"{layer}.affine")])


class MaxPoolOfAffine(RewritePattern):
    """
    `max_pool2d(affine(x)) == affine(max_pool2d(x))` for scales above 0.
    """

    @op_type_rewrite_pattern
    def match_and_rewrite(self, op: MaxPool2dOp, rewriter: PatternRewriter) -> None:
        inner = affine_input(op.input)
        if inner is None or not bool((constant_value(inner.scale) > 0).all()):
            return
        layer = layer_of(op)
        pool = MaxPool2dOp(inner.input, op.window, op.stride, op.pads, layer)
        rewriter.replace(op, [pool, *affine_ops(pool.result, affine_of(inner), 1, f"{layer}.affine")])


class TransposeOfAffine(RewritePattern):
    """
    `transpose(affine(x)) == affine(transpose(x))` along the moved axis.
    """

    @op_type_rewrite_pattern
    def match_and_rewrite(self, op: TransposeOp, rewriter: PatternRewriter) -> None:
        inner = op.input.owner
        if not isinstance(inner, AffineOp):
            return
        order = list(op.permutation.get_values())
        layer = layer_of(op)
        moved = TransposeOp(inner.input, order, layer)
        axis = order.index(inner.axis.value.data)
        rewriter.replace(op, [moved, *affine_ops(moved.result, affine_of(inner), axis, f"{layer}.affine")])


class ReshapeOfAffine(RewritePattern):
    """
    `reshape(affine(x)) == affine'(reshape(x))` where the parameters still vary along one axis only.
    """

    @op_type_rewrite_pattern
    def match_and_rewrite(self, op: ReshapeOp, rewriter: PatternRewriter) -> None:
        inner = op.input.owner
        if not isinstance(inner, AffineOp):
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
        layer = layer_of(op)
        moved = ReshapeOp(inner.input, shape, layer)
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
    def match_and_rewrite(self, op: ConcatOp, rewriter: PatternRewriter) -> None:
        axis = op.axis.value.data
        inner = [affine_input(v, axis) for v in op.inputs]
        sources = [a.input if a is not None else v for a, v in zip(inner, op.inputs, strict=True)]
        if not any(inner) or not all(is_real(v) for v in sources):
            return
        affines = [
            affine_of(a) if a is not None else Affine.identity(tensor_type(v).get_shape()[axis])
            for a, v in zip(inner, op.inputs, strict=True)
        ]
        layer = layer_of(op)
        joined = ConcatOp(sources, axis, layer)
        center, scale, offset = (
            np.concatenate(v) for v in zip(*((a.center, a.scale, a.offset) for a in affines), strict=True)
        )
        rewriter.replace(
            op, [joined, *affine_ops(joined.result, Affine(center, scale, offset), axis, f"{layer}.affine")]
        )


EXACT: tuple[type[RewritePattern], ...] = (*RAISE_PATTERNS, SignIsThreshold, ThresholdOfBatchNorm)
BACKWARD: tuple[type[RewritePattern], ...] = (
    BatchNormIsAffine,
    ReluIsPieces,
    PReluIsPieces,
    AvgPoolIsExact,
    AffineOfAffine,
    AffineOfPieces,
    AffineOfConv,
    AffineOfLinear,
    AffineOfAdd,
)
FORWARD: tuple[type[RewritePattern], ...] = (
    ThresholdOfAffine,
    ThresholdOfPieces,
    ThresholdOfClamp,
    ThresholdOfMaxPool,
    PiecesOfAffine,
    ConvOfAffine,
    LinearOfAffine,
    AvgPoolOfAffine,
    MaxPoolOfAffine,
    TransposeOfAffine,
    ReshapeOfAffine,
    ConcatOfAffine,
)


class Fuel:
    """
    Bounds the number of rewrites: every law moves an affine or deletes it, so a net needs a few per operation.
    """

    def __init__(self, module: ModuleOp):
        self.left = 100 * (1 + sum(1 for _ in module.walk()))

    def burn(self, op: Operation) -> None:
        """
        Counts one visit.
        """
        self.left -= 1
        if self.left < 0:
            raise PassFailedException(f"fold-bn does not terminate near {op.name}; please report this module")


class Counted(RewritePattern):
    """
    A pattern that burns fuel at every visit.
    """

    def __init__(self, pattern: RewritePattern, fuel: Fuel):
        self.pattern, self.fuel = pattern, fuel

    def match_and_rewrite(self, op: Operation, rewriter: PatternRewriter) -> None:
        self.fuel.burn(op)
        self.pattern.match_and_rewrite(op, rewriter)


def rewrite(ctx: Context, module: ModuleOp, patterns: Sequence[type[RewritePattern]]) -> None:
    """
    Applies patterns to a fixpoint.
    """
    applier = GreedyRewritePatternApplier([p() for p in patterns], ctx=ctx)
    PatternRewriteWalker(Counted(applier, Fuel(module))).rewrite_module(module)


@dataclass(frozen=True)
class FoldBNPass(ModulePass):
    """
    Folds batch normalization into thresholds, weights and slopes.
    """

    name = "fold-bn"
    residual: Literal["renormalize", "affine"] = "renormalize"

    def apply(self, ctx: Context, op: ModuleOp) -> None:
        laws = (*BACKWARD, *FORWARD, *RAISE_PATTERNS)
        rewrite(ctx, op, EXACT)
        rewrite(ctx, op, BACKWARD)
        rewrite(ctx, op, laws if self.residual == "affine" else (AddOfAffine, *laws))


@dataclass(frozen=True)
class RemapPaddingPass(ModulePass):
    """
    Moves batch normalizations before convolutions into them, with the padding made explicit.
    """

    name = "remap-padding"

    def apply(self, ctx: Context, op: ModuleOp) -> None:
        rewrite(ctx, op, (BatchNormIsAffine, AffineOfAffine, ConvOfAffine))


__all__ = ["ConstantOp", "FoldBNPass", "RemapPaddingPass"]
