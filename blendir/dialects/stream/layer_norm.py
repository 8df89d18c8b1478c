"""
The process that normalizes the elements of each position.
"""

from __future__ import annotations

from xdsl.dialects.builtin import IntegerAttr, StringAttr, TensorType, i64
from xdsl.ir import Attribute, SSAValue
from xdsl.irdl import AtLeast, irdl_op_definition, operand_def, prop_def, result_def

from blendir.dialects.blend.base import i64_attr, require_shape
from blendir.dialects.blend.layer_norm import require_norm
from blendir.dialects.blend.types import FIXED, HALF_UP, RoundingAttr
from blendir.dialects.stream.elementwise import ElementwiseOp, unary_result
from blendir.dialects.stream.types import STREAM, stream_type
from blendir.numerics import Rounding


@irdl_op_definition
class LayerNormOp(ElementwiseOp):
    """
    `y = saturate(round(gamma[c] * u + beta[c]))` with u = `numerics.standardize` of each position.

    A position leaves while the next one is read.
    """

    name = "stream.layer_norm"

    input = operand_def(STREAM)
    gamma = operand_def(TensorType.constr(FIXED))
    beta = operand_def(TensorType.constr(FIXED))
    epsilon = prop_def(IntegerAttr.constr(type=i64, value=AtLeast(0)))
    rounding = prop_def(RoundingAttr, default_value=HALF_UP)
    result = result_def(STREAM)

    def __init__(
        self,
        source: SSAValue,
        gamma: SSAValue,
        beta: SSAValue,
        epsilon: int,
        element: Attribute,
        rounding: Rounding,
        layer: str | StringAttr | None = None,
    ):
        super().__init__(
            [source, gamma, beta],
            [unary_result(source, element)],
            layer,
            epsilon=i64_attr(epsilon),
            rounding=RoundingAttr(rounding),
        )

    def verify_(self) -> None:
        self.verify_elementwise()
        kind = stream_type(self.input)
        for name, parameter in (("gamma", self.gamma), ("beta", self.beta)):
            require_shape(name, parameter, (kind.length.data,))
        result = stream_type(self.result).element
        require_norm(kind.element, kind.length.data, self.gamma, self.beta, self.epsilon, result)
