"""
The process that multiplies two streams.
"""

from __future__ import annotations

from xdsl.dialects.builtin import StringAttr
from xdsl.ir import Attribute, SSAValue
from xdsl.irdl import irdl_op_definition, operand_def, prop_def, result_def

from blendir.dialects.blend.base import layer_attr
from blendir.dialects.blend.types import HALF_UP, RoundingAttr
from blendir.dialects.stream.elementwise import unary_result
from blendir.dialects.stream.types import STREAM, ProcessOp, require_frames, require_group, stream_type
from blendir.numerics import Rounding


@irdl_op_definition
class MultiplyOp(ProcessOp):
    """
    `y = saturate(round(a * b))`. Where b has one position per frame it is a gate: it is read with the first position of
    a and kept for the others.
    """

    name = "stream.multiply"

    lhs = operand_def(STREAM)
    rhs = operand_def(STREAM)
    rounding = prop_def(RoundingAttr, default_value=HALF_UP)
    result = result_def(STREAM)

    def __init__(
        self,
        lhs: SSAValue,
        rhs: SSAValue,
        element: Attribute,
        rounding: Rounding,
        layer: str | StringAttr | None = None,
    ):
        super().__init__(
            operands=[lhs, rhs],
            result_types=[unary_result(lhs, element)],
            properties={"rounding": RoundingAttr(rounding)},
            attributes={"layer": layer_attr(layer)},
        )

    @property
    def held(self) -> int:
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
