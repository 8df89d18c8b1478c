"""
Layer normalization, in floats and in fixed point.
"""

from __future__ import annotations

from typing import ClassVar

from xdsl.dialects.builtin import FloatAttr, IntegerAttr, StringAttr, TensorType, f64, i64
from xdsl.ir import Attribute, SSAValue
from xdsl.irdl import (
    AtLeast,
    VarConstraint,
    irdl_op_definition,
    operand_def,
    prop_def,
    result_def,
)

from blendir import widths
from blendir.dialects.blend.base import (
    BlendOp,
    i64_attr,
    require,
    require_channels,
    require_epsilon,
    require_product_grid,
    require_shape,
    retyped,
)
from blendir.dialects.blend.exact import require_exact
from blendir.dialects.blend.types import (
    AXIS,
    FIXED,
    HALF_UP,
    PIXEL,
    REAL,
    FixedType,
    RoundingAttr,
    element_format,
    tensor_type,
)
from blendir.numerics import STANDARD_FRAC, Rounding

STANDARD = FixedType(32, 32 - STANDARD_FRAC)
"""A type with the unit of standardized values."""


@irdl_op_definition
class LayerNormOp(BlendOp):
    """
    `y = gamma[c] * (x - mean) / sqrt(variance + epsilon) + beta[c]` with the mean and the variance of each vector along
    the axis (Ba et al., 2016).
    """

    name = "blend.layer_norm"

    T: ClassVar = VarConstraint("T", TensorType.constr(REAL))

    input = operand_def(T)
    gamma = operand_def(TensorType.constr(REAL))
    beta = operand_def(TensorType.constr(REAL))
    epsilon = prop_def(FloatAttr.constr(type=REAL))
    axis = prop_def(AXIS)
    result = result_def(T)

    def __init__(
        self,
        source: SSAValue,
        gamma: SSAValue,
        beta: SSAValue,
        epsilon: float,
        axis: int,
        layer: str | StringAttr | None = None,
    ):
        super().__init__(
            [source, gamma, beta], [source.type], layer, epsilon=FloatAttr(epsilon, f64), axis=i64_attr(axis)
        )

    def verify_(self) -> None:
        require_channels(self, self.axis, self.input, self.gamma, self.beta)
        require_epsilon(self.epsilon)


@irdl_op_definition
class FixedLayerNormOp(BlendOp):
    """
    `y = saturate(round(gamma[c] * u + beta[c]))` with the 16-fractional-bit integers u of `numerics.standardize` along
    the axis: sums are exact, the reciprocal root is within 2**-16 of itself. epsilon counts squared units of the input
    over n**2; beta has the unit of the products.
    """

    name = "blend.fixed_layer_norm"

    input = operand_def(TensorType.constr(FIXED | PIXEL))
    gamma = operand_def(TensorType.constr(FIXED))
    beta = operand_def(TensorType.constr(FIXED))
    epsilon = prop_def(IntegerAttr.constr(type=i64, value=AtLeast(0)))
    axis = prop_def(AXIS)
    rounding = prop_def(RoundingAttr, default_value=HALF_UP)
    result = result_def(TensorType.constr(FIXED))

    def __init__(
        self,
        source: SSAValue,
        gamma: SSAValue,
        beta: SSAValue,
        epsilon: int,
        axis: int,
        element: FixedType,
        layer: str | StringAttr | None = None,
        rounding: Rounding = Rounding.HALF_UP,
    ):
        super().__init__(
            [source, gamma, beta],
            [retyped(source, element)],
            layer,
            epsilon=i64_attr(epsilon),
            axis=i64_attr(axis),
            rounding=RoundingAttr(rounding),
        )

    def verify_(self) -> None:
        shape = tensor_type(self.input).get_shape()
        require_shape("result", self.result, shape)
        require_channels(self, self.axis, self.input, self.gamma, self.beta)
        source, result = (tensor_type(v).element_type for v in (self.input, self.result))
        require_norm(source, shape[self.axis.value.data], self.gamma, self.beta, self.epsilon, result)


def require_norm(
    source: Attribute, count: int, gamma: SSAValue, beta: SSAValue, epsilon: IntegerAttr, result: Attribute
) -> None:
    """
    Machine words hold the sums over `count` elements and the result, and beta has the unit of gamma times 2**-16.
    """
    fmt, limit = element_format(source), widths.EPSILON_LIMIT
    fits = widths.fits_norm(fmt, count)
    require(fits, f"squares of {count} elements of {source} do not fit {widths.WORD} bits")
    require(epsilon.value.data <= limit, f"epsilon is above 2**{limit.bit_length() - 1}, got {epsilon.value.data}")
    factor, addend = (tensor_type(v).element_type for v in (gamma, beta))
    require_product_grid("beta", STANDARD, factor, addend)
    norm = widths.norm(fmt, count, epsilon.value.data)
    require_exact(widths.normalized(norm, element_format(factor), element_format(addend)), result)
