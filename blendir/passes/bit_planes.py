"""
Bit planes: exact sums of products of integers of a few bits with weights of one or two are counts of unequal bits.

An integer is `constant + sum_i step[i] * bit_i`, an odd weight `sum_j 2**j * sign_j`, and a bit times a sign is
`[sign = +1] - (bit xor sign)`. So a sum of products is a constant less population counts, one for each plane of the
input and each plane of the weights. DoReFa-Net (Zhou et al., 2016) counts the same planes with AND.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from xdsl.ir import Operation

from blendir.dialects.blend import FixedConv2dOp, FixedLinearOp, constant_value, element_format, tensor_type
from blendir.numerics import Format
from blendir.passes.ranges.integers import integers_of

MOST_PAIRS = 8
"""Counts of one sum; products of more bits take multipliers."""


def bit_value(fmt: Format, place: int) -> int:
    """
    What a two's complement bit adds.
    """
    return -(1 << place) if fmt.signed and place == fmt.width - 1 else 1 << place


@dataclass(frozen=True)
class Planes:
    """
    What makes up the integers of a format: a constant, and the two's complement bits at `places`.
    """

    fmt: Format
    constant: int
    places: tuple[int, ...]

    @property
    def span(self) -> int:
        """
        The sum of what the bits add.
        """
        return sum(bit_value(self.fmt, place) for place in self.places)

    def holds(self, values: NDArray[np.int64]) -> bool:
        """
        Whether integers of the format differ from the constant in these bits alone.
        """
        others = (1 << self.fmt.width) - 1 - sum(1 << place for place in self.places)
        return not ((values ^ self.constant) & others).any()

    @staticmethod
    def of(fmt: Format, values: Iterable[int]) -> Planes:
        """
        The planes of these integers: the bits that are not the same in all.
        """
        numbers = list(values)
        varies = 0
        for number in numbers:
            varies |= number ^ numbers[0]
        places = tuple(place for place in range(fmt.width) if varies >> place & 1)
        return Planes(fmt, numbers[0] - sum(bit_value(fmt, p) for p in places if numbers[0] >> p & 1), places)


@dataclass(frozen=True)
class PlaneForm:
    """
    How a convolution or linear layer is made of counts: the planes of its input, and how many its weights have.
    """

    planes: Planes
    weight_planes: int

    @property
    def pairs(self) -> int:
        """
        Counts of one sum.
        """
        return len(self.planes.places) * self.weight_planes

    def signs(self, weight: NDArray[np.int64]) -> NDArray[np.bool_]:
        """
        Weights [O, V] as bits [O, planes, V], the plane of 1 first.
        """
        codes = (weight + (1 << self.weight_planes) - 1) // 2
        return (codes[:, None] >> np.arange(self.weight_planes)[:, None] & 1).astype(np.bool_)

    def base(self, weight: NDArray[np.int64]) -> NDArray[np.int64]:
        """
        What the counts of each output are taken from, [O], bias apart: the sum of an input of which all bits equal the
        weights' signs.
        """
        flat = weight.reshape(len(weight), -1)
        positive = (flat + (1 << self.weight_planes) - 1) // 2
        return self.planes.span * positive.sum(axis=1) + self.planes.constant * flat.sum(axis=1)


def weight_planes(weight: NDArray[np.int64]) -> int | None:
    """
    The signs that make up each weight, where all weights are odd: 1 for +-1, 2 for +-1 and +-3.
    """
    return int(np.abs(weight).max()).bit_length() if bool((weight & 1).all()) else None


def plane_form(op: Operation) -> PlaneForm | None:
    """
    How an operation is made of counts: a convolution or linear layer that neither rounds nor saturates, of inputs and
    weights of few bits; None for any other. Depthwise units multiply.
    """
    if not isinstance(op, FixedConv2dOp | FixedLinearOp) or (isinstance(op, FixedConv2dOp) and op.is_depthwise):
        return None
    values, weight = integers_of(op.input).values, constant_value(op.weight).astype(np.int64)
    count = weight_planes(weight)
    if values is None or count is None:
        return None
    form = PlaneForm(Planes.of(element_format(tensor_type(op.input).element_type), values), count)
    return form if 0 < form.pairs <= MOST_PAIRS and is_exact(op, values, weight) else None


def is_exact(op: FixedConv2dOp | FixedLinearOp, values: Collection[int], weight: NDArray[np.int64]) -> bool:
    """
    Whether the result holds every sum as it is.
    """
    bias, result = (element_format(tensor_type(v).element_type) for v in (op.bias, op.result))
    outside = set(constant_value(op.pad).tolist()) if isinstance(op, FixedConv2dOp) and op.pad is not None else {0}
    most = max(abs(v) for v in (*values, *outside)) * np.abs(weight).reshape(len(weight), -1).sum(axis=1).max()
    limit = int(most) + int(np.abs(constant_value(op.bias)).max())
    return bias.frac == result.frac and result.low <= -limit and limit <= result.high
