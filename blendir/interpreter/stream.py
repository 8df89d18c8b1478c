"""
The meaning of the `stream` processes on numpy arrays: a stream is [N, positions, length] of integers, bits bool.
"""

from __future__ import annotations

import numpy as np
from xdsl.dialects.builtin import i1
from xdsl.interpreter import Interpreter, InterpreterFunctions, PythonValues, impl, register_impls
from xdsl.ir import SSAValue

from blendir.dialects import stream
from blendir.dialects.blend import FixedType, tensor_type
from blendir.dialects.stream import stream_type
from blendir.interpreter import kernels
from blendir.interpreter.blend import (
    bits_to_float,
    element_frac,
    integer_dtype,
    looked_up,
    places_of_largest,
    round_saturate,
    settled_norm,
    settled_pieces,
    settled_product,
    settled_sum,
)
from blendir.interpreter.kernels import Array
from blendir.packing import unpack_words


def fixed_type(value: SSAValue) -> FixedType:
    """
    The fixed-point type of a stream's elements.
    """
    kind = stream_type(value).element
    assert isinstance(kind, FixedType)
    return kind


def to_frames(x: Array, value: SSAValue) -> Array:
    """
    A stream as [N, C, H, W].
    """
    kind = stream_type(value)
    return x.reshape(-1, kind.rows.data, kind.columns.data, kind.length.data).transpose(0, 3, 1, 2)


def spread(parameter: Array, value: SSAValue) -> Array:
    """
    Parameters as [positions or 1, length].
    """
    return parameter.reshape(-1, stream_type(value).length.data)


def vectors(x: Array, op: stream.MvuOp) -> Array:
    """
    The vectors of a matrix-vector unit: [N * positions, length].
    """
    return x.reshape(-1, op.vector)


def classes(border: Array, op: stream.MvuOp) -> Array:
    """
    What is added at each position: [positions, outputs].
    """
    spread_out = border[:, list(op.row_classes.get_values())][:, :, list(op.column_classes.get_values())]
    return spread_out.reshape(len(border), -1).T.astype(np.int64)


