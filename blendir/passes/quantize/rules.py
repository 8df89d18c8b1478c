"""
How one operation is quantized: by a rule for its class, or as all do that keep the format of their operand.
"""

from __future__ import annotations

from functools import singledispatch

import numpy as np
from xdsl.ir import Operation, SSAValue
from xdsl.utils.exceptions import PassFailedException

from blendir import widths
from blendir.dialects import blend
from blendir.dialects.blend import PIXELS, BlendOp, FixedType, element_format, tensor_type
from blendir.dialects.blend.argmax import index_type
from blendir.dialects.blend.base import retyped
from blendir.numerics import Format, signed_bits
from blendir.passes.quantize.formats import FormatChoice, no_finer, only_compared
from blendir.passes.ranges.integers import integers_of
from blendir.passes.rewriting import of_operand


@singledispatch
def quantized(op: Operation, choice: FormatChoice) -> list[Operation]:
    """
    What computes the same in fixed point, given operands that are quantized already; the last operation's result takes
    over.
    """
    layer = op.layer_name if isinstance(op, BlendOp) else op.name
    raise PassFailedException(f"{layer}: {op.name} has no fixed-point form")


@quantized.register(blend.KeepsFormat)
def quantized_move(op: blend.KeepsFormat, choice: FormatChoice) -> list[Operation]:
    """
    The same of the fixed-point operand.
    """
    return [of_operand(op, op.operands[0])]


@quantized.register(blend.BitsToValueOp)
def quantized_bits(op: blend.BitsToValueOp, choice: FormatChoice) -> list[Operation]:
    """
    +-1 in two bits.
    """
    lanes = None if op.lanes is None else list(op.lanes.get_values())
    return [blend.BitsToValueOp(op.input, op.layer, retyped(op.result, FixedType(2, 2)), lanes)]


@quantized.register(blend.ArgmaxOp)
def quantized_argmax(op: blend.ArgmaxOp, choice: FormatChoice) -> list[Operation]:
    """
    Exact: integers of one unit are compared.
    """
    return [blend.ArgmaxOp(op.input, op.axis.value.data, op.layer, index_type(op.count), op.k)]


@quantized.register(blend.ClampOp)
def quantized_clamp(op: blend.ClampOp, choice: FormatChoice) -> list[Operation]:
    """
    A clamp with its bounds on the input's grid.
    """
    fmt = format_of(op.input)
    low, high = fmt.encode(np.array([op.low.value.data, op.high.value.data], np.float64)).tolist()
    return [blend.ClampOp(op.input, low, high, op.layer)]


@quantized.register(blend.ConcatOp)
def quantized_concat(op: blend.ConcatOp, choice: FormatChoice) -> list[Operation]:
    """
    A concatenation: operands of other formats are brought to one that holds the range of all, with the finest unit for
    which there are bits.
    """
    formats = [widths.signed(format_of(value)) for value in op.inputs]
    whole = max(fmt.width - fmt.frac for fmt in formats)
    width = max(choice.width_of(op), *(fmt.width for fmt in formats))
    if only_compared(op.result):
        width = max(width, min(whole + max(fmt.frac for fmt in formats), widths.EXACT))
    common = FixedType.of(no_finer(Format(width, width - whole), max(f.frac for f in formats)))
    made: list[Operation] = []
    inputs: list[SSAValue] = []
    for index, value in enumerate(op.inputs):
        if tensor_type(value).element_type != common:
            made.append(blend.RequantizeOp(value, common, f"{op.layer_name}.input{index}", choice.formats.rounding))
            value = made[-1].results[0]
        inputs.append(value)
    return [*made, blend.ConcatOp(inputs, op.axis.value.data, op.layer)]


def format_of(value: SSAValue) -> Format:
    """
    The format of a value.
    """
    return element_format(tensor_type(value).element_type)


def on_grid(source: SSAValue, name: str) -> tuple[SSAValue, list[Operation]]:
    """
    A factor of products: accumulators become fixed point of their exact width.
    """
    kind = tensor_type(source).element_type
    if kind in PIXELS or isinstance(kind, FixedType):
        return source, []
    grid = integers_of(source).grid
    bits = max(2, signed_bits(grid.low, grid.high))
    cast = blend.RequantizeOp(source, FixedType(bits, bits), name)
    return cast.result, [cast]


def without(source: SSAValue, excess: int, name: str, choice: FormatChoice) -> tuple[SSAValue, list[Operation]]:
    """
    A value rounded to `excess` bits less; itself where that is none.
    """
    if excess <= 0:
        return source, []
    fmt = format_of(source)
    if not isinstance(tensor_type(source).element_type, FixedType) or fmt.width - excess < 2:
        raise PassFailedException(
            f"{name}: exact sums would need {excess} bits more than the {widths.EXACT} of a term; "
            "use fewer bits or smaller constants"
        )
    element = FixedType.of(Format(fmt.width - excess, fmt.frac - excess))
    cast = blend.RequantizeOp(source, element, name, choice.formats.rounding)
    return cast.result, [cast]
