"""
`lower-to-stream`: integer operations on packed tensors become processes on streams in raster order (H, W, C).

Reshape and transpose make no hardware: the compiler remembers where each element of a tensor lies in its stream, and
the consumer's weights or parameters follow.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from xdsl.context import Context
from xdsl.dialects import func
from xdsl.dialects.builtin import IntegerType, ModuleOp, Signedness, i1, i64
from xdsl.ir import SSAValue
from xdsl.passes import ModulePass
from xdsl.utils.exceptions import PassFailedException

from blendir.dialects import blend, stream
from blendir.dialects.blend import ConstantOp, WordType, constant_value, tensor_type, word
from blendir.interpreter import main_function
from blendir.numerics import PadMode, border_classes, outside_sums, signed_bits
from blendir.packing import WORD_BITS, pack_words, unpack_words, window_order
from blendir.passes.placement import Placed, Placement, element, raster
from blendir.passes.planes import PlaneForm, plane_form
from blendir.passes.reorders import settle_reorders
from blendir.passes.stream_graph import fuse_residuals, insert_forks

BORDER_FACTOR = {PadMode.ZERO_EXACT: 1, PadMode.PLUS_ONE: 2, PadMode.MINUS_ONE: 0}


class Lowering(Placement):
    """
    Rewrites the operations of `@main` in order.
    """

    def __init__(self, module: ModuleOp):
        super().__init__()
        self.main = main_function(module)

    def run(self) -> None:
        """
        Replaces the function's body by processes.
        """
        block = self.main.body.block
        old = list(block.ops)
        self.source(block.args[0])
        for op in old:
            if isinstance(op, func.ReturnOp):
                self.sink(op)
            elif not isinstance(op, ConstantOp):
                assert isinstance(op, blend.BlendOp)
                placed = self.placed[op.results[0]] = self.lower(op)
                if not isinstance(op, blend.ReshapeOp | blend.TransposeOp):
                    placed.value.name_hint = op.results[0].name_hint
                    self.note_order(placed, isinstance(element(op.results[0]), WordType))
        kept = [op for op in self.made if not isinstance(op, ConstantOp)]
        needed = {v.owner for op in kept for v in op.operands}
        for op in old:
            op.detach()
        block.add_ops([op for op in old if isinstance(op, ConstantOp) and op in needed])
        block.add_ops([op for op in self.made if not isinstance(op, ConstantOp) or op in needed])
        for op in reversed(old):
            if op.parent is None:
                op.erase(safe_erase=False)

    def source(self, argument: SSAValue) -> None:
        """
        The caller's frames enter.
        """
        kind = tensor_type(argument)
        shape = kind.get_shape()[1:]
        if len(shape) > 3:
            raise PassFailedException(
                f"input of shape {list(shape)}: frames should be [C, H, W], [positions, features] or [features]"
            )
        result = stream.StreamType(*stream.source_frames(kind), kind.element_type)
        order = np.arange(shape[0] * shape[1]).reshape(shape) if len(shape) == 2 else raster(shape)
        self.placed[argument] = Placed(self.emit(stream.SourceOp(argument, result, "input")), order)

    def sink(self, op: func.ReturnOp) -> None:
        """
        The result leaves.
        """
        placed = self.placed[op.operands[0]]
        kind = tensor_type(op.operands[0])
        shape = kind.get_shape()[1:]
        if isinstance(kind.element_type, WordType) or kind.element_type == i1:
            raise PassFailedException("the output is bits; a network should return numbers")
        identity = len(shape) in (1, 3) and self.is_raster(placed, shape)
        order = None if identity else placed.order.reshape(-1).tolist()
        self.made.append(func.ReturnOp(self.emit(stream.SinkOp(placed.value, kind, order, "output"))))

    def lower(self, op: blend.BlendOp) -> Placed:
        """
        The processes of one operation.
        """
        match op:
            case blend.PackedBinaryConv2dOp():
                return self.binary_conv(op)
            case blend.FixedConv2dOp():
                return self.fixed_conv(op)
            case blend.PackedBinaryLinearOp() | blend.FixedLinearOp():
                return self.linear(op)
            case blend.PiecewiseLinearOp():
                return self.piecewise_linear(op)
            case blend.ThresholdOp():
                return self.threshold(op)
            case blend.AddOp():
                return self.add(op)
            case blend.MultiplyOp():
                return self.multiply(op)
            case blend.FixedLayerNormOp():
                return self.layer_norm(op)
            case blend.LookupOp():
                placed = self.placed[op.input]
                return Placed(self.emit(stream.LookupOp(placed.value, op.table, op.layer)), placed.order)
            case blend.AvgPool2dOp() | blend.MaxPool2dOp():
                return self.pool(op)
            case blend.ConcatOp():
                return self.concat(op)
            case blend.MultiThresholdOp():
                return self.multi_threshold(op)
            case blend.TakeOp():
                return self.take(op)
            case blend.ReshapeOp() | blend.TransposeOp():
                return self.move(op)
            case blend.ClampOp() | blend.RequantizeOp() | blend.BitsToValueOp():
                return self.unary(op)
            case _:
                raise PassFailedException(f"{op.layer_name}: {op.name} has no process; run the earlier passes first")

    def whole_window(self, op: blend.WindowOp) -> tuple[int, int] | None:
        """
        The window of an operation that may need no line buffer.
        """
        return None if any(op.pads) or (op.window == (1, 1) != op.stride) else op.window

    def window(self, op: blend.WindowOp, placed: Placed, shape: Sequence[int], pad: SSAValue | None) -> SSAValue:
        """
        The windows of a stream; a window that covers the frame, or one pixel, is the stream itself.
        """
        if not any(op.pads) and (op.window == (1, 1) == op.stride or op.window == tuple(shape[1:])):
            return placed.value
        if any(2 * p > k - 1 for p, k in zip(op.pads, op.window, strict=True)):
            raise PassFailedException(
                f"{op.layer_name}: padding {max(op.pads)} of a kernel of {min(op.window)} cannot be streamed; "
                "pad by less than half of the kernel"
            )
        layer = f"{op.layer_name}.window"
        return self.emit(stream.WindowOp(placed.value, op.window, op.stride, op.pads, pad, layer=layer))

    def classes(self, op: blend.WindowOp, shape: Sequence[int], used: bool) -> tuple[list[int], list[int]]:
        """
        The border class of each output row and column; one class where there is nothing to correct.
        """
        rows, columns = (border_classes(shape[1 + d], op.window[d], op.stride[d], op.pads[d])[0] for d in (0, 1))
        return (rows, columns) if used else ([0] * len(rows), [0] * len(columns))

    def binary_conv(self, op: blend.PackedBinaryConv2dOp) -> Placed:
        """
        Windows, then a binary matrix-vector unit with the correction of outside taps.
        """
        placed, shape, lanes = self.channels_of(op.input, op.layer_name, self.whole_window(op))
        weight = unpack_words(constant_value(op.weight), 1)[:, lanes]
        vectors = self.window(op, placed, shape, None)
        factor = BORDER_FACTOR[op.pad_mode.data]
        used = any(op.pads) and factor != 0
        rows, columns = self.classes(op, shape, used)
        border = np.zeros((len(weight), 1, 1), np.int64)
        if used:
            taps = op.borders([1, *shape])
            border = factor * outside_sums(np.where(weight, 1, -1).astype(np.int64), *taps)
        return self.binary_mvu(op, vectors, window_order(weight), border, (rows, columns))

    def binary_mvu(
        self,
        op: blend.BlendOp,
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
        words = self.constant(pack_words(weight, 1), word)
        corrections = self.constant(border, i64)
        value = self.emit(stream.BinaryMvuOp(vectors, words, corrections, classes, element, op.layer))
        return Placed(value, raster(tensor_type(op.results[0]).get_shape()[1:]))

    def plane_conv(self, op: blend.FixedConv2dOp, form: PlaneForm) -> Placed:
        """
        Windows, then a matrix-vector unit on bit planes, with a correction of outside taps where their value is none of
        the input's.
        """
        placed, shape, _ = self.channels_of(op.input, op.layer_name, self.whole_window(op))
        weight, bias = (constant_value(v).astype(np.int64) for v in (op.weight, op.bias))
        pad = constant_value(op.pad).astype(np.int64) if op.pad is not None else np.zeros(weight.shape[1], np.int64)
        corrected = any(op.pads) and not form.planes.holds(pad)
        vectors = self.window(op, placed, shape, None if corrected else op.pad)
        base = bias.reshape(len(weight), *(bias.shape[1:] or (1, 1))) + form.base(weight)[:, None, None]
        if corrected:
            missing = weight * (pad - form.planes.constant)[:, None, None]
            base = base + outside_sums(missing, *op.borders([1, *shape]))
        return self.plane_mvu(op, form, vectors, window_order(weight), base, self.classes(op, shape, base[0].size > 1))

    def plane_mvu(
        self,
        op: blend.FixedConv2dOp | blend.FixedLinearOp,
        form: PlaneForm,
        vectors: SSAValue,
        weight: NDArray[np.int64],
        base: NDArray[np.int64],
        classes: tuple[Sequence[int], Sequence[int]],
    ) -> Placed:
        """
        A matrix-vector unit on bit planes.
        """
        words = self.constant(pack_words(form.signs(weight), 2), word)
        places, constants = form.planes.places, self.constant(base, i64)
        value = self.emit(stream.PlaneMvuOp(vectors, words, constants, places, classes, element(op.result), op.layer))
        return Placed(value, raster(tensor_type(op.result).get_shape()[1:]))

    def fixed_conv(self, op: blend.FixedConv2dOp) -> Placed:
        """
        Windows, then a matrix-vector unit of products, or on bit planes.
        """
        form = plane_form(op)
        if form is not None:
            return self.plane_conv(op, form)
        placed, shape, _ = self.channels_of(op.input, op.layer_name, self.whole_window(op))
        weight, bias = constant_value(op.weight), constant_value(op.bias)
        vectors = self.window(op, placed, shape, op.pad)
        flat = self.constant(window_order(weight), element(op.weight))
        mapped = self.constant(bias.reshape(len(weight), *(bias.shape[1:] or (1, 1))), element(op.bias))
        classes = self.classes(op, shape, bias.ndim > 1)
        value = self.emit(
            stream.FixedMvuOp(vectors, flat, mapped, classes, element(op.result), op.rounding.data, op.layer)
        )
        return Placed(value, raster(tensor_type(op.result).get_shape()[1:]))

    def linear(self, op: blend.PackedBinaryLinearOp | blend.FixedLinearOp) -> Placed:
        """
        A matrix-vector unit whose columns follow the order of the stream.
        """
        placed = self.placed[op.input]
        order = placed.order.reshape(-1)
        weight = constant_value(op.weight)
        if isinstance(op, blend.PackedBinaryLinearOp):
            weight = unpack_words(weight, 1)
        used = np.flatnonzero(order >= 0)
        moved = np.zeros((len(weight), len(used)), weight.dtype)
        moved[:, order[used]] = weight[:, used]
        if isinstance(op, blend.PackedBinaryLinearOp):
            return self.binary_mvu(op, placed.value, moved, np.zeros((len(weight), 1, 1), np.int64), ([0], [0]))
        form = plane_form(op)
        if form is not None:
            signs = moved.astype(np.int64)
            base = (constant_value(op.bias).astype(np.int64) + form.base(signs)).reshape(-1, 1, 1)
            return self.plane_mvu(op, form, placed.value, signs, base, ([0], [0]))
        matrix = self.constant(moved, element(op.weight))
        bias = self.constant(constant_value(op.bias).reshape(-1, 1, 1), element(op.bias))
        value = self.emit(
            stream.FixedMvuOp(placed.value, matrix, bias, ([0], [0]), element(op.result), op.rounding.data, op.layer)
        )
        return Placed(value, np.arange(len(weight)))

    def piecewise_linear(self, op: blend.PiecewiseLinearOp) -> Placed:
        """
        One process, element by element.
        """
        placed = self.placed[op.input]
        made, hold = self.held_parameters(placed, op.input, op.axis.value.data, op.parameters)
        process = stream.PiecewiseLinearOp(placed.value, made, element(op.result), op.rounding.data, op.layer, hold)
        return Placed(self.emit(process), placed.order)

    def threshold(self, op: blend.ThresholdOp) -> Placed:
        """
        One process; the bits of words lie where the channels lay.
        """
        placed = self.placed[op.input]
        made = self.parameters(placed, op.input, op.axis.value.data, (op.threshold, op.invert))
        value = self.emit(stream.ThresholdOp(placed.value, made[0], made[1], i1, op.layer))
        if not isinstance(element(op.result), WordType):
            raise PassFailedException(f"{op.layer_name}: bits should be packed into words first; run pack48")
        words = tensor_type(op.result).get_shape()[1]
        lanes = np.full((words * WORD_BITS, *placed.order.shape[1:]), -1, np.int64)
        lanes[: len(placed.order)] = placed.order
        order = np.moveaxis(lanes.reshape(words, WORD_BITS, *placed.order.shape[1:]), 1, -1)
        return Placed(value, order)

    def multi_threshold(self, op: blend.MultiThresholdOp) -> Placed:
        """
        One process, element by element.
        """
        placed, limits = self.placed[op.input], constant_value(op.thresholds)
        columns = [self.constant(limits[:, level], i64) for level in range(limits.shape[1])]
        *moved, invert = self.parameters(placed, op.input, op.axis.value.data, (*columns, op.invert))
        thresholds = self.constant(np.stack([constant_value(v) for v in moved], axis=1), i64)
        lowest, step = op.lowest.value.data, op.step.value.data
        process = stream.MultiThresholdOp(placed.value, thresholds, invert, lowest, step, element(op.result), op.layer)
        return Placed(self.emit(process), placed.order)

    def take(self, op: blend.TakeOp) -> Placed:
        """
        One process that picks elements of each position.
        """
        placed, shape = self.placed[op.input], tensor_type(op.input).get_shape()[1:]
        if op.axis.value.data != 1 or len(shape) not in (1, 3) or not self.is_raster(placed, shape):
            raise PassFailedException(f"{op.layer_name}: only channels that stream as [C, H, W] can be picked")
        value = self.emit(stream.TakeOp(placed.value, op.picks, op.layer))
        return Placed(value, raster(tensor_type(op.result).get_shape()[1:]))

    def add(self, op: blend.AddOp) -> Placed:
        """
        One process that reads both streams; the one that is made later takes the order of the other.
        """
        a, b = self.placed[op.lhs], self.placed[op.rhs]
        kinds = [stream.stream_type(p.value) for p in (a, b)]
        if not np.array_equal(a.order, b.order) or kinds[0].length != kinds[1].length:
            first = next(op for op in self.made if op in (a.value.owner, b.value.owner)) is a.value.owner
            kind = kinds[0] if first else kinds[1]
            frames = kind.rows.data, kind.columns.data, kind.length.data
            if first:
                b = self.reordered(b, a.order, frames, op.layer_name)
            else:
                a = self.reordered(a, b.order, frames, op.layer_name)
        return Placed(
            self.emit(stream.AddOp(a.value, b.value, element(op.result), op.rounding.data, op.layer)), a.order
        )

    def multiply(self, op: blend.MultiplyOp) -> Placed:
        """
        One process that reads both streams; the second one takes the order of the first, a gate that of a position.
        """
        a, b = self.placed[op.lhs], self.placed[op.rhs]
        kind, other, order = stream.stream_type(a.value), stream.stream_type(b.value), a.order
        frames = kind.rows.data, kind.columns.data, kind.length.data
        if op.is_gate:
            lanes = a.order.reshape(len(a.order), -1) % kind.length.data
            if len(lanes) != kind.length.data or (lanes != lanes[:, :1]).any():
                raise PassFailedException(f"{op.layer_name}: its channels do not stream together; reshape later")
            frames, order = (1, 1, kind.length.data), lanes[:, 0].reshape(b.order.shape)
        if not np.array_equal(b.order, order) or (other.rows.data, other.columns.data, other.length.data) != frames:
            b = self.reordered(b, order, frames, op.layer_name)
        process = stream.MultiplyOp(a.value, b.value, element(op.result), op.rounding.data, op.layer)
        return Placed(self.emit(process), a.order)

    def layer_norm(self, op: blend.FixedLayerNormOp) -> Placed:
        """
        One process, through a frame memory where the elements along the axis do not make up a position.
        """
        placed, axis = self.placed[op.input], op.axis.value.data
        length = stream.stream_type(placed.value).length.data
        vectors = np.moveaxis(placed.order, axis - 1, -1)
        if vectors.shape[-1] != length or (vectors != vectors[..., :1] // length * length + np.arange(length)).any():
            together = np.moveaxis(np.arange(vectors.size).reshape(vectors.shape), -1, axis - 1)
            frames = vectors.size // vectors.shape[-1], 1, vectors.shape[-1]
            placed = self.reordered(placed, together, frames, op.layer_name)
        gamma, beta = self.parameters(placed, op.input, axis, (op.gamma, op.beta))
        epsilon, rounding = op.epsilon.value.data, op.rounding.data
        process = stream.LayerNormOp(placed.value, gamma, beta, epsilon, element(op.result), rounding, op.layer)
        return Placed(self.emit(process), placed.order)

    def pool(self, op: blend.AvgPool2dOp | blend.MaxPool2dOp) -> Placed:
        """
        Windows and a reduction of their taps; windows side by side are reduced as they stream.
        """
        whole = None if any(op.pads) or op.window == (1, 1) else op.window
        placed, shape, lanes = self.channels_of(op.input, op.layer_name, whole)
        kind, made = stream.PoolKind.SUM, element(op.result)
        pad: SSAValue | None = None
        if isinstance(op, blend.MaxPool2dOp):
            source = stream.stream_type(placed.value)
            made = source.element
            kind = stream.PoolKind.OR if made == i1 else stream.PoolKind.MAX
            if any(op.pads) and kind is stream.PoolKind.MAX:
                pad = self.constant(np.full(shape[0], source.format.low), i64)
        tiles = all(n % k == 0 for n, k in zip(shape[1:], op.window, strict=True))
        side_by_side = tiles and op.window == op.stride and not any(op.pads)
        vectors = placed.value if side_by_side else self.window(op, placed, shape, pad)
        rows, columns = tensor_type(op.result).get_shape()[2:]
        process = stream.PoolOp(vectors, op.window[0] * op.window[1], kind, (rows, columns, shape[0]), made, op.layer)
        order = raster([shape[0], rows, columns])
        if isinstance(element(op.input), WordType):
            words = tensor_type(op.input).get_shape()[1]
            spread = np.full((words * WORD_BITS, rows, columns), -1, np.int64)
            spread[lanes] = order
            order = np.moveaxis(spread.reshape(words, WORD_BITS, rows, columns), 1, -1)
        return Placed(self.emit(process), order)

    def concat(self, op: blend.ConcatOp) -> Placed:
        """
        Two by two, position by position.
        """
        if op.axis.value.data != 1:
            raise PassFailedException(f"{op.layer_name}: streams can be concatenated along channels only")
        first = self.joined(op.inputs[0], op.layer_name)
        total, value = first.order, first.value
        for index, source in enumerate(op.inputs[1:], 2):
            other = self.joined(source, op.layer_name)
            last = index == len(op.inputs)
            lengths = [stream.stream_type(v).length.data for v in (value, other.value)]
            value = self.emit(stream.ConcatOp(value, other.value, op.layer if last else f"{op.layer_name}.{index}"))
            parts = (
                np.where(o >= 0, o // n * sum(lengths) + o % n + shift, -1)
                for o, n, shift in ((total, lengths[0], 0), (other.order, lengths[1], lengths[0]))
            )
            total = np.concatenate(list(parts))
        return Placed(value, total)

    def move(self, op: blend.ReshapeOp | blend.TransposeOp) -> Placed:
        """
        No process: only the order changes.
        """
        placed = self.placed[op.input]
        lanes = placed.order.shape[-1:] if isinstance(element(op.input), WordType) else ()
        if isinstance(op, blend.ReshapeOp):
            return Placed(placed.value, placed.order.reshape(*tensor_type(op.result).get_shape()[1:], *lanes))
        order = [d - 1 for d in op.permutation.get_values()][1:]
        return Placed(placed.value, placed.order.transpose(*order, *([len(order)] if lanes else [])))

    def unary(self, op: blend.ClampOp | blend.RequantizeOp | blend.BitsToValueOp) -> Placed:
        """
        One process without parameters.
        """
        placed = self.placed[op.input]
        order = placed.order
        match op:
            case blend.ClampOp():
                low, high = int(op.low.value.data), int(op.high.value.data)
                return Placed(self.emit(stream.ClampOp(placed.value, low, high, op.layer)), order)
            case blend.RequantizeOp():
                process = stream.RequantizeOp(placed.value, element(op.result), op.rounding.data, op.layer)
                return Placed(self.emit(process), order)
            case blend.BitsToValueOp():
                lanes = np.moveaxis(order, -1, 1).reshape(-1, *order.shape[1:-1])
                channels = tensor_type(op.result).get_shape()[1]
                chosen = list(op.lanes.get_values()) if op.lanes is not None else list(range(channels))
                return Placed(self.emit(stream.BitsToValueOp(placed.value, op.layer)), lanes[chosen])


@dataclass(frozen=True)
class LowerToStreamPass(ModulePass):
    """
    Lays a packed integer module out as streaming processes, one element per beat.
    """

    name = "lower-to-stream"

    def apply(self, ctx: Context, op: ModuleOp) -> None:
        Lowering(op).run()
        settle_reorders(op)
        fuse_residuals(op)
        insert_forks(op)
