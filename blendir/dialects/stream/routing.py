"""
Processes that bring streams in and out, copy and join them.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from xdsl.dialects.builtin import DenseArrayBase, IntegerAttr, StringAttr, TensorType, i64
from xdsl.ir import Attribute, SSAValue
from xdsl.irdl import (
    AtLeast,
    irdl_op_definition,
    operand_def,
    opt_prop_def,
    prop_def,
    result_def,
    var_result_def,
)

from blendir.dialects.blend.base import (
    i64_array,
    i64_attr,
    require,
)
from blendir.dialects.blend.types import tensor_type
from blendir.dialects.stream.types import (
    STREAM,
    ProcessOp,
    StreamType,
    require_frames,
    require_group,
    stream_type,
)


@irdl_op_definition
class SourceOp(ProcessOp):
    """
    Frames [1, .., H, W] of the caller become a stream of H x W positions with the elements of all planes,
    [1, positions, features] and [1, features] one of as many positions as they say; or [1, C, L] one of 1 x L positions
    of C elements.
    """

    name = "stream.source"

    input = operand_def(TensorType)
    result = result_def(STREAM)

    def __init__(self, source: SSAValue, result: StreamType, layer: str | StringAttr | None = None):
        super().__init__([source], [result], layer)

    def verify_(self) -> None:
        if not self.is_line:
            require_frames("result", self.result, *source_frames(tensor_type(self.input)))

    @property
    def is_line(self) -> bool:
        """
        Whether frames [C, L] have their positions along L.
        """
        shape, kind = tensor_type(self.input).get_shape()[1:], stream_type(self.result)
        lines = (1, *reversed(shape))
        return len(shape) == 2 and (kind.rows.data, kind.columns.data, kind.length.data) == lines

    def positions_of(self, x: NDArray[Any]) -> NDArray[Any]:
        """
        Frames [N, ..] as the stream has them, [N, positions, length].
        """
        kind = stream_type(self.result)
        if self.is_line:
            x = x[:, :, None]
        if x.ndim > 3:
            x = x.reshape(len(x), -1, *x.shape[-2:]).transpose(0, 2, 3, 1)
        return np.ascontiguousarray(x).reshape(len(x), kind.positions, kind.length.data)


def source_frames(kind: TensorType[Attribute]) -> tuple[int, int, int]:
    """
    Rows, columns and length of the stream of the caller's frames.
    """
    shape = kind.get_shape()[1:]
    match len(shape):
        case 1:
            return 1, 1, shape[0]
        case 2:
            return shape[0], 1, shape[1]
        case _:
            *planes, rows, columns = shape
            return rows, columns, math.prod(planes)


@irdl_op_definition
class SinkOp(ProcessOp):
    """
    A stream becomes frames of the caller; element i of a frame is element `order[i]` of the stream (default: the
    raster order of [C, H, W]).
    """

    name = "stream.sink"

    input = operand_def(STREAM)
    result = result_def(TensorType)

    def __init__(
        self,
        source: SSAValue,
        result: TensorType[Attribute],
        order: Sequence[int] | None = None,
        layer: str | StringAttr | None = None,
    ):
        super().__init__([source], [result], layer)
        if order is not None:
            self.attributes["order"] = i64_array(order)

    def verify_(self) -> None:
        kind = stream_type(self.input)
        count = kind.positions * kind.length.data
        size = 1
        for extent in tensor_type(self.result).get_shape():
            size *= extent
        require(size == count, f"result has {size} elements but the stream {count} per frame")
        if self.order is not None:
            given = sorted(self.order.get_values())
            require(given == list(range(count)), f"order is not a permutation of {count} elements")


@irdl_op_definition
class ForkOp(ProcessOp):
    """
    Each result is a copy of the input.
    """

    name = "stream.fork"

    input = operand_def(STREAM)
    copies = var_result_def(STREAM)

    def __init__(self, source: SSAValue, copies: int, layer: str | StringAttr | None = None):
        super().__init__([source], [[source.type] * copies], layer)

    def verify_(self) -> None:
        require(2 <= len(self.copies) <= 4, f"a fork has 2 to 4 results, got {len(self.copies)}")
        for copy in self.copies:
            require(copy.type == self.input.type, f"copy has type {copy.type} but the input {self.input.type}")


@irdl_op_definition
class ConcatOp(ProcessOp):
    """
    In each of `blocks` equal parts of a frame, the elements of a and then those of b.

    With a part for each position, positions become longer; with fewer, there are more of them.
    """

    name = "stream.concat"

    lhs = operand_def(STREAM)
    rhs = operand_def(STREAM)
    blocks = opt_prop_def(IntegerAttr.constr(type=i64, value=AtLeast(1)))
    result = result_def(STREAM)

    def __init__(
        self,
        lhs: SSAValue,
        rhs: SSAValue,
        layer: str | StringAttr | None = None,
        blocks: int | None = None,
        size: tuple[int, int] | None = None,
    ):
        a, b = stream_type(lhs), stream_type(rhs)
        frames = (a.rows.data, a.columns.data, a.length.data + b.length.data)
        if size is not None:
            frames = (*size, a.length.data)
        super().__init__([lhs, rhs], [StreamType(*frames, a.element, a.group.data)], layer)
        if blocks is not None:
            self.blocks = i64_attr(blocks)

    @property
    def parts(self) -> tuple[int, int, int]:
        """
        How many parts a frame has, and the elements of each operand in one.
        """
        a, b = stream_type(self.lhs), stream_type(self.rhs)
        blocks = a.positions if self.blocks is None else self.blocks.value.data
        return blocks, a.positions * a.length.data // blocks, b.positions * b.length.data // blocks

    def verify_(self) -> None:
        a, b, result = stream_type(self.lhs), stream_type(self.rhs), stream_type(self.result)
        require(a.element == b.element, f"operands have elements {a.element} and {b.element}")
        if self.blocks is None:
            length = a.length.data + b.length.data
            require_frames("right operand", self.rhs, a.rows.data, a.columns.data, b.length.data)
            require_frames("result", self.result, a.rows.data, a.columns.data, length)
        else:
            blocks, lengths = self.blocks.value.data, [k.length.data for k in (a, b, result)]
            counts = [k.positions for k in (a, b, result)]
            require(len(set(lengths)) == 1, f"positions have {lengths} elements")
            require(counts[2] == counts[0] + counts[1], f"result has {counts[2]} positions of {counts[:2]}")
            require(
                all(count % blocks == 0 for count in counts), f"{blocks} blocks do not divide {counts[:2]} positions"
            )
        require_group(self, self.lhs, self.rhs, self.result)


@irdl_op_definition
class TakeOp(ProcessOp):
    """
    At each position, element i of the result is element `indices[i]` of the input, or 0 where that is -1.
    """

    name = "stream.take"

    input = operand_def(STREAM)
    indices = prop_def(DenseArrayBase.constr(i64))
    result = result_def(STREAM)

    def __init__(self, source: SSAValue, indices: Sequence[int], layer: str | StringAttr | None = None):
        kind = stream_type(source)
        super().__init__(
            [source],
            [StreamType(kind.rows.data, kind.columns.data, len(indices), kind.element)],
            layer,
            indices=i64_array(indices),
        )

    def verify_(self) -> None:
        source, result = stream_type(self.input), stream_type(self.result)
        picks = self.indices.get_values()
        require_frames("result", self.result, source.rows.data, source.columns.data, len(picks))
        require(source.element == result.element, f"input has elements {source.element} but result {result.element}")
        length = source.length.data
        require(
            min(picks) >= -1 and max(picks) < length,
            f"indices {min(picks)} .. {max(picks)} are outside -1 .. {length - 1}",
        )
        for kind in (source, result):
            group, count = kind.group.data, kind.length.data
            require(count % group == 0, f"a group of {group} does not divide {count} elements")
