"""
Networks that end in an argmax: what they return is a class, not a score for each.
"""

from __future__ import annotations

from xdsl.dialects.builtin import ModuleOp

from blendir.dialects import blend, stream
from blendir.dialects.stream import stream_type
from blendir.interpreter import returned_values

MOVES = (blend.KeepsFormat, stream.SinkOp, stream.ForkOp, stream.ReorderOp)


def classes_of(module: ModuleOp) -> int | None:
    """
    How many classes the first output is the index of; None for scores.
    """
    op = returned_values(module)[0].owner
    while isinstance(op, MOVES):
        op = op.operands[0].owner
    if isinstance(op, blend.ArgmaxOp):
        return op.count
    return stream_type(op.input).length.data if isinstance(op, stream.ArgmaxOp) else None
