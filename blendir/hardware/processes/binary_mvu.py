"""
The matrix-vector unit on bits.
"""

from __future__ import annotations

from blendir.dialects import stream
from blendir.dialects.blend import constant_value
from blendir.hardware import primitives
from blendir.hardware.primitives import Cost
from blendir.hardware.processes.base import PAPER_GROUP, Folding, Function
from blendir.hardware.processes.mvu import Mvu, whole_words
from blendir.hardware.processes.unit import Table, Unit, stored
from blendir.packing import WORD_BITS, unpack_words

MAX_XNOR_WORDS = 64
"""Of 48 lanes, in one blackbox."""


class BinaryMvu(Mvu[stream.BinaryMvuOp]):
    """
    XNORs and population counts. In DSPs the pipeline is of style stp, whose results further firings push out.
    """

    latency = 10
    functions = (Function("binary_mvu", 1, 1),)
    choices = (*Mvu.choices, ("xnor", "xnor"))
    paper_groups = WORD_BITS, PAPER_GROUP

    @property
    def lane_bits(self) -> int:
        return 1

    def parts(self, length: int, limit: int) -> list[int]:
        return whole_words(length, limit)

    def xnor_kinds(self, simd: int, pe: int, xnor: str) -> list[str]:
        """
        DSPs take whole words, or a vector of less than one.
        """
        fits = pe * -(-simd // WORD_BITS) <= MAX_XNOR_WORDS
        whole = fits and (simd % WORD_BITS == 0 or self.op.vector < WORD_BITS)
        kinds = {"lut": ["lut"], "dsp": ["dsp"], "auto": ["lut", "dsp"]}[xnor]
        return [kind for kind in kinds if whole or kind == "lut"]

    def frames_awaited(self) -> int:
        pushed = -(-self.latency // self.cycles(self.folding)) if self.uses_dsp_xnor else 0
        return pushed + super().frames_awaited()

    def cost(self, folding: Folding) -> Cost:
        _, beats = self.tiles(folding)
        width = self.result.format.width
        if folding.xnor == "dsp":
            element = primitives.popcount(folding.reads) + Cost({"dsp": -(-folding.reads // WORD_BITS)})
        else:
            element = self.counts(folding)
        element += primitives.accumulator(self.op.vector.bit_length(), width, beats)
        return self.rows_cost(folding, element, 1, 1, (self.op.border, width))

    def unit(self) -> Unit:
        border = constant_value(self.op.border)
        lanes = unpack_words(constant_value(self.op.weight), 1)[:, : self.op.vector]
        weights = Table("weights", False, self.op.simd, self.folded(lanes), stored(self.op.weight_storage, 1))
        config = self.config(border) | {"ACC": self.result.format.width}
        return Unit("binary_mvu", config, (weights, self.wrapped(border + self.op.vector), *self.class_tables()))
