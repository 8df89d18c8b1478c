"""
The matrix-vector unit on bit planes.
"""

from __future__ import annotations

import numpy as np

from blendir.dialects import stream
from blendir.dialects.blend import constant_value
from blendir.hardware import primitives
from blendir.hardware.primitives import Cost, scaled
from blendir.hardware.processes.base import PAPER_GROUP, Folding, Function
from blendir.hardware.processes.mvu import Mvu, whole_words
from blendir.hardware.processes.unit import Table, Unit, element_config, stored
from blendir.packing import WORD_BITS, unpack_words


class PlaneMvu(Mvu[stream.PlaneMvuOp]):
    """
    A population count for each pair of a bit of the vector and a bit of the weights.
    """

    latency = 12
    functions = (Function("plane_mvu", 1, 1),)
    paper_groups = WORD_BITS, PAPER_GROUP

    @property
    def lane_bits(self) -> int:
        return max(self.source.format.width, self.op.weight_planes)

    def parts(self, length: int, limit: int) -> list[int]:
        return whole_words(length, limit)

    def xnor_kinds(self, simd: int, pe: int, xnor: str) -> list[str]:
        return ["lut"]

    def cost(self, folding: Folding) -> Cost:
        _, beats = self.tiles(folding)
        width, planes = self.result.format.width, self.op.weight_planes
        element = scaled(self.counts(folding), self.op.pairs)
        element += scaled(Cost({"lut": width, "ff": width}), self.op.pairs - 1)
        element += primitives.accumulator(width, width, beats)
        return self.rows_cost(folding, element, planes, len(self.op.places), (self.op.base, width))

    def unit(self) -> Unit:
        op, base = self.op, constant_value(self.op.base)
        signs = unpack_words(constant_value(op.weight), 2)[..., : op.vector]
        tiles = [self.folded(signs[:, plane]) for plane in range(op.weight_planes)]
        config = self.config(base) | element_config(self.source) | {
            "PLACES": sum(1 << place for place in op.steps), "WP": op.weight_planes,
            "SUM": op.counts.width, "ACC": self.result.format.width,
        }  # fmt: skip
        width, lanes = op.simd * op.weight_planes, np.concatenate(tiles, axis=-1)
        weights = Table("weights", False, width, lanes, stored(op.weight_storage, 1))
        return Unit("plane_mvu", config, (weights, self.wrapped(base), *self.class_tables()))
