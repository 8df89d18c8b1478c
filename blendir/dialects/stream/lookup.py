"""
The process that reads a function from a table.
"""

from __future__ import annotations

from xdsl.dialects.builtin import StringAttr, TensorType
from xdsl.ir import SSAValue
from xdsl.irdl import irdl_op_definition, operand_def, opt_attr_def, result_def

from blendir.dialects.blend.activation import require_table
from blendir.dialects.blend.types import FIXED, tensor_type
from blendir.dialects.stream.elementwise import ElementwiseOp, unary_result
from blendir.dialects.stream.types import STREAM, TABLE_STORAGE, stream_type


@irdl_op_definition
class LookupOp(ElementwiseOp):
    """
    `y = table[x - low]`; `storage` says what keeps the table: lutram or bram.
    """

    name = "stream.lookup"

    input = operand_def(STREAM)
    table = operand_def(TensorType.constr(FIXED))
    storage = opt_attr_def(TABLE_STORAGE)
    result = result_def(STREAM)

    def __init__(self, source: SSAValue, table: SSAValue, layer: str | StringAttr | None = None):
        super().__init__([source, table], [unary_result(source, tensor_type(table).element_type)], layer)

    def verify_(self) -> None:
        self.verify_elementwise()
        require_table(stream_type(self.input).element, self.table, stream_type(self.result).element)
