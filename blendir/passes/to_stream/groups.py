"""
Convolutions of groups of channels: depthwise units, or an ordinary convolution for each group.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from xdsl.dialects.builtin import IntegerType, Signedness, TensorType, i1, i64
from xdsl.ir import Block, SSAValue

from blendir.dialects import blend, stream
from blendir.dialects.blend import constant_value, tensor_type, word
from blendir.numerics import Rounding, signed_bits
from blendir.packing import of_groups, pack_words, unpack_words, word_count
from blendir.passes.to_stream.element_order import Placed, Streams, element, lowered, raster, words_of_lanes
from blendir.passes.to_stream.windows import border_classes_of, outside_bits, windows_of

Conv = blend.PackedBinaryConv2dOp | blend.FixedConv2dOp


def lowered_groups(op: Conv, streams: Streams) -> Placed:
    """
    `depthwise(x, w) == depthwise(take(x), w)` where each channel has several outputs, and
    `conv_g(x, w) == concat_i(conv(take_i(x), w_i))`.
    """
    outputs, each = tensor_type(op.weight).get_shape()[0], op.channel_count // op.group_count
    if op.is_depthwise:
        if outputs == op.channel_count:
            return depthwise(op, streams, *streams.channels_of(op.input, op.layer_name)[:2])
        picks = np.arange(outputs) // (outputs // op.group_count)
        placed = taken(op, streams, picks, f"{op.layer_name}.channels")
        kind = stream.stream_type(placed.value)
        return depthwise(op, streams, placed, [outputs, kind.rows.data, kind.columns.data], picks)
    parts: list[SSAValue] = []
    for group, rows in enumerate(np.arange(outputs).reshape(op.group_count, -1)):
        layer = f"{op.layer_name}.group{group}"
        part = part_of(op, streams, np.arange(group * each, (group + 1) * each), rows, layer)
        streams.placed[part.result] = lowered(part, streams)
        parts.append(part.result)
    return lowered(blend.ConcatOp(parts, 1, op.layer), streams)


def taken(op: Conv, streams: Streams, picks: NDArray[np.int64], layer: str) -> Placed:
    """
    Channels that are picked of the input, in raster order.
    """
    placed, shape, _ = streams.channels_of(op.input, op.layer_name)
    return Placed(streams.emit(stream.TakeOp(placed.value, picks.tolist(), layer)), raster([len(picks), *shape[1:]]))


def part_of(op: Conv, streams: Streams, picks: NDArray[np.int64], rows: NDArray[np.int64], layer: str) -> Conv:
    """
    The convolution of one group, given what it picks of the input and its outputs.
    """
    if isinstance(op, blend.FixedConv2dOp):
        source = blend.TakeOp(op.input, picks.tolist(), 1, f"{layer}.channels").result
        streams.placed[source] = taken(op, streams, picks, f"{layer}.channels")
        weight, bias = (streams.constant(constant_value(v)[rows], element(v)) for v in (op.weight, op.bias))
        pad = None if op.pad is None else streams.constant(constant_value(op.pad)[picks], element(op.pad))
        kind, rounding = op.result.type.element_type, op.rounding.data
        return blend.FixedConv2dOp(source, weight, bias, op.stride, op.pads, kind, pad, layer, rounding, op.dilations)
    placed, count = taken(op, streams, picks, f"{layer}.channels"), len(picks)
    frames, _, height, width = tensor_type(op.input).get_shape()
    shape = frames, word_count(count), height, width
    source = Block(arg_types=[TensorType(word, shape)]).args[0]
    streams.placed[source] = Placed(placed.value, words_of_lanes(placed.order, np.arange(count), word_count(count)))
    words = streams.constant(pack_words(bits_of(op)[rows], 1), word)
    geometry = op.stride, op.pads, op.pad_mode.data, layer, op.dilations
    return blend.PackedBinaryConv2dOp(source, words, count, *geometry)


def bits_of(op: blend.PackedBinaryConv2dOp) -> NDArray[np.bool_]:
    """
    Weights [O, C / groups, KH, KW].
    """
    return of_groups(unpack_words(constant_value(op.weight), 1)[:, op.channel_lanes], op.group_count)


def depthwise(
    op: Conv, streams: Streams, placed: Placed, shape: Sequence[int], picks: NDArray[np.int64] | None = None
) -> Placed:
    """
    Windows of a channel for each output, then a depthwise unit; `picks` says which channels of the operation they are.
    """
    taps = op.window[0] * op.window[1]
    if isinstance(op, blend.PackedBinaryConv2dOp):
        bits = bits_of(op)
        border, classes = outside_bits(op, bits, shape)
        weight, bias = streams.constant(bits.reshape(len(bits), -1), i1), streams.constant(border, i64)
        kind = IntegerType(signed_bits(-taps, taps), Signedness.SIGNED)
        pad, rounding = None, Rounding.HALF_UP
    else:
        offsets = constant_value(op.bias)
        weight = streams.constant(constant_value(op.weight).reshape(shape[0], -1), element(op.weight))
        bias = streams.constant(offsets.reshape(len(offsets), *(offsets.shape[1:] or (1, 1))), element(op.bias))
        classes = border_classes_of(op, shape, offsets.ndim > 1)
        kind, pad, rounding = element(op.result), op.pad, op.rounding.data
        if pad is not None and picks is not None:
            pad = streams.constant(constant_value(pad)[picks], element(pad))
    vectors = windows_of(op, streams, placed, shape, pad)
    unit = stream.DepthwiseMvuOp(vectors, weight, bias, classes, kind, rounding, op.layer)
    return Placed(streams.emit(unit), raster(tensor_type(op.result).get_shape()[1:]))
