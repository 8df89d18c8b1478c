"""
The product of two values.
"""

from __future__ import annotations

from xdsl.dialects.builtin import StringAttr, TensorType, f64
from xdsl.ir import SSAValue
from xdsl.irdl import irdl_op_definition, operand_def, prop_def, result_def
from xdsl.utils.exceptions import VerifyException

from blendir import widths
from blendir.dialects.blend.base import BlendOp, require, require_shape, retyped
from blendir.dialects.blend.exact import require_exact
from blendir.dialects.blend.types import (
    FIXED,
    HALF_UP,
    NUMBER,
    REAL,
    RoundingAttr,
    Tensor,
    element_format,
    tensor_type,
)
from blendir.numerics import Rounding


@irdl_op_definition
class MultiplyOp(BlendOp):
    """
    `y = a * b`, element by element; b has the shape of a, or [N, C, 1, ..] and multiplies every position of a, as a
    gate per channel does (Real-to-Binary, Martinez et al., 2020). In fixed point the exact product is rounded once and
    saturated once.
    """

    name = "blend.multiply"

    lhs = operand_def(TensorType.constr(NUMBER))
    rhs = operand_def(TensorType.constr(NUMBER))
    rounding = prop_def(RoundingAttr, default_value=HALF_UP)
    result = result_def(TensorType.constr(REAL | FIXED))

    def __init__(
        self,
        lhs: SSAValue,
        rhs: SSAValue,
        layer: str | StringAttr | None = None,
        result_type: Tensor | None = None,
        rounding: Rounding = Rounding.HALF_UP,
    ):
        super().__init__(
            [lhs, rhs],
            [result_type or retyped(lhs, f64)],
            layer,
            rounding=RoundingAttr(rounding),
        )

    @property
    def is_gate(self) -> bool:
        """
        Whether the right operand has one position for all of the left one's.
        """
        return tensor_type(self.lhs).get_shape() != tensor_type(self.rhs).get_shape()

    def verify_(self) -> None:
        shape, factor = tensor_type(self.lhs).get_shape(), tensor_type(self.rhs).get_shape()
        gate = (*shape[:2], *[1] * (len(shape) - 2))
        if factor not in (shape, gate):
            raise VerifyException(
                f"right operand has shape {list(factor)} but should have {list(shape)} or {list(gate)}"
            )
        require_shape("result", self.result, shape)
        kinds = [tensor_type(v).element_type for v in (self.lhs, self.rhs)]
        if tensor_type(self.result).element_type == f64:
            return
        require(f64 not in kinds, f"floats and fixed point do not mix, got {list(map(str, kinds))}")
        terms = {"a product": widths.product(*map(element_format, kinds))}
        require_exact(terms, tensor_type(self.result).element_type)
