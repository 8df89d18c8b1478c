"""
Processes that read a position and then write one, whose first beat leaves with the last one read.
"""

from __future__ import annotations

from blendir.hardware.processes.base import Firing, Folding, OpT, Process, Work
from blendir.hardware.rows import Rows


class PositionwiseProcess(Process[OpT]):
    """
    A position takes a cycle per beat read, and one for each beat written but the first.
    """

    converted = True
    choices = ()

    def work(self, folding: Folding) -> Work:
        positions, written = (self.source.positions, "positions"), self.result.length.data // folding.writes
        read = positions, (self.source.length.data // folding.reads, "beats read")
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
