"""
Where frames enter.
"""

from __future__ import annotations

from blendir.dialects import stream
from blendir.hardware.primitives import Cost
from blendir.hardware.processes.base import Folding, Function
from blendir.hardware.processes.beatwise import UnitRateProcess
from blendir.hardware.processes.unit import Unit


class Source(UnitRateProcess[stream.SourceOp]):
    """
    A beat for each AXI4-Stream word.
    """

    latency = 2
    functions = (Function("axi_source", 1, 1),)
    paper_groups = None

    def cost(self, folding: Folding) -> Cost:
        return Cost()

    def unit(self) -> Unit:
        kind = self.result
        config = {"NI": axi_bits(kind.payload), "N": kind.payload, "P": kind.positions * kind.beats}
        return Unit("axi_source", config)


def axi_bits(payload: int) -> int:
    """
    The width of an AXI4-Stream word for a payload: whole bytes.
    """
    return -(-payload // 8) * 8
