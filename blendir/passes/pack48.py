"""
`pack48`: bits become words of 48 lanes, the operands of one DSP48E2 (BlendNet, section IV-B1).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from xdsl.context import Context
from xdsl.dialects.builtin import ModuleOp, TensorType, i1
from xdsl.ir import Operation, SSAValue
from xdsl.passes import ModulePass
from xdsl.utils.exceptions import PassFailedException

from blendir.dialects.blend import (
    BinaryConv2dOp,
    BinaryLinearOp,
    BitsToValueOp,
    BlendOp,
    ConcatOp,
    ConstantOp,
    MaxPool2dOp,
    PackedBinaryConv2dOp,
    PackedBinaryLinearOp,
    ReshapeOp,
    ThresholdOp,
    TransposeOp,
    constant_value,
    tensor_type,
    word,
)
from blendir.dialects.blend.base import i64_array
from blendir.interpreter import main_function, output_type
from blendir.packing import WORD_BITS, pack_words, place_lanes, word_count

Lanes = NDArray[np.int64]


class Packer:
    """
    Rewrites `@main` in order; remembers in which lane of axis 1 each channel or feature of a packed value lies.
    """

    def __init__(self) -> None:
        self.lanes: dict[SSAValue, Lanes] = {}

    def run(self, module: ModuleOp) -> None:
        """
        Packs the function in place.
        """
        block = main_function(module).body.block
        if output_type(module).element_type == i1:
            raise PassFailedException("the output is bits; a network should return numbers")
        for op in list(block.ops):
            if not isinstance(op, BlendOp) or isinstance(op, ConstantOp):
                continue
            new = self.pack(op)
            if new:
                block.insert_ops_before(new, op)
                new[-1].results[0].name_hint = op.results[0].name_hint
                op.results[0].replace_all_uses_with(new[-1].results[0])
                op.detach()
                op.erase()
        for op in reversed(list(block.ops)):
            if isinstance(op, ConstantOp) and not op.result.uses.get_length():
                op.detach()
                op.erase()

    def pack(self, op: BlendOp) -> list[Operation]:
        """
        The packed form of an operation, nothing where it has no bits.
        """
        match op:
            case ThresholdOp() if tensor_type(op.result).element_type == i1:
                return [self.threshold(op)]
            case BinaryConv2dOp():
                return self.conv(op)
            case BinaryLinearOp():
                return self.linear(op)
            case BitsToValueOp() if op.input in self.lanes:
                lanes = self.lanes[op.input]
                identity = np.array_equal(lanes, np.arange(len(lanes)))
                chosen = None if identity else lanes.tolist()
                return [BitsToValueOp(op.input, op.layer, tensor_type(op.result), chosen)]
            case MaxPool2dOp() if op.input in self.lanes:
                pool = MaxPool2dOp(op.input, op.window, op.stride, op.pads, op.layer)
                self.lanes[pool.result] = lanes = self.lanes[op.input]
                if not np.array_equal(lanes, np.arange(len(lanes))):
                    pool.attributes["lanes"] = i64_array(lanes.tolist())
                return [pool]
            case ReshapeOp() if op.input in self.lanes:
                return [self.reshape(op)]
            case ConcatOp() if op.inputs[0] in self.lanes:
                return [self.concat(op)]
            case TransposeOp() if op.input in self.lanes:
                raise PassFailedException(
                    f"{op.layer_name}: a transpose of bits would move lanes between words; "
                    "run fold-bn, which transposes before the sign, or do so in the model"
                )
            case _:
                return []

    def threshold(self, op: ThresholdOp) -> ThresholdOp:
        """
        A threshold that makes words along axis 1.
        """
        shape = list(tensor_type(op.result).get_shape())
        lanes = np.arange(shape[1])
        shape[1] = word_count(shape[1])
        axis = op.axis.value.data
        new = ThresholdOp(op.input, op.threshold, op.invert, axis, op.layer, TensorType(word, shape))
        self.lanes[new.result] = lanes
        return new

    def weights(self, source: SSAValue, weight: NDArray[np.bool_], layer: str) -> ConstantOp:
        """
        Weights [O, I, ..] with each input in the lane of the packed value it multiplies.
        """
        if source not in self.lanes:
            raise PassFailedException(f"{layer}: its input was not made by a threshold; run fold-bn first")
        words = tensor_type(source).get_shape()[1]
        spread = place_lanes(np.moveaxis(weight, 1, -1), self.lanes[source], words)
        return ConstantOp.from_numpy(np.moveaxis(pack_words(spread, -1), -1, 1), word)

    def conv(self, op: BinaryConv2dOp) -> list[Operation]:
        """
        A convolution on words.
        """
        weight = constant_value(op.weight)
        packed = self.weights(op.input, weight, op.layer_name)
        channels = weight.shape[1]
        return [
            packed,
            PackedBinaryConv2dOp(op.input, packed.result, channels, op.stride, op.pads, op.pad_mode.data, op.layer),
        ]

    def linear(self, op: BinaryLinearOp) -> list[Operation]:
        """
        A linear layer on words.
        """
        weight = constant_value(op.weight)
        packed = self.weights(op.input, weight, op.layer_name)
        return [packed, PackedBinaryLinearOp(op.input, packed.result, weight.shape[1], op.layer)]

    def reshape(self, op: ReshapeOp) -> ReshapeOp:
        """
        Flattening [C, H, W] keeps the words: word w of pixel p becomes word w * H * W + p; lanes stay in their words.
        """
        words, *pixels = tensor_type(op.input).get_shape()[1:]
        shape = tensor_type(op.result).get_shape()
        count = int(np.prod(pixels, dtype=np.int64))
        lanes = self.lanes[op.input]
        if len(shape) == 2:
            grid = lanes[:, None] // WORD_BITS * count + np.arange(count)
            flat = grid * WORD_BITS + lanes[:, None] % WORD_BITS
            new = ReshapeOp(op.input, (shape[0], words * count), op.layer)
            self.lanes[new.result] = flat.reshape(-1)
            return new
        if shape[1] == len(lanes):
            new = ReshapeOp(op.input, (shape[0], words, *shape[2:]), op.layer)
            self.lanes[new.result] = lanes
            return new
        raise PassFailedException(
            f"{op.layer_name}: a reshape of bits to {list(shape)} would move lanes between words; "
            "only flattening to features and reshaping of pixels are possible"
        )

    def concat(self, op: ConcatOp) -> ConcatOp:
        """
        Words side by side: the channels of each operand start in a new word.
        """
        if op.axis.value.data != 1:
            raise PassFailedException(f"{op.layer_name}: bits can be concatenated along axis 1 only")
        new = ConcatOp(list(op.inputs), 1, op.layer)
        parts: list[Lanes] = []
        start = 0
        for value in op.inputs:
            parts.append(self.lanes[value] + start * WORD_BITS)
            start += tensor_type(value).get_shape()[1]
        self.lanes[new.result] = np.concatenate(parts)
        return new


@dataclass(frozen=True)
class Pack48Pass(ModulePass):
    """
    Packs bits into 48-bit words.
    """

    name = "pack48"

    def apply(self, ctx: Context, op: ModuleOp) -> None:
        Packer().run(op)
