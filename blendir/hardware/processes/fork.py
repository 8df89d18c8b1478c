"""
The process that copies a stream.
"""

from __future__ import annotations

from blendir.dialects import stream
from blendir.hardware.primitives import Cost
from blendir.hardware.processes.base import Folding, Function
from blendir.hardware.processes.beatwise import UnitRateProcess
from blendir.hardware.processes.unit import Unit


class Fork(UnitRateProcess[stream.ForkOp]):
    """
    Wires: a copy costs nothing but its FIFO.
    """

    latency = 3
    functions = (Function("fork2", 1, 2), Function("fork3", 1, 3), Function("fork4", 1, 4))

    def cost(self, folding: Folding) -> Cost:
        return Cost()

    def unit(self) -> Unit:
        kind = self.source
        return Unit(f"fork{len(self.op.copies)}", {"P": kind.positions, "B": kind.beats, "N": kind.payload})
