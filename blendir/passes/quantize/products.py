"""
Quantizing sums of products: convolutions, linear layers, averages and layer normalizations.
"""

from __future__ import annotations

from fractions import Fraction

import numpy as np
from xdsl.ir import Operation, SSAValue
from xdsl.utils.exceptions import PassFailedException

from blendir import widths
from blendir.dialects import blend
from blendir.dialects.blend import ConstantOp, FixedType, constant_value, tensor_type
from blendir.numerics import STANDARD_FRAC, Format, of_inputs, outside_sums
from blendir.passes.quantize.formats import FormatChoice
from blendir.passes.quantize.rules import format_of, on_grid, quantized, without


def summed_input(op: blend.Conv2dOp | blend.LinearOp, choice: FormatChoice) -> tuple[SSAValue, list[Operation]]:
    """
    An input of sums of products, rounded to fewer bits where the sums would be too wide.
    """
    layer, weight = op.layer_name, constant_value(op.weight)
    source, before = on_grid(op.input, f"{layer}.input")
    fmt, factor = format_of(source), choice.of_factors(weight)
    excess = widths.accumulator(fmt, factor, widths.row_bound(factor, weight[0].size)).width - widths.EXACT
    if excess > 0:
        row = widths.row_sum(factor.encode(weight))
        excess = widths.accumulator(fmt, factor, row).width - widths.EXACT
    source, made = without(source, excess, f"{layer}.rounded", choice)
    return source, [*before, *made]


def summed_type(
    op: blend.Conv2dOp | blend.LinearOp, source: SSAValue, weight: SSAValue, bias: SSAValue, choice: FormatChoice
) -> FixedType:
    """
    The type of sums of products with constants, and a constant.
    """
    fmt, factor, addend = map(format_of, (source, weight, bias))
    row, most = widths.row_sum(constant_value(weight)), int(np.abs(constant_value(bias)).max())
    exact = widths.exact_affine(widths.magnitude(fmt), row, most, addend.frac)
    return choice.rounded_type(op, widths.sums_of_products(fmt, factor, addend, row), exact)


@quantized.register(blend.Conv2dOp)
def quantized_conv(op: blend.Conv2dOp, choice: FormatChoice) -> list[Operation]:
    """
    A convolution; the pad value is rounded like any other input, or becomes a border map where it does not fit.
    """
    source, before = summed_input(op, choice)
    weight, bias = constant_value(op.weight), constant_value(op.bias)
    fmt = format_of(source)
    values = constant_value(op.pad) if op.pad is not None else None
    if values is not None and not choice.pads(fmt, values):
        outside = outside_sums(weight * of_inputs(values, weight), *op.borders(tensor_type(op.input).get_shape()))
        bias, values = (bias[:, None, None] if bias.ndim == 1 else bias) + outside, None
    made = choice.products(source, weight, bias)
    w, b = (c.result for c in made)
    pad = None
    if values is not None:
        made.append(ConstantOp.from_numpy(fmt.encode(values), tensor_type(source).element_type))
        pad = made[-1].result
    result = summed_type(op, source, w, b, choice)
    rest = choice.formats.rounding, op.dilations, op.group_count
    conv = blend.FixedConv2dOp(source, w, b, op.stride, op.pads, result, pad, op.layer, *rest)
    return [*before, *made, conv]


@quantized.register(blend.LinearOp)
def quantized_linear(op: blend.LinearOp, choice: FormatChoice) -> list[Operation]:
    """
    A linear layer.
    """
    source, before = summed_input(op, choice)
    made = choice.products(source, constant_value(op.weight), constant_value(op.bias))
    w, b = (c.result for c in made)
    result = summed_type(op, source, w, b, choice)
    return [*before, *made, blend.FixedLinearOp(source, w, b, result, op.layer, choice.formats.rounding)]


@quantized.register(blend.AvgPool2dOp)
def quantized_average(op: blend.AvgPool2dOp, choice: FormatChoice) -> list[Operation]:
    """
    An average that keeps every bit; an input whose sums would be too wide is rounded first.
    """
    layer, divisor, taps = op.layer_name, op.divisor.value.data, op.window[0] * op.window[1]
    source, before = on_grid(op.input, f"{layer}.input")
    excess = widths.sum_of(format_of(source), taps).width - widths.EXACT
    source, made = without(source, excess, f"{layer}.rounded", choice)
    if divisor & (divisor - 1):
        raise PassFailedException(f"{layer}: divisor {divisor} is not a power of two; run fold-bn first")
    element = FixedType.of(widths.average(format_of(source), taps, divisor))
    geometry = op.window, op.stride, op.pads
    return [*before, *made, blend.AvgPool2dOp(source, *geometry, divisor, element, op.layer, op.dilations)]


@quantized.register(blend.LayerNormOp)
def quantized_norm(op: blend.LayerNormOp, choice: FormatChoice) -> list[Operation]:
    """
    A layer normalization; an input whose squares do not fit machine words is rounded first.
    """
    layer, rounding, axis = op.layer_name, choice.formats.rounding, op.axis.value.data
    source, made = on_grid(op.input, f"{layer}.input")
    fmt, count = format_of(source), tensor_type(source).get_shape()[axis]
    units = count**2 * Fraction(op.epsilon.value.data)
    while not widths.fits_norm(fmt, count) or units * Fraction(4) ** fmt.frac >= widths.EPSILON_LIMIT:
        fmt = Format(max(2, fmt.width - 1), fmt.frac - 1)
    if fmt != format_of(source):
        made.append(blend.RequantizeOp(source, FixedType.of(fmt), f"{layer}.input", rounding))
        source = made[-1].results[0]
    scales = constant_value(op.gamma)
    parameters = choice.factors(choice.of_factors(scales), STANDARD_FRAC, scales, constant_value(op.beta))
    epsilon = round(units * Fraction(4) ** fmt.frac)
    gamma, beta = (c.result for c in parameters)
    terms = widths.normalized(widths.norm(fmt, count, epsilon), format_of(gamma), format_of(beta))
    result = choice.rounded_type(op, terms)
    return [*made, *parameters, blend.FixedLayerNormOp(source, gamma, beta, epsilon, axis, result, op.layer, rounding)]
