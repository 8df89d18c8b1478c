"""
What a network costs, counted from its IR at [packed].
"""

from __future__ import annotations

from dataclasses import dataclass
from math import prod

from xdsl.dialects.builtin import ModuleOp, i1
from xdsl.ir import Operation

from blendir.dialects.blend import (
    ConstantOp,
    FixedConv2dOp,
    FixedLinearOp,
    PackedBinaryConv2dOp,
    PackedBinaryLinearOp,
    WordType,
    tensor_type,
)

WORD_BYTES = 2


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
    fixed_words: int
    """Weights, biases, and thresholds, slopes, breakpoints and offsets per channel: 16 bits each."""

    @property
    def bytes(self) -> int:
        """
        The bytes of all parameters.
        """
        return -(-self.binary_weight_bits // 8) + WORD_BYTES * self.fixed_words


def binary_weights(op: Operation) -> int:
    """
    The weight bits of a binary operation, unused lanes apart.
    """
    match op:
        case PackedBinaryConv2dOp():
            outputs, _, height, width = tensor_type(op.weight).get_shape()
            return outputs * op.channels.value.data * height * width
        case PackedBinaryLinearOp():
            return tensor_type(op.weight).get_shape()[0] * op.channels.value.data
        case _:
            return 0


def pixels(op: Operation) -> int:
    """
    How often a product with all weights is formed.
    """
    return prod(tensor_type(op.results[0]).get_shape()[2:])


def is_word_constant(op: ConstantOp) -> bool:
    """
    Whether a constant holds numbers of 16 bits, and not bits or words of bits.
    """
    element = tensor_type(op.result).element_type
    return element != i1 and not isinstance(element, WordType)


def count(module: ModuleOp) -> Counts:
    """
    The costs of a module at [packed].
    """
    bmac = fpmac = bits = words = 0
    for op in module.walk():
        bits += binary_weights(op)
        bmac += binary_weights(op) * pixels(op) if op.results else 0
        if isinstance(op, FixedConv2dOp | FixedLinearOp):
            fpmac += prod(tensor_type(op.weight).get_shape()) * pixels(op)
        elif isinstance(op, ConstantOp) and is_word_constant(op):
            words += prod(tensor_type(op.result).get_shape())
    return Counts(bmac, fpmac, bits, words)
