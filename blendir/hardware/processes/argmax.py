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
    A cycle per beat read; a position's result leaves with its last beat. Several places take elements one at a time.
    """

    latency = 16
    functions = (Function("argmax", 1, 1), Function("top_k", 1, 1))
    converted = True
    choices = ()
    paper_groups = None

    def foldings(self, xnor: str) -> list[Folding]:
        if self.result.length.data == 1:
            return [Folding(group, 1) for group in groups(self.source)]
        return [Folding(1, group) for group in groups(self.result)]

    def work(self, folding: Folding) -> Work:
        positions, written = (self.source.positions, "positions"), self.result.length.data // folding.writes
        read = positions, (self.source.length.data // folding.reads, "beats")
        return (read,) if written == 1 else (read, (positions, (written - 1, "more beats written")))

    def firing(self, frames: int) -> Firing:
        read, written = self.source.beats, self.result.beats
        positions = self.source.positions, read + written - 1
        period = self.source.positions * (read + written - 1)
        reads = Rows.nest(self.source, frames, period, 0, positions, (read, 1))
        writes = Rows.nest(self.result, frames, period, read - 1, positions, (written, 1))
        return Firing(frames, period, [reads], [writes])

    def frames_awaited(self) -> int:
        return 0

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
