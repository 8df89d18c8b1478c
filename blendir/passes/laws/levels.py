"""
Laws of activations with a few levels: rounded functions become counts of thresholds, and products of levels with
weights +-alpha exact sums of integers.
"""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from typing import Any

import numpy as np
from numpy.typing import NDArray
from xdsl.dialects.builtin import f64, i1, i64
from xdsl.ir import Operation, SSAValue
from xdsl.pattern_rewriter import PatternRewriter, RewritePattern, op_type_rewrite_pattern

from blendir.dialects.blend import (
    AffineOp,
    BatchNormOp,
    BinaryConv2dOp,
    BinaryLinearOp,
    BitsToValueOp,
    ClampOp,
    ConstantOp,
    Conv2dOp,
    FixedConv2dOp,
    FixedLinearOp,
    FixedType,
    LinearOp,
    MaxPool2dOp,
    MultiplyOp,
    MultiThresholdOp,
    ReluOp,
    ReshapeOp,
    RoundOp,
    TakeOp,
    ThresholdOp,
    constant_value,
    element_format,
    is_real,
    tensor_type,
)
from blendir.dialects.blend.levels import level_type
from blendir.numerics import PadMode
from blendir.passes.folding import Affine, Grid, Reals, threshold_after
from blendir.passes.laws.backward import AffineOfAffine
from blendir.passes.laws.forward import MaxPoolOfAffine, ReshapeOfAffine
from blendir.passes.laws.takes import TakeOfAffine
from blendir.passes.laws.thresholds import exact_norm
from blendir.passes.raise_binary import common_magnitude
from blendir.passes.rays import Clamp, Quantizer, Step, before_rounding, decided, quantizer_levels, same_direction
from blendir.passes.rewriting import affine_of, affine_ops, integer_range, layer_of, shared, threshold_ops

MOST_LEVELS = 15
"""Thresholds of one activation."""
CLOSE = 1e-9
"""How near to a level, in steps between levels, a real zero is taken to be one."""
MOST_WEIGHT = 7
"""The largest integer that stands for a weight."""
MOST_PARTS = 3
"""Units in the smallest weight of an output."""
EQUAL = 1e-12
"""Relative difference of weights that are taken to be the same."""
PAD_MODES = {0.0: PadMode.ZERO_EXACT, 1.0: PadMode.PLUS_ONE, -1.0: PadMode.MINUS_ONE}


class RoundOfClamp(RewritePattern):
    """
    `clamp_{lo,hi}(round(x) + n) == round(clamp_{lo-n,hi-n}(x)) + n` for integers lo, hi and n.
    """

    @op_type_rewrite_pattern
    def match_and_rewrite(self, op: ClampOp, rewriter: PatternRewriter) -> None:
        source, shift = op.input, 0.0
        if isinstance(source.owner, AffineOp):
            affine = affine_of(source.owner)
            offsets = affine.offset - affine.center
            if not bool((affine.scale == 1).all() and (offsets == np.rint(offsets[0])).all()):
                return
            source, shift = source.owner.input, float(offsets[0])
        inner = source.owner
        bounds = [v.value.data for v in (op.low, op.high)]
        if not isinstance(inner, RoundOp) or any(b != np.rint(b) for b in bounds):
            return
        layer = layer_of(op)
        clamp = ClampOp(inner.input, bounds[0] - shift, bounds[1] - shift, layer)
        rounded = RoundOp(clamp.result, layer_of(inner))
        made: list[Operation] = [clamp, rounded]
        if shift:
            channels = tensor_type(op.input).get_shape()[1]
            affine = Affine(np.zeros(channels), np.ones(channels), np.full(channels, shift))
            made += affine_ops(rounded.result, affine, 1, f"{layer}.zero")
        rewriter.replace(op, made)


@dataclass
class Chain:
    """
    The monotone functions, first to last, that make a value of another one, along one axis.
    """

    source: SSAValue
    steps: list[Step]
    axis: int | None = None

    @staticmethod
    def ending_in(value: SSAValue) -> Chain:
        """
        The longest chain of affines and clamps behind a value.
        """
        chain = Chain(value, [])
        while chain.extend():
            pass
        return chain

    def extend(self) -> bool:
        """
        Takes in one more function, if there is one.
        """
        match self.source.owner:
            case ClampOp() as op if is_real(self.source):
                self.steps.insert(0, Clamp(float(op.low.value.data), float(op.high.value.data)))
            case ReluOp() as op:
                self.steps.insert(0, Clamp(0.0, float("inf")))
            case AffineOp() as op if self.axis in (None, op.axis.value.data):
                self.steps.insert(0, affine_of(op))
                self.axis = op.axis.value.data
            case _:
                return False
        self.source = op.input
        return True


