"""
The process that joins frames or positions.
"""

from __future__ import annotations

from blendir.dialects import stream
from blendir.dialects.stream import stream_type
from blendir.hardware.primitives import Cost
from blendir.hardware.processes.base import Firing, Folding, Function
from blendir.hardware.processes.beatwise import BeatwiseProcess
from blendir.hardware.processes.unit import Unit
from blendir.hardware.rows import Rows


class Concat(BeatwiseProcess[stream.ConcatOp]):
    """
    A cycle per beat: all of the first operand's part, then all of the second's.
    """

    latency = 3
    functions = (Function("concat", 2, 1),)

    def firing(self, frames: int) -> Firing:
        blocks, first, second = self.op.parts
        first, beats = (count // self.result.group.data for count in (first, first + second))
        period = blocks * beats
        reads = [
            Rows.nest(stream_type(value), frames, period, start, (blocks, beats), (count, 1))
            for value, start, count in zip(self.op.inputs, (0, first), (first, beats - first), strict=True)
        ]
        return Firing(frames, period, reads, [Rows.nest(self.result, frames, period, 0, (period, 1))])

    def frames_awaited(self) -> int:
        return 0

    def cost(self, folding: Folding) -> Cost:
        return Cost()

    def unit(self) -> Unit:
        (blocks, first, second), kind = self.op.parts, self.source
        lengths = {"CA": first, "CB": second}
        return Unit("concat", {"P": blocks, **lengths, "G": kind.group.data, "E": kind.format.width})
