"""
The process that picks elements of each position.
"""

from __future__ import annotations

import numpy as np

from blendir.dialects import stream
from blendir.hardware import primitives
from blendir.hardware.primitives import Cost
from blendir.hardware.processes.base import PAPER_GROUP, Folding, Function, groups
from blendir.hardware.processes.positionwise import PositionwiseProcess
from blendir.hardware.processes.unit import Table, Unit, by_group


class Take(PositionwiseProcess[stream.TakeOp]):
    """
    A position is read beat by beat; with its last beat the first one of the result leaves.
    """

    latency = 3
    functions = (Function("take", 1, 1),)
    paper_groups = PAPER_GROUP, PAPER_GROUP

    def foldings(self, xnor: str) -> list[Folding]:
        return [Folding(reads, writes) for reads in groups(self.source) for writes in groups(self.result)]

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
