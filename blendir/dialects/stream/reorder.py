"""
The frame memory that lets a stream leave in another order.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray
from xdsl.dialects.builtin import DenseArrayBase, StringAttr, i64
from xdsl.ir import SSAValue
from xdsl.irdl import irdl_op_definition, operand_def, prop_def, result_def

from blendir.dialects.blend.base import i64_array, require
from blendir.dialects.stream.types import STREAM, ProcessOp, StreamType, require_group, stream_type

MAX_LOOPS = 4
Nest = list[tuple[int, int]]


def loop_nest(order: NDArray[np.int64]) -> Nest | None:
    """
    Extents and steps, outermost first, of the loops from 0 that visit `order`; None where loops do not.
    """
    nest: Nest = []
    while len(order) > 1:
        step = int(order[1] - order[0])
        off = np.flatnonzero(order != order[0] + step * np.arange(len(order)))
        extent = int(off[0]) if len(off) else len(order)
        if step < 1 or len(order) % extent:
            return None
        blocks = order.reshape(-1, extent)
        if not np.array_equal(blocks, blocks[:, :1] + step * np.arange(extent)):
            return None
        nest.insert(0, (extent, step))
        order = blocks[:, 0]
    return nest if not order[0] and len(nest) <= MAX_LOOPS else None


@irdl_op_definition
class ReorderOp(ProcessOp):
    """
    The same elements in another order: element i of a frame of the result is element `sum_k index_k * steps[k]` of the
    input's frame, where index_k are the indices of loops with these `extents`, outermost first.

    A double-buffered memory: a frame leaves while the next one arrives.
    """

    name = "stream.reorder"

    input = operand_def(STREAM)
    extents = prop_def(DenseArrayBase.constr(i64))
    steps = prop_def(DenseArrayBase.constr(i64))
    result = result_def(STREAM)

    def __init__(
        self, source: SSAValue, nest: Nest, frames: tuple[int, int, int], layer: str | StringAttr | None = None
    ):
        super().__init__(
            [source],
            [StreamType(*frames, stream_type(source).element)],
            layer,
            extents=i64_array([e for e, _ in nest]),
            steps=i64_array([s for _, s in nest]),
        )

    @property
    def nest(self) -> Nest:
        """
        Extents and steps of the loops, outermost first.
        """
        return list(zip(self.extents.get_values(), self.steps.get_values(), strict=True))

    @property
    def permutation(self) -> NDArray[np.int64]:
        """
        Which element of the input each element of the result is.
        """
        index = np.zeros(1, np.int64)
        for extent, step in self.nest:
            index = (index[:, None] + np.arange(extent) * step).reshape(-1)
        return index

    @property
    def run(self) -> int:
        """
        How many elements that follow one another in the result do so in the input; a group divides it.
        """
        extent, step = self.nest[-1] if self.nest else (1, 1)
        return extent if step == 1 else 1

    def verify_(self) -> None:
        source, result = stream_type(self.input), stream_type(self.result)
        count = source.positions * source.length.data
        require(source.element == result.element, f"input has elements {source.element} but result {result.element}")
        made = result.positions * result.length.data
        require(count == made, f"input has {count} elements per frame but result {made}")
        extents, steps = self.extents.get_values(), self.steps.get_values()
        require(
            len(extents) == len(steps) <= MAX_LOOPS,
            f"{len(extents)} extents and {len(steps)} steps should be as many, at most {MAX_LOOPS}",
        )
        inner = 1
        for extent, step in sorted(zip(extents, steps, strict=True), key=lambda loop: loop[1]):
            require(extent > 1 and step == inner, f"loops {self.nest} do not visit each of {count} elements once")
            inner *= extent
        require(inner == count, f"loops visit {inner} of {count} elements")
        require_group(self, self.input, self.result)
        require(
            math.gcd(self.run, source.group.data) == source.group.data,
            f"a group of {source.group.data} does not divide the {self.run} elements that stay side by side",
        )
