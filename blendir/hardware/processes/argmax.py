"""
The process that finds the place of the largest element.
"""

from __future__ import annotations

from blendir.dialects import stream
from blendir.hardware import primitives
from blendir.hardware.primitives import Cost, scaled
from blendir.hardware.processes.base import Firing, Folding, Function, Process, Work, groups
from blendir.hardware.processes.unit import Unit, element_config, plain_frame
from blendir.hardware.rows import Rows


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
        positions, beats = self.source.positions, self.source.beats
        reads = Rows.nest(self.source, frames, positions * beats, 0, (positions * beats, 1))
        writes = Rows.nest(self.result, frames, positions * beats, beats - 1, (positions, beats))
        return Firing(frames, positions * beats, [reads], [writes])

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
