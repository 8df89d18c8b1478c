"""
ATen operations on windows and whole vectors: convolutions, linear layers, pooling, means.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, TypeAlias

import numpy as np
from xdsl.ir import SSAValue

from blendir.dialects.blend import AvgPool2dOp, Conv2dOp, LinearOp, MaxPool2dOp, TransposeOp
from blendir.frontend.aten_elementwise import Operand, cast_to, known
from blendir.frontend.aten_shape import reshaped
from blendir.frontend.emitter import Array, Emitter, Padded, shape_of
from blendir.frontend.errors import UntranslatableError
from blendir.frontend.table import Result, translates
from blendir.numerics import output_size

Sizes: TypeAlias = int | Sequence[int]


def pair(sizes: Sizes) -> tuple[int, int]:
    """
    One number stands for both dimensions.
    """
    if isinstance(sizes, int):
        return sizes, sizes
    return sizes[0], sizes[-1]


def require_planes(e: Emitter, x: SSAValue) -> None:
    """
    Windows are taken from [N, C, H, W].
    """
    if len(shape_of(x)) != 4:
        raise UntranslatableError(f"{e.site.target} of a tensor of shape {list(shape_of(x))}, not [N, C, H, W]")


@translates("conv", "conv2d.default", "conv2d.padding", borders=True)
def conv2d(
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
    A convolution with constant weights; a border made just before becomes its padding.
    """
    for what, value in (("groups", groups), ("dilation", max(pair(dilation)))):
        if value != 1:
            raise UntranslatableError(f"{e.site.target} with {what} = {value}")
    weights = known(e, weight)
    pads = same_padding(e, weights, padding) if isinstance(padding, str) else pair(padding)
    fill = None
    if isinstance(x, Padded):
        pads, fill = joined_padding(e, x, pads)
        x = x.value
    require_planes(e, x)
    offsets = np.zeros(len(weights)) if bias is None else known(e, bias)
    operands = (e.constant(weights, "weight"), e.constant(offsets, "bias"))
    border = None if fill is None else e.constant(np.full(shape_of(x)[1], fill), "pad")
    return e.emit(Conv2dOp(x if border is None else e.real(x), *operands, pair(stride), pads, border))


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
        raise UntranslatableError(f"{e.site.target}, transposed")
    return conv2d(e, x, weight, bias, stride, padding, dilation, groups)


def same_padding(e: Emitter, weights: Array, padding: str) -> tuple[int, int]:
    """
    The numbers that stand for "same" and "valid".
    """
    if padding == "valid":
        return 0, 0
    height, width = weights.shape[2:]
    if height % 2 == 0 or width % 2 == 0:
        raise UntranslatableError(f"{e.site.target} with padding 'same' and an even kernel, which pads one side more")
    return height // 2, width // 2


def joined_padding(e: Emitter, x: Padded, pads: tuple[int, int]) -> tuple[tuple[int, int], float | None]:
    """
    The padding of border and convolution together, and the border's value where it is not 0.
    """
    left, right, top, bottom = x.border
    if left != right or top != bottom:
        raise UntranslatableError(f"{e.site.target} after a border of {list(x.border)}, which is not symmetric")
    if x.fill == 0:
        return (top + pads[0], left + pads[1]), None
    if any(pads):
        raise UntranslatableError(f"{e.site.target} that pads with 0 after a border of {x.fill}")
    return (top, left), x.fill


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


def check_pool(
    e: Emitter, x: SSAValue, kernel: tuple[int, int], stride: tuple[int, int], padding: tuple[int, int]
) -> None:
    """
    Refuses pools whose output is rounded up to another size (ceil_mode).
    """
    require_planes(e, x)
    floor = tuple(output_size(shape_of(x)[2 + d], kernel[d], stride[d], padding[d]) for d in (0, 1))
    if floor != e.site.shape[2:]:
        raise UntranslatableError(f"{e.site.target} with ceil_mode, which adds windows here")


