"""
What the operations of the `blend` dialect share.
"""

from __future__ import annotations

import math
from abc import ABC
from collections.abc import Sequence
from typing import ClassVar

from xdsl.dialects.builtin import (
    BytesAttr,
    DenseArrayBase,
    FloatAttr,
    IntegerAttr,
    IntegerType,
    StringAttr,
    TensorType,
    i64,
)
from xdsl.ir import Attribute, SSAValue
from xdsl.irdl import IRDLOperation, ParsePropInAttrDict, opt_attr_def, traits_def
from xdsl.traits import Pure
from xdsl.utils.exceptions import VerifyException

from blendir.dialects.blend.types import FixedType, Tensor, element_format, tensor_type
from blendir.numerics import WindowAxis
from blendir.packing import WORD_BITS

DENSE = (1, 1)
"""The distances of taps without gaps between them."""
REPAIR = "repair the parameters, or train again with a smaller learning rate"
"""What to do about parameters that are no numbers."""


class LayerOp(IRDLOperation, ABC):
    """
    An operation of either dialect; `layer` is the module path it comes from, the key of errors, traces and names.
    """

    layer = opt_attr_def(StringAttr)

    irdl_options = (ParsePropInAttrDict(),)
    assembly_format = "operands attr-dict `:` functional-type(operands, results)"

    def __init__(
        self,
        operands: Sequence[SSAValue | Sequence[SSAValue] | None],
        result_types: Sequence[Attribute | Sequence[Attribute]],
        layer: str | StringAttr | None = None,
        **properties: Attribute | None,
    ):
        super().__init__(
            operands=operands,
            result_types=result_types,
            properties=properties,
            attributes={"layer": StringAttr(layer) if isinstance(layer, str) else layer},
        )

    def __post_init__(self) -> None:
        super().__post_init__()
        for attributes in (self.attributes, self.properties):
            for name, value in attributes.items():
                if isinstance(value, BytesAttr):  # as xDSL's parser reads text that is not ASCII
                    attributes[name] = StringAttr(value.data.decode(errors="backslashreplace"))

    @property
    def layer_name(self) -> str:
        """
        The layer, or the name of the operation where there is none.
        """
        return self.layer.data if self.layer is not None else self.name


class BlendOp(LayerOp, ABC):
    """
    An operation on tensors.
    """

    traits = traits_def(Pure())
    UNBOUNDED: ClassVar[tuple[str, ...]] = ()
    """Operands in which infinity has a meaning."""


def retyped(source: SSAValue, element: Attribute) -> Tensor:
    """
    The type of a tensor with other elements.
    """
    return TensorType(element, tensor_type(source).get_shape())


def i64_array(values: Sequence[int]) -> DenseArrayBase:
    """
    Lifts integers to a property.
    """
    return DenseArrayBase.from_list(i64, list(values))


def i64_attr(value: int) -> IntegerAttr:
    """
    Lifts an integer to a property.
    """
    return IntegerAttr(value, i64)


def require(condition: bool, message: str) -> None:
    """
    Raises a verification error unless the condition holds.
    """
    if not condition:
        raise VerifyException(message)


def require_shape(what: str, value: SSAValue | Attribute, expected: Sequence[int]) -> None:
    """
    Compares a tensor's shape with the one that the other operands imply.
    """
    shape = tensor_type(value).get_shape()
    require(shape == tuple(expected), f"{what} has shape {list(shape)} but should have {list(expected)}")


def require_rank(what: str, value: SSAValue, rank: int) -> Tensor:
    """
    The type of a tensor that must have `rank` dimensions.
    """
    kind = tensor_type(value)
    actual = kind.get_num_dims()
    require(actual == rank, f"{what} has {actual} dimensions but should have {rank}")
    return kind


