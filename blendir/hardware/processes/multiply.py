"""
The process that multiplies two streams.
"""

from __future__ import annotations

from blendir import widths
from blendir.dialects import stream
from blendir.dialects.stream import stream_type
from blendir.hardware import primitives
from blendir.hardware.primitives import Cost, scaled
from blendir.hardware.processes.base import Firing, Folding, Function
from blendir.hardware.processes.beatwise import BeatwiseProcess
from blendir.hardware.processes.unit import Unit, element_config, plain_frame, rounded
from blendir.hardware.rows import Rows


class Multiply(BeatwiseProcess[stream.MultiplyOp]):
    """
    A cycle per beat; a gate is read with the first position of a frame.
    """

    latency = 8
    functions = (Function("product", 2, 1),)

    def firing(self, frames: int) -> Firing:
        beats, period, gate = self.source.beats, self.source.positions * self.source.beats, stream_type(self.op.rhs)
        reads, writes = (Rows.nest(kind, frames, period, 0, (period, 1)) for kind in (self.source, self.result))
        held = Rows.nest(gate, frames, period, 0, (gate.positions, self.op.reuse * beats), (beats, 1))
        return Firing(frames, period, [reads, held], [writes])

    def frames_awaited(self) -> int:
        return int(self.combines)

    def cost(self, folding: Folding) -> Cost:
        a, b, result = self.source.format, stream_type(self.op.rhs), self.result.format
        x, y = widths.signed(a).width, widths.signed(b.format).width
        unit = primitives.product(x, y, max(0, a.frac + b.format.frac - result.frac), result.width)
        cost = scaled(unit, folding.reads)
        if self.op.reuse == 1:
            return cost
        return cost + primitives.delay(folding.reads * b.format.width, b.length.data // folding.reads)

    def unit(self) -> Unit:
        a, b = self.source, stream_type(self.op.rhs)
        factors = element_config(a, "EA", "SIGNED_A") | element_config(b, "EB", "SIGNED_B") | {"HELD": self.op.reuse}
        rounding = rounded(a.format.frac + b.format.frac, self.op.rounding, self.result.format)
        return Unit("product", plain_frame(a) | factors | rounding)
