"""
Where frame memories stand: in front of functions of single elements, where elements are narrower there.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from xdsl.dialects.builtin import DenseArrayBase, IntegerAttr, ModuleOp, i64
from xdsl.ir import Operation, SSAValue
from xdsl.rewriter import Rewriter

from blendir.dialects import stream
from blendir.dialects.blend import ConstantOp, constant_value, tensor_type
from blendir.dialects.blend.base import i64_attr
from blendir.dialects.blend.exact import table_bits
from blendir.dialects.stream import StreamType, stream_type
from blendir.interpreter import main_function
from blendir.passes.rewriting import erase_unused_constants

Array = NDArray[Any]


def hoist_reorders(module: ModuleOp) -> None:
    """
    `reorder(f(x)) == f'(reorder(x))` for each frame memory, as far up as takes the fewest bits of memories and
    parameters; the parameters follow the order.
    """
    block = main_function(module).body.block
    for op in list(block.ops):
        if isinstance(op, stream.ReorderOp) and op.permutes:
            functions = functions_before(op.input)
            widths = [stream_type(op.input).format.width] + [stream_type(f.operands[0]).format.width for f in functions]
            memory = 2 * op.block
            costs = [memory * width + tables(functions, count, op) for count, width in enumerate(widths)]
            move_up(op, functions[: costs.index(min(costs))])
    erase_unused_constants(block)


def functions_before(value: SSAValue) -> list[stream.FunctionOp]:
    """
    The functions of single elements that make a stream, last first, up to one with another use.
    """
    found: list[stream.FunctionOp] = []
    while isinstance(value.owner, stream.FunctionOp) and value.has_one_use():
        found.append(value.owner)
        value = value.owner.operands[0]
    return found


def tables(functions: list[stream.FunctionOp], moved: int, op: stream.ReorderOp) -> int:
    """
    Bits of the parameters of functions, the first `moved` of which come after a frame memory.
    """
    total = 0
    for index, function in enumerate(functions):
        parameters = function.operands[1:]
        values = reordered(function, op)[0] if index < moved else [constant_value(p) for p in parameters]
        total += sum(v.size * table_bits(p) for v, p in zip(values, parameters, strict=True))
    return total


def reordered(function: stream.FunctionOp, op: stream.ReorderOp) -> tuple[list[Array], int]:
    """
    The parameters of a function as they are behind a frame memory, and how many elements each serves.
    """
    hold, kind = function.properties.get("hold"), stream_type(op.result)
    served = hold.value.data if isinstance(hold, IntegerAttr) else 1
    frames: list[Array] = []
    for parameter in function.operands[1:]:
        values = np.repeat(constant_value(parameter), served, axis=0)
        frame = np.tile(values, (len(op.places) // len(values), *[1] * (values.ndim - 1)))
        frames.append(frame[op.places])
    return (one_period(frames, kind), 1) if hold is None else held(frames, kind)


def one_period(frames: list[Array], kind: StreamType) -> list[Array]:
    """
    Parameters of a frame, or of one position where all of them repeat.
    """
    length = kind.length.data
    repeat = all(bool((f.reshape(-1, length, *f.shape[1:]) == f[:length]).all()) for f in frames)
    return [f[:length] for f in frames] if repeat else frames


def held(frames: list[Array], kind: StreamType) -> tuple[list[Array], int]:
    """
    The same, but one number for each column or row where they vary along those alone, and how many elements each
    serves.
    """
    made = one_period(frames, kind)
    length, columns, rows = kind.length.data, kind.columns.data, kind.rows.data
    if len(made[0]) == length:
        return made, 1
    for count, hold in ((columns, length), (rows, columns * length), (rows * columns, length)):
        parts = [array.reshape(-1, count, hold) for array in made]
        if hold > 1 and all(bool((p == p[:1, :, :1]).all()) for p in parts):
            return [p[0, :, 0] for p in parts], hold
    return made, 1


def move_up(op: stream.ReorderOp, functions: list[stream.FunctionOp]) -> None:
    """
    Puts a frame memory in front of the functions before it, given last first.
    """
    if not functions:
        return
    block = op.parent
    assert block is not None
    kind = stream_type(op.result)
    frames = kind.rows.data, kind.columns.data, kind.length.data
    moved = stream.ReorderOp(
        functions[-1].operands[0], op.nest, frames, op.layer, op.blocks.value.data, op.offset.value.data
    )
    made: list[Operation] = [moved]
    for function in reversed(functions):
        made += behind(function, op, made[-1].results[0])
    block.insert_ops_before(made, op)
    op.result.replace_all_uses_with(made[-1].results[0])
    for old in (op, *functions):
        Rewriter.erase_op(old)


def behind(function: stream.FunctionOp, op: stream.ReorderOp, source: SSAValue) -> list[Operation]:
    """
    A function of a stream that has passed a frame memory, after its parameters.
    """
    values, hold = reordered(function, op)
    kinds = [tensor_type(p).element_type for p in function.operands[1:]]
    parameters = [ConstantOp.from_numpy(v, kind) for v, kind in zip(values, kinds, strict=True)]
    held = {"hold": i64_attr(hold)} if "hold" in function.properties else {}
    kind, element = stream_type(op.result), stream_type(function.results[0]).element
    new = type(function).create(
        operands=[source, *(p.result for p in parameters)],
        result_types=[StreamType(kind.rows.data, kind.columns.data, kind.length.data, element)],
        properties=function.properties | held,
        attributes=function.attributes,
    )
    new.order = order_behind(function, op)
    new.results[0].name_hint = function.results[0].name_hint
    return [*parameters, new]


def order_behind(function: stream.FunctionOp, op: stream.ReorderOp) -> DenseArrayBase[Any] | None:
    """
    Where the elements of the tensor that a function computes lie behind a frame memory, as its `order`.
    """
    places = raster_of(stream_type(function.results[0]))
    if function.order is not None:
        places = np.array(function.order.get_values() or range(len(places)), np.int64)
    return noted_order(np.argsort(op.places)[places], stream_type(op.result))


def noted_order(order: Array, kind: StreamType) -> DenseArrayBase[Any] | None:
    """
    The attribute `order` of a process whose tensor's elements lie in these places of a frame.
    """
    if np.array_equal(order, raster_of(kind)):
        return None
    in_line = np.array_equal(order, np.arange(len(order)))
    return DenseArrayBase.from_list(i64, [] if in_line else order.tolist())


def raster_of(kind: StreamType) -> Array:
    """
    Where element i of [length, rows, columns] lies in a stream of positions.
    """
    length = kind.length.data
    return (np.arange(kind.positions) * length + np.arange(length)[:, None]).reshape(-1)
