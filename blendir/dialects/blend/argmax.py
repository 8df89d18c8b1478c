"""
The place of the largest element.
"""

from __future__ import annotations

from xdsl.dialects.builtin import StringAttr, TensorType, f64
from xdsl.ir import Attribute, SSAValue
from xdsl.irdl import irdl_op_definition, operand_def, prop_def, result_def
from xdsl.utils.exceptions import VerifyException

from blendir.dialects.blend.base import BlendOp, i64_attr, require, require_shape
from blendir.dialects.blend.types import AXIS, FIXED, NUMBER, REAL, FixedType, tensor_type
from blendir.numerics import signed_bits


@irdl_op_definition
class ArgmaxOp(BlendOp):
    """
    `y = min {i : x[.., i, ..] >= x[.., j, ..] for all j}` along the axis, which the result has with size 1: the place
    of the largest element, of equal ones the first. A whole number. A size of k stands for the places of the k largest,
    the largest first.
    """

    name = "blend.argmax"

    input = operand_def(TensorType.constr(NUMBER))
    axis = prop_def(AXIS)
    result = result_def(TensorType.constr(REAL | FIXED))

    def __init__(
        self,
        source: SSAValue,
        axis: int,
        layer: str | StringAttr | None = None,
        element: Attribute | None = None,
        k: int = 1,
    ):
        shape = list(tensor_type(source).get_shape())
        super().__init__(
            [source],
            [TensorType(element or f64, [*shape[:axis], k, *shape[axis + 1 :]])],
            layer,
            axis=i64_attr(axis),
        )

    @property
    def count(self) -> int:
        """
        How many elements there are to choose from.
        """
        return tensor_type(self.input).get_shape()[self.axis.value.data]

    @property
    def k(self) -> int:
        """
        How many places there are, the size of the result along the axis.
        """
        return tensor_type(self.result).get_shape()[self.axis.value.data]

    def verify_(self) -> None:
        shape, axis = list(tensor_type(self.input).get_shape()), self.axis.value.data
        require(axis < len(shape), f"axis {axis} is not a dimension of {shape}")
        k = self.k if len(tensor_type(self.result).get_shape()) == len(shape) else 1
        require_shape("result", self.result, [*shape[:axis], min(k, shape[axis]), *shape[axis + 1 :]])
        if isinstance(kind := tensor_type(self.result).element_type, FixedType):
            require_index(self.count, kind)


def index_type(count: int) -> FixedType:
    """
    The narrowest type of a place among `count` elements.
    """
    width = max(2, signed_bits(0, count - 1))
    return FixedType(width, width)


def require_index(count: int, kind: Attribute) -> None:
    """
    A type holds every place among `count` elements as a whole number.
    """
    if not isinstance(kind, FixedType) or kind.format.frac or kind.format.high < count - 1:
        raise VerifyException(f"result has elements {kind} but should hold 0 .. {count - 1}, as {index_type(count)}")
