"""
The process that reads a function from a table.
"""

from __future__ import annotations

import numpy as np

from blendir.dialects import stream
from blendir.dialects.blend import constant_value
from blendir.dialects.blend.exact import table_bits
from blendir.hardware import primitives
from blendir.hardware.primitives import Cost, scaled
from blendir.hardware.processes.base import Folding, Function
from blendir.hardware.processes.beatwise import UnitRateProcess
from blendir.hardware.processes.unit import Table, Unit, element_config, plain_frame, stored


class Lookup(UnitRateProcess[stream.LookupOp]):
    """
    A copy of the table for each two elements of a beat, or in LUTs for each.
    """

    latency = 5
    functions = (Function("lookup", 1, 1),)
    choices = (("storage", "storage"),)

    def foldings(self, xnor: str) -> list[Folding]:
        plain = super().foldings(xnor)
        return [Folding(f.reads, f.writes, storage=kept) for f in plain for kept in ("lutram", "bram")]

    def cost(self, folding: Folding) -> Cost:
        table = primitives.rom(len(constant_value(self.op.table)), table_bits(self.op.table), folding.storage)
        return scaled(table, -(-folding.reads // 2) if folding.storage == "bram" else folding.reads)

    def unit(self) -> Unit:
        source, width = self.source, self.result.format.width
        copies = np.tile(constant_value(self.op.table).astype(np.int64), (-(-source.group.data // 2), 1))
        table = Table("table", True, width, copies, stored(self.op.storage, 2))
        return Unit("lookup", plain_frame(source) | element_config(source) | {"EO": width}, (table,))
