"""
Transposed convolutions of ATen, as convolutions whose channels become rows and columns.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from xdsl.ir import SSAValue

from blendir.dialects.blend import Conv2dOp, ReshapeOp, TakeOp, TransposeOp
from blendir.frontend.aten_elementwise import Operand, known
from blendir.frontend.aten_picks import element_places
from blendir.frontend.aten_shape import reshaped
from blendir.frontend.emitter import Array, Emitter, shape_of
from blendir.frontend.geometry import Sizes, pair, planes, rank_of
from blendir.frontend.table import Result, translates


class Phases(NamedTuple):
    """
    One dimension of a transposed convolution `y[n] = sum_j x[j] * w[n + padding - j * stride]` as `stride` convolutions
    of one kernel size: `taps[a, d]` is the index into w of tap d of those that make `y[i * stride + a]`, which
    multiplies `x[i + d - pad]`, or -1 where there is none.
    """

    pad: int
    taps: Array


def phases_of(size: int, kernel: int, stride: int, padding: int, result: int) -> Phases:
    """
    The phases of a dimension of `size` elements that has `result`; padded alike on both sides.
    """
    indices = np.arange(stride)[:, None] + padding - np.arange(-size - kernel, size + kernel) * stride
    found = np.argwhere((indices >= 0) & (indices < kernel))[:, 1] - size - kernel
    low, high, count = min(int(found.min()), 0), max(int(found.max()), 0), -(-result // stride)
    pad = max(-low, count + high - size, 0)
    high = max(high, min(pad, size + pad - count))
    taps = np.arange(stride)[:, None] + padding - np.arange(-pad, high + 1) * stride
    return Phases(pad, np.where((taps >= 0) & (taps < kernel), taps, -1))


@translates("conv", "conv_transpose1d.default", "conv_transpose2d.input")
def conv_transpose(
    e: Emitter,
    x: SSAValue,
    weight: Operand,
    bias: Operand | None = None,
    stride: Sizes = 1,
    padding: Sizes = 0,
    output_padding: Sizes = 0,
    groups: int = 1,
    dilation: Sizes = 1,
) -> Result:
    """
    The outputs at each place among `stride` rows and columns are a convolution of their own, all of them one with as
    many times the channels, which then move apart. No zeros between pixels are multiplied.
    """
    rank, weights = rank_of(e, x), known(e, weight)
    weights = apart(weights if rank == 2 else weights[:, :, None], pair(dilation, rank))
    x, results = planes(e, x), (1, *e.site.shape[2:])[-2:]
    inputs, outputs = weights.shape[0] // groups, weights.shape[1]
    geometry = zip(shape_of(x)[2:], weights.shape[2:], pair(stride, rank), pair(padding, rank, 0), results, strict=True)
    rows, columns = (phases_of(*line) for line in geometry)
    framed = np.pad(weights, ((0, 0), (0, 0), (0, 1), (0, 1)))  # index -1 is a zero
    parts = framed[:, :, rows.taps][..., columns.taps].reshape(
        groups, inputs, outputs, *rows.taps.shape, *columns.taps.shape
    )
    kernel = parts.transpose(0, 3, 5, 2, 1, 4, 6).reshape(-1, inputs, *parts.shape[4::2])
    high, wide = pair(stride, rank)
    offsets = np.zeros(groups * outputs) if bias is None else known(e, bias)
    spread = np.tile(offsets.reshape(groups, 1, outputs), (1, high * wide, 1)).reshape(-1)
    operands = e.constant(kernel, "weight"), e.constant(spread, "bias")
    alone = (high, wide) == (1, 1)
    pads = rows.pad, columns.pad
    made = e.emit(Conv2dOp(x, *operands, (1, 1), pads, None, groups=groups), "" if alone else "phases")
    if not alone:
        frame, channels = shape_of(made)[2:], np.arange(len(kernel)).reshape(groups, high * wide, outputs)
        if groups > 1:
            made = e.emit(TakeOp(made, channels.transpose(1, 0, 2).reshape(-1).tolist()), "groups")
        split = e.emit(ReshapeOp(made, (1, high, wide, len(offsets), *frame)), "parts")
        moved = e.emit(TransposeOp(split, (0, 3, 4, 1, 5, 2)), "moved")
        made = e.emit(ReshapeOp(moved, (1, len(offsets), frame[0] * high, frame[1] * wide)))
    places = np.arange(np.prod(shape_of(made))).reshape(shape_of(made))
    cut = element_places(e, made, places[:, :, : results[0], : results[1]], "cut")
    return reshaped(e, cut, e.site.shape, "shape")


def apart(weights: Array, dilation: tuple[int, int]) -> Array:
    """
    Weights with zeros between them.
    """
    sizes = ((n - 1) * gap + 1 for n, gap in zip(weights.shape[2:], dilation, strict=True))
    spread = np.zeros((*weights.shape[:2], *sizes))
    spread[:, :, :: dilation[0], :: dilation[1]] = weights
    return spread