@register_impls
class StreamFunctions(InterpreterFunctions):
    """
    One method per process.
    """

    @impl(stream.SourceOp)
    def run_source(self, _: Interpreter, op: stream.SourceOp, args: PythonValues) -> PythonValues:
        return (op.positions_of(args[0]),)

    @impl(stream.SinkOp)
    def run_sink(self, _: Interpreter, op: stream.SinkOp, args: PythonValues) -> PythonValues:
        shape = tensor_type(op.result).get_shape()[1:]
        if op.order is None:
            return (to_frames(args[0], op.input).reshape(-1, *shape),)
        flat = args[0].reshape(len(args[0]), -1)[:, list(op.order.get_values())]
        return (flat.reshape(-1, *shape),)

    @impl(stream.WindowOp)
    def run_window(self, _: Interpreter, op: stream.WindowOp, args: PythonValues) -> PythonValues:
        down, right = op.axes
        x = to_frames(args[0], op.input)
        padded = kernels.pad_frames(x, op.axes, args[1] if len(args) > 1 else None)
        result = stream_type(op.result)
        oh, ow = result.rows.data, result.columns.data
        taps = [
            padded[:, :, kernels.tap_slice(down, i, oh), kernels.tap_slice(right, j, ow)]
            for i in range(down.kernel)
            for j in range(right.kernel)
        ]
        windows = np.stack(taps, axis=1).transpose(0, 3, 4, 1, 2)
        return (windows.reshape(len(x), result.positions, result.length.data),)

    @impl(stream.BinaryMvuOp)
    def run_binary_mvu(self, _: Interpreter, op: stream.BinaryMvuOp, args: PythonValues) -> PythonValues:
        x, weight, border = args
        signs = bits_to_float(unpack_words(weight, 1)[:, : op.vector], op.vector)
        total = (bits_to_float(vectors(x, op), op.vector) @ signs.T).astype(np.int32)
        total = total.reshape(len(x), -1, len(signs)) + classes(border, op)
        return (total.astype(np.int32),)

    @impl(stream.PlaneMvuOp)
    def run_plane_mvu(self, _: Interpreter, op: stream.PlaneMvuOp, args: PythonValues) -> PythonValues:
        x, weight, base = args
        elements, planes = vectors(x, op), unpack_words(weight, 2)[..., : op.vector].swapaxes(0, 1)
        counts = np.zeros((len(elements), len(weight)), np.int64)
        for place, step in op.steps.items():
            bits = bits_to_float(elements >> place & 1, op.vector)
            for j, signs in enumerate(bits_to_float(planes, op.vector)):
                equal_less_unequal = (bits @ signs.T).astype(np.int64)
                counts += (step << j) * ((op.vector - equal_less_unequal) // 2)
        total = classes(base, op) - counts.reshape(len(x), -1, len(weight))
        return (total.astype(integer_dtype(stream_type(op.result).format.width)),)

    @impl(stream.FixedMvuOp)
    def run_fixed_mvu(self, _: Interpreter, op: stream.FixedMvuOp, args: PythonValues) -> PythonValues:
        x, weight, bias = args
        dtype = kernels.exact_type(weight, stream_type(op.input).format)
        total = vectors(x, op).astype(dtype) @ weight.astype(dtype).T
        exact = total.astype(np.int64).reshape(len(x), -1, len(weight)) + classes(bias, op)
        frac = element_frac(op.bias)
        return (round_saturate(exact, frac, fixed_type(op.result), op.rounding.data),)

    @impl(stream.DepthwiseMvuOp)
    def run_depthwise_mvu(self, _: Interpreter, op: stream.DepthwiseMvuOp, args: PythonValues) -> PythonValues:
        x, weight, bias = args
        taps = x.reshape(len(x), -1, op.vector, len(weight))
        if op.on_bits:
            total = (bits_to_float(taps) * bits_to_float(weight).T).sum(axis=2)
        else:
            dtype = kernels.exact_type(weight, stream_type(op.input).format)
            total = (taps.astype(dtype) * weight.T.astype(dtype)).sum(axis=2)
        exact = total.astype(np.int64) + classes(bias, op)
        if op.on_bits:
            return (exact.astype(np.int32),)
        return (round_saturate(exact, element_frac(op.bias), fixed_type(op.result), op.rounding.data),)

    @impl(stream.PiecewiseLinearOp)
    def run_piecewise_linear(self, _: Interpreter, op: stream.PiecewiseLinearOp, args: PythonValues) -> PythonValues:
        parameters, result = args[1:], fixed_type(op.result)
        x = args[0].reshape(len(args[0]), -1, len(parameters[0]), op.hold.value.data)
        y = settled_pieces(x, parameters, 2, element_frac(op.offset0), result, op.rounding.data)
        return (y.reshape(args[0].shape),)

    @impl(stream.ThresholdOp)
    def run_threshold(self, _: Interpreter, op: stream.ThresholdOp, args: PythonValues) -> PythonValues:
        limit, invert = (spread(p, op.input) for p in args[1:])
        return ((args[0] >= limit) ^ invert,)

    @impl(stream.MultiThresholdOp)
    def run_multi_threshold(self, _: Interpreter, op: stream.MultiThresholdOp, args: PythonValues) -> PythonValues:
        x, limits, invert = args
        limits = limits.reshape(-1, x.shape[2], limits.shape[1])
        lowest, step = op.lowest.value.data, op.step.value.data
        dtype = integer_dtype(stream_type(op.result).format.width)
        return (kernels.levels(x, limits, spread(invert, op.input), lowest, step, dtype),)

    @impl(stream.AddOp)
    def run_add(self, _: Interpreter, op: stream.AddOp, args: PythonValues) -> PythonValues:
        return (added(op, args[0], args[1]),)

    @impl(stream.ResidualOp)
    def run_residual(self, _: Interpreter, op: stream.ResidualOp, args: PythonValues) -> PythonValues:
        total = added(op, args[0], args[1])
        limit, invert = (spread(p, op.lhs) for p in args[2:])
        return total, (total >= limit) ^ invert

    @impl(stream.MultiplyOp)
    def run_multiply(self, _: Interpreter, op: stream.MultiplyOp, args: PythonValues) -> PythonValues:
        formats = stream_type(op.lhs).format, stream_type(op.rhs).format
        return (settled_product(args[0], args[1], formats, fixed_type(op.result), op.rounding.data),)

    @impl(stream.LayerNormOp)
    def run_layer_norm(self, _: Interpreter, op: stream.LayerNormOp, args: PythonValues) -> PythonValues:
        x, gamma, beta = args
        result, frac = fixed_type(op.result), element_frac(op.beta)
        return (settled_norm(x, gamma, beta, op.epsilon.value.data, frac, result, op.rounding.data),)

    @impl(stream.LookupOp)
    def run_lookup(self, _: Interpreter, op: stream.LookupOp, args: PythonValues) -> PythonValues:
        return (looked_up(args[0], args[1], stream_type(op.input).format.low),)

    @impl(stream.ArgmaxOp)
    def run_argmax(self, _: Interpreter, op: stream.ArgmaxOp, args: PythonValues) -> PythonValues:
        kind = stream_type(op.result)
        return (places_of_largest(args[0], 2, kind.element, kind.length.data),)

    @impl(stream.ClampOp)
    def run_clamp(self, _: Interpreter, op: stream.ClampOp, args: PythonValues) -> PythonValues:
        return (np.clip(args[0], op.low.value.data, op.high.value.data),)

    @impl(stream.RequantizeOp)
    def run_requantize(self, _: Interpreter, op: stream.RequantizeOp, args: PythonValues) -> PythonValues:
        frac = stream_type(op.input).format.frac
        return (round_saturate(args[0].astype(np.int64), frac, fixed_type(op.result), op.rounding.data),)

    @impl(stream.BitsToValueOp)
    def run_bits_to_value(self, _: Interpreter, op: stream.BitsToValueOp, args: PythonValues) -> PythonValues:
        return (args[0].astype(np.int32) * 2 - 1,)

    @impl(stream.PoolOp)
    def run_pool(self, _: Interpreter, op: stream.PoolOp, args: PythonValues) -> PythonValues:
        result = stream_type(op.result)
        kh, kw, parts = op.window
        rows, columns = result.rows.data, result.columns.data
        taps = args[0].reshape(len(args[0]), rows, kh, columns, kw, parts, result.length.data)
        axes = (2, 4, 5)
        if op.kind.data is stream.PoolKind.SUM:
            pooled = taps.sum(axis=axes, dtype=integer_dtype(result.format.width))
        else:
            pooled = taps.any(axis=axes) if result.element == i1 else taps.max(axis=axes)
        return (pooled.reshape(len(pooled), result.positions, result.length.data),)

    @impl(stream.ReorderOp)
    def run_reorder(self, _: Interpreter, op: stream.ReorderOp, args: PythonValues) -> PythonValues:
        x, kind = args[0], stream_type(op.result)
        return (x.reshape(len(x), -1)[:, op.places].reshape(len(x), kind.positions, kind.length.data),)

    @impl(stream.ForkOp)
    def run_fork(self, _: Interpreter, op: stream.ForkOp, args: PythonValues) -> PythonValues:
        return args * len(op.copies)

    @impl(stream.ConcatOp)
    def run_concat(self, _: Interpreter, op: stream.ConcatOp, args: PythonValues) -> PythonValues:
        blocks, kind = op.parts[0], stream_type(op.result)
        parts = [x.reshape(len(x), blocks, -1) for x in args]
        return (np.concatenate(parts, axis=2).reshape(len(args[0]), kind.positions, kind.length.data),)

    @impl(stream.CropOp)
    def run_crop(self, _: Interpreter, op: stream.CropOp, args: PythonValues) -> PythonValues:
        kind, (rows, columns) = stream_type(op.input), op.lines
        x = args[0].reshape(len(args[0]), kind.rows.data, kind.columns.data, -1)
        return (x[:, rows][:, :, columns].reshape(len(x), -1, kind.length.data),)

    @impl(stream.TakeOp)
    def run_take(self, _: Interpreter, op: stream.TakeOp, args: PythonValues) -> PythonValues:
        return (kernels.take(args[0], op.indices.get_values(), 2),)


def added(op: stream.AddOp | stream.ResidualOp, a: Array, b: Array) -> Array:
    """
    The sum of two streams.
    """
    formats = stream_type(op.lhs).format, stream_type(op.rhs).format
    return settled_sum(a, b, formats, fixed_type(op.results[0]), op.rounding.data)
