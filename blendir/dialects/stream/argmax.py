"""
The process that finds the place of the largest element.
"""

from __future__ import annotations

from xdsl.dialects.builtin import StringAttr
from xdsl.ir import Attribute, SSAValue
from xdsl.irdl import irdl_op_definition, operand_def, result_def

from blendir.dialects.blend.argmax import require_index
from blendir.dialects.blend.base import require
from blendir.dialects.stream.types import STREAM, ProcessOp, StreamType, require_frames, stream_type


@irdl_op_definition
class ArgmaxOp(ProcessOp):
    """
    At each position, the place of the largest element; of equal ones the first. Where the result has several elements,
    the places of as many, the largest first.
    """

    name = "stream.argmax"

    input = operand_def(STREAM)
    result = result_def(STREAM)

    def __init__(self, source: SSAValue, element: Attribute, layer: str | StringAttr | None = None, k: int = 1):
        kind = stream_type(source)
        super().__init__([source], [StreamType(kind.rows.data, kind.columns.data, k, element)], layer)

    def verify_(self) -> None:
        source, result = stream_type(self.input), stream_type(self.result)
        k = result.length.data
        require_frames("result", self.result, source.rows.data, source.columns.data, k)
        require(k <= source.length.data, f"{k} places of {source.length.data} elements")
        require_index(source.length.data, result.element)
        group, length = source.group.data, source.length.data
        require(length % group == 0, f"a group of {group} does not divide {length} elements")
