"""
Transposed convolutions of ATen, as convolutions whose channels become rows and columns.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from xdsl.ir import SSAValue

from blendir.dialects.blend import Conv2dOp, ReshapeOp, TransposeOp
from blendir.frontend.aten_elementwise import Operand, known
from blendir.frontend.aten_picks import element_places
from blendir.frontend.emitter import Array, Emitter, shape_of
from blendir.frontend.errors import UntranslatableError
from blendir.frontend.geometry import Sizes, pair, rank_of
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


@translates("conv", "conv_transpose2d.input")
def conv_transpose2d(
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
    if groups != 1 or max(pair(dilation)) != 1:
        raise UntranslatableError(f"{e.site.target}, transposed, with groups = {groups}, dilation = {pair(dilation)}")
    if rank_of(e, x) != 2:
        raise UntranslatableError(f"{e.site.target}, transposed, of {list(shape_of(x))}, not [N, C, H, W]")
    weights, sizes, results = known(e, weight), shape_of(x)[2:], e.site.shape[2:]
    geometry = zip(sizes, weights.shape[2:], pair(stride), pair(padding), results, strict=True)
    rows, columns = (phases_of(*line) for line in geometry)
    framed = np.pad(weights, ((0, 0), (0, 0), (0, 1), (0, 1)))  # index -1 is a zero
    parts = framed[:, :, rows.taps][..., columns.taps]  # [I, O, SH, KH, SW, KW]
    kernel = parts.transpose(2, 4, 1, 0, 3, 5).reshape(-1, len(weights), *parts.shape[3::2])
    high, wide = pair(stride)
    offsets = np.zeros(weights.shape[1]) if bias is None else known(e, bias)
    operands = e.constant(kernel, "weight"), e.constant(np.tile(offsets, high * wide), "bias")
    alone = (high, wide) == (1, 1)
    made = e.emit(Conv2dOp(x, *operands, (1, 1), (rows.pad, columns.pad), None), "" if alone else "phases")
    if not alone:
        frame = shape_of(made)[2:]
        split = e.emit(ReshapeOp(made, (1, high, wide, len(offsets), *frame)), "parts")
        moved = e.emit(TransposeOp(split, (0, 3, 4, 1, 5, 2)), "moved")
        made = e.emit(ReshapeOp(moved, (1, len(offsets), frame[0] * high, frame[1] * wide)))
    places = np.arange(np.prod(shape_of(made))).reshape(shape_of(made))
    return element_places(e, made, places[:, :, : results[0], : results[1]], "cut")
