"""
Convolutions, and what they share with pooling.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence

from xdsl.dialects.builtin import DenseArrayBase, IntegerAttr, StringAttr, TensorType, f64, i32, i64
from xdsl.ir import Attribute, SSAValue
from xdsl.irdl import (
    AtLeast,
    irdl_op_definition,
    operand_def,
    opt_operand_def,
    prop_def,
    result_def,
)

from blendir.dialects.blend.base import (
    BlendOp,
    i64_array,
    i64_attr,
    require,
    require_geometry,
    require_lanes,
    require_product_grid,
    require_rank,
    require_shape,
    spatial_result,
)
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
    PadModeAttr,
    RoundingAttr,
    tensor_type,
)
from blendir.numerics import PadMode, Rounding, border_classes

PAIR = DenseArrayBase.constr(i64)
POSITIVE = IntegerAttr.constr(type=i64, value=AtLeast(1))


class WindowOp(BlendOp, ABC):
    """
    An operation on windows of [N, C, H, W].
    """

    strides = prop_def(PAIR)
    padding = prop_def(PAIR)

    @property
    @abstractmethod
    def window(self) -> tuple[int, int]:
        """
        The kernel's height and width.
        """

    @property
    def stride(self) -> tuple[int, int]:
        """
        Vertical and horizontal stride.
        """
        down, right = self.strides.get_values()
        return int(down), int(right)

    @property
    def pads(self) -> tuple[int, int]:
        """
        Padding above and below, and to both sides.
        """
        rows, columns = self.padding.get_values()
        return int(rows), int(columns)

    def borders(self, shape: Sequence[int]) -> tuple[list[tuple[int, ...]], list[tuple[int, ...]]]:
        """
        Per vertical and horizontal border class of an input of `shape`, the taps inside.
        """
        rows, columns = (border_classes(shape[2 + d], self.window[d], self.stride[d], self.pads[d])[1] for d in (0, 1))
        return rows, columns

    def verify_window(self, source: SSAValue, channels: int) -> None:
        """
        Checks the geometry and the result's shape.
        """
        shape = require_rank("input", source, 4).get_shape()
        strides, padding = self.strides.get_values(), self.padding.get_values()
        require_geometry(self.window, strides, padding)
        require_shape("result", self.results[0], spatial_result(shape, channels, self.window, strides, padding))


class ConvOp(WindowOp, ABC):
    """
    A window operation with weights [O, I, KH, KW].
    """

    @property
    def window(self) -> tuple[int, int]:
        height, width = tensor_type(self.operands[1]).get_shape()[2:]
        return height, width

    def verify_conv(self) -> None:
        """
        Checks geometry and channels.
        """
        source = require_rank("input", self.operands[0], 4).get_shape()
        weight = require_rank("weight", self.operands[1], 4).get_shape()
        require(source[1] == weight[1], f"input has {source[1]} channels but weight expects {weight[1]}")
        self.verify_window(self.operands[0], weight[0])


def conv_result(
    source: SSAValue, weight: SSAValue, strides: Sequence[int], padding: Sequence[int], element: Attribute
) -> TensorType[Attribute]:
    """
    The type that a convolution returns.
    """
    shape = tensor_type(weight).get_shape()
    return TensorType(element, spatial_result(tensor_type(source).get_shape(), shape[0], shape[2:], strides, padding))


class BiasedConvOp(ConvOp, ABC):
    """
    A convolution with bias [O], or [O, rows, columns] for each border class, and a value per channel to pad with.

    Border classes are those of `numerics.border_classes`; without `pad` the input is padded with zeros.
    """

    def verify_bias(self, bias: SSAValue, pad: SSAValue | None) -> None:
        """
        Checks geometry, bias and pad.
        """
        self.verify_conv()
        shape = tensor_type(self.operands[0]).get_shape()
        outputs = tensor_type(self.operands[1]).get_shape()[0]
        if tensor_type(bias).get_num_dims() == 1:
            require_shape("bias", bias, (outputs,))
        else:
            rows, columns = self.borders(shape)
            require_shape("bias", bias, (outputs, len(rows), len(columns)))
        if pad is not None:
            require_shape("pad", pad, (shape[1],))


@irdl_op_definition
class Conv2dOp(BiasedConvOp):
    """
    `y[o, p] = bias[o, class(p)] + sum_{i, tap} w[o, i, tap] * x[i, p * stride + tap - padding]`.

    Outside the input x is `pad[i]`, or 0.
    """

    name = "blend.conv2d"

    input = operand_def(TensorType.constr(NUMBER))
    weight = operand_def(TensorType.constr(REAL))
    bias = operand_def(TensorType.constr(REAL))
    pad = opt_operand_def(TensorType.constr(REAL))
    result = result_def(TensorType.constr(REAL))

    def __init__(
        self,
        source: SSAValue,
        weight: SSAValue,
        bias: SSAValue,
        strides: Sequence[int],
        padding: Sequence[int],
        pad: SSAValue | None = None,
        layer: str | StringAttr | None = None,
    ):
        super().__init__(
            [source, weight, bias, pad],
            [conv_result(source, weight, strides, padding, f64)],
            layer,
            strides=i64_array(strides),
            padding=i64_array(padding),
        )

    def verify_(self) -> None:
        self.verify_bias(self.bias, self.pad)


@irdl_op_definition
class FixedConv2dOp(BiasedConvOp):
    """
    `conv2d` in fixed point: the exact sum on the grid of the products is rounded once and saturated once.

    Bias is on the products' grid, pad on the input's.
    """

    name = "blend.fixed_conv2d"

    input = operand_def(TensorType.constr(PIXEL | FIXED))
    weight = operand_def(TensorType.constr(FIXED))
    bias = operand_def(TensorType.constr(FIXED))
    pad = opt_operand_def(TensorType.constr(PIXEL | FIXED))
    rounding = prop_def(RoundingAttr, default_value=HALF_UP)
    result = result_def(TensorType.constr(FIXED))

    def __init__(
        self,
        source: SSAValue,
        weight: SSAValue,
        bias: SSAValue,
        strides: Sequence[int],
        padding: Sequence[int],
        element: FixedType,
        pad: SSAValue | None = None,
        layer: str | StringAttr | None = None,
        rounding: Rounding = Rounding.HALF_UP,
    ):
        super().__init__(
            [source, weight, bias, pad],
            [conv_result(source, weight, strides, padding, element)],
            layer,
            strides=i64_array(strides),
            padding=i64_array(padding),
            rounding=RoundingAttr(rounding),
        )

    def verify_(self) -> None:
        self.verify_bias(self.bias, self.pad)
        source = tensor_type(self.input).element_type
        require_product_grid("bias", source, tensor_type(self.weight).element_type, tensor_type(self.bias).element_type)
        if self.pad is not None:
            pad = tensor_type(self.pad).element_type
            require(pad == source, f"pad has type {pad} but the input {source}")


@irdl_op_definition
class BinaryConv2dOp(ConvOp):
    """
    `v[o, p] = sum_{i, tap} w[o, i, tap] * x[i, p * stride + tap - padding]` over +-1, an exact integer.

    Outside taps add nothing (zero_exact), or count as +1 or -1.
    """

    name = "blend.binary_conv2d"

    input = operand_def(TensorType.constr(BIT))
    weight = operand_def(TensorType.constr(BIT))
    pad_mode = prop_def(PadModeAttr, default_value=PadModeAttr(PadMode.ZERO_EXACT))
    result = result_def(TensorType.constr(COUNT))

    def __init__(
        self,
        source: SSAValue,
        weight: SSAValue,
        strides: Sequence[int],
        padding: Sequence[int],
        pad_mode: PadMode = PadMode.ZERO_EXACT,
        layer: str | StringAttr | None = None,
    ):
        super().__init__(
            [source, weight],
            [conv_result(source, weight, strides, padding, i32)],
            layer,
            strides=i64_array(strides),
            padding=i64_array(padding),
            pad_mode=PadModeAttr(pad_mode),
        )

    def verify_(self) -> None:
        self.verify_conv()


@irdl_op_definition
class PackedBinaryConv2dOp(ConvOp):
    """
    `binary_conv2d` on words: `n - 2 * popcount(x xor w)` over the n real lanes of the taps inside.

    `channels` is the number of real lanes of a tap.
    """

    name = "blend.packed_binary_conv2d"

    input = operand_def(TensorType.constr(WORD))
    weight = operand_def(TensorType.constr(WORD))
    channels = prop_def(POSITIVE)
    pad_mode = prop_def(PadModeAttr, default_value=PadModeAttr(PadMode.ZERO_EXACT))
    result = result_def(TensorType.constr(COUNT))

    def __init__(
        self,
        source: SSAValue,
        weight: SSAValue,
        channels: int,
        strides: Sequence[int],
        padding: Sequence[int],
        pad_mode: PadMode = PadMode.ZERO_EXACT,
        layer: str | StringAttr | None = None,
    ):
        super().__init__(
            [source, weight],
            [conv_result(source, weight, strides, padding, i32)],
            layer,
            channels=i64_attr(channels),
            strides=i64_array(strides),
            padding=i64_array(padding),
            pad_mode=PadModeAttr(pad_mode),
        )

    def verify_(self) -> None:
        self.verify_conv()
        require_lanes(self.channels.value.data, tensor_type(self.input).get_shape()[1])