class RoundIsLevels(RewritePattern):
    """
    `round(f(x)) == multi_threshold(x)` for a bounded f made of affines, clamps and relu, and behind integers also of a
    batch normalization; each threshold is decided exactly. Of two levels a threshold is left.
    """

    @op_type_rewrite_pattern
    def match_and_rewrite(self, op: RoundOp, rewriter: PatternRewriter) -> None:
        chain = Chain.ending_in(op.input)
        inner, norm = Chain(chain.source, [], chain.axis), None
        owner = chain.source.owner
        if isinstance(owner, BatchNormOp) and chain.axis in (None, owner.axis.value.data):
            inner = Chain.ending_in(owner.input)
            inner.axis = owner.axis.value.data
            affines = all(isinstance(s, Affine) for s in inner.steps)
            norm = exact_norm(owner) if affines and integer_range(inner.source) is not None else None
        if norm is None:
            inner = Chain(chain.source, [], chain.axis)
        axis, grid = inner.axis or 1, integer_range(inner.source)
        channels = tensor_type(inner.source).get_shape()[axis]
        steps = [s for s in inner.steps if isinstance(s, Affine)]
        found = quantizer_levels(Quantizer(steps, norm, chain.steps), channels, grid, MOST_LEVELS)
        if found is not None:
            rewriter.replace(op, level_ops(inner.source, *found, axis, layer_of(op)))


def level_ops(
    source: SSAValue, lowest: int, limits: NDArray[Any], invert: NDArray[np.bool_], axis: int, layer: str
) -> list[Operation]:
    """
    Levels as floats: counts of thresholds, or bits where there are two.
    """
    one = np.ones(tensor_type(source).get_shape()[1])
    if limits.shape[1] == 1:
        made = threshold_ops(source, limits[:, 0], invert, axis, layer)
        value = BitsToValueOp(made[-1].results[0], f"{layer}.value")
        return [*made, value, *affine_ops(value.result, Affine(-one, one / 2, one * lowest), 1, f"{layer}.level")]
    made = multi_threshold_ops(source, limits, invert, lowest, 1, axis, layer)
    return [*made, *affine_ops(made[-1].results[0], Affine(0 * one, one, 0 * one), 1, f"{layer}.value")]


def multi_threshold_ops(
    source: SSAValue,
    limits: NDArray[Any],
    invert: NDArray[np.bool_],
    lowest: int,
    step: int,
    axis: int,
    layer: str,
) -> list[Operation]:
    """
    A count of thresholds and its constants, the count last.
    """
    kind = f64 if tensor_type(source).element_type == f64 else i64
    t, i = ConstantOp.from_numpy(limits, kind), ConstantOp.from_numpy(invert, i1)
    return [t, i, MultiThresholdOp(source, t.result, i.result, lowest, step, axis, layer)]


class ThresholdOfRound(RewritePattern):
    """
    `threshold(round(x), t) == threshold(x, t')`, t' being the first number that rounds to t or above.
    """

    @op_type_rewrite_pattern
    def match_and_rewrite(self, op: ThresholdOp, rewriter: PatternRewriter) -> None:
        inner = op.input.owner
        if not isinstance(inner, RoundOp):
            return
        limits = before_rounding(constant_value(op.threshold))
        made = threshold_ops(inner.input, limits, constant_value(op.invert), op.axis.value.data, layer_of(op))
        rewriter.replace(op, made)


class ThresholdOfLevels(RewritePattern):
    """
    `threshold(affine(multi_threshold(x)), t) == threshold(x, t')`: t lies between two levels.
    """

    @op_type_rewrite_pattern
    def match_and_rewrite(self, op: ThresholdOp, rewriter: PatternRewriter) -> None:
        chain = Chain.ending_in(op.input)
        inner, axis = chain.source.owner, op.axis.value.data
        if not isinstance(inner, MultiThresholdOp) or inner.axis != op.axis or chain.axis not in (None, axis):
            return
        limits, flips = constant_value(inner.thresholds), constant_value(inner.invert)
        grid = integer_range(inner.input)
        made: list[tuple[float | int, bool]] = []
        for channel, limit in enumerate(constant_value(op.threshold).tolist()):
            holds = [reaches(chain.steps, channel, level, limit) for level in inner.levels]
            rises, changes = holds[-1], holds.count(not holds[0])
            if changes == 0:
                (t,), _ = same_direction([[holds[0]]], grid)
                made.append((t[0], False))
            else:
                column = len(holds) - changes - 1
                made.append((limits[channel, column], bool(flips[channel]) == rises))
        invert = np.array([flip for _, flip in made]) ^ constant_value(op.invert)
        moved = np.array([t for t, _ in made], limits.dtype)
        rewriter.replace(op, threshold_ops(inner.input, moved, invert, axis, layer_of(op)))