@translates("avg_pool", "avg_pool2d.default")
def avg_pool2d(
    e: Emitter,
    x: SSAValue,
    kernel_size: Sizes,
    stride: Sizes = (),
    padding: Sizes = 0,
    ceil_mode: bool = False,
    count_include_pad: bool = True,
    divisor_override: int | None = None,
) -> Result:
    """
    Average pooling; a border counts as zeros.
    """
    kernel, pads = pair(kernel_size), pair(padding)
    strides = kernel if stride in ((), []) else pair(stride)
    if any(pads) and not count_include_pad and divisor_override is None:
        raise UntranslatableError(f"{e.site.target} with padding and count_include_pad=False")
    check_pool(e, x, kernel, strides, pads)
    divisor = kernel[0] * kernel[1] if divisor_override is None else divisor_override
    return e.emit(AvgPool2dOp(e.real(x), kernel, strides, pads, divisor))


@translates("avg_pool", "adaptive_avg_pool2d.default", "_adaptive_avg_pool2d.default")
def adaptive_avg_pool2d(e: Emitter, x: SSAValue, output_size: Sizes) -> Result:
    """
    Equal windows, where the sizes divide.
    """
    require_planes(e, x)
    source, target = shape_of(x)[2:], e.site.shape[2:]
    if any(s % t for s, t in zip(source, target, strict=True)):
        raise UntranslatableError(f"{e.site.target} from {list(source)} to {list(target)}, which does not divide")
    kernel = (source[0] // target[0], source[1] // target[1])
    return e.emit(AvgPool2dOp(e.real(x), kernel, kernel, (0, 0), kernel[0] * kernel[1]))


@translates("max_pool", "max_pool2d.default", moves=True)
def max_pool2d(
    e: Emitter,
    x: SSAValue,
    kernel_size: Sizes,
    stride: Sizes = (),
    padding: Sizes = 0,
    dilation: Sizes = 1,
    ceil_mode: bool = False,
) -> Result:
    """
    Max pooling; a border does not count.
    """
    if max(pair(dilation)) != 1:
        raise UntranslatableError(f"{e.site.target} with dilation")
    kernel, pads = pair(kernel_size), pair(padding)
    strides = kernel if stride in ((), []) else pair(stride)
    check_pool(e, x, kernel, strides, pads)
    return e.emit(MaxPool2dOp(x, kernel, strides, pads))


@translates("max_pool", "max_pool2d_with_indices.default", moves=True)
def max_pool2d_with_indices(e: Emitter, x: SSAValue, *geometry: Any, **modes: Any) -> Result:
    """
    The maxima; their places are not supported.
    """
    value = max_pool2d(e, x, *geometry, **modes)
    assert isinstance(value, SSAValue)
    return value, None


@translates("mean", "mean.dim")
def mean(e: Emitter, x: SSAValue, dim: Sequence[int] | None, keepdim: bool = False, dtype: object = None) -> Result:
    """
    The mean over the last dimensions.
    """
    return reduced(e, x, dim, average=True)


@translates("sum", "sum.dim_IntList")
def total(e: Emitter, x: SSAValue, dim: Sequence[int] | None, keepdim: bool = False, dtype: object = None) -> Result:
    """
    The sum over the last dimensions; PyTorch casts to `dtype` before it adds.
    """
    terms = cast_to(e, x)
    assert isinstance(terms, SSAValue)
    return reduced(e, terms, dim, average=False)


def reduced(e: Emitter, x: SSAValue, dim: Sequence[int] | None, average: bool) -> SSAValue:
    """
    Pools over height, width or both. Other dimensions come to the end first and count as height, the ones before them
    as channels.
    """
    x = e.real(x)
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
    divisor = kernel[0] * kernel[1] if average else 1
    pooled = e.emit(AvgPool2dOp(planes, kernel, kernel, (0, 0), divisor))
    return reshaped(e, pooled, e.site.shape, "reshape")
