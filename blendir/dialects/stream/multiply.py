"""
The process that multiplies two streams.
"""

from __future__ import annotations

from xdsl.irdl import irdl_op_definition

from blendir import widths
from blendir.dialects.blend.exact import require_exact
from blendir.dialects.stream.elementwise import PairOp
from blendir.dialects.stream.types import require_frames, require_group, stream_type


@irdl_op_definition
class MultiplyOp(PairOp):
    """
    `y = saturate(round(a * b))`. Where b has one position per frame it is a gate: it is read with the first position of
    a and kept for the others.
    """

    name = "stream.multiply"

    @property
    def reuse(self) -> int:
        """
        For how many positions of a each one of b is used.
        """
        return stream_type(self.lhs).positions // stream_type(self.rhs).positions

    def verify_(self) -> None:
        a, b = stream_type(self.lhs), stream_type(self.rhs)
        rows, columns = (1, 1) if b.positions == 1 else (a.rows.data, a.columns.data)
        require_frames("right operand", self.rhs, rows, columns, a.length.data)
        require_frames("result", self.result, a.rows.data, a.columns.data, a.length.data)
        require_group(self, self.lhs, self.rhs, self.result)
        require_exact({"a product": widths.product(a.format, b.format)}, stream_type(self.result).element)
