"""
The process that normalizes the elements of each position.
"""

from __future__ import annotations

import numpy as np

from blendir import widths
from blendir.dialects import stream
from blendir.dialects.blend import constant_value
from blendir.dialects.blend.exact import table_bits
from blendir.hardware import primitives
from blendir.hardware.primitives import Cost, scaled
from blendir.hardware.processes.base import Firing, Folding, Function
from blendir.hardware.processes.beatwise import BeatwiseProcess
from blendir.hardware.processes.unit import (
    Table,
    Unit,
    by_group,
    element_config,
    fixed_frac,
    plain_frame,
    rounded,
    signed_table,
)
from blendir.hardware.rows import Rows
from blendir.numerics import ROOT_SEED, ROOT_SEEDS, signed_bits


class LayerNorm(BeatwiseProcess[stream.LayerNormOp]):
    """
    A position leaves while the next one is read.
    """

    latency = 40
    functions = (Function("layer_norm", 1, 1),)

    def firing(self, frames: int) -> Firing:
        period = self.source.positions * self.source.beats
        beats = Rows.nest(self.source, frames, period, 0, (period, 1))
        return Firing(frames, period, [beats], [beats.moved(self.source.beats)])

    def frames_awaited(self) -> int:
        return 1

    @property
    def norm(self) -> widths.NormWidths:
        """
        The widths of the numbers on the way.
        """
        return widths.norm(self.source.format, self.source.length.data, self.op.epsilon.value.data)

    def cost(self, folding: Folding) -> Cost:
        kind, result, norm = self.source, self.result.format, self.norm
        beats = kind.length.data // folding.reads
        x, bits = widths.signed(kind.format).width, kind.length.data.bit_length()
        gamma, beta = table_bits(self.op.gamma), table_bits(self.op.beta)
        unit = primitives.standardized(x, bits, norm.standard, norm.spread)
        unit += primitives.product(norm.standard, gamma, max(0, fixed_frac(self.op.beta) - result.frac), result.width)
        unit += primitives.rom(beats, gamma + beta, "lutram")
        shared = primitives.reciprocal_root(norm.spread) + primitives.delay(folding.reads * kind.format.width, beats)
        return scaled(unit, folding.reads) + shared

    def unit(self) -> Unit:
        op, epsilon, frame = self.op, self.op.epsilon.value.data, plain_frame(self.source)
        gamma, beta = (
            signed_table(name, by_group(constant_value(v).astype(np.int64), frame["G"]), v)
            for name, v in (("gamma", op.gamma), ("beta", op.beta))
        )
        added = Table("epsilon", True, signed_bits(epsilon, epsilon), np.array([epsilon]))
        config = frame | element_config(self.source) | {
            "SB": self.norm.spread, "UB": self.norm.standard, "AB": gamma.width, "BB": beta.width, "NB": added.width,
        } | rounded(fixed_frac(op.beta), op.rounding, self.result.format)  # fmt: skip
        return Unit("layer_norm", config, (gamma, beta, added, Table("seeds", False, ROOT_SEED + 1, ROOT_SEEDS)))
