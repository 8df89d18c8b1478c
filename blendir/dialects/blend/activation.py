"""
Functions of single elements, as formulas and as tables.
"""

from __future__ import annotations

from typing import ClassVar

from xdsl.dialects.builtin import StringAttr, TensorType
from xdsl.dialects.utils import EnumAttribute
from xdsl.ir import Attribute, SpacedOpaqueSyntaxAttribute, SSAValue
from xdsl.irdl import (
    VarConstraint,
    irdl_attr_definition,
    irdl_op_definition,
    operand_def,
    prop_def,
    result_def,
)

from blendir.dialects.blend.base import require, require_shape, retyped
from blendir.dialects.blend.interfaces import Elementwise
from blendir.dialects.blend.types import FIXED, PIXEL, REAL, element_format, tensor_type
from blendir.functions import Function

INDEX_BITS = 16
"""The widest index of a table."""


@irdl_attr_definition
class FunctionAttr(EnumAttribute[Function], SpacedOpaqueSyntaxAttribute):
    """
    A scalar function.
    """

    name = "blend.function"


@irdl_op_definition
class ActivationOp(Elementwise):
    """
    `y = function(x)`, one of `blendir.functions`.
    """

    name = "blend.activation"

    T: ClassVar = VarConstraint("T", TensorType.constr(REAL))

    input = operand_def(T)
    function = prop_def(FunctionAttr)
    result = result_def(T)

    assembly_format = "$input attr-dict `:` type($input)"

    def __init__(self, source: SSAValue, function: Function, layer: str | StringAttr | None = None):
        super().__init__([source], [source.type], layer, function=FunctionAttr(function))


def require_table(source: Attribute, table: SSAValue, result: Attribute) -> None:
    """
    A table has an element of the result's type for each integer of the input's.
    """
    width = element_format(source).width
    require(width <= INDEX_BITS, f"a table for elements of {width} bits is larger than one for {INDEX_BITS}")
    require_shape("table", table, (1 << width,))
    element = tensor_type(table).element_type
    require(element == result, f"the table holds {element} but the result is {result}")


@irdl_op_definition
class LookupOp(Elementwise):
    """
    `y = table[x - low]`: an entry for each integer of the input's format, from the lowest one on.
    """

    name = "blend.lookup"

    input = operand_def(TensorType.constr(FIXED | PIXEL))
    table = operand_def(TensorType.constr(FIXED))
    result = result_def(TensorType.constr(FIXED))

    def __init__(self, source: SSAValue, table: SSAValue, layer: str | StringAttr | None = None):
        super().__init__([source, table], [retyped(source, tensor_type(table).element_type)], layer)

    def verify_(self) -> None:
        require_shape("result", self.result, tensor_type(self.input).get_shape())
        require_table(tensor_type(self.input).element_type, self.table, tensor_type(self.result).element_type)