def padding_attr(padding: Sequence[int]) -> DenseArrayBase:
    """
    Padding (top, left, bottom, right) as a property: (top, left) alone where both ends are the same.
    """
    same = len(padding) == 4 and list(padding[:2]) == list(padding[2:])
    return i64_array(padding[:2] if same else padding)


def dilation_attr(dilation: Sequence[int]) -> DenseArrayBase | None:
    """
    The distances of taps as a property, which is left out where taps have no gaps between them.
    """
    return i64_array(dilation) if max(dilation) > 1 else None


def dilation_of(given: DenseArrayBase[IntegerType] | None) -> tuple[int, ...]:
    """
    The distances of taps that a property stands for.
    """
    return tuple(map(int, given.get_values())) if given is not None else DENSE


def window_axes(
    kernel: Sequence[int], strides: Sequence[int], padding: Sequence[int], dilation: Sequence[int]
) -> tuple[WindowAxis, WindowAxis]:
    """
    The vertical and the horizontal windows of a geometry; `padding` is (top, left, bottom, right), or (top, left) for
    both ends.
    """
    pads = (*padding, *padding)
    rows, columns = (WindowAxis(kernel[d], strides[d], pads[d], pads[2 + d], dilation[d]) for d in (0, 1))
    return rows, columns


def require_geometry(
    kernel: Sequence[int], strides: Sequence[int], padding: Sequence[int], dilation: Sequence[int]
) -> None:
    """
    Kernel, strides and dilation are two positive numbers, padding two or four non-negative ones.
    """
    for what, values in (("kernel", kernel), ("strides", strides), ("dilation", dilation)):
        require(len(values) == 2 and min(values) >= 1, f"{what} {list(values)} should be two numbers >= 1")
    require(
        len(padding) in (2, 4) and min(padding) >= 0,
        f"padding {list(padding)} should be two numbers >= 0, or four: top, left, bottom, right",
    )


def spatial_result(
    shape: Sequence[int], channels: int, axes: tuple[WindowAxis, WindowAxis]
) -> tuple[int, int, int, int]:
    """
    The result shape of a window operation on [N, C, H, W].
    """
    height, width = (axis.outputs(size) for axis, size in zip(axes, shape[2:], strict=True))
    extents = [axis.extent for axis in axes]
    padded = [size + axis.before + axis.after for axis, size in zip(axes, shape[2:], strict=True)]
    require(height > 0 and width > 0, f"kernel {extents} is larger than the padded input {padded}")
    return shape[0], channels, height, width


def require_product_grid(what: str, source: Attribute, factor: Attribute, addend: Attribute) -> None:
    """
    What is added to fixed-point products has the products' unit.
    """
    if not (isinstance(factor, FixedType) and isinstance(addend, FixedType)):
        raise VerifyException(f"factors and {what} should be fixed point, got {factor} and {addend}")
    products = element_format(source).frac + factor.format.frac
    require(
        addend.format.frac == products,
        f"{what} have {addend.format.frac} fractional bits but the products have {products}",
    )


def require_lanes(channels: int, words: int) -> None:
    """
    The real lanes fit the words.
    """
    require(channels <= WORD_BITS * words, f"{channels} channels do not fit {words} words of {WORD_BITS}")


def require_channels(op: BlendOp, axis: IntegerAttr, source: SSAValue, *parameters: SSAValue) -> None:
    """
    Per-channel parameters have one element for each index of the input's channel axis.
    """
    shape = tensor_type(source).get_shape()
    require(axis.value.data < len(shape), f"axis {axis.value.data} is not a dimension of {list(shape)}")
    for name, parameter in zip((d[0] for d in op.get_irdl_definition().operands[1:]), parameters, strict=True):
        require_shape(name, parameter, (shape[axis.value.data],))


def require_epsilon(epsilon: FloatAttr) -> None:
    """
    What is added to a variance is finite and not negative.
    """
    value = epsilon.value.data
    require(0 <= value < math.inf, f"epsilon should be finite and not negative, got {value}")
