"""
Activations of a few levels: rounding, and counts of thresholds.
"""

from __future__ import annotations

from typing import ClassVar

from xdsl.dialects.builtin import IntegerAttr, StringAttr, TensorType, f64, i64
from xdsl.ir import Attribute, SSAValue
from xdsl.irdl import (
    VarConstraint,
    irdl_op_definition,
    operand_def,
    prop_def,
    result_def,
)

from blendir.dialects.blend.base import i64_attr, require, require_shape, retyped
from blendir.dialects.blend.conv import POSITIVE
from blendir.dialects.blend.interfaces import Elementwise
from blendir.dialects.blend.types import AXIS, BIT, FIXED, NUMBER, REAL, FixedType, element_format, tensor_type
from blendir.numerics import Format, signed_bits


@irdl_op_definition
class RoundOp(Elementwise):
    """
    `y` is the integer nearest to x, the even one of two.
    """

    name = "blend.round"

    T: ClassVar = VarConstraint("T", TensorType.constr(REAL))

    input = operand_def(T)
    result = result_def(T)

    assembly_format = "$input attr-dict `:` type($input)"

    def __init__(self, source: SSAValue, layer: str | StringAttr | None = None):
        super().__init__([source], [source.type], layer)


def level_type(low: int, high: int) -> FixedType:
    """
    The type of integer levels.
    """
    return FixedType.of(Format(max(2, signed_bits(low, high)), 0))


def require_levels(low: int, high: int, element: Attribute) -> None:
    """
    Levels are integers of a type without fractional bits.
    """
    fmt = element_format(element)
    require(
        fmt.frac == 0 and fmt.low <= low and high <= fmt.high, f"levels {low} .. {high} are not integers of {element}"
    )


@irdl_op_definition
class MultiThresholdOp(Elementwise):
    """
    `y = lowest + step * sum_l ((x >= thresholds[c, l]) xor invert[c])`, an exact integer at every stage.

    A uniform quantizer behind any monotone function (MultiThreshold in FINN, Umuroglu et al., 2017). The thresholds of
    a float input are floats, of any other input integers of the input's grid.
    """

    name = "blend.multi_threshold"
    UNBOUNDED: ClassVar = ("thresholds",)

    input = operand_def(TensorType.constr(NUMBER))
    thresholds = operand_def(TensorType)
    invert = operand_def(TensorType.constr(BIT))
    lowest = prop_def(IntegerAttr.constr(type=i64))
    step = prop_def(POSITIVE, default_value=i64_attr(1))
    axis = prop_def(AXIS, default_value=i64_attr(1))
    result = result_def(TensorType.constr(FIXED))

    def __init__(
        self,
        source: SSAValue,
        thresholds: SSAValue,
        invert: SSAValue,
        lowest: int,
        step: int = 1,
        axis: int = 1,
        layer: str | StringAttr | None = None,
    ):
        highest = lowest + step * tensor_type(thresholds).get_shape()[1]
        super().__init__(
            [source, thresholds, invert],
            [retyped(source, level_type(lowest, highest))],
            layer,
            lowest=i64_attr(lowest),
            step=i64_attr(step),
            axis=i64_attr(axis),
        )

    @property
    def levels(self) -> range:
        """
        The values of the result, lowest first.
        """
        lowest, step = self.lowest.value.data, self.step.value.data
        return range(lowest, lowest + step * tensor_type(self.thresholds).get_shape()[1] + 1, step)

    def verify_(self) -> None:
        require_shape("result", self.result, tensor_type(self.input).get_shape())
        shape, axis = list(tensor_type(self.input).get_shape()), self.axis.value.data
        require(axis < len(shape), f"axis {axis} is not a dimension of {shape}")
        limits = tensor_type(self.thresholds).get_shape()
        require(len(limits) == 2, f"thresholds should be [channels, levels], got {list(limits)}")
        require_shape("thresholds", self.thresholds, (shape[axis], limits[1]))
        require_shape("invert", self.invert, (shape[axis],))
        element = tensor_type(self.input).element_type
        expected, actual = f64 if element == f64 else i64, tensor_type(self.thresholds).element_type
        require(actual == expected, f"thresholds of {element} should be {expected}, got {actual}")
        require_levels(self.levels[0], self.levels[-1], tensor_type(self.result).element_type)
