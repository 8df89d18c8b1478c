"""
The process that drops positions.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from xdsl.dialects.builtin import DenseArrayBase, StringAttr, i64
from xdsl.ir import SSAValue
from xdsl.irdl import irdl_op_definition, operand_def, prop_def, result_def

from blendir.dialects.blend.base import i64_array, require
from blendir.dialects.stream.types import STREAM, ProcessOp, StreamType, require_group, stream_type


@irdl_op_definition
class CropOp(ProcessOp):
    """
    Some positions of a frame: position (i, j) of the result is (starts[0] + i * strides[0], starts[1] + j * strides[1])
    of the input.
    """

    name = "stream.crop"

    input = operand_def(STREAM)
    starts = prop_def(DenseArrayBase.constr(i64))
    strides = prop_def(DenseArrayBase.constr(i64))
    result = result_def(STREAM)

    def __init__(
        self,
        source: SSAValue,
        starts: Sequence[int],
        strides: Sequence[int],
        size: tuple[int, int],
        layer: str | StringAttr | None = None,
    ):
        kind = stream_type(source)
        super().__init__(
            [source],
            [StreamType(*size, kind.length.data, kind.element)],
            layer,
            starts=i64_array(starts),
            strides=i64_array(strides),
        )

    @property
    def lines(self) -> list[range]:
        """
        The rows and the columns that stay.
        """
        kind = stream_type(self.result)
        pairs = zip(
            self.starts.get_values(), self.strides.get_values(), (kind.rows.data, kind.columns.data), strict=True
        )
        return [range(start, start + step * count, step) for start, step, count in pairs]

    def verify_(self) -> None:
        source, result = stream_type(self.input), stream_type(self.result)
        require(source.element == result.element, f"input has elements {source.element} but result {result.element}")
        require(
            source.length == result.length,
            f"input has positions of {source.length.data} elements but result of {result.length.data}",
        )
        starts, strides = self.starts.get_values(), self.strides.get_values()
        require(
            len(starts) == len(strides) == 2 and min(starts) >= 0 and min(strides) >= 1,
            f"starts {list(starts)} and strides {list(strides)} should be those of rows and columns",
        )
        sizes = (source.rows.data, source.columns.data)
        require(
            all(line[-1] < size for line, size in zip(self.lines, sizes, strict=True)),
            f"rows and columns {[line[-1] for line in self.lines]} are outside a frame of {list(sizes)}",
        )
        require_group(self, self.input, self.result)


def crop_of(order: NDArray[np.int64], source: StreamType, size: tuple[int, int]) -> list[range] | None:
    """
    The rows and columns of a frame that `order` keeps where it drops positions and moves nothing; None elsewhere.
    """
    rows, columns, length = size[0], size[1], source.length.data
    if len(order) != rows * columns * length or len(order) >= source.positions * length:
        return None
    first = order.reshape(rows, columns, length)[:, :, 0] // length
    lines: list[range] = []
    for picked in (first[:, 0] // source.columns.data, first[0] % source.columns.data):
        step = int(picked[1] - picked[0]) if len(picked) > 1 else 1
        if step < 1:
            return None
        lines.append(range(int(picked[0]), int(picked[0]) + step * len(picked), step))
    pixels = np.array(lines[0])[:, None] * source.columns.data + np.array(lines[1])
    kept = pixels[:, :, None] * length + np.arange(length)
    return lines if np.array_equal(order, kept.reshape(-1)) else None
