"""
Where the elements of each tensor lie in its stream, and what is made so that they lie where an operation wants them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from xdsl.ir import Attribute, Operation, SSAValue
from xdsl.utils.exceptions import PassFailedException

from blendir.dialects import stream
from blendir.dialects.blend import ConstantOp, WordType, constant_value, tensor_type
from blendir.packing import WORD_BITS
from blendir.passes.reorders import held, noted_order, one_period

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


def element(value: SSAValue) -> Attribute:
    """
    The element type of a tensor.
    """
    return tensor_type(value).element_type


class Placement:
    """
    The tensors that have become streams, and the processes made so far.
    """

    def __init__(self) -> None:
        self.placed: dict[SSAValue, Placed] = {}
        self.made: list[Operation] = []

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
        used = order >= 0
        moves = np.empty(int(used.sum()), np.int64)
        moves[order[used]] = placed.order[used]
        nest = stream.loop_nest(moves)
        if nest is None:
            raise PassFailedException(
                f"{layer}: its input streams in an order that no few loops over a frame undo; "
                "transpose or reshape it less often"
            )
        return Placed(self.emit(stream.ReorderOp(placed.value, nest, frames, f"{layer}.reorder")), order)

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
            order = np.moveaxis(order, -1, 1).reshape(-1, *order.shape[1:-1])
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
                lanes_last = np.moveaxis(wanted.reshape(-1, WORD_BITS, *shape[1:]), 1, -1)
                placed = Placed(placed.value, lanes_last)
        return placed, shape, lanes

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

    def parameters(self, placed: Placed, source: SSAValue, axis: int, values: Sequence[SSAValue]) -> list[SSAValue]:
        """
        Per-channel parameters in the order of the stream: one period of a position, or the whole frame.
        """
        frames = self.frames_of(placed, source, axis, values)
        made = one_period(frames, stream.stream_type(placed.value))
        return [self.constant(array, element(v)) for array, v in zip(made, values, strict=True)]

    def held_parameters(
        self, placed: Placed, source: SSAValue, axis: int, values: Sequence[SSAValue]
    ) -> tuple[list[SSAValue], int]:
        """
        The same, but one number for each column or row where they vary along those alone, and how many elements each
        serves.
        """
        frames = self.frames_of(placed, source, axis, values)
        made, hold = held(frames, stream.stream_type(placed.value))
        return [self.constant(array, element(v)) for array, v in zip(made, values, strict=True)], hold
