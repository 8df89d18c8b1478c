"""
The meaning of integer operations on Python integers, which never overflow. One formula serves the tensor operation and
the process.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from fractions import Fraction
from typing import Any

import numpy as np
from numpy.typing import NDArray
from xdsl.dialects.func import ReturnOp
from xdsl.ir import Operation, SSAValue

from blendir.dialects import blend
from blendir.dialects.stream import stream_type
from blendir.dialects.stream.types import StreamType
from blendir.interpreter import main_function
from blendir.numerics import (
    ROOT_FRAC,
    ROOT_INDEX,
    ROOT_MANTISSA,
    ROOT_SEED,
    ROOT_SEEDS,
    STANDARD_FRAC,
    Format,
    Rounding,
)

Integers = NDArray[Any]
"""Of Python integers."""


def format_of(value: SSAValue) -> Format:
    if isinstance(value.type, StreamType):
        return stream_type(value).format
    return blend.element_format(blend.tensor_type(value).element_type)


def each(function: Callable[[int], int], values: Integers) -> Integers:
    return np.vectorize(function, otypes=[object])(values)


def settled(exact: Integers, frac: int, result: Format, rounding: Rounding) -> Integers:
    """
    Rounded once and saturated once.
    """

    def one(value: int) -> int:
        scaled = Fraction(value) * Fraction(2) ** (result.frac - frac)
        nearest = round(scaled) if rounding is Rounding.HALF_EVEN else math.floor(scaled + Fraction(1, 2))
        return min(max(nearest, result.low), result.high)

    return each(one, exact)


def along(parameter: Integers, op: Any, rank: int) -> Integers:
    """
    Parameters of channels, or of the last axis of a stream.
    """
    axis = op.axis.value.data if op.name.startswith("blend.") else rank - 1
    return parameter.reshape([-1 if d == axis else 1 for d in range(rank)])


def windows(x: Integers, kernel: Sequence[int], strides: Sequence[int], pads: Sequence[int], outside: Any) -> Integers:
    """
    [N, C, OH, OW, KH, KW].
    """
    (kh, kw), (sh, sw), (top, left, bottom, right) = kernel, strides, pads
    n, c, h, w = x.shape
    padded = np.empty((n, c, top + h + bottom, left + w + right), object)
    padded[...] = outside
    padded[:, :, top : top + h, left : left + w] = x
    return np.lib.stride_tricks.sliding_window_view(padded, (kh, kw), (2, 3))[:, :, ::sh, ::sw]


def reciprocal_root(value: int) -> tuple[int, int]:
    pairs = (value.bit_length() + 1) // 2
    up = ROOT_MANTISSA - 2 * pairs
    mantissa = value << up if up >= 0 else value >> -up
    seed = int(ROOT_SEEDS[(mantissa >> (ROOT_MANTISSA - ROOT_INDEX)) - (1 << (ROOT_INDEX - 2))])
    rest = ((3 << (ROOT_MANTISSA + 2 * ROOT_SEED)) - mantissa * seed * seed) >> ROOT_MANTISSA
    shift = 3 * ROOT_SEED + 1 - ROOT_FRAC
    return (seed * rest + (1 << (shift - 1))) >> shift, pairs


def standardized(x: Integers, epsilon: int) -> Integers:
    """
    Of one vector.
    """
    n, total = len(x), sum(x)
    root, pairs = reciprocal_root(max(n * sum(v * v for v in x) - total * total + epsilon, 1))
    shift = pairs + ROOT_FRAC - STANDARD_FRAC
    return np.array([((n * v - total) * root + (1 << (shift - 1))) >> shift for v in x], object)


def sums(op: Any, x: Integers, weight: Integers, bias: Integers, *pad: Integers) -> Integers:
    """
    Exact sums of products, and the bias of each output or border class.
    """
    match op.name:
        case "blend.fixed_conv2d":
            outside = pad[0].reshape(1, -1, 1, 1) if pad else 0
            taps = windows(x, op.window, op.stride, op.pads, outside)
            total = np.einsum("nchwij,ocij->nohw", taps, weight)
            if bias.ndim == 1:
                return total + bias.reshape(1, -1, 1, 1)
            rows, columns = op.borders(x.shape)
            assert (len(rows), len(columns)) == (1, 1), "networks here have no border maps"
            return total + bias.reshape(1, -1, 1, 1)
        case "stream.fixed_mvu":
            return (x.reshape(-1, weight.shape[1]) @ weight.T + bias.reshape(1, -1)).reshape(len(x), -1, len(weight))
        case _:
            return x @ weight.T + bias


def computed(op: Any, *args: Integers) -> Integers:
    """
    The result of an operation.
    """
    x, fmt, result = args[0], format_of(op.operands[0]), format_of(op.results[0])
    match op.name.split(".")[1]:
        case "add":
            other = format_of(op.rhs)
            frac = max(fmt.frac, other.frac)
            total = x * 2 ** (frac - fmt.frac) + args[1] * 2 ** (frac - other.frac)
            return settled(total, frac, result, op.rounding.data)
        case "multiply":
            return settled(x * args[1], fmt.frac + format_of(op.rhs).frac, result, op.rounding.data)
        case "piecewise_linear":
            k, a0, b0, a1, b1 = (along(p, op, x.ndim) for p in args[1:])
            exact = np.where(x >= k, a1 * x + b1, a0 * x + b0)
            return settled(exact, format_of(op.offset0).frac, result, op.rounding.data)
        case "fixed_linear" | "fixed_conv2d" | "fixed_mvu":
            return settled(sums(op, *args), format_of(op.bias).frac, result, op.rounding.data)
        case "fixed_layer_norm" | "layer_norm":
            axis = op.axis.value.data if op.name.startswith("blend.") else x.ndim - 1
            u = np.apply_along_axis(standardized, axis, x, op.epsilon.value.data)
            gamma, beta = (along(p, op, x.ndim) for p in args[1:])
            return settled(u * gamma + beta, format_of(op.beta).frac, result, op.rounding.data)
        case "requantize":
            return settled(x, fmt.frac, result, op.rounding.data)
        case "clamp":
            return each(lambda v: min(max(v, op.low.value.data), op.high.value.data), x)
        case "multi_threshold":
            limits, invert = args[1], along(args[2], op, x.ndim)
            count = sum(((x >= along(column, op, x.ndim)) ^ invert).astype(object) for column in limits.T)
            return op.lowest.value.data + op.step.value.data * count
        case "lookup":
            return each(lambda v: args[1][v - fmt.low], x)
        case "avg_pool2d":
            return windows(x, op.window, op.stride, op.pads, 0).sum(axis=(4, 5))
        case "max_pool2d":
            return windows(x, op.window, op.stride, op.pads, fmt.low).max(axis=(4, 5))
        case "pool":
            taps = x.reshape(len(x), -1, op.taps.value.data, stream_type(op.result).length.data)
            return taps.sum(axis=2) if op.kind.data == "sum" else taps.max(axis=2)
        case "concat":
            return np.concatenate(args, axis=op.axis.value.data)
        case "reshape":
            return x.reshape(len(x), *blend.tensor_type(op.result).get_shape()[1:])
        case name:
            raise NotImplementedError(name)


def traced(module: Any, x: Integers) -> dict[Operation, Integers]:
    """
    What every operation of `@main` computes from one input.
    """
    block = main_function(module).body.block
    values: dict[SSAValue, Integers] = {block.args[0]: x.astype(object)}
    made: dict[Operation, Integers] = {}
    for op in block.ops:
        if isinstance(op, blend.ConstantOp):
            values[op.result] = op.numpy().astype(object)
        elif not isinstance(op, ReturnOp):
            made[op] = values[op.results[0]] = computed(op, *(values[v] for v in op.operands))
    return made
