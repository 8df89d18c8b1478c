"""
The memory that changes the order of a stream.
"""

from __future__ import annotations

from blendir.dialects import stream
from blendir.hardware import primitives
from blendir.hardware.primitives import Cost
from blendir.hardware.processes.base import Firing, Folding, Function, Work
from blendir.hardware.processes.beatwise import BeatwiseProcess
from blendir.hardware.processes.unit import Unit
from blendir.hardware.rows import Rows


class Reorder(BeatwiseProcess[stream.ReorderOp]):
    """
    A part of a frame leaves while the next one arrives. A group stays side by side.
    """

    latency = 3
    functions = (Function("reorder", 1, 1),)

    def foldings(self, xnor: str) -> list[Folding]:
        return [folding for folding in super().foldings(xnor) if self.op.run % folding.writes == 0]

    def beats(self, group: int) -> tuple[int, int]:
        """
        Beats read and written in a part.
        """
        made = self.result.positions * self.result.length.data // self.op.blocks.value.data
        return self.op.block // group, made // group

    def work(self, folding: Folding) -> Work:
        read, written = self.beats(folding.writes)
        what = "beats written" if written > read else "beats read"
        return (((self.op.blocks.value.data, "parts"), (max(read, written), what)),)

    def firing(self, frames: int) -> Firing:
        read, written = self.beats(self.result.group.data)
        part, parts = max(read, written), self.op.blocks.value.data
        reads = Rows.nest(self.source, frames, parts * part, 0, (parts, part), (read, 1))
        writes = Rows.nest(self.result, frames, parts * part, part, (parts, part), (written, 1))
        return Firing(frames, parts * part, [reads], [writes])

    def frames_awaited(self) -> int:
        return 1

    def cost(self, folding: Folding) -> Cost:
        return primitives.frame_memory(2 * self.op.block // folding.writes, self.result.format.width * folding.writes)

    def unit(self) -> Unit:
        group = self.result.group.data
        *outer, (extent, step) = self.op.nest or [(1, 1)]
        loops = [(e, s // group) for e, s in outer]
        loops += [(extent // group, 1) if step == 1 else (extent, step // group)]
        loops = [(1, 0)] * (stream.MAX_LOOPS - len(loops)) + loops
        part = {"P": self.op.blocks.value.data, "I": self.op.block // group, "AT": self.op.offset.value.data // group}
        config = {"N": self.result.payload} | part
        for k, (extent, step) in enumerate(loops, 1):
            config |= {f"E{k}": extent, f"S{k}": step}
        return Unit("reorder", config)
