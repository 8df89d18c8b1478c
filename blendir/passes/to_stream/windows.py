"""
Processes on windows: line buffers and pools.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from xdsl.dialects.builtin import i1, i64
from xdsl.ir import SSAValue

from blendir.dialects import blend, stream
from blendir.dialects.blend import WordType, tensor_type
from blendir.numerics import PadMode, border_classes, outside_sums
from blendir.passes.to_stream.element_order import Placed, Streams, element, lowered, raster, words_of_lanes

BORDER_FACTOR = {PadMode.ZERO_EXACT: 1, PadMode.PLUS_ONE: 2, PadMode.MINUS_ONE: 0}


def whole_window(op: blend.WindowOp) -> tuple[int, int] | None:
    """
    The window of an operation that may need no line buffer.
    """
    return None if any(op.pads) or (op.window == (1, 1) != op.stride) else op.window


def windows_of(
    op: blend.WindowOp, streams: Streams, placed: Placed, shape: Sequence[int], pad: SSAValue | None
) -> SSAValue:
    """
    The windows of a stream; a window that covers the frame, or one pixel, is the stream itself.
    """
    if not any(op.pads) and (op.window == (1, 1) == op.stride or op.window == tuple(shape[1:])):
        return placed.value
    geometry = op.window, op.stride, op.pads, op.dilations
    return streams.emit(stream.WindowOp(placed.value, *geometry, pad, layer=f"{op.layer_name}.window"))


def border_classes_of(op: blend.WindowOp, shape: Sequence[int], used: bool) -> tuple[list[int], list[int]]:
    """
    The border class of each output row and column; one class where there is nothing to correct.
    """
    rows, columns = (border_classes(size, axis)[0] for size, axis in zip(shape[1:], op.axes, strict=True))
    return (rows, columns) if used else ([0] * len(rows), [0] * len(columns))


def outside_bits(
    op: blend.PackedBinaryConv2dOp, weight: NDArray[np.bool_], shape: Sequence[int]
) -> tuple[NDArray[np.int64], tuple[list[int], list[int]]]:
    """
    The correction of outside taps, which stream as bit 0, for weights [O, I / groups, KH, KW], and its border classes.
    """
    factor = BORDER_FACTOR[op.pad_mode.data]
    used = any(op.pads) and factor != 0
    rows, columns = border_classes_of(op, shape, used)
    border = np.zeros((len(weight), 1, 1), np.int64)
    if used:
        taps = op.borders([1, *shape])
        border = factor * outside_sums(np.where(weight, 1, -1).astype(np.int64), *taps)
    return border, (rows, columns)


@lowered.register(blend.AvgPool2dOp)
@lowered.register(blend.MaxPool2dOp)
def lowered_pool(op: blend.AvgPool2dOp | blend.MaxPool2dOp, streams: Streams) -> Placed:
    """
    Windows and a reduction of their taps; windows side by side are reduced as they stream.
    """
    whole = None if any(op.pads) or op.window == (1, 1) else op.window
    placed, shape, lanes = streams.channels_of(op.input, op.layer_name, whole)
    kind, made = stream.PoolKind.SUM, element(op.result)
    pad: SSAValue | None = None
    if isinstance(op, blend.MaxPool2dOp):
        source = stream.stream_type(placed.value)
        made = source.element
        kind = stream.PoolKind.OR if made == i1 else stream.PoolKind.MAX
        if any(op.pads) and kind is stream.PoolKind.MAX:
            pad = streams.constant(np.full(shape[0], source.format.low), i64)
    tiles = all(n % k == 0 for n, k in zip(shape[1:], op.window, strict=True))
    side_by_side = tiles and op.window == op.stride and op.dilations == (1, 1) and not any(op.pads)
    vectors = placed.value if side_by_side else windows_of(op, streams, placed, shape, pad)
    rows, columns = tensor_type(op.result).get_shape()[2:]
    process = stream.PoolOp(vectors, op.window[0] * op.window[1], kind, (rows, columns, shape[0]), made, op.layer)
    order = raster([shape[0], rows, columns])
    if isinstance(element(op.input), WordType):
        order = words_of_lanes(order, lanes, tensor_type(op.input).get_shape()[1])
    return Placed(streams.emit(process), order)
