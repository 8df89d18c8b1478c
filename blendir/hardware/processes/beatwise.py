"""
Bases of processes that read and write beats of one size.
"""

from __future__ import annotations

from blendir.dialects.stream import stream_type
from blendir.hardware.processes.base import PAPER_GROUP, Firing, Folding, OpT, Process, Work, groups
from blendir.hardware.rows import Rows


class BeatwiseProcess(Process[OpT]):
    """
    A process whose streams have the same group, and which is busy for a cycle per beat of its result.
    """

    converted = True
    choices = ()
    paper_groups = PAPER_GROUP, PAPER_GROUP

    def foldings(self, xnor: str) -> list[Folding]:
        return [Folding(group, group) for group in groups(*map(stream_type, (*self.op.inputs, *self.op.outputs)))]

    def work(self, folding: Folding) -> Work:
        beats = self.result.length.data // folding.writes
        return (((self.result.positions, "positions"), (beats, "beats")),)


class UnitRateProcess(BeatwiseProcess[OpT]):
    """
    A process that reads a beat of every input and writes one of every result in each cycle.
    """

    def firing(self, frames: int) -> Firing:
        count = self.result.positions * self.result.beats
        reads, writes = (
            [Rows.nest(stream_type(value), frames, count, 0, (count, 1)) for value in values]
            for values in (self.op.inputs, self.op.outputs)
        )
        return Firing(frames, count, reads, writes)

    def frames_awaited(self) -> int:
        return 0
