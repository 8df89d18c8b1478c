"""
What a network costs, counted from its IR at [packed].
"""

from __future__ import annotations

from dataclasses import dataclass
from math import prod

from xdsl.dialects.builtin import ModuleOp, i1
from xdsl.ir import SSAValue

from blendir.dialects.blend import (
    ConstantOp,
    FixedConv2dOp,
    FixedLinearOp,
    WordType,
    constant_value,
    element_format,
    tensor_type,
)
from blendir.passes.bit_planes import plane_form
from blendir.passes.macs import binary_weights, macs

WORD_BYTES = 2
FEW_BITS = 4
"""Weights of up to so many bits are counted bit by bit."""


@dataclass(frozen=True)
class Counts:
    """
    The size of a network and the work of one frame; taps on padding count as work.
    """

    bmac: int
    """Multiplications of two bits, each with its addition."""
    fpmac: int
    """Multiplications in fixed point."""
    binary_weight_bits: int
    """Of weights that are signs, and of those of few levels, as many bits as the design stores."""
    fixed_words: int
    """Weights, biases, and thresholds, slopes, breakpoints and offsets per channel: 16 bits each."""

    @property
    def bytes(self) -> int:
        """
        The bytes of all parameters.
        """
        return -(-self.binary_weight_bits // 8) + WORD_BYTES * self.fixed_words


def is_word_constant(op: ConstantOp) -> bool:
    """
    Whether a constant holds numbers of 16 bits, and not bits or words of bits.
    """
    element = tensor_type(op.result).element_type
    return element != i1 and not isinstance(element, WordType)


def few_bits(op: FixedConv2dOp | FixedLinearOp) -> int | None:
    """
    The bits of each weight where they are few: as many signs as make it up, else its type's.
    """
    form = plane_form(op)
    width = element_format(tensor_type(op.weight).element_type).width
    return form.weight_planes if form is not None else width if width <= FEW_BITS else None


def count(module: ModuleOp) -> Counts:
    """
    The costs of a module at [packed]; what several operations share is counted once.
    """
    bmac = fpmac = bits = words = 0
    apart: set[SSAValue] = set()
    for op in module.walk():
        bits += binary_weights(op)
        if isinstance(op, FixedConv2dOp | FixedLinearOp):
            width = few_bits(op)
            if width is not None and op.weight not in apart:
                bits += width * prod(tensor_type(op.weight).get_shape())
                apart.add(op.weight)
                if not constant_value(op.bias).any():
                    apart.add(op.bias)
        work = macs(op)
        bmac += work.bmac
        fpmac += work.fpmac
    for op in module.walk():
        if isinstance(op, ConstantOp) and is_word_constant(op) and op.result not in apart:
            words += prod(tensor_type(op.result).get_shape())
    return Counts(bmac, fpmac, bits, words)
