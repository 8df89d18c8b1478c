"""
The matrix-vector unit on fixed-point numbers.
"""

from __future__ import annotations

import numpy as np

from blendir import widths
from blendir.dialects import stream
from blendir.dialects.blend import constant_value
from blendir.dialects.blend.exact import table_bits
from blendir.hardware import primitives
from blendir.hardware.primitives import Cost
from blendir.hardware.processes.base import PAPER_ARRAY, Folding, Function
from blendir.hardware.processes.mvu import Mvu, sum_bits
from blendir.hardware.processes.unit import Unit, element_config, fixed_frac, rounded, signed_table, stored


class FixedMvu(Mvu[stream.FixedMvuOp]):
    """
    Products in DSPs, summed exactly; the sum with the bias is rounded and saturated.
    """

    latency = 12
    functions = (Function("fixed_mvu", 1, 1),)
    paper_groups = PAPER_ARRAY, PAPER_ARRAY

    @property
    def lane_bits(self) -> int:
        return self.source.format.width

    def parts(self, length: int, limit: int) -> list[int]:
        return sorted({-(-length // beats) for beats in range(1, length + 1)} & set(range(1, limit + 1)))

    def xnor_kinds(self, simd: int, pe: int, xnor: str) -> list[str]:
        return ["lut"]

    def cost(self, folding: Folding) -> Cost:
        _, beats = self.tiles(folding)
        x, w, bias = widths.signed(self.source.format).width, table_bits(self.op.weight), table_bits(self.op.bias)
        total = sum_bits(self.source.format, self.op.weight) + 1
        shift = fixed_frac(self.op.bias) - self.result.format.frac
        element = primitives.products(folding.reads, x, w)
        element += primitives.add(total, max(0, shift), self.result.format.width)
        if beats > 1 and folding.reads > 1:  # a DSP accumulates a single product
            element += Cost({"lut": total, "ff": total})
        return self.rows_cost(folding, element, w, self.source.format.width, (self.op.bias, bias))

    def unit(self) -> Unit:
        op, result = self.op, self.result.format
        weight, bias = (constant_value(v).astype(np.int64) for v in (op.weight, op.bias))
        weights = signed_table("weights", self.folded(weight), op.weight, storage=stored(op.weight_storage, 1))
        biases = signed_table("bias", self.border_rows(bias), op.bias)
        config = self.config(bias) | element_config(self.source) | {
            "WB": weights.width, "BB": biases.width, "ACC": sum_bits(self.source.format, self.op.weight),
        } | rounded(fixed_frac(op.bias), op.rounding, result)  # fmt: skip
        return Unit("fixed_mvu", config, (weights, biases, *self.class_tables()))
