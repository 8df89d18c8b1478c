"""
Where the elements of each tensor lie in its stream, and what is made so that they lie where an operation wants them.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import singledispatch
from typing import Any

import numpy as np
from numpy.typing import NDArray
from xdsl.ir import Attribute, Operation, SSAValue
from xdsl.utils.exceptions import PassFailedException

from blendir.dialects import stream
from blendir.dialects.blend import BlendOp, ConstantOp, WordType, constant_value, tensor_type
from blendir.packing import WORD_BITS
from blendir.passes.to_stream.hoist_reorders import held, noted_order, one_period

Order = NDArray[np.int64]


@dataclass(frozen=True)
class Placed:
    """
    A tensor as a stream: element i of a frame is element `order[i]` of the stream.

    Of words, `order` has a last dimension of 48 lanes, with -1 where a lane is unused.
    """

    value: SSAValue
    order: Order


def raster(shape: Sequence[int]) -> Order:
    """
    The order of [C, H, W], or of features, in a stream of positions.
    """
    if len(shape) == 1:
        return np.arange(shape[0])
    channels, rows, columns = shape
    pixels = np.arange(rows * columns).reshape(rows, columns)
    return pixels[None] * channels + np.arange(channels)[:, None, None]


def natural(shape: Sequence[int]) -> tuple[Order, tuple[int, int, int]]:
    """
    The order of a tensor in a stream of its own, and rows, columns and length of that: the features of each position
    together, of more dimensions the elements of all planes.
    """
    if len(shape) < 3:
        return np.arange(math.prod(shape)).reshape(shape), (math.prod(shape[:-1]), 1, shape[-1])
    planes = (math.prod(shape[:-2]), *shape[-2:])
    return raster(planes).reshape(shape), (planes[1], planes[2], planes[0])


def stream_moves(given: Order, wanted: Order) -> Order:
    """
    Which element of one stream each element of another is, of a tensor that lies in both.
    """
    used = wanted >= 0
    moves = np.empty(int(used.sum()), np.int64)
    moves[wanted[used]] = given[used]
    return moves


def words_of_lanes(order: Order, lanes: Order, words: int) -> Order:
    """
    The order of words in which channel i of an order [C, ..] lies in lane `lanes[i]`.
    """
    spread = np.full((words * WORD_BITS, *order.shape[1:]), -1, np.int64)
    spread[lanes] = order
    return np.moveaxis(spread.reshape(words, WORD_BITS, *order.shape[1:]), 1, -1)


def lanes_of_words(order: Order) -> Order:
    """
    The order of words with their lanes one after another along the channels.
    """
    return np.moveaxis(order, -1, 1).reshape(-1, *order.shape[1:-1])


def own_order(order: Order, words: bool) -> tuple[Order, tuple[int, int, int]]:
    """
    The order of a tensor in a stream of its own, and rows, columns and length of that; of words with the lanes in use
    as channels.
    """
    if not words:
        return natural(order.shape)
    lanes = np.flatnonzero(lanes_of_words(order).reshape(order.shape[0] * WORD_BITS, -1)[:, 0] >= 0)
    placed, frames = natural((len(lanes), *order.shape[1:-1]))
    return words_of_lanes(placed, lanes, len(order)), frames


def spread(vectors: Order, axis: int, size: int) -> Order:
    """
    Where the elements of vectors along an axis lie, one vector after another, each of which is a number of `vectors`,
    -1 for none.
    """
    place = np.arange(size).reshape([-1 if d == axis - 1 else 1 for d in range(vectors.ndim)])
    return np.where(vectors < 0, -1, vectors * size + place)


def movable(kind: stream.StreamType, given: Order, wanted: Order, frames: tuple[int, int, int]) -> bool:
    """
    Whether one process brings elements that lie at `given` places of a stream into an order of `frames`.
    """
    moves = stream_moves(given, wanted)
    crops = frames[2] == kind.length.data and stream.crop_of(moves, kind, frames[:2]) is not None
    return crops or visit_of(moves, kind, frames) is not None


def visit_of(moves: Order, kind: stream.StreamType, frames: tuple[int, int, int]) -> stream.Visit | None:
    """
    How moves from one stream to another visit the frames of the first one.
    """
    positions = (kind.positions, frames[0] * frames[1])
    return stream.visit_of(moves, kind.positions * kind.length.data, positions)


def element(value: SSAValue) -> Attribute:
    """
    The element type of a tensor.
    """
    return tensor_type(value).element_type


@singledispatch
def lowered(op: Operation, streams: Streams) -> Placed:
    """
    Where the result of an operation lies in the stream of the process that is made for it.
    """
    layer = op.layer_name if isinstance(op, BlendOp) else op.name
    raise PassFailedException(f"{layer}: {op.name} has no process")


class Streams:
    """
    The tensors that have become streams, and the processes made so far.
    """

    def __init__(self) -> None:
        self.placed: dict[SSAValue, Placed] = {}
        self.made: list[Operation] = []

    def of(self, value: SSAValue) -> SSAValue:
        """
        The stream of a tensor.
        """
        return self.placed[value].value

    def emit(self, op: Operation) -> SSAValue:
        """
        Adds an operation; returns its first result.
        """
        self.made.append(op)
        return op.results[0]

    def constant(self, array: NDArray[Any], element: Attribute) -> SSAValue:
        """
        Adds a constant.
        """
        return self.emit(ConstantOp.from_numpy(array, element))

    def note_order(self, placed: Placed, words: bool) -> None:
        """
        Records on the process that makes a tensor where its elements lie, unless in raster order.
        """
        kind, process = stream.stream_type(placed.value), placed.value.owner
        order = (np.moveaxis(placed.order, -1, 1) if words else placed.order).reshape(-1)
        order = order[order >= 0]
        if isinstance(process, stream.ProcessOp) and process is self.made[-1]:
            process.order = noted_order(order, kind)

    def reordered(self, placed: Placed, order: Order, frames: tuple[int, int, int], layer: str) -> Placed:
        """
        A tensor in a stream of `frames` (rows, columns, length) in which it lies in `order`.
        """
        moved = self.moved(placed, order, frames, f"{layer}.reorder")
        if moved is None:
            raise PassFailedException(
                f"{layer}: its input streams in an order that no few loops over a frame undo; "
                "transpose or reshape it less often"
            )
        return moved

    def moved(self, placed: Placed, order: Order, frames: tuple[int, int, int], layer: str) -> Placed | None:
        """
        The same, of a tensor whose elements may also lie at one place, and with places that nothing needs; None where
        no process brings them into the order.
        """
        kind = stream.stream_type(placed.value)
        moves = stream_moves(placed.order, order)
        lines = stream.crop_of(moves, kind, frames[:2]) if frames[2] == kind.length.data else None
        if lines is not None:
            starts, strides = [line[0] for line in lines], [line.step for line in lines]
            return Placed(self.emit(stream.CropOp(placed.value, starts, strides, frames[:2], layer)), order)
        visit = visit_of(moves, kind, frames)
        if visit is None:
            return None
        blocks, offset, nest = visit
        return Placed(self.emit(stream.ReorderOp(placed.value, nest, frames, layer, blocks, offset)), order)

    def own(self, value: SSAValue, layer: str) -> Placed:
        """
        A tensor in a stream of its own.
        """
        placed = self.placed[value]
        order, frames = own_order(placed.order, isinstance(element(value), WordType))
        kind = stream.stream_type(placed.value)
        if (kind.rows.data, kind.columns.data, kind.length.data) == frames and np.array_equal(placed.order, order):
            return placed
        return self.reordered(placed, order, frames, layer)

    def is_raster(self, placed: Placed, shape: Sequence[int]) -> bool:
        """
        Whether a tensor lies in its stream position by position.
        """
        kind = stream.stream_type(placed.value)
        frames = shape[1:] if len(shape) == 3 else (1, 1)
        fits = (kind.rows.data, kind.columns.data, kind.length.data) == (*frames, shape[0])
        return fits and np.array_equal(placed.order, raster(shape))

    def channels_of(
        self, value: SSAValue, layer: str, window: tuple[int, int] | None = None
    ) -> tuple[Placed, list[int], Order]:
        """
        A window operation's input, through a frame memory where it does not stream as [C, H, W]: its placement, its
        [C, H, W], and the lane or index of each channel.

        A window of one pixel, or of the whole frame, needs its channels together but no rows and columns; [H, W] are
        then those of the stream.
        """
        placed = self.placed[value]
        kind = tensor_type(value)
        words = isinstance(kind.element_type, WordType)
        order = placed.order
        if words:
            order = lanes_of_words(order)
        lanes = np.flatnonzero(order.reshape(len(order), -1)[:, 0] >= 0)
        shape = [len(lanes), *kind.get_shape()[2:]]
        if len(shape) != 3:
            raise PassFailedException(f"{layer}: its input has shape {list(kind.get_shape())}, not [N, C, H, W]")
        frames = stream.stream_type(placed.value)
        together = frames.length.data == len(lanes) and np.array_equal(order[lanes], raster(shape))
        if together and window in ((1, 1), tuple(shape[1:])):
            pixels = [frames.rows.data, frames.columns.data]
            return placed, [len(lanes), *pixels] if window == (1, 1) else shape, lanes
        if not self.is_raster(Placed(placed.value, order[lanes]), shape):
            wanted = np.full_like(order, -1)
            wanted[lanes] = raster(shape)
            placed = self.reordered(Placed(placed.value, order), wanted, (shape[1], shape[2], shape[0]), layer)
            if words:
                placed = Placed(placed.value, words_of_lanes(wanted[lanes], lanes, len(wanted) // WORD_BITS))
        return placed, shape, lanes

    def together(self, value: SSAValue, axis: int, layer: str) -> Placed:
        """
        An operand whose elements along an axis make up a position each, through a frame memory where they do not.
        """
        placed, words = self.placed[value], isinstance(element(value), WordType)
        first, size = placed.order.take([0], axis - 1), placed.order.shape[axis - 1]
        length = stream.stream_type(placed.value).length.data
        if length == size and np.array_equal(placed.order, spread(first // size, axis, size)):
            return placed
        vectors, (rows, columns, count) = own_order(first, words)
        order = spread(vectors, axis, size)
        return self.reordered(placed, order, (rows * columns * count, 1, size), layer)

    def joined(self, value: SSAValue, layer: str) -> Placed:
        """
        An operand of a concatenation: pixels in raster order, or features of one position.
        """
        placed = self.placed[value]
        if tensor_type(value).get_num_dims() == 4:
            return self.channels_of(value, layer)[0]
        if stream.stream_type(placed.value).positions != 1:
            raise PassFailedException(f"{layer}: flattened pixels cannot be concatenated; concatenate before")
        return placed

    def frames_of(self, placed: Placed, source: SSAValue, axis: int, values: Sequence[SSAValue]) -> list[NDArray[Any]]:
        """
        Per-channel parameters, one for each element of a frame in the order of the stream.
        """
        shape = tensor_type(source).get_shape()[1:]
        along = [-1 if d == axis - 1 else 1 for d in range(len(shape))]
        spread: list[NDArray[Any]] = []
        for value in values:
            array = constant_value(value)
            flat = np.empty(placed.order.size, array.dtype)
            flat[placed.order.reshape(-1)] = np.broadcast_to(array.reshape(along), shape).reshape(-1)
            spread.append(flat)
        return spread

    def parameters(
        self, source: SSAValue, axis: int, values: Sequence[SSAValue], placed: Placed | None = None
    ) -> list[SSAValue]:
        """
        Per-channel parameters of a tensor in the order of its stream, or of another one that it has been placed in: one
        period of a position, or the whole frame.
        """
        placed = placed or self.placed[source]
        frames = self.frames_of(placed, source, axis, values)
        made = one_period(frames, stream.stream_type(placed.value))
        return [self.constant(array, element(v)) for array, v in zip(made, values, strict=True)]

    def held_parameters(self, source: SSAValue, axis: int, values: Sequence[SSAValue]) -> tuple[list[SSAValue], int]:
        """
        The same, but one number for each column or row where they vary along those alone, and how many elements each
        serves.
        """
        placed = self.placed[source]
        frames = self.frames_of(placed, source, axis, values)
        made, hold = held(frames, stream.stream_type(placed.value))
        return [self.constant(array, element(v)) for array, v in zip(made, values, strict=True)], hold
