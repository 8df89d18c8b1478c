"""
The process that picks elements of each position.
"""

from __future__ import annotations

import numpy as np

from blendir.dialects import stream
from blendir.hardware import primitives
from blendir.hardware.primitives import Cost
from blendir.hardware.processes.base import PAPER_GROUP, Firing, Folding, Function, Process, Work, groups
from blendir.hardware.processes.unit import Table, Unit, by_group
from blendir.hardware.rows import Rows


class Take(Process[stream.TakeOp]):
    """
    A position is read beat by beat; with its last beat the first one of the result leaves.
    """

    latency = 3
    functions = (Function("take", 1, 1),)
    converted = True
    choices = ()
    paper_groups = PAPER_GROUP, PAPER_GROUP

    def foldings(self, xnor: str) -> list[Folding]:
        return [Folding(reads, writes) for reads in groups(self.source) for writes in groups(self.result)]

    def work(self, folding: Folding) -> Work:
        positions = self.source.positions, "positions"
        read, written = self.source.length.data // folding.reads, self.result.length.data // folding.writes
        return ((positions, (read, "beats read")), (positions, (written - 1, "more beats written")))

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
        width, length = self.source.format.width, self.source.length.data
        beats = self.result.length.data // folding.writes
        held = Cost({"ff": length * width}) if folding.reads < length or beats > 1 else Cost()
        return held + primitives.window(self.result.length.data * width, beats, False)

    def unit(self) -> Unit:
        source, group = self.source, self.result.group.data
        length, picks = source.length.data, np.array(self.op.indices.get_values())
        table = by_group(np.where(picks < 0, length, picks), group)
        config = {
            "P": source.positions, "E": source.format.width, "CI": length, "CO": len(picks), "GI": source.group.data,
            "GO": group,
        }  # fmt: skip
        return Unit("take", config, (Table("pick", False, length.bit_length(), table),))
