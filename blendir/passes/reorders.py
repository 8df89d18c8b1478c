"""
Where frame memories stand: in front of functions of single elements, where elements are narrower there.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from xdsl.dialects.builtin import DenseArrayBase, ModuleOp, i64
from xdsl.ir import Operation, SSAValue

from blendir.dialects import stream
from blendir.dialects.blend import ConstantOp, constant_value, tensor_type
from blendir.dialects.blend.base import i64_attr
from blendir.dialects.stream import StreamType, stream_type
from blendir.interpreter import main_function
from blendir.passes.resources import table_bits

Array = NDArray[Any]
Function = (
    stream.BitsToValueOp
    | stream.ClampOp
    | stream.MultiThresholdOp
    | stream.PiecewiseLinearOp
    | stream.RequantizeOp
    | stream.ThresholdOp
)
"""A function of single elements of one stream; its parameters follow the order."""


def settle_reorders(module: ModuleOp) -> None:
    """
    `reorder(f(x)) == f'(reorder(x))` for each frame memory, as far up as takes the fewest bits of memories and
    parameters; the parameters follow the order.
    """
    for op in list(main_function(module).body.block.ops):
        if isinstance(op, stream.ReorderOp):
            functions = functions_before(op.input)
            widths = [stream_type(op.input).format.width] + [stream_type(f.operands[0]).format.width for f in functions]
            frame = 2 * len(op.permutation)
            costs = [frame * width + tables(functions, count, op) for count, width in enumerate(widths)]
            move_up(op, functions[: costs.index(min(costs))])


def functions_before(value: SSAValue) -> list[Function]:
    """
    The functions of single elements that make a stream, last first, up to one with another use.
    """
    found: list[Function] = []
    while isinstance(value.owner, Function) and value.has_one_use():
        found.append(value.owner)
        value = value.owner.operands[0]
    return found


def tables(functions: list[Function], moved: int, op: stream.ReorderOp) -> int:
    """
    Bits of the parameters of functions, the first `moved` of which come after a frame memory.
    """
    total = 0
    for index, function in enumerate(functions):
        parameters = function.operands[1:]
        values = reordered(function, op)[0] if index < moved else [constant_value(p) for p in parameters]
        total += sum(v.size * table_bits(p) for v, p in zip(values, parameters, strict=True))
    return total


def reordered(function: Function, op: stream.ReorderOp) -> tuple[list[Array], int]:
    """
    The parameters of a function as they are behind a frame memory, and how many elements each serves.
    """
    hold = function.hold.value.data if isinstance(function, stream.PiecewiseLinearOp) else 1
    frames: list[Array] = []
    for parameter in function.operands[1:]:
        values = np.repeat(constant_value(parameter), hold, axis=0)
        frame = np.tile(values, (len(op.permutation) // len(values), *[1] * (values.ndim - 1)))
        frames.append(frame[op.permutation])
    kind = stream_type(op.result)
    return held(frames, kind) if isinstance(function, stream.PiecewiseLinearOp) else (one_period(frames, kind), 1)


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
        if all(bool((p == p[:1, :, :1]).all()) for p in parts):
            return [p[0, :, 0] for p in parts], hold
    return made, 1


def move_up(op: stream.ReorderOp, functions: list[Function]) -> None:
    """
    Puts a frame memory in front of the functions before it, given last first.
    """
    if not functions:
        return
    block = op.parent
    assert block is not None
    kind = stream_type(op.result)
    frames = kind.rows.data, kind.columns.data, kind.length.data
    moved = stream.ReorderOp(functions[-1].operands[0], op.nest, frames, op.layer)
    made: list[Operation] = [moved]
    for function in reversed(functions):
        values, hold = reordered(function, op)
        kinds = [tensor_type(p).element_type for p in function.operands[1:]]
        parameters = [ConstantOp.from_numpy(v, kind) for v, kind in zip(values, kinds, strict=True)]
        properties = dict(function.properties)
        if isinstance(function, stream.PiecewiseLinearOp):
            properties["hold"] = i64_attr(hold)
        result = StreamType(*frames, stream_type(function.results[0]).element)
        new = type(function).create(
            operands=[made[-1].results[0], *(p.result for p in parameters)],
            result_types=[result],
            properties=properties,
            attributes=function.attributes,
        )
        new.order = order_behind(function, op)
        new.results[0].name_hint = function.results[0].name_hint
        made += [*parameters, new]
    block.insert_ops_before(made, op)
    op.result.replace_all_uses_with(made[-1].results[0])
    for old in (op, *functions):
        parameters = [v.owner for v in old.operands if isinstance(v.owner, ConstantOp)]
        old.detach()
        old.erase()
        for parameter in parameters:
            if not parameter.result.uses.get_length():
                parameter.detach()
                parameter.erase()


def order_behind(function: Function, op: stream.ReorderOp) -> DenseArrayBase[Any] | None:
    """
    Where the elements of the tensor that a function computes lie behind a frame memory, as its `order`.
    """
    places = raster_of(stream_type(function.results[0]))
    if function.order is not None:
        places = np.array(function.order.get_values() or range(len(places)), np.int64)
    return noted_order(np.argsort(op.permutation)[places], stream_type(op.result))


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
