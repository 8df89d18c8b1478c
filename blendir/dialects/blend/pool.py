"""
Pooling.
"""

from __future__ import annotations

from abc import ABC
from collections.abc import Sequence

from xdsl.dialects.builtin import DenseArrayBase, StringAttr, TensorType, f64, i64
from xdsl.ir import Attribute, SSAValue
from xdsl.irdl import (
    irdl_op_definition,
    operand_def,
    opt_attr_def,
    prop_def,
    result_def,
)

from blendir import widths
from blendir.dialects.blend.base import (
    DENSE,
    dilation_attr,
    i64_array,
    i64_attr,
    padding_attr,
    require,
    require_rank,
    spatial_result,
    window_axes,
)
from blendir.dialects.blend.conv import PAIR, POSITIVE, WindowOp
from blendir.dialects.blend.exact import require_compared
from blendir.dialects.blend.interfaces import KeepsFormat
from blendir.dialects.blend.types import (
    ANY_ELEMENT,
    FIXED,
    NUMBER,
    REAL,
    FixedType,
    element_format,
    tensor_type,
)


class PoolOp(WindowOp, ABC):
    """
    A reduction of windows, channel by channel.
    """

    kernel = prop_def(PAIR)

    @property
    def window(self) -> tuple[int, int]:
        height, width = self.kernel.get_values()
        return int(height), int(width)

    def verify_window(self, source: SSAValue, channels: int) -> None:
        kernel = list(self.kernel.get_values())
        require(len(kernel) == 2, f"kernel {kernel} should be two numbers >= 1")
        super().verify_window(source, channels)


@irdl_op_definition
class AvgPool2dOp(PoolOp):
    """
    `y = sum of the window / divisor`, padded with zeros.

    In fixed point the divisor is a power of two and the result keeps every bit: its integers are the sums.
    """

    name = "blend.avg_pool2d"

    input = operand_def(TensorType.constr(NUMBER))
    divisor = prop_def(POSITIVE)
    result = result_def(TensorType.constr(REAL | FIXED))

    def __init__(
        self,
        source: SSAValue,
        kernel: Sequence[int],
        strides: Sequence[int],
        padding: Sequence[int],
        divisor: int,
        element: Attribute = f64,
        layer: str | StringAttr | None = None,
        dilation: Sequence[int] = DENSE,
    ):
        shape = tensor_type(source).get_shape()
        axes = window_axes(kernel, strides, padding, dilation)
        super().__init__(
            [source],
            [TensorType(element, spatial_result(shape, shape[1], axes))],
            layer,
            kernel=i64_array(kernel),
            strides=i64_array(strides),
            padding=padding_attr(padding),
            dilation=dilation_attr(dilation),
            divisor=i64_attr(divisor),
        )

    def verify_(self) -> None:
        source = require_rank("input", self.input, 4)
        self.verify_window(self.input, source.get_shape()[1])
        result = tensor_type(self.result).element_type
        if isinstance(result, FixedType):
            self.verify_exact(result)

    def verify_exact(self, result: FixedType) -> None:
        """
        The sums of a fixed-point input are the integers of the result.
        """
        divisor = self.divisor.value.data
        require(divisor & (divisor - 1) == 0, f"divisor {divisor} is not a power of two")
        source, taps = element_format(tensor_type(self.input).element_type), self.window[0] * self.window[1]
        exact = widths.average(source, taps, divisor)
        require(
            result.format.frac == exact.frac,
            f"result has {result.format.frac} fractional bits but the exact average has {exact.frac}",
        )
        require(
            result.format.width >= exact.width,
            f"result has {result.format.width} bits but the sum of {taps} needs {exact.width}",
        )
        require_compared("a sum", result.format)


@irdl_op_definition
class MaxPool2dOp(PoolOp, KeepsFormat):
    """
    `y = max of the window`; taps outside the input do not count. On bits and words this is OR; `lanes` names the lane
    of each channel of words where it is not the identity.
    """

    name = "blend.max_pool2d"

    input = operand_def(TensorType.constr(ANY_ELEMENT))
    lanes = opt_attr_def(DenseArrayBase.constr(i64))
    result = result_def(TensorType.constr(ANY_ELEMENT))

    def __init__(
        self,
        source: SSAValue,
        kernel: Sequence[int],
        strides: Sequence[int],
        padding: Sequence[int],
        layer: str | StringAttr | None = None,
        dilation: Sequence[int] = DENSE,
    ):
        kind = tensor_type(source)
        shape = kind.get_shape()
        axes = window_axes(kernel, strides, padding, dilation)
        super().__init__(
            [source],
            [TensorType(kind.element_type, spatial_result(shape, shape[1], axes))],
            layer,
            kernel=i64_array(kernel),
            strides=i64_array(strides),
            padding=padding_attr(padding),
            dilation=dilation_attr(dilation),
        )

    def verify_(self) -> None:
        source = require_rank("input", self.input, 4)
        self.verify_window(self.input, source.get_shape()[1])
        inside = [len(taps) for classes in self.borders(source.get_shape()) for taps in classes]
        require(min(inside) > 0, f"padding {list(self.pads)} makes windows without a tap inside: they have no maximum")
        result = tensor_type(self.result).element_type
        require(source.element_type == result, f"input has type {source.element_type} but result {result}")
        if isinstance(result, FixedType):
            require_compared("a maximum", result.format)
