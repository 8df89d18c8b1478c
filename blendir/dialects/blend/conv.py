"""
Convolutions, and what they share with pooling.
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Sequence

from xdsl.dialects.builtin import DenseArrayBase, IntegerAttr, StringAttr, TensorType, f64, i32, i64
from xdsl.ir import Attribute, SSAValue
from xdsl.irdl import (
    AtLeast,
    irdl_op_definition,
    operand_def,
    opt_operand_def,
    opt_prop_def,
    prop_def,
    result_def,
)

from blendir.dialects.blend.base import (
    DENSE,
    BlendOp,
    dilation_attr,
    dilation_of,
    i64_array,
    i64_attr,
    padding_attr,
    require,
    require_geometry,
    require_lanes,
    require_product_grid,
    require_rank,
    require_shape,
    spatial_result,
    window_axes,
)
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
    PadModeAttr,
    RoundingAttr,
    tensor_type,
)
from blendir.numerics import PadMode, Rounding, WindowAxis, border_classes
from blendir.packing import WORD_BITS

PAIR = DenseArrayBase.constr(i64)
POSITIVE = IntegerAttr.constr(type=i64, value=AtLeast(1))


class WindowOp(BlendOp, ABC):
    """
    An operation on windows of [N, C, H, W]: tap t of output p is input `p * stride + t * dilation - padding`.

    `padding` is (top, left, bottom, right), or (top, left) where both ends are the same; without `dilation` it is 1.
    """

    strides = prop_def(PAIR)
    padding = prop_def(PAIR)
    dilation = opt_prop_def(PAIR)

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
    def pads(self) -> tuple[int, int, int, int]:
        """
        Padding at the top, left, bottom and right.
        """
        top, left, bottom, right = (*self.padding.get_values(), *self.padding.get_values())[:4]
        return int(top), int(left), int(bottom), int(right)

    @property
    def dilations(self) -> tuple[int, int]:
        """
        Vertical and horizontal distance of taps.
        """
        down, right = dilation_of(self.dilation)
        return down, right

    @property
    def axes(self) -> tuple[WindowAxis, WindowAxis]:
        """
        The vertical and the horizontal windows.
        """
        return window_axes(self.window, self.stride, self.pads, self.dilations)

    def borders(self, shape: Sequence[int]) -> tuple[list[tuple[int, ...]], list[tuple[int, ...]]]:
        """
        Per vertical and horizontal border class of an input of `shape`, the taps inside.
        """
        rows, columns = (border_classes(size, axis)[1] for size, axis in zip(shape[2:], self.axes, strict=True))
        return rows, columns

    def verify_window(self, source: SSAValue, channels: int) -> None:
        """
        Checks the geometry and the result's shape.
        """
        shape = require_rank("input", source, 4).get_shape()
        strides, padding = self.strides.get_values(), self.padding.get_values()
        require_geometry(self.window, strides, padding, dilation_of(self.dilation))
        require_shape("result", self.results[0], spatial_result(shape, channels, self.axes))


class ConvOp(WindowOp, ABC):
    """
    A window operation with weights [O, I / groups, KH, KW]: output o reads the I / groups channels from
    `o // (O / groups) * I / groups` on.
    """

    groups = opt_prop_def(POSITIVE)

    @property
    def group_count(self) -> int:
        """
        The number of groups of channels, 1 where none is given.
        """
        return 1 if self.groups is None else self.groups.value.data

    @property
    def is_depthwise(self) -> bool:
        """
        Whether each group is one of several channels.
        """
        return self.group_count > 1 and self.group_count == self.channel_count

    @property
    def channel_count(self) -> int:
        """
        The channels of the input.
        """
        return tensor_type(self.operands[0]).get_shape()[1]

    @property
    def weight_groups(self) -> int:
        """
        How often axis 1 of the weights makes up that of the input.
        """
        return self.group_count

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
        count = self.group_count
        expected = weight[1] * self.weight_groups
        require(
            source[1] == expected,
            f"input has {source[1]} channels but weight expects {expected}" + f" in {count} groups" * (count > 1),
        )
        require(weight[0] % count == 0, f"{count} groups do not divide {weight[0]} outputs")
        self.verify_window(self.operands[0], weight[0])


def groups_attr(count: int) -> IntegerAttr | None:
    """
    A number of groups, where there are several.
    """
    return i64_attr(count) if count > 1 else None


def conv_result(
    source: SSAValue,
    weight: SSAValue,
    strides: Sequence[int],
    padding: Sequence[int],
    element: Attribute,
    dilation: Sequence[int],
) -> TensorType[Attribute]:
    """
    The type that a convolution returns.
    """
    shape = tensor_type(weight).get_shape()
    axes = window_axes(shape[2:], strides, padding, dilation)
    return TensorType(element, spatial_result(tensor_type(source).get_shape(), shape[0], axes))


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
    `y[o, p] = bias[o, class(p)] + sum_{i, tap} w[o, i, tap] * x[i, p * stride + tap * dilation - padding]`.

    Outside the input x is `pad[i]`, or 0. With `groups`, i counts the channels of the output's group.
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
        dilation: Sequence[int] = DENSE,
        groups: int = 1,
    ):
        super().__init__(
            [source, weight, bias, pad],
            [conv_result(source, weight, strides, padding, f64, dilation)],
            layer,
            strides=i64_array(strides),
            padding=padding_attr(padding),
            dilation=dilation_attr(dilation),
            groups=groups_attr(groups),
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
        dilation: Sequence[int] = DENSE,
        groups: int = 1,
    ):
        super().__init__(
            [source, weight, bias, pad],
            [conv_result(source, weight, strides, padding, element, dilation)],
            layer,
            strides=i64_array(strides),
            padding=padding_attr(padding),
            dilation=dilation_attr(dilation),
            groups=groups_attr(groups),
            rounding=RoundingAttr(rounding),
        )

    def verify_(self) -> None:
        self.verify_bias(self.bias, self.pad)
        source = tensor_type(self.input).element_type
        require_product_grid("bias", source, tensor_type(self.weight).element_type, tensor_type(self.bias).element_type)
        require_sums(source, self.weight, self.bias, tensor_type(self.result).element_type)
        if self.pad is not None:
            pad = tensor_type(self.pad).element_type
            require(pad == source, f"pad has type {pad} but the input {source}")


@irdl_op_definition
class BinaryConv2dOp(ConvOp):
    """
    `v[o, p] = sum_{i, tap} w[o, i, tap] * x[i, p * stride + tap * dilation - padding]` over +-1, an exact integer.

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
        dilation: Sequence[int] = DENSE,
        groups: int = 1,
    ):
        super().__init__(
            [source, weight],
            [conv_result(source, weight, strides, padding, i32, dilation)],
            layer,
            groups=groups_attr(groups),
            strides=i64_array(strides),
            padding=padding_attr(padding),
            dilation=dilation_attr(dilation),
            pad_mode=PadModeAttr(pad_mode),
        )

    def verify_(self) -> None:
        self.verify_conv()
        require_count(math.prod(tensor_type(self.weight).get_shape()[1:]), i32)


