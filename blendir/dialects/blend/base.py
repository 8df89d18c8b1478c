"""
What the operations of the `blend` dialect share.
"""

from __future__ import annotations

from abc import ABC
from collections.abc import Sequence

from xdsl.dialects.builtin import DenseArrayBase, IntegerAttr, StringAttr, TensorType, i64
from xdsl.ir import Attribute, SSAValue
from xdsl.irdl import IRDLOperation, ParsePropInAttrDict, opt_attr_def, traits_def
from xdsl.traits import Pure
from xdsl.utils.exceptions import VerifyException

from blendir.dialects.blend.types import FixedType, Tensor, element_format, tensor_type
from blendir.numerics import output_size
from blendir.packing import WORD_BITS


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


def require_geometry(kernel: Sequence[int], strides: Sequence[int], padding: Sequence[int]) -> None:
    """
    Kernel and strides are two positive numbers, padding two non-negative ones smaller than the kernel.
    """
    for what, values, least in (("kernel", kernel, 1), ("strides", strides, 1), ("padding", padding, 0)):
        require(
            len(values) == 2 and min(values) >= least,
            f"{what} {list(values)} should be two numbers >= {least}",
        )
    require(
        padding[0] < kernel[0] and padding[1] < kernel[1],
        f"padding {list(padding)} should be smaller than the kernel {list(kernel)}",
    )


def spatial_result(
    shape: Sequence[int], channels: int, kernel: Sequence[int], strides: Sequence[int], padding: Sequence[int]
) -> tuple[int, int, int, int]:
    """
    The result shape of a window operation on [N, C, H, W].
    """
    height, width = (output_size(shape[2 + d], kernel[d], strides[d], padding[d]) for d in (0, 1))
    require(
        height > 0 and width > 0,
        f"kernel {list(kernel)} is larger than the padded input {[shape[2 + d] + 2 * padding[d] for d in (0, 1)]}",
    )
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
