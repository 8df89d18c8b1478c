"""
`lower-to-stream`: integer operations on packed tensors become processes on streams in raster order (H, W, C).

Reshape and transpose make no hardware: the compiler remembers where each element of a tensor lies in its stream, and
the consumer's weights or parameters follow.
"""

from __future__ import annotations

from dataclasses import dataclass

from xdsl.context import Context
from xdsl.dialects import func
from xdsl.dialects.builtin import ModuleOp, i1
from xdsl.ir import SSAValue
from xdsl.passes import ModulePass
from xdsl.utils.exceptions import PassFailedException

from blendir.dialects import stream
from blendir.dialects.blend import ConstantOp, ReshapeOp, WordType, tensor_type
from blendir.dialects.blend.interfaces import Elementwise
from blendir.interpreter import find_main, main_function, output_names
from blendir.passes.stage import VerifyStagePass, is_stream
from blendir.passes.to_stream import elementwise, products, routing, windows
from blendir.passes.to_stream.element_order import Placed, Streams, element, lowered, natural, raster
from blendir.passes.to_stream.hoist_reorders import hoist_reorders
from blendir.passes.to_stream.stream_graph import fuse_residuals, insert_forks

RULES = (elementwise, products, routing, windows)
"""Files of rules, which register themselves with `lowered`."""


def lower_operations(module: ModuleOp) -> None:
    """
    Replaces the operations of `@main` by processes, in order.
    """
    block, streams = main_function(module).body.block, Streams()
    old = list(block.ops)
    source(block.args[0], streams)
    for op in old:
        if isinstance(op, func.ReturnOp):
            made = [sink(*output, streams) for output in zip(op.operands, output_names(module), strict=True)]
            streams.made.append(func.ReturnOp(*made))
        elif not isinstance(op, ConstantOp):
            placed = streams.placed[op.results[0]] = lowered(op, streams)
            if placed.value is not streams.of(op.operands[0]):  # moves make no process
                placed.value.name_hint = op.results[0].name_hint
                streams.note_order(placed, isinstance(element(op.results[0]), WordType))
    kept = [op for op in streams.made if not isinstance(op, ConstantOp)]
    needed = {v.owner for op in kept for v in op.operands}
    for op in old:
        op.detach()
    block.add_ops([op for op in old if isinstance(op, ConstantOp) and op in needed])
    block.add_ops([op for op in streams.made if not isinstance(op, ConstantOp) or op in needed])
    for op in reversed(old):
        if op.parent is None:
            op.erase(safe_erase=False)


def source(argument: SSAValue, streams: Streams) -> None:
    """
    The caller's frames enter.
    """
    kind = tensor_type(argument)
    shape = kind.get_shape()[1:]
    order, frames = natural(shape)
    if len(shape) == 2 and becomes_line(argument):
        order, frames = raster((shape[0], 1, shape[1]))[:, 0], (1, shape[1], shape[0])
    result = stream.StreamType(*frames, kind.element_type)
    streams.placed[argument] = Placed(streams.emit(stream.SourceOp(argument, result, "input")), order)


def becomes_line(value: SSAValue) -> bool:
    """
    Whether frames [C, L] are only used as [C, 1, L], if need be after functions of single elements.
    """
    shape = tensor_type(value).get_shape()
    line = (*shape[:-1], 1, shape[-1])
    for op in (use.operation for use in value.uses):
        after = tensor_type(op.results[0]).get_shape() if op.results else ()
        if not (isinstance(op, ReshapeOp) and after == line) and not (
            isinstance(op, Elementwise) and after == shape and becomes_line(op.results[0])
        ):
            return False
    return value.uses.get_length() > 0


def sink(value: SSAValue, name: str, streams: Streams) -> SSAValue:
    """
    A result leaves.
    """
    placed = streams.placed[value]
    kind = tensor_type(value)
    shape = kind.get_shape()[1:]
    if isinstance(kind.element_type, WordType) or kind.element_type == i1:
        raise PassFailedException("the output is bits; a network should return numbers")
    identity = len(shape) in (1, 3) and streams.is_raster(placed, shape)
    order = None if identity else placed.order.reshape(-1).tolist()
    return streams.emit(stream.SinkOp(placed.value, kind, order, name))


@dataclass(frozen=True)
class LowerToStreamPass(ModulePass):
    """
    Lays a packed integer module out as streaming processes, one element per beat.
    """

    name = "lower-to-stream"

    def apply(self, ctx: Context, op: ModuleOp) -> None:
        if find_main(op) is None or is_stream(op):
            return
        VerifyStagePass("packed").apply(ctx, op)
        lower_operations(op)
        hoist_reorders(op)
        fuse_residuals(op)
        insert_forks(op)
