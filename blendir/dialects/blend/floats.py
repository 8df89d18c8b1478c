"""
Float functions that folding removes.
"""

from __future__ import annotations

from abc import ABC
from typing import ClassVar

import numpy as np
from xdsl.dialects.builtin import FloatAttr, StringAttr, TensorType, f64, i1
from xdsl.ir import SSAValue
from xdsl.irdl import (
    VarConstraint,
    irdl_op_definition,
    operand_def,
    prop_def,
    result_def,
)

from blendir.dialects.blend.base import (
    REPAIR,
    i64_attr,
    require,
    require_channels,
    require_epsilon,
    require_shape,
    retyped,
)
from blendir.dialects.blend.interfaces import Elementwise
from blendir.dialects.blend.shape import ConstantOp
from blendir.dialects.blend.types import (
    AXIS,
    BIT,
    NUMBER,
    REAL,
    tensor_type,
)

NO_ROOT = f"but should be above 0; {REPAIR}"


class RealUnaryOp(Elementwise, ABC):
    """
    A function of single floats.
    """

    T: ClassVar = VarConstraint("T", TensorType.constr(REAL))

    input = operand_def(T)
    result = result_def(T)

    assembly_format = "$input attr-dict `:` type($input)"

    def __init__(self, source: SSAValue, layer: str | StringAttr | None = None):
        super().__init__([source], [source.type], layer)


@irdl_op_definition
class ReluOp(RealUnaryOp):
    """
    `y = max(x, 0)`.
    """

    name = "blend.relu"


@irdl_op_definition
class SignOp(Elementwise):
    """
    `y = (x >= 0)`, so that zero gives bit 1 (+1).
    """

    name = "blend.sign"

    input = operand_def(TensorType.constr(NUMBER))
    result = result_def(TensorType.constr(BIT))

    assembly_format = "$input attr-dict `:` type($input) `->` type($result)"

    def __init__(self, source: SSAValue, layer: str | StringAttr | None = None):
        result = retyped(source, i1)
        super().__init__([source], [result], layer)

    def verify_(self) -> None:
        require_shape("result", self.result, tensor_type(self.input).get_shape())


@irdl_op_definition
class PReluOp(Elementwise):
    """
    `y = x >= 0 ? x : slope[c] * x`.
    """

    name = "blend.prelu"

    T: ClassVar = VarConstraint("T", TensorType.constr(REAL))

    input = operand_def(T)
    slope = operand_def(TensorType.constr(REAL))
    axis = prop_def(AXIS, default_value=i64_attr(1))
    result = result_def(T)

    def __init__(self, source: SSAValue, slope: SSAValue, axis: int = 1, layer: str | StringAttr | None = None):
        super().__init__([source, slope], [source.type], layer, axis=i64_attr(axis))

    def verify_(self) -> None:
        require_channels(self, self.axis, self.input, self.slope)


@irdl_op_definition
class BatchNormOp(Elementwise):
    """
    `y = gamma[c] * (x - mean[c]) / sqrt(variance[c] + epsilon) + beta[c]` (BlendNet, algorithm 1).
    """

    name = "blend.batch_norm"

    T: ClassVar = VarConstraint("T", TensorType.constr(REAL))

    input = operand_def(T)
    gamma = operand_def(TensorType.constr(REAL))
    beta = operand_def(TensorType.constr(REAL))
    mean = operand_def(TensorType.constr(REAL))
    variance = operand_def(TensorType.constr(REAL))
    epsilon = prop_def(FloatAttr.constr(type=REAL))
    axis = prop_def(AXIS, default_value=i64_attr(1))
    result = result_def(T)

    def __init__(
        self,
        source: SSAValue,
        gamma: SSAValue,
        beta: SSAValue,
        mean: SSAValue,
        variance: SSAValue,
        epsilon: float,
        axis: int = 1,
        layer: str | StringAttr | None = None,
    ):
        super().__init__(
            [source, gamma, beta, mean, variance],
            [source.type],
            layer,
            epsilon=FloatAttr(epsilon, f64),
            axis=i64_attr(axis),
        )

    def verify_(self) -> None:
        require_channels(self, self.axis, self.input, self.gamma, self.beta, self.mean, self.variance)
        require_epsilon(self.epsilon)
        owner = self.variance.owner
        if isinstance(owner, ConstantOp):
            least = float(owner.numpy().min(initial=np.inf)) + self.epsilon.value.data
            require(least > 0, f"variance + epsilon is {least:g} in places, {NO_ROOT}")
