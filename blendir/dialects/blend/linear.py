"""
Linear layers.
"""

from __future__ import annotations

from abc import ABC

from xdsl.dialects.builtin import StringAttr, TensorType, f64, i32
from xdsl.ir import Attribute, SSAValue
from xdsl.irdl import (
    irdl_op_definition,
    operand_def,
    prop_def,
    result_def,
)

from blendir.dialects.blend.base import (
    BlendOp,
    i64_attr,
    require,
    require_lanes,
    require_product_grid,
    require_rank,
    require_shape,
)
from blendir.dialects.blend.conv import POSITIVE
from blendir.dialects.blend.exact import require_count, require_sums
from blendir.dialects.blend.types import (
    BIT,
    COUNT,
    FIXED,
    HALF_UP,
    NUMBER,
    PIXEL,
    REAL,
    WORD,
    FixedType,
    RoundingAttr,
    tensor_type,
)
from blendir.numerics import Rounding


class MatrixOp(BlendOp, ABC):
    """
    A product with weights [O, I] of input [N, I].
    """

    def verify_matrix(self) -> None:
        """
        Checks shapes.
        """
        source = require_rank("input", self.operands[0], 2).get_shape()
        weight = require_rank("weight", self.operands[1], 2).get_shape()
        require(source[1] == weight[1], f"input has {source[1]} features but weight expects {weight[1]}")
        require_shape("result", self.results[0], (source[0], weight[0]))


def matrix_result(source: SSAValue, weight: SSAValue, element: Attribute) -> TensorType[Attribute]:
    """
    The type that a linear layer returns.
    """
    return TensorType(element, (tensor_type(source).get_shape()[0], tensor_type(weight).get_shape()[0]))


@irdl_op_definition
class LinearOp(MatrixOp):
    """
    `y[o] = bias[o] + sum_i w[o, i] * x[i]`.
    """

    name = "blend.linear"

    input = operand_def(TensorType.constr(NUMBER))
    weight = operand_def(TensorType.constr(REAL))
    bias = operand_def(TensorType.constr(REAL))
    result = result_def(TensorType.constr(REAL))

    def __init__(self, source: SSAValue, weight: SSAValue, bias: SSAValue, layer: str | StringAttr | None = None):
        super().__init__([source, weight, bias], [matrix_result(source, weight, f64)], layer)

    def verify_(self) -> None:
        self.verify_matrix()
        require_shape("bias", self.bias, (tensor_type(self.weight).get_shape()[0],))


@irdl_op_definition
class FixedLinearOp(MatrixOp):
    """
    `linear` in fixed point: the exact sum on the grid of the products is rounded once and saturated once.
    """

    name = "blend.fixed_linear"

    input = operand_def(TensorType.constr(PIXEL | FIXED))
    weight = operand_def(TensorType.constr(FIXED))
    bias = operand_def(TensorType.constr(FIXED))
    rounding = prop_def(RoundingAttr, default_value=HALF_UP)
    result = result_def(TensorType.constr(FIXED))

    def __init__(
        self,
        source: SSAValue,
        weight: SSAValue,
        bias: SSAValue,
        element: FixedType,
        layer: str | StringAttr | None = None,
        rounding: Rounding = Rounding.HALF_UP,
    ):
        super().__init__(
            [source, weight, bias], [matrix_result(source, weight, element)], layer, rounding=RoundingAttr(rounding)
        )

    def verify_(self) -> None:
        self.verify_matrix()
        require_shape("bias", self.bias, (tensor_type(self.weight).get_shape()[0],))
        require_product_grid(
            "bias",
            tensor_type(self.input).element_type,
            tensor_type(self.weight).element_type,
            tensor_type(self.bias).element_type,
        )
        source, result = (tensor_type(v).element_type for v in (self.input, self.result))
        require_sums(source, self.weight, self.bias, result)


@irdl_op_definition
class BinaryLinearOp(MatrixOp):
    """
    `v[o] = sum_i w[o, i] * x[i]` over +-1, an exact integer.
    """

    name = "blend.binary_linear"

    input = operand_def(TensorType.constr(BIT))
    weight = operand_def(TensorType.constr(BIT))
    result = result_def(TensorType.constr(COUNT))

    def __init__(self, source: SSAValue, weight: SSAValue, layer: str | StringAttr | None = None):
        super().__init__([source, weight], [matrix_result(source, weight, i32)], layer)

    def verify_(self) -> None:
        self.verify_matrix()
        require_count(tensor_type(self.weight).get_shape()[1], i32)


@irdl_op_definition
class PackedBinaryLinearOp(MatrixOp):
    """
    `binary_linear` on words: `channels - 2 * popcount(x xor w)`.
    """

    name = "blend.packed_binary_linear"

    input = operand_def(TensorType.constr(WORD))
    weight = operand_def(TensorType.constr(WORD))
    channels = prop_def(POSITIVE)
    result = result_def(TensorType.constr(COUNT))

    def __init__(self, source: SSAValue, weight: SSAValue, channels: int, layer: str | StringAttr | None = None):
        super().__init__([source, weight], [matrix_result(source, weight, i32)], layer, channels=i64_attr(channels))

    def verify_(self) -> None:
        self.verify_matrix()
        require_lanes(self.channels.value.data, tensor_type(self.input).get_shape()[1])
        require_count(self.channels.value.data, i32)
