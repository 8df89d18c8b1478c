"""
Channels that are picked and joined, and moves, which only change the order.
"""

from __future__ import annotations

import numpy as np
from xdsl.dialects.builtin import StringAttr
from xdsl.utils.exceptions import PassFailedException

from blendir.dialects import blend, stream
from blendir.dialects.blend import WordType, tensor_type
from blendir.passes.to_stream.element_order import (
    Placed,
    Streams,
    element,
    lowered,
    movable,
    own_order,
    raster,
    spread,
)


@lowered.register(blend.TakeOp)
def lowered_take(op: blend.TakeOp, streams: Streams) -> Placed:
    """
    One process: of channels one that picks elements of each position, else one that drops positions or a memory, where
    either can make the picks; for takes in a row the last one's, where it can be one.
    """
    placed, shape = streams.placed[op.input], tensor_type(op.input).get_shape()[1:]
    words = isinstance(element(op.input), WordType)
    if op.axis.value.data == 1 and len(shape) in (1, 3) and not words and streams.is_raster(placed, shape):
        value = streams.emit(stream.TakeOp(placed.value, op.picks, op.layer))
        return Placed(value, raster(tensor_type(op.result).get_shape()[1:]))
    picks, axis, kind = op.picks, op.axis.value.data - 1, stream.stream_type(placed.value)
    if min(picks) < 0:
        return picked_of_positions(op, streams)
    taken = Placed(placed.value, placed.order.take(picks, axis))
    after = taken.order
    for further in takes_after(op):
        after = after.take(further.picks, further.axis.value.data - 1)
    if after is not taken.order and movable(kind, after, *own_order(after, words)):
        return taken
    wanted = own_order(taken.order, words)
    if not movable(kind, taken.order, *wanted):
        own, frames = own_order(placed.order, words)
        if not movable(stream.StreamType(*frames, kind.element), own.take(picks, axis), *wanted):
            return picked_of_positions(op, streams)
        placed = streams.own(op.input, op.layer_name)
        taken = Placed(placed.value, placed.order.take(picks, axis))
    moved = streams.moved(taken, *wanted, op.layer_name)
    assert moved is not None
    return moved


def picked_of_positions(op: blend.TakeOp, streams: Streams) -> Placed:
    """
    Picks in any order, or with zeros: a process that picks of each position, which holds what lies along the axis.
    """
    axis = op.axis.value.data
    placed = streams.together(op.input, axis, op.layer_name)
    value = streams.emit(stream.TakeOp(placed.value, op.picks, op.layer))
    first, size = placed.order.take([0], axis - 1), placed.order.shape[axis - 1]
    return Placed(value, spread(first // size, axis, len(op.picks)))


def takes_after(op: blend.TakeOp) -> list[blend.TakeOp]:
    """
    The takes of other dimensions than channels that alone read a take, one after another.
    """
    found: list[blend.TakeOp] = []
    while op.result.has_one_use() and isinstance(user := next(iter(op.result.uses)).operation, blend.TakeOp):
        if user.axis.value.data == 1 or min(user.picks) < 0:
            break
        found.append(user)
        op = user
    return found


@lowered.register(blend.ConcatOp)
def lowered_concat(op: blend.ConcatOp, streams: Streams) -> Placed:
    """
    Two by two: along channels position by position, along rows and columns part by part.
    """
    if op.axis.value.data != 1:
        return concat_of_lines(op, streams)
    first = streams.joined(op.inputs[0], op.layer_name)
    total, value = first.order, first.value
    for index, source in enumerate(op.inputs[1:], 2):
        other = streams.joined(source, op.layer_name)
        lengths = [stream.stream_type(v).length.data for v in (value, other.value)]
        value = streams.emit(stream.ConcatOp(value, other.value, part_layer(op, index)))
        parts = (
            np.where(o >= 0, o // n * sum(lengths) + o % n + shift, -1)
            for o, n, shift in ((total, lengths[0], 0), (other.order, lengths[1], lengths[0]))
        )
        total = np.concatenate(list(parts))
    return Placed(value, total)


@lowered.register(blend.ArgmaxOp)
def lowered_argmax(op: blend.ArgmaxOp, streams: Streams) -> Placed:
    """
    One process; its result has the places of a position together.
    """
    axis = op.axis.value.data
    placed = streams.together(op.input, axis, op.layer_name)
    k = op.k
    value = streams.emit(stream.ArgmaxOp(placed.value, element(op.result), op.layer, k))
    return Placed(value, spread(placed.order.take([0], axis - 1) // op.count, axis, k))


def part_layer(op: blend.ConcatOp, index: int) -> StringAttr | str | None:
    """
    The layer of the process that adds an operand.
    """
    return op.layer if index == len(op.inputs) else f"{op.layer_name}.part{index}"


def concat_of_lines(op: blend.ConcatOp, streams: Streams) -> Placed:
    """
    A concatenation along rows or columns of [C, H, W].
    """
    axis, shape = op.axis.value.data, tensor_type(op.result).get_shape()[1:]
    if len(shape) != 3:
        raise PassFailedException(
            f"{op.layer_name}: a concatenation along dimension {axis} of {list(shape)} cannot be streamed"
        )
    words = isinstance(element(op.result), WordType)
    parts = [streams.own(v, op.layer_name) for v in op.inputs]
    value = parts[0].value
    for index, part in enumerate(parts[1:], 2):
        a, b = (stream.stream_type(v) for v in (value, part.value))
        size, blocks = (a.rows.data + b.rows.data, a.columns.data), 1
        if axis == 3:
            size, blocks = (a.rows.data, a.columns.data + b.columns.data), a.rows.data
        value = streams.emit(stream.ConcatOp(value, part.value, part_layer(op, index), blocks, size))
    order, _ = own_order(np.concatenate([p.order for p in parts], axis - 1), words)
    return Placed(value, order)


@lowered.register(blend.ReshapeOp)
@lowered.register(blend.TransposeOp)
def lowered_move(op: blend.ReshapeOp | blend.TransposeOp, streams: Streams) -> Placed:
    """
    No process: only the order changes.
    """
    placed = streams.placed[op.input]
    lanes = placed.order.shape[-1:] if isinstance(element(op.input), WordType) else ()
    if isinstance(op, blend.ReshapeOp):
        return Placed(placed.value, placed.order.reshape((*tensor_type(op.result).get_shape()[1:], *lanes)))
    order = [d - 1 for d in op.permutation.get_values()][1:]
    return Placed(placed.value, placed.order.transpose(*order, *([len(order)] if lanes else [])))
