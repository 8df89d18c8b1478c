"""
ATen operations on windows and whole vectors: convolutions, linear layers, means.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
from xdsl.dialects.builtin import TensorType, f64
from xdsl.ir import SSAValue

from blendir.dialects.blend import (
    ArgmaxOp,
    AvgPool2dOp,
    BlendOp,
    Conv2dOp,
    LinearOp,
    MaxPool2dOp,
    ReshapeOp,
    TransposeOp,
)
from blendir.frontend.aten_elementwise import Operand, cast_to, known
from blendir.frontend.aten_shape import reshaped
from blendir.frontend.emitter import Array, Emitter, Padded, shape_of
from blendir.frontend.errors import UntranslatableError
from blendir.frontend.geometry import (
    Pads,
    Sizes,
    bordered,
    both_ends,
    inner,
    joined,
    pair,
    planes,
    rank_of,
    same_pads,
)
from blendir.frontend.table import Result, translates


@translates("conv", "conv1d.default", "conv1d.padding", "conv2d.default", "conv2d.padding", borders=True)
def conv(
    e: Emitter,
    x: SSAValue | Padded,
    weight: Operand,
    bias: Operand | None = None,
    stride: Sizes = 1,
    padding: Sizes | str = 0,
    dilation: Sizes = 1,
    groups: int = 1,
) -> Result:
    """
    A convolution with constant weights, of [N, C, L] as of [N, C, 1, L]. A border directly before it becomes its
    padding where both pad with the same.
    """
    rank, weights = rank_of(e, x), known(e, weight)
    weights = weights if rank == 2 else weights[:, :, None]
    gaps = pair(dilation, rank)
    pads = padding_of(e, padding, weights, gaps, rank)
    fill = None
    if isinstance(x, Padded):
        if not np.any(x.fill):
            pads = joined(x.pads, pads)
        elif any(pads):
            x = bordered(e, x)
        else:
            pads, fill = x.pads, x.fill
    x = planes(e, inner(x))
    offsets = np.zeros(len(weights)) if bias is None else known(e, bias)
    operands = (e.constant(weights, "weight"), e.constant(offsets, "bias"))
    border = None if fill is None else e.constant(np.broadcast_to(fill, shape_of(x)[1]), "pad")
    source = x if border is None else e.real(x)
    y = e.emit(Conv2dOp(source, *operands, pair(stride, rank), pads, border, dilation=gaps, groups=groups))
    return reshaped(e, y, e.site.shape, "shape")


@translates("conv", "convolution.default", borders=True)
def convolution(
    e: Emitter,
    x: SSAValue | Padded,
    weight: Operand,
    bias: Operand | None,
    stride: Sizes,
    padding: Sizes,
    dilation: Sizes,
    transposed: bool,
    output_padding: Sizes,
    groups: int,
) -> Result:
    """
    The general form.
    """
    if transposed:
        from blendir.frontend.aten_transposed import conv_transpose

        if not isinstance(x, SSAValue):
            raise UntranslatableError(f"{e.site.target}, transposed, of a border")
        return conv_transpose(e, x, weight, bias, stride, padding, output_padding, groups, dilation)
    return conv(e, x, weight, bias, stride, padding, dilation, groups)


def padding_of(e: Emitter, padding: Sizes | str, weights: Array, dilation: Sequence[int], rank: int) -> Pads:
    """
    The numbers that padding stands for, "same" and "valid" too.
    """
    if not isinstance(padding, str):
        return both_ends(padding, rank)
    return same_pads(weights.shape[2:], dilation) if padding == "same" else (0, 0, 0, 0)


@translates("linear", "linear.default")
def linear(e: Emitter, x: SSAValue, weight: Operand, bias: Operand | None = None) -> Result:
    """
    A linear layer on the last dimension of [N, features] or [N, .., features].
    """
    weights, shape = known(e, weight), shape_of(x)
    if len(shape) < 2 or weights.ndim != 2:
        raise UntranslatableError(f"{e.site.target} of {list(shape)} with weights {list(weights.shape)}")
    outputs = len(weights)
    offsets = np.zeros(outputs) if bias is None else np.broadcast_to(known(e, bias).reshape(-1), outputs)
    if len(shape) > 2:
        return pointwise(e, e.real(x), weights, offsets)
    return e.emit(LinearOp(e.real(x), e.constant(weights, "weight"), e.constant(offsets, "bias")))


def pointwise(e: Emitter, x: SSAValue, weights: Array, offsets: Array) -> SSAValue:
    """
    A linear layer on the last dimension of [N, .., features]: a 1 x 1 convolution of [N, features, positions, 1].
    """
    shape = shape_of(x)
    last, positions = len(shape) - 1, shape[1:-1]
    front = e.emit(TransposeOp(x, [0, last, *range(1, last)]), "front")
    planes = reshaped(e, front, (1, shape[-1], int(np.prod(positions)), 1), "input")
    operands = (e.constant(weights[:, :, None, None], "weight"), e.constant(offsets, "bias"))
    y = e.emit(Conv2dOp(planes, *operands, (1, 1), (0, 0)))
    back = reshaped(e, y, (1, len(weights), *positions), "output")
    return e.emit(TransposeOp(back, [0, *range(2, last + 1), 1]), "back")


@translates("linear", "matmul.default", "mm.default")
def matmul(e: Emitter, x: SSAValue, weight: Operand) -> Result:
    """
    A product with constant weights on the right.
    """
    return linear(e, x, known(e, weight).T)


@translates("linear", "addmm.default")
def addmm(e: Emitter, bias: Operand, x: SSAValue, weight: Operand, beta: float = 1, alpha: float = 1) -> Result:
    """
    `beta * bias + alpha * x @ weight`.
    """
    return linear(e, x, alpha * known(e, weight).T, beta * known(e, bias))


@translates("mean", "mean.dim")
def mean(e: Emitter, x: SSAValue, dim: Sequence[int] | None, keepdim: bool = False, dtype: object = None) -> Result:
    """
    The mean over some dimensions.
    """
    shape = shape_of(x)
    if is_over_channels(shape, dim):
        return reshaped(e, e.affine(channel_sum(e, x, "sum"), scale=1 / shape[1]), e.site.shape, "reshape")
    return reduced(e, e.real(x), dim, lambda planes, kernel: average(planes, kernel, kernel[0] * kernel[1]))


@translates("sum", "sum.dim_IntList")
def total(e: Emitter, x: SSAValue, dim: Sequence[int] | None, keepdim: bool = False, dtype: object = None) -> Result:
    """
    The sum over some dimensions; PyTorch casts to `dtype` before it adds.
    """
    terms = cast_to(e, x)
    assert isinstance(terms, SSAValue)
    if is_over_channels(shape_of(x), dim):
        return reshaped(e, channel_sum(e, terms, ""), e.site.shape, "reshape")
    return reduced(e, e.real(terms), dim, lambda planes, kernel: average(planes, kernel, 1))


def is_over_channels(shape: tuple[int, ...], dim: Sequence[int] | None) -> bool:
    """
    Whether dimensions are the channels of [N, C, H, W].
    """
    return len(shape) == 4 and dim is not None and [d % 4 for d in dim] == [1]


def channel_sum(e: Emitter, x: SSAValue, word: str) -> SSAValue:
    """
    The sum over the channels, [N, 1, H, W]: a 1 x 1 convolution of ones.
    """
    x = e.real(x)
    operands = (e.constant(np.ones((1, shape_of(x)[1], 1, 1)), "weight"), e.constant(np.zeros(1), "bias"))
    return e.emit(Conv2dOp(x, *operands, (1, 1), (0, 0)), word)


@translates("max", "amax.default", moves=True)
def amax(e: Emitter, x: SSAValue, dim: Sequence[int] = (), keepdim: bool = False) -> Result:
    """
    The maximum over some dimensions.
    """
    return reduced(e, x, dim, largest)


@translates("min", "amin.default")
def amin(e: Emitter, x: SSAValue, dim: Sequence[int] = (), keepdim: bool = False) -> Result:
    """
    The minimum over some dimensions: the maximum of what is negated.
    """
    negative = e.affine(e.real(x), scale=-1.0, word="negative")
    return e.affine(reduced(e, negative, dim, largest, "max"), scale=-1.0)


@translates("max", "max.dim", moves=True)
def max_along(e: Emitter, x: SSAValue, dim: int, keepdim: bool = False) -> Result:
    """
    The maxima and their places.
    """
    return reduced(e, x, [dim], largest), places_of_largest(e, e.real(x), dim, "place")


@translates("argmax", "argmax.default", moves=True)
def argmax(e: Emitter, x: SSAValue, dim: int | None = None, keepdim: bool = False) -> Result:
    """
    The place of the largest along a dimension.
    """
    if dim is None or dim % len(shape_of(x)) == 0:
        raise UntranslatableError(f"{e.site.target} over the leading dimension, the batch (name another dimension)")
    return places_of_largest(e, e.real(x), dim, "")


@translates("argmin", "argmin.default", moves=True)
def argmin(e: Emitter, x: SSAValue, dim: int | None = None, keepdim: bool = False) -> Result:
    """
    The place of the smallest along a dimension.
    """
    return argmax(e, e.affine(e.real(x), scale=-1.0, word="negative"), dim)


@translates("topk", "topk.default")
def top_k(e: Emitter, x: SSAValue, k: int, dim: int = -1, largest: bool = True, sorted: bool = True) -> Result:
    """
    The places of the k largest or smallest along a dimension, in order, and the value of one.
    """
    if dim % len(shape_of(x)) == 0:
        raise UntranslatableError(f"{e.site.target} over the leading dimension, the batch (name another dimension)")
    value = e.real(x) if largest else e.affine(e.real(x), scale=-1.0, word="negative")
    places, shape = places_of_largest(e, value, dim, "", k), e.site.shape
    if k == 1:
        maxima = reduced(e, value, [dim], lambda planes, kernel: MaxPool2dOp(planes, kernel, kernel, (0, 0)), "value")
        return (maxima if largest else e.affine(maxima, scale=-1.0, word="values")), places
    why = f"{e.site.target}: the values of a topk of {k} (only its indices, or the values with k = 1)"
    return e.unsupported(why, [value], TensorType(f64, shape)), places


def places_of_largest(e: Emitter, x: SSAValue, dim: int, word: str, k: int = 1) -> SSAValue:
    """
    The places of the largest along a dimension, in the shape that was traced.
    """
    place = e.emit(ArgmaxOp(x, dim % len(shape_of(x)), k=k), word)
    shape = e.site.shape
    return place if shape_of(place) == shape else e.emit(ReshapeOp(place, shape), f"{word}.shape".strip("."))


@translates("min", "min.dim")
def min_along(e: Emitter, x: SSAValue, dim: int, keepdim: bool = False) -> Result:
    """
    The minima and their places.
    """
    value = amin(e, x, [dim])
    assert isinstance(value, SSAValue)
    return value, places_of_largest(e, e.affine(e.real(x), scale=-1.0, word="opposite"), dim, "place")


def average(planes: SSAValue, kernel: tuple[int, int], divisor: int) -> BlendOp:
    """
    The sum of each window by a divisor.
    """
    return AvgPool2dOp(planes, kernel, kernel, (0, 0), divisor)


def largest(planes: SSAValue, kernel: tuple[int, int]) -> BlendOp:
    """
    The maximum of each window.
    """
    return MaxPool2dOp(planes, kernel, kernel, (0, 0))


def reduced(
    e: Emitter,
    x: SSAValue,
    dim: Sequence[int] | None,
    pool: Callable[[SSAValue, tuple[int, int]], BlendOp],
    word: str = "",
) -> SSAValue:
    """
    Pools over height, width or both. Other dimensions are first moved to the end: they count as height, and the
    dimensions before them as channels.
    """
    shape = shape_of(x)
    dims = sorted(d % len(shape) for d in dim) if dim else list(range(len(shape)))
    if dims[0] == 0:
        raise UntranslatableError(f"{e.site.target} over the leading dimension, the batch")
    if dims[0] >= 2 and len(shape) <= 4:
        planes = reshaped(e, x, (*shape, 1)[:4], "planes")
        height, width = shape_of(planes)[2:]
        kernel = (height if 2 in dims else 1, width if 3 in dims else 1)
    else:
        kept = [d for d in range(len(shape)) if d not in dims]
        kernel = (int(np.prod([shape[d] for d in dims])), 1)
        order = [*kept, *dims]
        last = x if order == sorted(order) else e.emit(TransposeOp(x, order), "front")
        planes = reshaped(e, last, (1, int(np.prod([shape[d] for d in kept])), kernel[0], 1), "planes")
    return reshaped(e, e.emit(pool(planes, kernel), word), e.site.shape, "reshape")
