"""
Quantizing sums and products of two values.
"""

from __future__ import annotations

from xdsl.ir import Operation, SSAValue

from blendir import widths
from blendir.dialects.blend import AddOp, FixedType, MultiplyOp, RequantizeOp
from blendir.dialects.blend.base import retyped
from blendir.numerics import Format
from blendir.passes.quantize.formats import FormatChoice, no_finer, only_compared
from blendir.passes.quantize.rules import format_of, on_grid, quantized, without

SUM_GUARD_BITS = 24
FACTOR_BITS = widths.EXACT - 32
"""Of a factor in fixed point; the other one may be an accumulator."""


@quantized.register(AddOp)
def quantized_sum(op: AddOp, choice: FormatChoice) -> list[Operation]:
    """
    An addition; an operand whose unit is far below the result's, or below what the other one's reach leaves room for,
    is rounded first, so that the sum stays narrow.
    """
    made: list[Operation] = []
    operands: list[SSAValue] = []
    finest = widths.EXACT - max(f.width - f.frac for f in map(format_of, (op.lhs, op.rhs)))
    if not only_compared(op.result):
        finest = min(finest, choice.result_type(op).format.frac + SUM_GUARD_BITS)
    for value, side in ((op.lhs, "lhs"), (op.rhs, "rhs")):
        fmt = format_of(value)
        excess = fmt.frac - finest
        if excess > 0:
            element = FixedType.of(Format(max(2, fmt.width - excess), fmt.frac - excess))
            made.append(RequantizeOp(value, element, f"{op.layer_name}.{side}", choice.formats.rounding))
            value = made[-1].results[0]
        operands.append(value)
    a, b = map(format_of, operands)
    result = retyped(op.result, choice.rounded_type(op, widths.operands(a, b), widths.exact_sum(a, b)))
    return [*made, AddOp(operands[0], operands[1], op.layer, result, choice.formats.rounding)]


@quantized.register(MultiplyOp)
def quantized_product(op: MultiplyOp, choice: FormatChoice) -> list[Operation]:
    """
    A product, no finer than the exact one; operands that are too wide for an exact one are rounded first.
    """
    made: list[Operation] = []
    operands: list[SSAValue] = []
    for value, side in ((op.lhs, "lhs"), (op.rhs, "rhs")):
        name = f"{op.layer_name}.{side}"
        value, before = on_grid(value, f"{name}.input")
        value, rounded = without(value, format_of(value).width - FACTOR_BITS, name, choice)
        made += [*before, *rounded]
        operands.append(value)
    a, b = map(format_of, operands)
    exact = widths.product(a, b)
    fmt = choice.rounded_type(op, {"a product": exact}, widths.exact_product(a, b)).format
    result = retyped(op.result, FixedType.of(no_finer(fmt, exact.frac)))
    return [*made, MultiplyOp(operands[0], operands[1], op.layer, result, choice.formats.rounding)]
