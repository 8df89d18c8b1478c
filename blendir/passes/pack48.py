"""
`pack48`: bits become words of 48 lanes, the operands of one DSP48E2 (BlendNet, section IV-B1).
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import singledispatch

import numpy as np
from numpy.typing import NDArray
from xdsl.context import Context
from xdsl.dialects.builtin import DenseArrayBase, ModuleOp, TensorType, i1, i64
from xdsl.ir import Operation, SSAValue
from xdsl.passes import ModulePass
from xdsl.utils.exceptions import PassFailedException

from blendir.dialects import blend
from blendir.dialects.blend import ConstantOp, constant_value, tensor_type, word
from blendir.interpreter import find_main, main_function, output_types
from blendir.packing import WORD_BITS, in_groups, pack_words, place_lanes, word_count
from blendir.passes.rewriting import erase_unused_constants, replace

Lanes = dict[SSAValue, NDArray[np.int64]]
"""In which lane of axis 1 each channel or feature of a packed value lies."""


def pack_operations(module: ModuleOp) -> None:
    """
    Packs the bits of `@main`, operation by operation.
    """
    block, lanes = main_function(module).body.block, Lanes()
    if any(kind.element_type == i1 for kind in output_types(module)):
        raise PassFailedException("the output is bits; a network should return numbers")
    for op in list(block.ops):
        if new := packed(op, lanes):
            replace(op, new)
    erase_unused_constants(block)


@singledispatch
def packed(op: Operation, lanes: Lanes) -> list[Operation]:
    """
    The packed form of an operation, given operands that are packed already; nothing where it has no bits.
    """
    return []


@packed.register(blend.ThresholdOp)
def packed_threshold(op: blend.ThresholdOp, lanes: Lanes) -> list[Operation]:
    """
    A threshold that makes words along axis 1.
    """
    kind = tensor_type(op.result)
    if kind.element_type != i1:
        return []
    frames, channels, *pixels = kind.get_shape()
    words = TensorType(word, (frames, word_count(channels), *pixels))
    new = blend.ThresholdOp(op.input, op.threshold, op.invert, op.axis.value.data, op.layer, words)
    lanes[new.result] = np.arange(channels)
    return [new]


def packed_weights(source: SSAValue, weight: NDArray[np.bool_], lanes: Lanes, layer: str) -> ConstantOp:
    """
    Weights [O, I, ..] with each input in the lane of the packed value it multiplies.
    """
    if source not in lanes:
        raise PassFailedException(f"{layer}: its input was not made by a threshold; run fold-bn first")
    words = tensor_type(source).get_shape()[1]
    spread = place_lanes(np.moveaxis(weight, 1, -1), lanes[source], words)
    return ConstantOp.from_numpy(np.moveaxis(pack_words(spread, -1), -1, 1), word)


@packed.register(blend.BinaryConv2dOp)
def packed_conv(op: blend.BinaryConv2dOp, lanes: Lanes) -> list[Operation]:
    """
    A convolution on words.
    """
    weight, groups = constant_value(op.weight), op.group_count
    words = packed_weights(op.input, in_groups(weight, groups), lanes, op.layer_name)
    moved = moved_lanes(lanes[op.input]) if groups > 1 else None
    rest = op.stride, op.pads, op.pad_mode.data, op.layer, op.dilations, groups, moved
    return [words, blend.PackedBinaryConv2dOp(op.input, words.result, weight.shape[1], *rest)]


@packed.register(blend.BinaryLinearOp)
def packed_linear(op: blend.BinaryLinearOp, lanes: Lanes) -> list[Operation]:
    """
    A linear layer on words.
    """
    weight = constant_value(op.weight)
    words = packed_weights(op.input, weight, lanes, op.layer_name)
    return [words, blend.PackedBinaryLinearOp(op.input, words.result, weight.shape[1], op.layer)]


@packed.register(blend.BitsToValueOp)
def packed_value(op: blend.BitsToValueOp, lanes: Lanes) -> list[Operation]:
    """
    Numbers of the lanes in use.
    """
    if op.input not in lanes:
        return []
    return [blend.BitsToValueOp(op.input, op.layer, tensor_type(op.result), moved_lanes(lanes[op.input]))]


def moved_lanes(lanes: NDArray[np.int64]) -> list[int] | None:
    """
    The lane of each channel, None where channel i lies in lane i.
    """
    return None if np.array_equal(lanes, np.arange(len(lanes))) else lanes.tolist()


@packed.register(blend.MaxPool2dOp)
def packed_pool(op: blend.MaxPool2dOp, lanes: Lanes) -> list[Operation]:
    """
    A pool of words: OR, lane by lane.
    """
    if op.input not in lanes:
        return []
    new = blend.MaxPool2dOp(op.input, op.window, op.stride, op.pads, op.layer, op.dilations)
    lanes[new.result] = lanes[op.input]
    moved = moved_lanes(lanes[op.input])
    new.lanes = None if moved is None else DenseArrayBase.from_list(i64, moved)
    return [new]


@packed.register(blend.TakeOp)
def packed_take(op: blend.TakeOp, lanes: Lanes) -> list[Operation]:
    """
    Words of other rows and columns.
    """
    if op.input not in lanes:
        return []
    new = blend.TakeOp(op.input, op.picks, op.axis.value.data, op.layer)
    lanes[new.result] = lanes[op.input]
    moved = moved_lanes(lanes[op.input])
    new.lanes = None if moved is None else DenseArrayBase.from_list(i64, moved)
    return [new]


@packed.register(blend.ReshapeOp)
def packed_reshape(op: blend.ReshapeOp, lanes: Lanes) -> list[Operation]:
    """
    Flattening [C, H, W] keeps the words: word w of pixel p becomes word w * H * W + p; lanes stay in their words.
    """
    if op.input not in lanes:
        return []
    frames, words, *pixels = tensor_type(op.input).get_shape()
    shape, found = tensor_type(op.result).get_shape(), lanes[op.input]
    if len(shape) == 2:
        count = int(np.prod(pixels, dtype=np.int64))
        grid = found[:, None] // WORD_BITS * count + np.arange(count)
        flat = grid * WORD_BITS + found[:, None] % WORD_BITS
        new = blend.ReshapeOp(op.input, (frames, words * count), op.layer)
        lanes[new.result] = flat.reshape(-1)
    elif shape[1] == len(found):
        new = blend.ReshapeOp(op.input, (frames, words, *shape[2:]), op.layer)
        lanes[new.result] = found
    else:
        raise PassFailedException(
            f"{op.layer_name}: a reshape of bits to {list(shape)} would move lanes between words; "
            "only flattening to features and reshaping of pixels are possible"
        )
    return [new]


@packed.register(blend.ConcatOp)
def packed_concat(op: blend.ConcatOp, lanes: Lanes) -> list[Operation]:
    """
    Words side by side: the channels of each operand start in a new word. Along other axes they keep their lanes.
    """
    if op.inputs[0] not in lanes:
        return []
    axis = op.axis.value.data
    new = blend.ConcatOp(list(op.inputs), axis, op.layer)
    if axis != 1:
        lanes[new.result] = lanes[op.inputs[0]]
        if any(not np.array_equal(lanes[value], lanes[new.result]) for value in op.inputs):
            raise PassFailedException(f"{op.layer_name}: its operands have channels in other lanes; join them before")
        return [new]
    starts = np.cumsum([0, *(tensor_type(value).get_shape()[1] for value in op.inputs)])
    parts = [lanes[value] + start * WORD_BITS for value, start in zip(op.inputs, starts, strict=False)]
    lanes[new.result] = np.concatenate(parts)
    return [new]


@packed.register(blend.TransposeOp)
def packed_transpose(op: blend.TransposeOp, lanes: Lanes) -> list[Operation]:
    """
    Bits stay in their words.
    """
    if op.input in lanes:
        raise PassFailedException(
            f"{op.layer_name}: a transpose of bits would move lanes between words; "
            "run fold-bn, which transposes before the sign, or do so in the model"
        )
    return []


@dataclass(frozen=True)
class Pack48Pass(ModulePass):
    """
    Packs bits into 48-bit words.
    """

    name = "pack48"

    def apply(self, ctx: Context, op: ModuleOp) -> None:
        if find_main(op) is not None:
            pack_operations(op)
