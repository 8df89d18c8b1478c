"""
The process that drops positions.
"""

from __future__ import annotations

from blendir.dialects import stream
from blendir.hardware.primitives import Cost
from blendir.hardware.processes.base import Firing, Folding, Function, Work
from blendir.hardware.processes.beatwise import BeatwiseProcess
from blendir.hardware.processes.unit import Unit
from blendir.hardware.rows import Rows


class Crop(BeatwiseProcess[stream.CropOp]):
    """
    A cycle per beat read; those of the positions that stay leave at once.
    """

    latency = 3
    functions = (Function("crop", 1, 1),)

    def work(self, folding: Folding) -> Work:
        beats = self.source.length.data // folding.reads
        return (((self.source.positions, "positions"), (beats, "beats read")),)

    def firing(self, frames: int) -> Firing:
        source, (rows, columns) = self.source, self.op.lines
        beats, period = source.beats, source.positions * source.beats
        line = source.columns.data * beats
        loops = (len(rows), rows.step * line), (len(columns), columns.step * beats), (beats, 1)
        reads = Rows.nest(source, frames, period, 0, (period, 1))
        return Firing(
            frames,
            period,
            [reads],
            [Rows.nest(self.result, frames, period, rows[0] * line + columns[0] * beats, *loops)],
        )

    def frames_awaited(self) -> int:
        return 1

    def cost(self, folding: Folding) -> Cost:
        bits = self.source.rows.data.bit_length() + self.source.columns.data.bit_length()
        return Cost({"lut": 2 * bits, "ff": 2 * bits})

    def unit(self) -> Unit:
        source, config = self.source, {"N": self.source.payload, "B": self.source.beats}
        config |= {"H": source.rows.data, "W": source.columns.data}
        for name, line in zip("RC", self.op.lines, strict=True):
            config |= {f"{name}0": line[0], f"{name}S": line.step, f"{name}N": line[-1]}
        return Unit("crop", config)
