"""
The memory that lets a stream leave in another order, and the loops that visit it.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from xdsl.dialects.builtin import DenseArrayBase, IntegerAttr, StringAttr, i64
from xdsl.ir import SSAValue
from xdsl.irdl import AtLeast, irdl_op_definition, operand_def, prop_def, result_def

from blendir.dialects.blend.base import i64_array, i64_attr, require
from blendir.dialects.stream.types import STREAM, ProcessOp, StreamType, require_group, stream_type

MAX_LOOPS = 4
Nest = list[tuple[int, int]]


def loop_nest(order: NDArray[np.int64]) -> Nest | None:
    """
    Extents and steps, outermost first, of the loops from `order[0]` that visit `order`; None where loops do not.
    """
    nest: Nest = []
    while len(order) > 1:
        step = int(order[1] - order[0])
        off = np.flatnonzero(order != order[0] + step * np.arange(len(order)))
        extent = int(off[0]) if len(off) else len(order)
        if len(order) % extent:
            return None
        blocks = order.reshape(-1, extent)
        if not np.array_equal(blocks, blocks[:, :1] + step * np.arange(extent)):
            return None
        nest.insert(0, (extent, step))
        order = blocks[:, 0]
    return nest if len(nest) <= MAX_LOOPS else None


class Visit(NamedTuple):
    """
    How the elements of a frame are visited: in each of `blocks` equal parts of it by loops that start at `offset`.
    """

    blocks: int
    offset: int
    nest: Nest


def visit_of(order: NDArray[np.int64], count: int, positions: Sequence[int]) -> Visit | None:
    """
    How `order` visits the `count` elements of a frame, in as many blocks as there can be of whole `positions`; None
    where loops do not.
    """
    common = math.gcd(*positions)
    for blocks in (n for n in range(common, 0, -1) if common % n == 0 and count % n == 0 and len(order) % n == 0):
        parts = order.reshape(blocks, -1)
        inside = 0 <= parts[0].min() and parts[0].max() < count // blocks
        if inside and np.array_equal(parts, parts[0] + np.arange(blocks)[:, None] * (count // blocks)):
            nest = loop_nest(parts[0])
            if nest is not None:
                return Visit(blocks, int(parts[0, 0]), nest)
    return None


@irdl_op_definition
class ReorderOp(ProcessOp):
    """
    Elements in another order, some of them several times or not at all. A frame is `blocks` equal parts; element i of a
    part of the result is element `offset + sum_k index_k * steps[k]` of that part of the input, where index_k are the
    indices of loops with these `extents`, outermost first.

    A double-buffered memory of a part: one leaves while the next one arrives.
    """

    name = "stream.reorder"

    input = operand_def(STREAM)
    extents = prop_def(DenseArrayBase.constr(i64))
    steps = prop_def(DenseArrayBase.constr(i64))
    blocks = prop_def(IntegerAttr.constr(type=i64, value=AtLeast(1)), default_value=i64_attr(1))
    offset = prop_def(IntegerAttr.constr(type=i64, value=AtLeast(0)), default_value=i64_attr(0))
    result = result_def(STREAM)

    def __init__(
        self,
        source: SSAValue,
        nest: Nest,
        frames: tuple[int, int, int],
        layer: str | StringAttr | None = None,
        blocks: int = 1,
        offset: int = 0,
    ):
        super().__init__(
            [source],
            [StreamType(*frames, stream_type(source).element)],
            layer,
            extents=i64_array([e for e, _ in nest]),
            steps=i64_array([s for _, s in nest]),
            blocks=i64_attr(blocks),
            offset=i64_attr(offset),
        )

    @property
    def nest(self) -> Nest:
        """
        Extents and steps of the loops, outermost first.
        """
        return list(zip(self.extents.get_values(), self.steps.get_values(), strict=True))

    @property
    def block(self) -> int:
        """
        The elements of a part of the input.
        """
        kind = stream_type(self.input)
        return kind.positions * kind.length.data // self.blocks.value.data

    @property
    def places(self) -> NDArray[np.int64]:
        """
        Which element of the input each element of the result is.
        """
        index = np.arange(self.blocks.value.data) * self.block + self.offset.value.data
        for extent, step in self.nest:
            index = (index[:, None] + np.arange(extent) * step).reshape(-1)
        return index

    @property
    def permutes(self) -> bool:
        """
        Whether each element of the input leaves once.
        """
        kind = stream_type(self.input)
        return bool((np.bincount(self.places, minlength=kind.positions * kind.length.data) == 1).all())

    @property
    def run(self) -> int:
        """
        How many elements that follow one another in the result do so in the input; a group divides it.
        """
        *outer, (extent, step) = self.nest or [(1, 1)]
        return math.gcd(extent, self.block, self.offset.value.data, *(s for _, s in outer)) if step == 1 else 1

    def verify_(self) -> None:
        source, result = stream_type(self.input), stream_type(self.result)
        count, made = source.positions * source.length.data, result.positions * result.length.data
        require(source.element == result.element, f"input has elements {source.element} but result {result.element}")
        extents, steps, blocks = self.extents.get_values(), self.steps.get_values(), self.blocks.value.data
        require(
            len(extents) == len(steps) <= MAX_LOOPS,
            f"{len(extents)} extents and {len(steps)} steps should be as many, at most {MAX_LOOPS}",
        )
        require(
            count % blocks == 0 == made % blocks, f"{blocks} blocks do not divide {count} and {made} elements per frame"
        )
        visited = math.prod(extents) * blocks
        require(min(extents, default=2) > 1, f"loops of {list(extents)} should have extents over 1")
        require(visited == made, f"loops visit {visited} elements per frame but the result has {made}")
        reach = [sum(f(0, (e - 1) * s) for e, s in self.nest) + self.offset.value.data for f in (min, max)]
        require(
            0 <= reach[0] and reach[1] < self.block,
            f"loops reach elements {reach[0]} .. {reach[1]} of parts of {self.block}",
        )
        require_group(self, self.input, self.result)
        require(
            self.run % source.group.data == 0,
            f"a group of {source.group.data} does not divide the {self.run} elements that stay side by side",
        )
