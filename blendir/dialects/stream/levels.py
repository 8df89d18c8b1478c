"""
The process that counts thresholds.
"""

from __future__ import annotations

from xdsl.dialects.builtin import IntegerAttr, StringAttr, TensorType, i64
from xdsl.ir import Attribute, SSAValue
from xdsl.irdl import irdl_op_definition, operand_def, prop_def, result_def

from blendir.dialects.blend.base import i64_attr, require
from blendir.dialects.blend.levels import require_levels
from blendir.dialects.blend.types import BIT, tensor_type
from blendir.dialects.stream.elementwise import FunctionOp, unary_result
from blendir.dialects.stream.types import STREAM, stream_type


@irdl_op_definition
class MultiThresholdOp(FunctionOp):
    """
    `y = lowest + step * sum_l ((x >= thresholds[.., l]) xor invert)`.
    """

    name = "stream.multi_threshold"

    input = operand_def(STREAM)
    thresholds = operand_def(TensorType)
    invert = operand_def(TensorType.constr(BIT))
    lowest = prop_def(IntegerAttr.constr(type=i64))
    step = prop_def(IntegerAttr.constr(type=i64))
    result = result_def(STREAM)

    def __init__(
        self,
        source: SSAValue,
        thresholds: SSAValue,
        invert: SSAValue,
        lowest: int,
        step: int,
        element: Attribute,
        layer: str | StringAttr | None = None,
    ):
        super().__init__(
            [source, thresholds, invert],
            [unary_result(source, element)],
            layer,
            lowest=i64_attr(lowest),
            step=i64_attr(step),
        )

    def verify_(self) -> None:
        self.verify_elementwise([self.invert])
        shape = tensor_type(self.thresholds).get_shape()
        count = tensor_type(self.invert).get_shape()[0]
        require(
            len(shape) == 2 and shape[0] == count,
            f"thresholds should be [{count}, levels], got {list(shape)}",
        )
        lowest = self.lowest.value.data
        require_levels(lowest, lowest + self.step.value.data * shape[1], stream_type(self.result).element)