def reaches(steps: list[Step], channel: int, level: int, limit: float) -> bool:
    """
    Whether functions bring a level to a limit or above.
    """
    value = Fraction(level)
    for step in steps:
        if isinstance(step, Clamp):
            value = Fraction(min(max(value, step.low), step.high))
        else:
            value = step.exact(channel)(value)
    return value >= limit


class LevelsOfAffine(RewritePattern):
    """
    `multi_threshold(affine(x)) == multi_threshold'(x)`.
    """

    @op_type_rewrite_pattern
    def match_and_rewrite(self, op: MultiThresholdOp, rewriter: PatternRewriter) -> None:
        inner = op.input.owner
        if not isinstance(inner, AffineOp) or inner.axis != op.axis:
            return
        grid, limits, invert = integer_range(inner.input), constant_value(op.thresholds), constant_value(op.invert)
        columns = [threshold_after(column, invert, [affine_of(inner)], None, grid) for column in limits.T]
        rows = [[decided(t[c], bool(i[c]), grid) for t, i in columns] for c in range(len(limits))]
        lowest, step, axis = (v.value.data for v in (op.lowest, op.step, op.axis))
        moved = same_direction(rows, grid)
        rewriter.replace(op, multi_threshold_ops(inner.input, *moved, lowest, step, axis, layer_of(op)))


def levels_behind(value: SSAValue) -> AffineOp | None:
    """
    The affine, if that is what makes a value, of integers or of bits as +-1.
    """
    owner = value.owner
    if not isinstance(owner, AffineOp):
        return None
    kind = tensor_type(owner.input).element_type
    whole = isinstance(kind, FixedType) and kind.format.frac == 0
    return owner if whole or isinstance(owner.input.owner, BitsToValueOp) else None


class AffineOfLevels(AffineOfAffine):
    """
    `affine(affine(n)) == affine'(n)` for levels n.
    """

    @op_type_rewrite_pattern
    def match_and_rewrite(self, op: AffineOp, rewriter: PatternRewriter) -> None:
        if levels_behind(op.input) is not None:
            super().match_and_rewrite(op, rewriter)


class MaxPoolOfLevels(MaxPoolOfAffine):
    """
    `max_pool2d(affine(n)) == affine(max_pool2d(n))` for levels n and scales above 0.
    """

    @op_type_rewrite_pattern
    def match_and_rewrite(self, op: MaxPool2dOp, rewriter: PatternRewriter) -> None:
        if levels_behind(op.input) is not None:
            super().match_and_rewrite(op, rewriter)


class ReshapeOfLevels(ReshapeOfAffine):
    """
    `reshape(affine(n)) == affine'(reshape(n))` for levels n.
    """

    @op_type_rewrite_pattern
    def match_and_rewrite(self, op: ReshapeOp, rewriter: PatternRewriter) -> None:
        if levels_behind(op.input) is not None:
            super().match_and_rewrite(op, rewriter)


class TakeOfLevels(TakeOfAffine):
    """
    `take(affine(n)) == affine'(take(n))` for levels n.
    """

    @op_type_rewrite_pattern
    def match_and_rewrite(self, op: TakeOp, rewriter: PatternRewriter) -> None:
        if levels_behind(op.input) is not None:
            super().match_and_rewrite(op, rewriter)


@dataclass(frozen=True)
class Scaled:
    """
    `(n - zero) * scale` of integers, or of bits as +-1, the same in every channel.
    """

    source: SSAValue
    zero: float
    scale: float

    @staticmethod
    def of(value: SSAValue) -> Scaled | None:
        """
        The levels that a float tensor comes from.
        """
        owner = levels_behind(value)
        if owner is None:
            return None
        affine = affine_of(owner)
        if any(bool((v != v[0]).any()) for v in (affine.center, affine.scale, affine.offset)) or not affine.scale[0]:
            return None
        zero = float(affine.center[0] - affine.offset[0] / affine.scale[0])
        near = round(2 * zero) / 2
        return Scaled(owner.input, near if abs(zero - near) < CLOSE else zero, float(affine.scale[0]))


