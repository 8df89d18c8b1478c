"""
Functions of single elements: one process each, which reads an element and writes one, in the order of its input.
"""

from __future__ import annotations

from functools import singledispatch

import numpy as np
from xdsl.dialects.builtin import i1, i64
from xdsl.utils.exceptions import PassFailedException

from blendir.dialects import blend, stream
from blendir.dialects.blend import Elementwise, WordType, constant_value, tensor_type
from blendir.passes.to_stream.element_order import (
    Order,
    Placed,
    Streams,
    element,
    lanes_of_words,
    lowered,
    words_of_lanes,
)


@lowered.register(Elementwise)
def lowered_elementwise(op: Elementwise, streams: Streams) -> Placed:
    """
    One process, element by element; the result lies as the input does, bits in the lanes of their channels.
    """
    placed = streams.placed[op.operands[0]]
    value = streams.emit(process_of(op, streams))
    return Placed(value, order_of_result(op, placed.order))


def order_of_result(op: Elementwise, order: Order) -> Order:
    """
    The order of the input with channels put into words, or taken out of them.
    """
    if element(op.results[0]) == i1:
        raise PassFailedException(f"{op.layer_name}: bits should be packed into words first; run pack48")
    if isinstance(element(op.results[0]), WordType):
        return words_of_lanes(order, np.arange(len(order)), tensor_type(op.results[0]).get_shape()[1])
    if isinstance(op, blend.BitsToValueOp):
        channels = range(tensor_type(op.result).get_shape()[1]) if op.lanes is None else op.lanes.get_values()
        return lanes_of_words(order)[list(channels)]
    return order


@singledispatch
def process_of(op: Elementwise, streams: Streams) -> stream.ProcessOp:
    """
    The process of a function of single elements.
    """
    raise PassFailedException(f"{op.layer_name}: {op.name} has no process")


@process_of.register(blend.PiecewiseLinearOp)
def piecewise_process(op: blend.PiecewiseLinearOp, streams: Streams) -> stream.ProcessOp:
    """
    Parameters are held while they stay the same.
    """
    made, hold = streams.held_parameters(op.input, op.axis.value.data, op.parameters)
    return stream.PiecewiseLinearOp(streams.of(op.input), made, element(op.result), op.rounding.data, op.layer, hold)


@process_of.register(blend.ThresholdOp)
def threshold_process(op: blend.ThresholdOp, streams: Streams) -> stream.ProcessOp:
    limits, invert = streams.parameters(op.input, op.axis.value.data, (op.threshold, op.invert))
    return stream.ThresholdOp(streams.of(op.input), limits, invert, i1, op.layer)


@process_of.register(blend.MultiThresholdOp)
def levels_process(op: blend.MultiThresholdOp, streams: Streams) -> stream.ProcessOp:
    """
    The thresholds of one level are parameters like any other.
    """
    limits = constant_value(op.thresholds)
    columns = [streams.constant(limits[:, level], i64) for level in range(limits.shape[1])]
    *moved, invert = streams.parameters(op.input, op.axis.value.data, (*columns, op.invert))
    thresholds = streams.constant(np.stack([constant_value(v) for v in moved], axis=1), i64)
    lowest, step = op.lowest.value.data, op.step.value.data
    return stream.MultiThresholdOp(streams.of(op.input), thresholds, invert, lowest, step, element(op.result), op.layer)


@process_of.register(blend.LookupOp)
def lookup_process(op: blend.LookupOp, streams: Streams) -> stream.ProcessOp:
    return stream.LookupOp(streams.of(op.input), op.table, op.layer)


@process_of.register(blend.ClampOp)
def clamp_process(op: blend.ClampOp, streams: Streams) -> stream.ProcessOp:
    return stream.ClampOp(streams.of(op.input), int(op.low.value.data), int(op.high.value.data), op.layer)


@process_of.register(blend.RequantizeOp)
def requantize_process(op: blend.RequantizeOp, streams: Streams) -> stream.ProcessOp:
    return stream.RequantizeOp(streams.of(op.input), element(op.result), op.rounding.data, op.layer)


@process_of.register(blend.BitsToValueOp)
def bits_process(op: blend.BitsToValueOp, streams: Streams) -> stream.ProcessOp:
    return stream.BitsToValueOp(streams.of(op.input), op.layer)


@lowered.register(blend.AddOp)
def lowered_sum(op: blend.AddOp, streams: Streams) -> Placed:
    """
    One process that reads both streams; the one that is made later takes the order of the other.
    """
    a, b = streams.placed[op.lhs], streams.placed[op.rhs]
    kinds = [stream.stream_type(p.value) for p in (a, b)]
    if not np.array_equal(a.order, b.order) or kinds[0].length != kinds[1].length:
        first = next(made for made in streams.made if made in (a.value.owner, b.value.owner)) is a.value.owner
        kind = kinds[0] if first else kinds[1]
        frames = kind.rows.data, kind.columns.data, kind.length.data
        if first:
            b = streams.reordered(b, a.order, frames, op.layer_name)
        else:
            a = streams.reordered(a, b.order, frames, op.layer_name)
    return Placed(streams.emit(stream.AddOp(a.value, b.value, element(op.result), op.rounding.data, op.layer)), a.order)


@lowered.register(blend.MultiplyOp)
def lowered_product(op: blend.MultiplyOp, streams: Streams) -> Placed:
    """
    One process that reads both streams; the second one takes the order of the first, a gate that of a position.
    """
    a, b = streams.placed[op.lhs], streams.placed[op.rhs]
    kind, other, order = stream.stream_type(a.value), stream.stream_type(b.value), a.order
    frames = kind.rows.data, kind.columns.data, kind.length.data
    if op.is_gate:
        lanes = a.order.reshape(len(a.order), -1) % kind.length.data
        if len(lanes) != kind.length.data or (lanes != lanes[:, :1]).any():
            raise PassFailedException(f"{op.layer_name}: its channels do not stream together; reshape later")
        frames, order = (1, 1, kind.length.data), lanes[:, 0].reshape(b.order.shape)
    if not np.array_equal(b.order, order) or (other.rows.data, other.columns.data, other.length.data) != frames:
        b = streams.reordered(b, order, frames, op.layer_name)
    process = stream.MultiplyOp(a.value, b.value, element(op.result), op.rounding.data, op.layer)
    return Placed(streams.emit(process), a.order)
