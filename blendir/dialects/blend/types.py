"""
Types and enumerations of the `blend` dialect.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, TypeAlias, cast

import numpy as np
from xdsl.dialects.builtin import (
    Float64Type,
    IntAttr,
    IntegerAttr,
    IntegerType,
    Signedness,
    TensorType,
    f64,
    i1,
    i32,
    i64,
)
from xdsl.dialects.utils import EnumAttribute
from xdsl.ir import Attribute, ParametrizedAttribute, SpacedOpaqueSyntaxAttribute, SSAValue, TypeAttribute
from xdsl.irdl import AtLeast, BaseAttr, eq, irdl_attr_definition
from xdsl.parser import AttrParser
from xdsl.printer import Printer
from xdsl.utils.exceptions import VerifyException

from blendir import widths
from blendir.numerics import Format, PadMode, Rounding

ui8 = IntegerType(8, Signedness.UNSIGNED)
si8 = IntegerType(8, Signedness.SIGNED)
PIXELS: dict[Attribute, np.dtype[Any]] = {ui8: np.dtype(np.uint8), si8: np.dtype(np.int8)}
"""The integers that frames may hold: pixels, which may be signed, by element type."""


@irdl_attr_definition
class FixedType(ParametrizedAttribute, TypeAttribute):
    """
    Fixed point as in `ap_fixed<W, I>`: W bits in two's complement, I of them (sign included) before the point.

    The value of integer v is `v * 2**(I - W)`. I may be negative or larger than W.
    """

    name = "blend.fixed"

    width: IntAttr
    integer: IntAttr

    def __init__(self, width: int | IntAttr, integer: int | IntAttr):
        super().__init__(*(IntAttr(v) if isinstance(v, int) else v for v in (width, integer)))

    def verify(self) -> None:
        if not 1 < self.width.data <= widths.WORD:
            raise VerifyException(f"fixed width must be in 2..{widths.WORD}, got {self.width.data}")

    @property
    def format(self) -> Format:
        """
        The same as a numeric format.
        """
        return Format(self.width.data, self.width.data - self.integer.data)

    @classmethod
    def of(cls, fmt: Format) -> FixedType:
        """
        The type of a signed format.
        """
        return cls(fmt.width, fmt.width - fmt.frac)

    @classmethod
    def parse_parameters(cls, parser: AttrParser) -> Sequence[IntAttr]:
        with parser.in_angle_brackets():
            width = parser.parse_integer(allow_boolean=False, allow_negative=False)
            parser.parse_punctuation(",")
            return IntAttr(width), IntAttr(parser.parse_integer(allow_boolean=False))

    def print_parameters(self, printer: Printer) -> None:
        with printer.in_angle_brackets():
            printer.print_string(f"{self.width.data}, {self.integer.data}")


@irdl_attr_definition
class WordType(ParametrizedAttribute, TypeAttribute):
    """
    48 bits of 48 consecutive lanes: bit i of word w is lane 48 * w + i; unused lanes are 0.
    """

    name = "blend.word"


@irdl_attr_definition
class PadModeAttr(EnumAttribute[PadMode], SpacedOpaqueSyntaxAttribute):
    """
    What a binary convolution sees outside its input.
    """

    name = "blend.pad_mode"


@irdl_attr_definition
class RoundingAttr(EnumAttribute[Rounding], SpacedOpaqueSyntaxAttribute):
    """
    The one rounding of an exact wide result.
    """

    name = "blend.rounding"


word = WordType()
Tensor: TypeAlias = TensorType[Attribute]

REAL = eq(f64)
BIT = eq(i1)
WORD = eq(word)
PIXEL = eq(ui8) | eq(si8)
COUNT = eq(i32)
FIXED = BaseAttr(FixedType)
NUMBER = REAL | PIXEL | COUNT | FIXED
ANY_ELEMENT = NUMBER | BIT | WORD
AXIS = IntegerAttr.constr(type=i64, value=AtLeast(1))
HALF_UP = RoundingAttr(Rounding.HALF_UP)


def tensor_type(value: SSAValue | Attribute) -> Tensor:
    """
    The tensor type of a value.
    """
    kind = value.type if isinstance(value, SSAValue) else value
    assert isinstance(kind, TensorType)
    return cast(Tensor, kind)


def element_format(element: Attribute) -> Format:
    """
    The integer format of an element type: pixels, accumulators, fixed point and bits.
    """
    match element:
        case FixedType():
            return element.format
        case IntegerType():
            signed = element.signedness.data != Signedness.UNSIGNED and element.width.data > 1
            return Format(element.width.data, 0, signed)
        case _:
            raise ValueError(f"{element} is not an integer format")


def is_real(value: SSAValue) -> bool:
    """
    Whether a value is a tensor of floats.
    """
    return isinstance(tensor_type(value).element_type, Float64Type)
