"""
The process that finds the place of the largest element.
"""

from __future__ import annotations

import numpy as np

from blendir.dialects import stream
from blendir.hardware import primitives
from blendir.hardware.primitives import Cost, scaled
from blendir.hardware.processes.base import Firing, Folding, Function, Process, Work, groups
from blendir.hardware.processes.unit import Unit, element_config, plain_frame


class Argmax(Process[stream.ArgmaxOp]):
    """
    A cycle per beat read; a position's result leaves with its last beat.
    """

    latency = 16
    functions = (Function("argmax", 1, 1),)
    converted = True
    choices = ()
    paper_groups = None

    def foldings(self, xnor: str) -> list[Folding]:
        return [Folding(group, 1) for group in groups(self.source)]

    def work(self, folding: Folding) -> Work:
        return (((self.source.positions, "positions"), (self.source.length.data // folding.reads, "beats")),)

    def firing(self, frames: int) -> Firing:
        beats = self.source.beats
        every = np.arange(self.source.positions * beats * frames)
        return Firing(len(every), [every], [every[beats - 1 :: beats]])

    def frames_awaited(self) -> int:
        return 0

    def cost(self, folding: Folding) -> Cost:
        """
        A tree over the elements of a beat, and the best of the beats before.
        """
        larger = primitives.larger(self.source.format.width, self.result.format.width)
        return scaled(larger, folding.reads - (folding.reads == self.source.length.data))

    def unit(self) -> Unit:
        config = plain_frame(self.source) | element_config(self.source) | {"EO": self.result.format.width}
        return Unit("argmax", config)