class AlignLevels(RewritePattern):
    """
    `(n - z) * s == n' * s'` where z or 2z is an integer: with the real zero at level 0, zero padding needs no table.
    """

    @op_type_rewrite_pattern
    def match_and_rewrite(self, op: AffineOp, rewriter: PatternRewriter) -> None:
        scaled, inner = Scaled.of(op.result), op.input.owner
        if scaled is None or not isinstance(inner, MultiThresholdOp) or shared(op.input) or not scaled.zero:
            return
        half = 1 if scaled.zero == round(scaled.zero) else 2
        zero = scaled.zero * half
        lowest, step = (v.value.data * half for v in (inner.lowest, inner.step))
        if zero != round(zero) or not lowest <= zero <= half * inner.levels[-1]:
            return
        limits, invert = constant_value(inner.thresholds), constant_value(inner.invert)
        lowest, axis, layer = lowest - round(zero), inner.axis.value.data, layer_of(inner)
        made = multi_threshold_ops(inner.input, limits, invert, lowest, step, axis, layer)
        one = np.ones_like(constant_value(op.scale))
        affine = Affine(0 * one, one * scaled.scale / half, 0 * one)
        rewriter.replace(op, [*made, *affine_ops(made[-1].results[0], affine, op.axis.value.data, layer_of(op))])


def reach(value: SSAValue) -> int:
    """
    The largest magnitude of integers.
    """
    grid = integer_range(value)
    assert isinstance(grid, Grid)
    return max(abs(grid.low), abs(grid.high))


def common_unit(weight: Reals) -> tuple[Reals, NDArray[np.int64]] | None:
    """
    alpha[o] and integers n with weights `alpha[o] * n`, +-1 where that is possible; None where n would be large.
    """
    alpha = common_magnitude(weight)
    if alpha is not None:
        return alpha, np.where(weight >= 0, 1, -1)
    sizes = np.abs(weight).reshape(len(weight), -1)
    least = np.where(sizes > 0, sizes, np.inf).min(axis=1)
    least = np.where(np.isfinite(least), least, 1.0)
    for parts in range(1, MOST_PARTS + 1):
        unit = (least / parts).reshape(-1, *[1] * (weight.ndim - 1))
        whole = np.rint(weight / unit)
        if bool((np.abs(whole) <= MOST_WEIGHT).all()) and np.allclose(whole * unit, weight, EQUAL, 0.0):
            return unit.reshape(-1), whole.astype(np.int64)
    return None


class ConvOfLevels(RewritePattern):
    """
    `conv2d((n - z) * s, alpha * w) + b == (conv2d_{pad=z}(n, w) - z * sum w) * s * alpha + b` for small integers w: a
    binary convolution of bits with w in +-1, an exact fixed-point convolution of other levels. Products with w in +-1
    are additions of few bits.
    """

    @op_type_rewrite_pattern
    def match_and_rewrite(self, op: Conv2dOp, rewriter: PatternRewriter) -> None:
        scaled, bias = Scaled.of(op.input), constant_value(op.bias)
        found = common_unit(constant_value(op.weight)) if scaled is not None else None
        if scaled is None or found is None or op.pad is not None or bias.ndim != 1:
            return
        (alpha, integers), owner, layer = found, scaled.source.owner, layer_of(op)
        padded = any(op.pads)
        made: list[Operation]
        if isinstance(owner, BitsToValueOp):
            mode = PAD_MODES.get(scaled.zero) if padded else PadMode.ZERO_EXACT
            if mode is None or not is_binary(integers):
                return
            bits = ConstantOp.from_numpy(integers > 0, i1)
            made = [bits, BinaryConv2dOp(owner.input, bits.result, op.stride, op.pads, mode, layer)]
        else:
            pad: SSAValue | None = None
            kind = tensor_type(scaled.source).element_type
            fmt = element_format(kind)
            if padded and not (scaled.zero == round(scaled.zero) and fmt.low <= scaled.zero <= fmt.high):
                return
            w, b, element = integer_products(integers, max(reach(scaled.source), abs(scaled.zero)))
            made = [w, b]
            if padded and scaled.zero:
                zeros = np.full(integers.shape[1], int(scaled.zero), np.int64)
                made.append(outside := ConstantOp.from_numpy(zeros, kind))
                pad = outside.result
            made.append(FixedConv2dOp(scaled.source, w.result, b.result, op.stride, op.pads, element, pad, layer))
        rewriter.replace(op, [*made, *rescaled(made[-1].results[0], integers, alpha, bias, scaled, layer)])


