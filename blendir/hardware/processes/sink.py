"""
Where results leave.
"""

from __future__ import annotations

from blendir import widths
from blendir.dialects import stream
from blendir.hardware import primitives
from blendir.hardware.primitives import Cost
from blendir.hardware.processes.base import Firing, Folding, Function, Process, Work, groups
from blendir.hardware.processes.unit import Unit, element_config
from blendir.hardware.rows import Rows

OUTPUT_BITS = 32


class Sink(Process[stream.SinkOp]):
    """
    An AXI4-Stream word per element, whatever its producer writes.
    """

    latency = 3
    functions = (Function("axi_sink", 1, 1),)
    converted = False
    choices = ()
    paper_groups = None

    def foldings(self, xnor: str) -> list[Folding]:
        return [Folding(group, group) for group in groups(self.source)]

    def work(self, folding: Folding) -> Work:
        return (((self.source.positions, "positions"), (self.source.length.data, "elements")),)

    def firing(self, frames: int) -> Firing:
        kind, length = self.source, self.source.length.data
        period = kind.positions * length
        reads = Rows.nest(kind, frames, period, 0, (kind.positions, length), (kind.beats, kind.group.data))
        return Firing(frames, period, [reads], [Rows.nest(kind, frames, period, 0, (period, 1))])

    def frames_awaited(self) -> int:
        return 0

    def cost(self, folding: Folding) -> Cost:
        return primitives.window(self.source.format.width * folding.reads, folding.reads, False)

    def unit(self) -> Unit:
        kind = self.source
        frame = {"P": kind.positions, "V": kind.length.data, "G": kind.group.data}
        return Unit("axi_sink", frame | element_config(kind) | {"NO": output_bits(kind.format.width)})


def output_bits(element_width: int) -> int:
    """
    The width of an output word: 32 bits, or 64 for wider elements.
    """
    return OUTPUT_BITS if element_width <= OUTPUT_BITS else widths.WORD
