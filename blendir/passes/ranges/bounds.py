"""
The bounds of floats in a folded module, from the operations that make them.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import singledispatch
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from xdsl.ir import Operation, SSAValue

from blendir.dialects import blend
from blendir.dialects.blend import constant_value, tensor_type
from blendir.functions import LEAST, evaluate
from blendir.numerics import of_inputs
from blendir.passes.ranges.integers import grid_of
from blendir.passes.rewriting import affine_of, pieces_of

Reals = NDArray[np.float64]


class Bounds(NamedTuple):
    """
    The least and the greatest value of a tensor, one of each per index of axis 1.
    """

    low: Reals
    high: Reals

    def whole(self, channels: int) -> Bounds:
        """
        The same bounds for every channel of a result with other channels.
        """
        return Bounds(np.full(channels, self.low.min()), np.full(channels, self.high.max()))


class Ranges:
    """
    The bounds of values, inferred when asked for; `known` holds those of floats that enter and what was found.
    """

    def __init__(self, known: dict[SSAValue, Bounds]):
        self.known = known

    def bounds(self, value: SSAValue) -> Bounds:
        """
        The bounds of a value along its axis 1.
        """
        if value not in self.known:
            grid, owner = grid_of(value), value.owner
            if grid is not None:
                ones = np.ones(tensor_type(value).get_shape()[1])
                self.known[value] = Bounds(float(grid.real(grid.low)) * ones, float(grid.real(grid.high)) * ones)
            else:
                assert isinstance(owner, Operation), f"{value} has no bounds"
                self.known[value] = infer_bounds(owner, self)
        return self.known[value]


@singledispatch
def infer_bounds(op: Operation, ranges: Ranges) -> Bounds:
    """
    The bounds of an operation's float result from those of its operands.
    """
    raise NotImplementedError(f"{op.name} has no rule in infer_bounds")


def along_axis(
    op: blend.AffineOp | blend.PiecewiseLinearOp, source: Bounds, function: Callable[[Bounds], Bounds]
) -> Bounds:
    """
    The bounds of a function with parameters along an operation's axis, at every index of which any channel may lie.
    """
    axis = op.axis.value.data
    if axis == 1:
        return function(source)
    shape = tensor_type(op.input).get_shape()
    return function(source.whole(shape[axis])).whole(shape[1])


@infer_bounds.register(blend.Conv2dOp)
@infer_bounds.register(blend.LinearOp)
def bounds_of_products(op: blend.Conv2dOp | blend.LinearOp, ranges: Ranges) -> Bounds:
    """
    Sums of products; padded taps lie between the input's bounds and the pad value.
    """
    low, high = ranges.bounds(op.input)
    weight, bias = constant_value(op.weight), constant_value(op.bias)
    if isinstance(op, blend.Conv2dOp) and any(op.pads):
        pad = constant_value(op.pad) if op.pad is not None else np.zeros(1)
        low, high = np.minimum(low, pad), np.maximum(high, pad)
    channels = tensor_type(op.input).get_shape()[1]
    low, high = (of_inputs(np.broadcast_to(end, channels), weight) for end in (low, high))
    axes = tuple(range(1, weight.ndim))
    least = np.minimum(weight * low, weight * high).sum(axis=axes)
    most = np.maximum(weight * low, weight * high).sum(axis=axes)
    flat = bias.reshape(len(bias), -1)
    return Bounds(least + flat.min(axis=1), most + flat.max(axis=1))


@infer_bounds.register(blend.AffineOp)
def bounds_of_affine(op: blend.AffineOp, ranges: Ranges) -> Bounds:
    affine = affine_of(op)

    def ends(source: Bounds) -> Bounds:
        found = [end * affine.scale + affine.shift for end in source]
        return Bounds(np.minimum(*found), np.maximum(*found))

    return along_axis(op, ranges.bounds(op.input), ends)


@infer_bounds.register(blend.PiecewiseLinearOp)
def bounds_of_pieces(op: blend.PiecewiseLinearOp, ranges: Ranges) -> Bounds:
    """
    Those of the ends and of the breakpoint.
    """
    pieces = pieces_of(op)
    return along_axis(op, ranges.bounds(op.input), lambda source: Bounds(*pieces.bounds(*source)))


@infer_bounds.register(blend.ActivationOp)
def bounds_of_activation(op: blend.ActivationOp, ranges: Ranges) -> Bounds:
    """
    Those of the ends, and the least value where the function dips below 0.
    """
    low, high = ranges.bounds(op.input)
    ends = [evaluate(op.function.data, v) for v in (low, high)]
    least = LEAST.get(op.function.data, math.inf)
    return Bounds(np.where(low < 0, np.minimum(ends[0], least), ends[0]), np.maximum(*ends))


@infer_bounds.register(blend.LayerNormOp)
def bounds_of_norm(op: blend.LayerNormOp, ranges: Ranges) -> Bounds:
    """
    A standardized element of n is at most the root of n - 1.
    """
    shape, axis = tensor_type(op.input).get_shape(), op.axis.value.data
    size, beta = np.abs(constant_value(op.gamma)) * math.sqrt(shape[axis] - 1), constant_value(op.beta)
    bounds = Bounds(beta - size, beta + size)
    return bounds if axis == 1 else bounds.whole(shape[1])


@infer_bounds.register(blend.AddOp)
def bounds_of_sum(op: blend.AddOp, ranges: Ranges) -> Bounds:
    a, b = ranges.bounds(op.lhs), ranges.bounds(op.rhs)
    return Bounds(a.low + b.low, a.high + b.high)


@infer_bounds.register(blend.MultiplyOp)
def bounds_of_product(op: blend.MultiplyOp, ranges: Ranges) -> Bounds:
    """
    The least and the greatest product of ends.
    """
    ends = [a * b for a in ranges.bounds(op.lhs) for b in ranges.bounds(op.rhs)]
    return Bounds(np.min(ends, axis=0), np.max(ends, axis=0))


@infer_bounds.register(blend.AvgPool2dOp)
def bounds_of_average(op: blend.AvgPool2dOp, ranges: Ranges) -> Bounds:
    """
    Those of the input by taps over divisor, and 0 where taps are padded.
    """
    low, high = ranges.bounds(op.input)
    gain = op.window[0] * op.window[1] / op.divisor.value.data
    zero = 0.0 if any(op.pads) else np.inf
    return Bounds(np.minimum(low * gain, zero), np.maximum(high * gain, -zero))


@infer_bounds.register(blend.ClampOp)
def bounds_of_clamp(op: blend.ClampOp, ranges: Ranges) -> Bounds:
    ends = (op.low.value.data, op.high.value.data)
    return Bounds(*(np.clip(bound, *ends) for bound in ranges.bounds(op.input)))


@infer_bounds.register(blend.RoundOp)
def bounds_of_round(op: blend.RoundOp, ranges: Ranges) -> Bounds:
    return Bounds(*map(np.rint, ranges.bounds(op.input)))


@infer_bounds.register(blend.ArgmaxOp)
def bounds_of_place(op: blend.ArgmaxOp, ranges: Ranges) -> Bounds:
    ones = np.ones(tensor_type(op.result).get_shape()[1])
    return Bounds(0 * ones, (op.count - 1) * ones)


@infer_bounds.register(blend.BitsToValueOp)
def bounds_of_bits(op: blend.BitsToValueOp, ranges: Ranges) -> Bounds:
    ones = np.ones(tensor_type(op.result).get_shape()[1])
    return Bounds(-ones, ones)


@infer_bounds.register(blend.MaxPool2dOp)
def bounds_of_max_pool(op: blend.MaxPool2dOp, ranges: Ranges) -> Bounds:
    return ranges.bounds(op.input)


@infer_bounds.register(blend.ReshapeOp)
@infer_bounds.register(blend.TransposeOp)
def bounds_of_move(op: blend.ReshapeOp | blend.TransposeOp, ranges: Ranges) -> Bounds:
    return ranges.bounds(op.input).whole((*tensor_type(op.result).get_shape(), 1)[1])


@infer_bounds.register(blend.TakeOp)
def bounds_of_take(op: blend.TakeOp, ranges: Ranges) -> Bounds:
    """
    Those of the channels that are picked, 0 where it fills in.
    """
    source, picks = ranges.bounds(op.input), np.array(op.picks)
    if op.axis.value.data != 1:
        return source.whole(tensor_type(op.result).get_shape()[1])
    return Bounds(*(np.where(picks < 0, 0, bound[picks]) for bound in source))


@infer_bounds.register(blend.ConcatOp)
def bounds_of_concat(op: blend.ConcatOp, ranges: Ranges) -> Bounds:
    """
    Those of the operands, one after another along axis 1, else of all of them.
    """
    low, high = zip(*(ranges.bounds(v) for v in op.inputs), strict=True)
    if op.axis.value.data == 1:
        return Bounds(np.concatenate(low), np.concatenate(high))
    return Bounds(np.min(low, axis=0), np.max(high, axis=0))
