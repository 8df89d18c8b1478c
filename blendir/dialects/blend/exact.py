"""
What the verifiers of both dialects ask of widths.
"""

from __future__ import annotations

import math
from functools import lru_cache
from typing import Any

from xdsl.dialects.builtin import DenseIntOrFPElementsAttr
from xdsl.ir import Attribute, SSAValue
from xdsl.utils.exceptions import VerifyException

from blendir import widths
from blendir.dense import dense_to_numpy
from blendir.dialects.blend.base import require
from blendir.dialects.blend.shape import ConstantOp, constant_attribute
from blendir.dialects.blend.types import FixedType, element_format, tensor_type
from blendir.numerics import Format, signed_bits

CACHED = 16
"""Constants of which a search asks again and again: those of the process whose layouts are priced, and some more."""


@lru_cache(maxsize=CACHED)
def largest_row(values: DenseIntOrFPElementsAttr[Any]) -> int:
    """
    `widths.row_sum` of a constant.
    """
    return widths.row_sum(dense_to_numpy(values))


def table_bits(value: SSAValue) -> int:
    """
    The narrowest two's complement width that holds a constant.
    """
    return least_width(constant_attribute(value))


@lru_cache(maxsize=CACHED)
def least_width(values: DenseIntOrFPElementsAttr[Any]) -> int:
    """
    The narrowest two's complement width of all numbers.
    """
    numbers = dense_to_numpy(values)
    return signed_bits(int(numbers.min()), int(numbers.max()))


def require_exact(terms: widths.Terms, result: Attribute) -> None:
    """
    Machine words hold the exact sum of terms and its rounding to a fixed-point type.
    """
    if not isinstance(result, FixedType):
        raise VerifyException(f"an exact result is rounded to fixed point, got {result}")
    problem = widths.problem(terms, result.format.frac)
    if problem is not None:
        raise VerifyException(problem)


def require_sums(source: Attribute, weight: SSAValue, bias: SSAValue, result: Attribute) -> None:
    """
    Machine words hold the sums of products with weights [O, ..] and a bias, whatever the weights are; where that is
    not so, those that a constant gives.
    """
    kind = tensor_type(weight)
    formats = element_format(source), element_format(kind.element_type), element_format(tensor_type(bias).element_type)
    terms = widths.sums_of_products(*formats, widths.row_bound(formats[1], math.prod(kind.get_shape()[1:])))
    if isinstance(weight.owner, ConstantOp) and widths.problem(terms, element_format(result).frac) is not None:
        terms = widths.sums_of_products(*formats, largest_row(constant_attribute(weight)))
    require_exact(terms, result)


def require_compared(what: str, fmt: Format) -> None:
    """
    Machine words hold the numbers that a pool sums or compares.
    """
    require(fmt.width <= widths.EXACT, f"{what} of {fmt.width} bits is wider than {widths.EXACT}")


def require_count(count: int, result: Attribute) -> None:
    """
    An accumulator holds every sum of `count` numbers +-1.
    """
    need, width = signed_bits(-count, count), element_format(result).width
    require(width >= need, f"accumulators have {width} bits but sums of {count} bits need {need}")
