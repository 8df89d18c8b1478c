"""
What imports but has no place in a streaming design: found at import, by layer.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from xdsl.context import Context
from xdsl.dialects.builtin import ModuleOp
from xdsl.ir import SSAValue
from xdsl.transforms.canonicalize import CanonicalizePass

from blendir.dialects.blend import BlendOp, ConstantOp, ReshapeOp, TakeOp, TransposeOp, WindowOp, tensor_type
from blendir.dialects.stream import visit_of
from blendir.interpreter import main_function


@dataclass(frozen=True)
class Placed:
    """
    Where the elements of a value [N, ..] lie in a stream, in the shape of a frame, and how many elements of the stream
    make up a position.
    """

    order: NDArray[np.int64]
    length: int


def unstreamable(module: ModuleOp) -> list[tuple[str, str]]:
    """
    Layers that no process of a design computes, and why.
    """
    simple = module.clone()
    CanonicalizePass().apply(Context(), simple)
    block = main_function(simple).body.block
    found: list[tuple[str, str]] = []
    streams: dict[SSAValue, Placed] = {block.args[0]: natural(block.args[0])}
    for op in block.ops:
        if isinstance(op, BlendOp) and not isinstance(op, ConstantOp):
            reason = refused(op, streams)
            found += [(op.layer_name, reason)] if reason else []
            streams[op.results[0]] = placed(op, streams)
    return found


def refused(op: BlendOp, streams: dict[SSAValue, Placed]) -> str:
    """
    Why an operation cannot be streamed; nothing where it can.
    """
    if isinstance(op, TakeOp):
        axis, rank = op.axis.value.data, tensor_type(op.input).get_num_dims()
        given, wanted = streams[op.input], natural(op.input)
        together = given.length == wanted.length and np.array_equal(given.order, wanted.order)
        if axis == 1 and rank in (2, 4) and together:
            return ""
        picks = axis - 1, op.picks
        if min(op.picks) < 0 or not (visited(given, *picks) or (visited(given) and visited(wanted, *picks))):
            return "rows and columns can be cut, repeated and flipped, not picked in any other order or filled in"
    return ""


def visited(given: Placed, axis: int = 0, picks: list[int] | None = None) -> bool:
    """
    Whether loops over a stream visit what lies in it, or what is picked of it, in the order of a stream of its own.
    """
    taken = given.order if picks is None else given.order.take(picks, axis)
    wanted = in_own_stream(taken.shape)
    moves = np.empty(taken.size, np.int64)
    moves[wanted.order.reshape(-1)] = taken.reshape(-1)
    positions = (given.order.size // given.length, taken.size // wanted.length)
    return visit_of(moves, given.order.size, positions) is not None


def natural(value: SSAValue) -> Placed:
    """
    Where the elements of a value [N, ..] lie in its own stream: pixel by pixel, the channels of each together.
    """
    return in_own_stream(tensor_type(value).get_shape()[1:])


def in_own_stream(shape: tuple[int, ...]) -> Placed:
    """
    The same of a shape [..].
    """
    places = np.arange(int(np.prod(shape)), dtype=np.int64)
    if len(shape) < 3:
        return Placed(places.reshape(shape), shape[-1] if shape else 1)
    planes = int(np.prod(shape[:-2]))
    return Placed(np.moveaxis(places.reshape(*shape[-2:], planes), -1, 0).reshape(shape), planes)


def placed(op: BlendOp, streams: dict[SSAValue, Placed]) -> Placed:
    """
    Where the elements of a result lie in the stream: moves send nothing anywhere, single elements stay where they are.
    """
    source, result = op.operands[0], op.results[0]
    known = streams.get(source)
    if isinstance(op, TakeOp | WindowOp) or known is None:
        return natural(result)
    if isinstance(op, ReshapeOp):
        return replace(known, order=known.order.reshape(tensor_type(result).get_shape()[1:]))
    if isinstance(op, TransposeOp):
        return replace(known, order=np.transpose(known.order, [d - 1 for d in op.permutation.get_values()[1:]]))
    return known if known.order.shape == tensor_type(result).get_shape()[1:] else natural(result)