@irdl_op_definition
class PackedBinaryConv2dOp(ConvOp):
    """
    `binary_conv2d` on words: `n - 2 * popcount(x xor w)` over the n real lanes of the taps inside.

    `channels` is the number of real lanes of a tap that an output counts. With `groups` only the lanes of its group
    count, those of channels from `o // (O / groups) * channels` on; `lanes` says where each channel lies, channel i in
    lane i where it is missing. Words of weights are those of all groups.
    """

    name = "blend.packed_binary_conv2d"

    input = operand_def(TensorType.constr(WORD))
    weight = operand_def(TensorType.constr(WORD))
    channels = prop_def(POSITIVE)
    lanes = opt_prop_def(PAIR)
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
        dilation: Sequence[int] = DENSE,
        groups: int = 1,
        lanes: Sequence[int] | None = None,
    ):
        super().__init__(
            [source, weight],
            [conv_result(source, weight, strides, padding, i32, dilation)],
            layer,
            channels=i64_attr(channels),
            groups=groups_attr(groups),
            lanes=None if lanes is None else i64_array(lanes),
            strides=i64_array(strides),
            padding=padding_attr(padding),
            dilation=dilation_attr(dilation),
            pad_mode=PadModeAttr(pad_mode),
        )

    @property
    def weight_groups(self) -> int:
        return 1

    @property
    def channel_count(self) -> int:
        return self.channels.value.data * self.group_count

    @property
    def channel_lanes(self) -> list[int]:
        """
        The lane of each channel of all groups.
        """
        if self.lanes is None:
            return list(range(self.channel_count))
        return list(self.lanes.get_values())

    def verify_(self) -> None:
        require(self.lanes is None or self.group_count > 1, "lanes are given for groups only, got 1")
        self.verify_conv()
        channels, words = self.channel_count, tensor_type(self.input).get_shape()[1]
        require_lanes(channels, words)
        if self.lanes is not None:
            lanes = self.lanes.get_values()
            require(len(lanes) == channels, f"{len(lanes)} lanes are given for {channels} channels")
            require(max(lanes) < WORD_BITS * words, f"lane {max(lanes)} is outside {words} words")
        require_count(self.channels.value.data * math.prod(self.window), i32)
