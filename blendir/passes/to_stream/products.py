"""
Matrix-vector units of convolutions and linear layers, and layer normalizations.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from xdsl.dialects.builtin import IntegerType, Signedness, i64
from xdsl.ir import SSAValue

from blendir.dialects import blend, stream
from blendir.dialects.blend import constant_value, tensor_type, word
from blendir.numerics import outside_sums, signed_bits
from blendir.packing import pack_words, unpack_words, window_order
from blendir.passes.bit_planes import PlaneForm, plane_form
from blendir.passes.to_stream.element_order import Placed, Streams, element, lowered, raster
from blendir.passes.to_stream.groups import lowered_groups
from blendir.passes.to_stream.windows import border_classes_of, outside_bits, whole_window, windows_of


@lowered.register(blend.PackedBinaryConv2dOp)
def lowered_binary_conv(op: blend.PackedBinaryConv2dOp, streams: Streams) -> Placed:
    """
    Windows, then a binary matrix-vector unit with the correction of outside taps.
    """
    if op.group_count > 1:
        return lowered_groups(op, streams)
    placed, shape, lanes = streams.channels_of(op.input, op.layer_name, whole_window(op))
    weight = unpack_words(constant_value(op.weight), 1)[:, lanes]
    vectors = windows_of(op, streams, placed, shape, None)
    border, classes = outside_bits(op, weight, shape)
    return binary_mvu(op, streams, vectors, window_order(weight), border, classes)


def binary_mvu(
    op: blend.BlendOp,
    streams: Streams,
    vectors: SSAValue,
    weight: NDArray[np.bool_],
    border: NDArray[np.int64],
    classes: tuple[Sequence[int], Sequence[int]],
) -> Placed:
    """
    A binary matrix-vector unit; its accumulators have just the bits they need.
    """
    taps = weight.shape[1]
    element = IntegerType(signed_bits(-taps, taps), Signedness.SIGNED)
    words = streams.constant(pack_words(weight, 1), word)
    corrections = streams.constant(border, i64)
    value = streams.emit(stream.BinaryMvuOp(vectors, words, corrections, classes, element, op.layer))
    return Placed(value, raster(tensor_type(op.results[0]).get_shape()[1:]))


@lowered.register(blend.FixedConv2dOp)
def lowered_conv(op: blend.FixedConv2dOp, streams: Streams) -> Placed:
    """
    Windows, then a matrix-vector unit of products, or on bit planes.
    """
    if op.group_count > 1:
        return lowered_groups(op, streams)
    form = plane_form(op)
    if form is not None:
        return plane_conv(op, streams, form)
    placed, shape, _ = streams.channels_of(op.input, op.layer_name, whole_window(op))
    weight, bias = constant_value(op.weight), constant_value(op.bias)
    vectors = windows_of(op, streams, placed, shape, op.pad)
    flat = streams.constant(window_order(weight), element(op.weight))
    mapped = streams.constant(bias.reshape(len(weight), *(bias.shape[1:] or (1, 1))), element(op.bias))
    classes = border_classes_of(op, shape, bias.ndim > 1)
    value = streams.emit(
        stream.FixedMvuOp(vectors, flat, mapped, classes, element(op.result), op.rounding.data, op.layer)
    )
    return Placed(value, raster(tensor_type(op.result).get_shape()[1:]))


def plane_conv(op: blend.FixedConv2dOp, streams: Streams, form: PlaneForm) -> Placed:
    """
    Windows, then a matrix-vector unit on bit planes, with a correction of outside taps where their value is none of
    the input's.
    """
    placed, shape, _ = streams.channels_of(op.input, op.layer_name, whole_window(op))
    weight, bias = (constant_value(v).astype(np.int64) for v in (op.weight, op.bias))
    pad = constant_value(op.pad).astype(np.int64) if op.pad is not None else np.zeros(weight.shape[1], np.int64)
    corrected = any(op.pads) and not form.planes.holds(pad)
    vectors = windows_of(op, streams, placed, shape, None if corrected else op.pad)
    base = bias.reshape(len(weight), *(bias.shape[1:] or (1, 1))) + form.base(weight)[:, None, None]
    if corrected:
        missing = weight * (pad - form.planes.constant)[:, None, None]
        base = base + outside_sums(missing, *op.borders([1, *shape]))
    return plane_mvu(
        op, streams, form, vectors, window_order(weight), base, border_classes_of(op, shape, base[0].size > 1)
    )


def plane_mvu(
    op: blend.FixedConv2dOp | blend.FixedLinearOp,
    streams: Streams,
    form: PlaneForm,
    vectors: SSAValue,
    weight: NDArray[np.int64],
    base: NDArray[np.int64],
    classes: tuple[Sequence[int], Sequence[int]],
) -> Placed:
    """
    A matrix-vector unit on bit planes.
    """
    words = streams.constant(pack_words(form.signs(weight), 2), word)
    places, constants = form.planes.places, streams.constant(base, i64)
    value = streams.emit(stream.PlaneMvuOp(vectors, words, constants, places, classes, element(op.result), op.layer))
    return Placed(value, raster(tensor_type(op.result).get_shape()[1:]))


@lowered.register(blend.PackedBinaryLinearOp)
@lowered.register(blend.FixedLinearOp)
def lowered_linear(op: blend.PackedBinaryLinearOp | blend.FixedLinearOp, streams: Streams) -> Placed:
    """
    A matrix-vector unit whose columns follow the order of the stream.
    """
    placed = streams.placed[op.input]
    order = placed.order.reshape(-1)
    weight = constant_value(op.weight)
    if isinstance(op, blend.PackedBinaryLinearOp):
        weight = unpack_words(weight, 1)
    used = np.flatnonzero(order >= 0)
    moved = np.zeros((len(weight), len(used)), weight.dtype)
    moved[:, order[used]] = weight[:, used]
    if isinstance(op, blend.PackedBinaryLinearOp):
        return binary_mvu(op, streams, placed.value, moved, np.zeros((len(weight), 1, 1), np.int64), ([0], [0]))
    form = plane_form(op)
    if form is not None:
        signs = moved.astype(np.int64)
        base = (constant_value(op.bias).astype(np.int64) + form.base(signs)).reshape(-1, 1, 1)
        return plane_mvu(op, streams, form, placed.value, signs, base, ([0], [0]))
    matrix = streams.constant(moved, element(op.weight))
    bias = streams.constant(constant_value(op.bias).reshape(-1, 1, 1), element(op.bias))
    value = streams.emit(
        stream.FixedMvuOp(placed.value, matrix, bias, ([0], [0]), element(op.result), op.rounding.data, op.layer)
    )
    return Placed(value, np.arange(len(weight)))


@lowered.register(blend.FixedLayerNormOp)
def lowered_norm(op: blend.FixedLayerNormOp, streams: Streams) -> Placed:
    """
    One process, through a frame memory where the elements along the axis do not make up a position.
    """
    axis = op.axis.value.data
    placed = streams.together(op.input, axis, op.layer_name)
    gamma, beta = streams.parameters(op.input, axis, (op.gamma, op.beta), placed)
    epsilon, rounding = op.epsilon.value.data, op.rounding.data
    process = stream.LayerNormOp(placed.value, gamma, beta, epsilon, element(op.result), rounding, op.layer)
    return Placed(streams.emit(process), placed.order)
