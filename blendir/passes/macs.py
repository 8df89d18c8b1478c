"""
How much a network computes.
"""

from __future__ import annotations

from math import prod
from typing import NamedTuple

from xdsl.dialects.builtin import i1
from xdsl.ir import Operation

from blendir.dialects import blend, stream
from blendir.dialects.blend import tensor_type
from blendir.dialects.stream import stream_type
from blendir.passes.bit_planes import plane_form


class Macs(NamedTuple):
    """
    Multiplications, each with its addition, per frame; taps on padding count.
    """

    bmac: int
    """Of two bits; those of a bit plane of the input and one of the weights count by themselves."""
    fpmac: int
    """In fixed point."""


def binary_weights(op: Operation) -> int:
    """
    The weight bits of a binary operation at [packed], unused lanes apart.
    """
    match op:
        case blend.PackedBinaryConv2dOp():
            outputs, _, height, width = tensor_type(op.weight).get_shape()
            return outputs * op.channels.value.data * height * width
        case blend.PackedBinaryLinearOp():
            return tensor_type(op.weight).get_shape()[0] * op.channels.value.data
        case _:
            return 0


def macs(op: Operation) -> Macs:
    """
    The multiplications of an operation at [packed] or of a process at [stream].
    """
    match op:
        case blend.PackedBinaryConv2dOp() | blend.PackedBinaryLinearOp():
            return Macs(binary_weights(op) * pixels(op), 0)
        case blend.FixedConv2dOp() | blend.FixedLinearOp():
            form, products = plane_form(op), prod(tensor_type(op.weight).get_shape()) * pixels(op)
            return Macs(0, products) if form is None else Macs(form.pairs * products, 0)
        case stream.MvuOp():
            result = stream_type(op.results[0])
            products = result.positions * result.length.data * op.vector
            if isinstance(op, stream.PlaneMvuOp):
                return Macs(op.pairs * products, 0)
            bits = stream_type(op.operands[0]).element == i1
            return Macs(products, 0) if bits else Macs(0, products)
        case _:
            return Macs(0, 0)


def pixels(op: Operation) -> int:
    """
    How often an operation on tensors forms a product with all weights.
    """
    return prod(tensor_type(op.results[0]).get_shape()[2:])
