"""
Pools of windows that lie side by side.
"""

from __future__ import annotations

from blendir.dialects import stream
from blendir.hardware import primitives
from blendir.hardware.primitives import Cost, scaled
from blendir.hardware.processes.base import Firing, Folding, Function, Work, groups
from blendir.hardware.processes.beatwise import BeatwiseProcess
from blendir.hardware.processes.unit import Unit, element_config, plain_frame
from blendir.hardware.rows import Rows

KIND = {stream.PoolKind.SUM: 0, stream.PoolKind.MAX: 1, stream.PoolKind.OR: 2}


class Pool(BeatwiseProcess[stream.PoolOp]):
    """
    A cycle per beat read; results leave while the last tap arrives.
    """

    latency = 5
    functions = (Function("pool", 1, 1),)

    def foldings(self, xnor: str) -> list[Folding]:
        kinds = [self.result, *([self.source] if self.source.length == self.result.length else [])]
        return [Folding(group, group) for group in groups(*kinds)]

    def work(self, folding: Folding) -> Work:
        beats = self.result.length.data // folding.writes
        return (((self.result.positions, "positions"), (self.op.taps.value.data, "taps"), (beats, "beats")),)

    def firing(self, frames: int) -> Firing:
        result = self.result
        kh, kw, parts = self.op.window
        run, beats, columns, rows = kw * parts * result.beats, result.beats, result.columns.data, result.rows.data
        period = rows * kh * columns * run
        loops = (rows, kh * columns * run), (columns, run), (beats, 1)
        reads = Rows.nest(self.source, frames, period, 0, (period, 1))
        writes = Rows.nest(result, frames, period, (kh - 1) * columns * run + run - beats, *loops)
        return Firing(frames, period, [reads], [writes])

    def frames_awaited(self) -> int:
        return int(self.combines)

    def cost(self, folding: Folding) -> Cost:
        width, beats = self.result.format.width, self.result.length.data // folding.writes
        rows, columns = self.op.window[0], self.result.columns.data
        unit = primitives.running_sum(width, beats)
        if rows > 1 and columns > 1:
            unit += scaled(primitives.ram(columns * beats, width), rows - 1) + Cost({"lut": width * (rows - 1)})
        return scaled(unit, folding.writes)

    def unit(self) -> Unit:
        result = self.result
        rows, columns, parts = self.op.window
        if result.columns.data == 1:  # its rows follow one another
            rows, columns = 1, rows * columns
        window = {"OW": result.columns.data, "ROWS": rows, "RUN": columns * parts}
        kind = {"KIND": KIND[self.op.kind.data], "EO": result.format.width}
        return Unit("pool", plain_frame(result) | window | element_config(self.source) | kind)
