"""
The meaning of the `blend` operations on numpy arrays.

At run time f64 is float64, bits are bool, words int64, and all other integers int32 (int64 beyond 32 bits).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from xdsl.dialects.builtin import f64
from xdsl.interpreter import Interpreter, InterpreterFunctions, PythonValues, impl, register_impls
from xdsl.ir import Attribute

from blendir import widths
from blendir.dialects import blend
from blendir.dialects.blend.types import FixedType, WordType, element_format, i1
from blendir.errors import UserError
from blendir.functions import evaluate
from blendir.interpreter import kernels
from blendir.interpreter.kernels import Array, channels_first
from blendir.numerics import Format, PadMode, Rounding, round_shift, saturate, standardize
from blendir.packing import of_groups, pack_words, unpack_words


def integer_dtype(width: int) -> type[np.signedinteger[Any]]:
    """
    The run-time type of integers of `width` bits.
    """
    assert width <= widths.WORD, f"{width} bits do not fit {widths.WORD}"
    return np.int32 if width <= 32 else np.int64


def round_saturate(exact: Array, frac: int, result: FixedType, rounding: Rounding) -> Array:
    """
    Brings an exact result with `frac` fractional bits to a fixed-point type: one rounding, one saturation.
    """
    fmt = result.format
    rounded = saturate(round_shift(exact, frac - fmt.frac, rounding), fmt.width)
    return rounded.astype(integer_dtype(fmt.width))


def settled_sum(a: Array, b: Array, formats: tuple[Format, Format], result: FixedType, rounding: Rounding) -> Array:
    """
    The sum of two formats: exact on the finer grid, then rounded and saturated.
    """
    terms = widths.operands(*formats)
    common = widths.total(terms).frac
    dtype = integer_dtype(widths.settling(terms, result.format.frac))
    a, b = (v.astype(dtype, copy=False) << (common - f.frac) for v, f in zip((a, b), formats, strict=True))
    return round_saturate(a + b, common, result, rounding)


def settled_product(a: Array, b: Array, formats: tuple[Format, Format], result: FixedType, rounding: Rounding) -> Array:
    """
    The product of two formats: exact, then rounded and saturated.
    """
    exact = widths.product(*formats)
    dtype = integer_dtype(widths.settling({"a product": exact}, result.format.frac))
    return round_saturate(a.astype(dtype) * b.astype(dtype), exact.frac, result, rounding)


def settled_norm(
    x: Array, gamma: Array, beta: Array, epsilon: int, frac: int, result: FixedType, rounding: Rounding
) -> Array:
    """
    Layer normalization along the last axis; the products have `frac` fractional bits.
    """
    return round_saturate(gamma.astype(np.int64) * standardize(x, epsilon) + beta, frac, result, rounding)


def looked_up(x: Array, table: Array, low: int) -> Array:
    """
    The entries of a table whose first one is for `low`.
    """
    return table[x - low].astype(integer_dtype(8 * table.itemsize))


def settled_pieces(
    x: Array, parameters: Sequence[Array], axis: int, frac: int, result: FixedType, rounding: Rounding
) -> Array:
    """
    A piecewise linear function of integers with parameters along `axis`: exact with `frac` fractional bits, then
    rounded and saturated. Where x takes few values, each is computed once and looked up.
    """
    if not x.size:
        return x
    low, span = int(x.min()), int(x.max()) - int(x.min()) + 1
    if span > LOOKUP_SPAN:
        shaped = (channels_first(p.astype(np.int64), axis, x.ndim) for p in parameters)
        return round_saturate(kernels.piecewise(x.astype(np.int64), *shaped), frac, result, rounding)
    values = np.arange(low, low + span)
    exact = kernels.piecewise(values, *(p.astype(np.int64)[:, None] for p in parameters))
    table = round_saturate(exact, frac, result, rounding)
    rows = channels_first(np.arange(len(table)) * span - low, axis, x.ndim)
    return table.reshape(-1).take(x + rows)


def element_frac(value: Any) -> int:
    """
    Fractional bits of a fixed-point tensor.
    """
    kind = element(value)
    assert isinstance(kind, FixedType)
    return kind.format.frac


def bits_to_float(bits: Array, count: int = 1) -> Array:
    """
    Bits as +-1, of which `count` are summed exactly.
    """
    dtype = kernels.type_of_sums(count)
    return bits.astype(dtype) * dtype(2) - dtype(1)


LOOKUP_SPAN = 1 << 12
PAD_BIT = {PadMode.ZERO_EXACT: 0.0, PadMode.PLUS_ONE: 1.0, PadMode.MINUS_ONE: -1.0}


def element(value: Any) -> Attribute:
    """
    The element type of a value of the IR.
    """
    return blend.tensor_type(value).element_type


@register_impls
class BlendFunctions(InterpreterFunctions):
    """
    One method per operation.
    """

    @impl(blend.ConstantOp)
    def run_constant(self, _: Interpreter, op: blend.ConstantOp, args: PythonValues) -> PythonValues:
        return (op.numpy(),)

    @impl(blend.UnsupportedOp)
    def run_unsupported(self, _: Interpreter, op: blend.UnsupportedOp, args: PythonValues) -> PythonValues:
        raise UserError(f"{op.layer_name}: {op.target.data} has no meaning in blendir")

    @impl(blend.ReluOp)
    def run_relu(self, _: Interpreter, op: blend.ReluOp, args: PythonValues) -> PythonValues:
        return (np.maximum(args[0], 0),)

    @impl(blend.PReluOp)
    def run_prelu(self, _: Interpreter, op: blend.PReluOp, args: PythonValues) -> PythonValues:
        x: Array = args[0]
        slope = channels_first(args[1], op.axis.value.data, x.ndim)
        y: Array = np.where(x >= 0, x, x * slope)
        return (y,)

    @impl(blend.BatchNormOp)
    def run_batch_norm(self, _: Interpreter, op: blend.BatchNormOp, args: PythonValues) -> PythonValues:
        x = args[0]
        gamma, beta, mean, variance = (channels_first(p, op.axis.value.data, x.ndim) for p in args[1:])
        return (gamma * ((x - mean) / np.sqrt(variance + op.epsilon.value.data)) + beta,)

    @impl(blend.AffineOp)
    def run_affine(self, _: Interpreter, op: blend.AffineOp, args: PythonValues) -> PythonValues:
        x = real_values(args[0], op.input)
        center, scale, offset = (channels_first(p, op.axis.value.data, x.ndim) for p in args[1:])
        return ((x - center) * scale + offset,)

    @impl(blend.SignOp)
    def run_sign(self, _: Interpreter, op: blend.SignOp, args: PythonValues) -> PythonValues:
        return (args[0] >= 0,)

    @impl(blend.ThresholdOp)
    def run_threshold(self, _: Interpreter, op: blend.ThresholdOp, args: PythonValues) -> PythonValues:
        axis = op.axis.value.data
        x = args[0]
        limit, invert = (channels_first(p, axis, x.ndim) for p in args[1:])
        if limit.dtype == np.int64 and x.dtype == np.int32:
            narrow = limit.astype(np.int32)
            limit = narrow if np.array_equal(narrow, limit) else limit
        bits = (x >= limit) ^ invert
        return (pack_words(bits, 1) if isinstance(element(op.result), WordType) else bits,)

    @impl(blend.PiecewiseLinearOp)
    def run_piecewise_linear(self, _: Interpreter, op: blend.PiecewiseLinearOp, args: PythonValues) -> PythonValues:
        x = args[0]
        result = element(op.result)
        if not isinstance(result, FixedType):
            parameters = [channels_first(p, op.axis.value.data, x.ndim) for p in args[1:]]
            return (kernels.piecewise(real_values(x, op.input), *parameters),)
        return (settled_pieces(x, args[1:], op.axis.value.data, element_frac(op.offset0), result, op.rounding.data),)

    @impl(blend.AddOp)
    def run_add(self, _: Interpreter, op: blend.AddOp, args: PythonValues) -> PythonValues:
        result = element(op.result)
        if not isinstance(result, FixedType):
            return (args[0] + args[1],)
        formats = element_format(element(op.lhs)), element_format(element(op.rhs))
        return (settled_sum(args[0], args[1], formats, result, op.rounding.data),)

    @impl(blend.MultiplyOp)
    def run_multiply(self, _: Interpreter, op: blend.MultiplyOp, args: PythonValues) -> PythonValues:
        result = element(op.result)
        if not isinstance(result, FixedType):
            return (real_values(args[0], op.lhs) * real_values(args[1], op.rhs),)
        formats = element_format(element(op.lhs)), element_format(element(op.rhs))
        return (settled_product(args[0], args[1], formats, result, op.rounding.data),)

    @impl(blend.ClampOp)
    def run_clamp(self, _: Interpreter, op: blend.ClampOp, args: PythonValues) -> PythonValues:
        return (np.clip(args[0], op.low.value.data, op.high.value.data),)

    @impl(blend.RoundOp)
    def run_round(self, _: Interpreter, op: blend.RoundOp, args: PythonValues) -> PythonValues:
        return (np.rint(args[0]),)

    @impl(blend.MultiThresholdOp)
    def run_multi_threshold(self, _: Interpreter, op: blend.MultiThresholdOp, args: PythonValues) -> PythonValues:
        x, limits, invert = args
        axis = op.axis.value.data
        spread = np.stack([channels_first(column, axis, x.ndim) for column in limits.T], axis=-1)
        invert = channels_first(invert, axis, x.ndim)
        dtype = integer_dtype(element_format(element(op.result)).width)
        return (kernels.levels(x, spread, invert, op.lowest.value.data, op.step.value.data, dtype),)

    @impl(blend.RequantizeOp)
    def run_requantize(self, _: Interpreter, op: blend.RequantizeOp, args: PythonValues) -> PythonValues:
        result = element(op.result)
        assert isinstance(result, FixedType)
        if element(op.input) == f64:
            return (result.format.encode(args[0]).astype(integer_dtype(result.format.width)),)
        frac = element_format(element(op.input)).frac
        return (round_saturate(args[0].astype(np.int64), frac, result, op.rounding.data),)

    @impl(blend.BitsToValueOp)
    def run_bits_to_value(self, _: Interpreter, op: blend.BitsToValueOp, args: PythonValues) -> PythonValues:
        bits = args[0]
        if isinstance(element(op.input), WordType):
            channels = blend.tensor_type(op.result).get_shape()[1]
            lanes = op.lanes.get_values() if op.lanes is not None else range(channels)
            bits = unpack_words(bits, 1)[:, list(lanes)]
        dtype = np.float64 if element(op.result) == f64 else np.int32
        return (bits.astype(dtype) * dtype(2) - dtype(1),)

    @impl(blend.Conv2dOp)
    def run_conv2d(self, _: Interpreter, op: blend.Conv2dOp, args: PythonValues) -> PythonValues:
        x, weight, bias, *pad = args
        x = real_values(x, op.input)
        total = kernels.convolve(x, weight, op.axes, pad[0] if pad else None)
        return (total + kernels.border_map(bias, x.shape, op.axes),)

    @impl(blend.FixedConv2dOp)
    def run_fixed_conv2d(self, _: Interpreter, op: blend.FixedConv2dOp, args: PythonValues) -> PythonValues:
        x, weight, bias, *pad = args
        dtype = kernels.exact_type(weight, element_format(element(op.input)))
        total = kernels.convolve(x, weight.astype(dtype), op.axes, pad[0] if pad else None)
        bias = kernels.border_map(bias.astype(np.int64), x.shape, op.axes)
        return (settle_products(total.astype(np.int64) + bias, op),)

    @impl(blend.BinaryConv2dOp)
    def run_binary_conv2d(self, _: Interpreter, op: blend.BinaryConv2dOp, args: PythonValues) -> PythonValues:
        return (binary_convolution(op, args[0], args[1]),)

    @impl(blend.PackedBinaryConv2dOp)
    def run_packed_conv2d(self, _: Interpreter, op: blend.PackedBinaryConv2dOp, args: PythonValues) -> PythonValues:
        x, weight = args
        channels = op.channels.value.data
        if op.group_count > 1:
            lanes = op.channel_lanes
            taps = of_groups(unpack_words(weight, 1)[:, lanes], op.group_count)
            return (binary_convolution(op, unpack_words(x, 1)[:, lanes], taps),)
        return (kernels.packed_convolve(x, weight, channels, op.axes, op.pad_mode.data),)

    @impl(blend.LinearOp)
    def run_linear(self, _: Interpreter, op: blend.LinearOp, args: PythonValues) -> PythonValues:
        x, weight, bias = args
        return (real_values(x, op.input) @ weight.T + bias,)

    @impl(blend.FixedLinearOp)
    def run_fixed_linear(self, _: Interpreter, op: blend.FixedLinearOp, args: PythonValues) -> PythonValues:
        x, weight, bias = args
        dtype = kernels.exact_type(weight, element_format(element(op.input)))
        total = x.astype(dtype) @ weight.astype(dtype).T
        return (settle_products(total.astype(np.int64) + bias, op),)

    @impl(blend.BinaryLinearOp)
    def run_binary_linear(self, _: Interpreter, op: blend.BinaryLinearOp, args: PythonValues) -> PythonValues:
        x, weight = (bits_to_float(v, args[1].shape[1]) for v in args)
        return ((x @ weight.T).astype(np.int32),)

    @impl(blend.PackedBinaryLinearOp)
    def run_packed_linear(self, _: Interpreter, op: blend.PackedBinaryLinearOp, args: PythonValues) -> PythonValues:
        return (kernels.packed_product(args[0], args[1], op.channels.value.data),)

    @impl(blend.LayerNormOp)
    def run_layer_norm(self, _: Interpreter, op: blend.LayerNormOp, args: PythonValues) -> PythonValues:
        axis, epsilon = op.axis.value.data, op.epsilon.value.data
        x, gamma, beta = args[0], *(channels_first(p, axis, args[0].ndim) for p in args[1:])
        centered = x - x.mean(axis=axis, keepdims=True)
        return (gamma * (centered / np.sqrt((centered**2).mean(axis=axis, keepdims=True) + epsilon)) + beta,)

    @impl(blend.FixedLayerNormOp)
    def run_fixed_layer_norm(self, _: Interpreter, op: blend.FixedLayerNormOp, args: PythonValues) -> PythonValues:
        x, axis = np.moveaxis(args[0], op.axis.value.data, -1), op.axis.value.data
        result, frac = element(op.result), element_frac(op.beta)
        assert isinstance(result, FixedType)
        y = settled_norm(x, args[1], args[2], op.epsilon.value.data, frac, result, op.rounding.data)
        return (np.moveaxis(y, -1, axis),)

    @impl(blend.ActivationOp)
    def run_activation(self, _: Interpreter, op: blend.ActivationOp, args: PythonValues) -> PythonValues:
        return (evaluate(op.function.data, args[0]),)

    @impl(blend.LookupOp)
    def run_lookup(self, _: Interpreter, op: blend.LookupOp, args: PythonValues) -> PythonValues:
        return (looked_up(args[0], args[1], element_format(element(op.input)).low),)

    @impl(blend.AvgPool2dOp)
    def run_avg_pool2d(self, _: Interpreter, op: blend.AvgPool2dOp, args: PythonValues) -> PythonValues:
        result = element(op.result)
        if isinstance(result, FixedType):
            dtype = integer_dtype(result.format.width)
            return (kernels.reduce_windows(args[0], op.axes, np.add, 0, dtype),)
        x = real_values(args[0], op.input)
        return (kernels.reduce_windows(x, op.axes, np.add, 0) / op.divisor.value.data,)

    @impl(blend.MaxPool2dOp)
    def run_max_pool2d(self, _: Interpreter, op: blend.MaxPool2dOp, args: PythonValues) -> PythonValues:
        kind = element(op.input)
        if isinstance(kind, WordType) or kind == i1:
            return (kernels.reduce_windows(args[0], op.axes, np.bitwise_or, 0),)
        lowest = -np.inf if kind == f64 else element_format(kind).low
        return (kernels.reduce_windows(args[0], op.axes, np.maximum, lowest),)

    @impl(blend.ArgmaxOp)
    def run_argmax(self, _: Interpreter, op: blend.ArgmaxOp, args: PythonValues) -> PythonValues:
        return (places_of_largest(args[0], op.axis.value.data, element(op.result), op.k),)

    @impl(blend.ReshapeOp)
    def run_reshape(self, _: Interpreter, op: blend.ReshapeOp, args: PythonValues) -> PythonValues:
        return (args[0].reshape(args[0].shape[0], *blend.tensor_type(op.result).get_shape()[1:]),)

    @impl(blend.TransposeOp)
    def run_transpose(self, _: Interpreter, op: blend.TransposeOp, args: PythonValues) -> PythonValues:
        return (np.ascontiguousarray(args[0].transpose(list(op.permutation.get_values()))),)

    @impl(blend.TakeOp)
    def run_take(self, _: Interpreter, op: blend.TakeOp, args: PythonValues) -> PythonValues:
        return (kernels.take(args[0], op.picks, op.axis.value.data),)

    @impl(blend.ConcatOp)
    def run_concat(self, _: Interpreter, op: blend.ConcatOp, args: PythonValues) -> PythonValues:
        return (np.concatenate(args, axis=op.axis.value.data),)


def places_of_largest(x: Array, axis: int, kind: Attribute, k: int) -> Array:
    """
    The places of the k largest elements along an axis, the largest first and of equal ones the first, as numbers of a
    type.
    """
    dtype = integer_dtype(kind.format.width) if isinstance(kind, FixedType) else np.float64
    if k == 1:
        return np.argmax(x, axis=axis, keepdims=True).astype(dtype)
    rising = x.shape[axis] - 1 - np.argsort(np.flip(x, axis), axis=axis, kind="stable")
    return np.flip(rising, axis).take(np.arange(k), axis).astype(dtype)


def real_values(x: Array, value: Any) -> Array:
    """
    The float64 values of an operand of any number type.
    """
    kind = element(value)
    if kind == f64:
        return x
    return element_format(kind).decode(x)


def binary_convolution(op: blend.BinaryConv2dOp | blend.PackedBinaryConv2dOp, x: Array, weight: Array) -> Array:
    """
    A convolution of bits [N, C, H, W] with weights [O, C / groups, KH, KW].
    """
    pad = np.full(x.shape[1], PAD_BIT[op.pad_mode.data], np.float32)
    values, signs = (bits_to_float(v, weight[0].size) for v in (x, weight))
    return kernels.convolve(values, signs, op.axes, pad).astype(np.int32)


def settle_products(exact: Array, op: blend.FixedConv2dOp | blend.FixedLinearOp) -> Array:
    """
    Brings sums of products to the result type of a convolution or linear layer.
    """
    result, bias = element(op.result), element(op.bias)
    assert isinstance(result, FixedType)
    assert isinstance(bias, FixedType)
    return round_saturate(exact, bias.format.frac, result, op.rounding.data)
