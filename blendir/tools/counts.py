"""
What a network costs, counted from its IR at [packed].
"""

from __future__ import annotations

from dataclasses import dataclass
from math import prod

from xdsl.dialects.builtin import ModuleOp, i1

from blendir.dialects.blend import ConstantOp, WordType, tensor_type
from blendir.passes.macs import binary_weights, macs

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
        work = macs(op)
        bmac += work.bmac
        fpmac += work.fpmac
        if isinstance(op, ConstantOp) and is_word_constant(op):
            words += prod(tensor_type(op.result).get_shape())
    return Counts(bmac, fpmac, bits, words)