class LinearOfLevels(RewritePattern):
    """
    `linear((n - z) * s, alpha * w) + b == (linear(n, w) - z * sum w) * s * alpha + b` for small integers w.
    """

    @op_type_rewrite_pattern
    def match_and_rewrite(self, op: LinearOp, rewriter: PatternRewriter) -> None:
        scaled = Scaled.of(op.input)
        found = common_unit(constant_value(op.weight)) if scaled is not None else None
        if scaled is None or found is None:
            return
        (alpha, integers), owner, layer = found, scaled.source.owner, layer_of(op)
        if isinstance(owner, BitsToValueOp):
            if not is_binary(integers):
                return
            bits = ConstantOp.from_numpy(integers > 0, i1)
            made: list[Operation] = [bits, BinaryLinearOp(owner.input, bits.result, layer)]
        else:
            w, b, element = integer_products(integers, reach(scaled.source))
            made = [w, b, FixedLinearOp(scaled.source, w.result, b.result, element, layer)]
        bias = constant_value(op.bias)
        rewriter.replace(op, [*made, *rescaled(made[-1].results[0], integers, alpha, bias, scaled, layer)])


class GateOfBits(RewritePattern):
    """
    `multiply(a, bits ? 1 : 0) == multiply(a, multi_threshold(x))`, the bits being a threshold of x: a factor 0 or 1.
    """

    @op_type_rewrite_pattern
    def match_and_rewrite(self, op: MultiplyOp, rewriter: PatternRewriter) -> None:
        for index, value in enumerate((op.lhs, op.rhs)):
            scaled = Scaled.of(value)
            bits = scaled.source.owner if scaled is not None else None
            inner = bits.input.owner if isinstance(bits, BitsToValueOp) else None
            if scaled is None or (scaled.zero, scaled.scale) != (-1.0, 0.5) or not isinstance(inner, ThresholdOp):
                continue
            limits, invert = constant_value(inner.threshold)[:, None], constant_value(inner.invert)
            axis, layer = inner.axis.value.data, f"{layer_of(inner)}.gate"
            made = multi_threshold_ops(inner.input, limits, invert, 0, 1, axis, layer)
            factors = [op.lhs, op.rhs]
            factors[index] = made[-1].results[0]
            rewriter.replace(op, [*made, MultiplyOp(factors[0], factors[1], layer_of(op))])
            return


def is_binary(integers: NDArray[np.int64]) -> bool:
    """
    Whether all are +-1.
    """
    return bool((np.abs(integers) == 1).all())


def integer_products(integers: NDArray[np.int64], largest: float) -> tuple[ConstantOp, ConstantOp, FixedType]:
    """
    Weights and no bias as constants, and a type that holds every sum of products with integers up to `largest`.
    """
    magnitudes = np.abs(integers).reshape(len(integers), -1)
    most = int(largest) * int(magnitudes.sum(axis=1).max())
    heaviest = int(magnitudes.max())
    weight = ConstantOp.from_numpy(integers, level_type(-heaviest, heaviest))
    return weight, ConstantOp.from_numpy(np.zeros(len(integers), np.int64), FixedType(2, 2)), level_type(-most, most)


def rescaled(
    value: SSAValue, integers: NDArray[np.int64], alpha: Reals, bias: Reals, scaled: Scaled, layer: str
) -> list[Operation]:
    """
    Sums of integers as what they stand for.
    """
    sums = integers.reshape(len(integers), -1).sum(axis=1).astype(np.float64)
    return affine_ops(value, Affine(scaled.zero * sums, scaled.scale * alpha, bias), 1, f"{layer}.scale")


EXACT_LEVELS: tuple[type[RewritePattern], ...] = (
    RoundOfClamp,
    RoundIsLevels,
    ThresholdOfRound,
    ThresholdOfLevels,
    AffineOfLevels,
    AlignLevels,
    MaxPoolOfLevels,
    ReshapeOfLevels,
    TakeOfLevels,
    ConvOfLevels,
    LinearOfLevels,
    GateOfBits,
)
