"""
Networks that end in an argmax: what they return is a class, not a score for each.
"""

from __future__ import annotations

from xdsl.dialects.builtin import ModuleOp
from xdsl.ir import Block, Operation

from blendir.dialects import blend, stream
from blendir.dialects.stream import stream_type
from blendir.interpreter import returned_values

MOVES = (blend.KeepsFormat, stream.SinkOp, stream.ForkOp, stream.ReorderOp)


def classes_of(module: ModuleOp) -> int | None:
    """
    How many classes the first output is the index of; None for scores.
    """
    op = last_of(module)
    if isinstance(op, blend.ArgmaxOp):
        return op.count
    return stream_type(op.input).length.data if isinstance(op, stream.ArgmaxOp) else None


def several_classes(module: ModuleOp) -> bool:
    """
    Whether the first output lists several classes, the best one first.
    """
    op = last_of(module)
    if isinstance(op, blend.ArgmaxOp):
        return op.k > 1
    return isinstance(op, stream.ArgmaxOp) and stream_type(op.result).length.data > 1


def last_of(module: ModuleOp) -> Operation | Block:
    """
    What makes the first output.
    """
    op = returned_values(module)[0].owner
    while isinstance(op, MOVES):
        op = op.operands[0].owner
    return op
