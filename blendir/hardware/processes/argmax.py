"""
The process that finds the place of the largest element.
"""

from __future__ import annotations

from blendir.dialects import stream
from blendir.hardware import primitives
from blendir.hardware.primitives import Cost, scaled
from blendir.hardware.processes.base import Folding, Function, groups
from blendir.hardware.processes.positionwise import PositionwiseProcess
from blendir.hardware.processes.unit import Unit, element_config, plain_frame


class Argmax(PositionwiseProcess[stream.ArgmaxOp]):
    """
    A cycle per beat read; a position's result leaves with its last beat. Several places take elements one at a time.
    """

    latency = 16
    functions = (Function("argmax", 1, 1), Function("top_k", 1, 1))
    paper_groups = None

    def foldings(self, xnor: str) -> list[Folding]:
        if self.result.length.data == 1:
            return [Folding(group, 1) for group in groups(self.source)]
        return [Folding(1, group) for group in groups(self.result)]

    def cost(self, folding: Folding) -> Cost:
        """
        A tree over the elements of a beat, and the best of the beats before; of several places, each compares and
        keeps one.
        """
        larger = primitives.larger(self.source.format.width, self.result.format.width)
        if self.result.length.data > 1:
            return scaled(larger, self.result.length.data)
        return scaled(larger, folding.reads - (folding.reads == self.source.length.data))

    def unit(self) -> Unit:
        config = plain_frame(self.source) | element_config(self.source) | {"EO": self.result.format.width}
        if self.result.length.data > 1:
            return Unit("top_k", config | {"K": self.result.length.data, "GO": self.result.group.data})
        return Unit("argmax", config)
