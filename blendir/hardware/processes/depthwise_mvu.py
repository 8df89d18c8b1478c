"""
The unit of depthwise convolutions.
"""

from __future__ import annotations

import numpy as np

from blendir import widths
from blendir.dialects import stream
from blendir.dialects.blend import constant_value, tensor_type
from blendir.dialects.blend.exact import table_bits
from blendir.dialects.stream import PAYLOAD_BITS
from blendir.hardware import primitives
from blendir.hardware.primitives import Cost, scaled
from blendir.hardware.processes.base import PAPER_GROUP, Firing, Folding, Function, Work, divisors, groups
from blendir.hardware.processes.mvu import OnWindows, sum_bits
from blendir.hardware.processes.unit import Table, Unit, element_config, fixed_frac, rounded, signed_table, stored
from blendir.hardware.rows import Rows


class DepthwiseMvu(OnWindows[stream.DepthwiseMvuOp]):
    """
    An accumulator per channel: a cycle per beat read, and each group of channels leaves with its last tap.
    """

    latency = 12
    functions = (Function("fixed_depthwise", 1, 1), Function("binary_depthwise", 1, 1))
    paper_groups = PAPER_GROUP, PAPER_GROUP

    def foldings(self, xnor: str) -> list[Folding]:
        channels = self.result.length.data
        made = [Folding(pe, pe) for pe in groups(self.result) if pe * self.source.format.width <= PAYLOAD_BITS]
        if channels == made[-1].writes and not self.combines:
            taps = [t for t in divisors(self.op.vector)[1:] if t * channels * self.source.format.width <= PAYLOAD_BITS]
            made += [Folding(t * channels, channels) for t in taps]
        kept = [("lutram", "bram")[: 1 + (self.tiles(folding) != (1, 1))] for folding in made]
        return [Folding(f.reads, f.writes, storage=kind) for f, kinds in zip(made, kept, strict=True) for kind in kinds]

    def tiles(self, folding: Folding) -> tuple[int, int]:
        """
        NF groups of channels and SF groups of taps.
        """
        return self.result.length.data // folding.writes, self.op.vector * folding.writes // folding.reads

    def work(self, folding: Folding) -> Work:
        rows, beats = self.tiles(folding)
        channels = f"groups of channels ({self.result.length.data:,} channels, PE {folding.writes:,})"
        taps = f"beats ({self.op.vector:,} taps, SIMD {folding.reads // folding.writes:,})"
        return (((self.result.positions, "positions"), (rows, channels), (beats, taps)),)

    def firing(self, frames: int) -> Firing:
        rows, beats = self.tiles(self.folding)
        vectors, period = (self.result.positions, rows * beats), self.result.positions * rows * beats
        reads = Rows.nest(self.source, frames, period, 0, (period, 1))
        writes = Rows.nest(self.result, frames, period, (beats - 1) * rows, vectors, (rows, 1))
        return Firing(frames, period, [reads], [writes])

    def cost(self, folding: Folding) -> Cost:
        rows, beats = self.tiles(folding)
        taps, result = folding.reads // folding.writes, self.result.format.width
        classes = int(np.prod(tensor_type(self.op.bias).get_shape()[1:]))
        if self.op.on_bits:
            count, weight, base = self.op.vector.bit_length(), 1, result
            free = rows * beats == 1
            unit = primitives.popcount(taps) if free else primitives.differences(taps)
            unit += Cost({"lut": result, "ff": result})
        else:
            count = sum_bits(self.source.format, self.op.weight)
            weight, base = table_bits(self.op.weight), table_bits(self.op.bias)
            unit = primitives.products(taps, widths.signed(self.source.format).width, weight)
            shift = fixed_frac(self.op.bias) - self.result.format.frac
            unit += primitives.add(count + 1, max(0, shift), result)
        if beats > 1:
            unit += primitives.running_sum(count, rows)
        unit += primitives.rom(rows * beats, taps * weight, folding.storage)
        unit += primitives.rom(classes * rows, base, "lutram")
        return scaled(unit, folding.writes)

    def unit(self) -> Unit:
        op, storage = self.op, stored(self.op.weight_storage, 1)
        bias = constant_value(op.bias).astype(np.int64)
        pe, simd, channels = op.pe, op.simd, self.result.length.data
        weight = constant_value(op.weight).reshape(channels // pe, pe, -1, simd)
        tiles = weight.transpose(1, 2, 0, 3).reshape(pe, -1, simd)
        config = self.config(bias)
        if op.on_bits:
            weights = Table("weights", False, simd, tiles, storage)
            base = self.wrapped(bias + op.vector)
            return Unit("binary_depthwise", config | {"ACC": base.width}, (weights, base, *self.class_tables()))
        weights = signed_table("weights", tiles.astype(np.int64), op.weight, storage=storage)
        biases = signed_table("bias", self.border_rows(bias), op.bias)
        config |= element_config(self.source) | {"WB": weights.width, "BB": biases.width}
        config |= {"ACC": sum_bits(self.source.format, op.weight)}
        config |= rounded(fixed_frac(op.bias), op.rounding, self.result.format)
        return Unit("fixed_depthwise", config, (weights, biases, *self.class_tables()))
