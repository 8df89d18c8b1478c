"""
What matrix-vector units share: SIMD elements of a vector times PE rows of the matrix per cycle.
"""

from __future__ import annotations

from abc import abstractmethod
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray
from xdsl.ir import SSAValue

from blendir import widths
from blendir.dialects import stream
from blendir.dialects.blend import constant_attribute, element_format, tensor_type
from blendir.dialects.blend.exact import largest_row
from blendir.dialects.stream import PAYLOAD_BITS
from blendir.hardware import primitives
from blendir.hardware.primitives import Cost, scaled
from blendir.hardware.processes.base import Firing, Folding, Process, Work, divisors, groups
from blendir.hardware.processes.unit import Table
from blendir.hardware.rows import Rows
from blendir.numerics import Format
from blendir.packing import WORD_BITS, in_beats

MvuT = TypeVar("MvuT", bound=stream.MvuOp)


def sum_bits(source: Format, weight: SSAValue) -> int:
    """
    The bits that hold every sum of products of a row of constant weights [O, ..] with elements of a format.
    """
    factor = element_format(tensor_type(weight).element_type)
    return widths.accumulator(source, factor, largest_row(constant_attribute(weight))).width


class OnWindows(Process[MvuT]):
    """
    Rows of weights on the windows of a line buffer: a unit with a table of biases or corrections per border class.
    """

    converted = True
    choices = (("weight_storage", "storage"),)

    def frames_awaited(self) -> int:
        return int(self.combines)

    def config(self, border: NDArray[Any]) -> dict[str, int]:
        """
        The configuration that all have.
        """
        return {
            "OH": self.result.rows.data, "OW": self.result.columns.data, "V": self.op.vector, "SIMD": self.op.simd,
            "PE": self.op.pe, "OUT": self.result.length.data, "RY": border.shape[1], "RX": border.shape[2],
        }  # fmt: skip

    def border_rows(self, border: NDArray[Any]) -> NDArray[Any]:
        """
        A border or bias [O, RY, RX] as [PE][(row * RX + column) * NF + nf] of output nf * PE + pe.
        """
        pe = self.op.pe
        return border.reshape(len(border) // pe, pe, -1).transpose(1, 2, 0).reshape(pe, -1)

    def wrapped(self, base: NDArray[Any]) -> Table:
        """
        What counts are taken from [O, RY, RX], modulo the accumulator's range.
        """
        result, rows = self.result.format, self.border_rows(base)
        return Table("base", True, result.width, (rows - result.low) % (1 << result.width) + result.low)

    def class_tables(self) -> tuple[Table, Table]:
        """
        The border class of each output row and column.
        """
        rows, columns = (np.array(v.get_values(), np.int64) for v in (self.op.row_classes, self.op.column_classes))
        return Table("row_class", False, 0, rows), Table("column_class", False, 0, columns)


class Mvu(OnWindows[MvuT]):
    """
    NF x SF cycles per vector. It is read in the first SF, and each group of rows is written after SF.
    """

    def foldings(self, xnor: str) -> list[Folding]:
        made: list[Folding] = []
        for simd in self.simds():
            for pe in groups(self.result):
                for kind in self.xnor_kinds(simd, pe, xnor):
                    several = self.tiles(Folding(simd, pe)) != (1, 1)
                    made += [Folding(simd, pe, kind, kept) for kept in ("lutram", "bram")[: 1 + several]]
        return made or self.foldings("lut")

    def simds(self) -> list[int]:
        """
        How many elements of the vector a unit may take per cycle.
        """
        length, limit = self.source.length.data, PAYLOAD_BITS // self.lane_bits
        if self.combines:
            return [d for d in divisors(length) if d <= limit]
        return self.parts(length, limit)

    @property
    @abstractmethod
    def lane_bits(self) -> int:
        """
        Bits of an element of the vector, or those that its weight takes in a beat of a table.
        """

    @abstractmethod
    def parts(self, length: int, limit: int) -> list[int]:
        """
        How many elements of a position of `length` may be taken per cycle, at most `limit`.
        """

    @abstractmethod
    def xnor_kinds(self, simd: int, pe: int, xnor: str) -> list[str]:
        """
        What may make the XNORs.
        """

    def tiles(self, folding: Folding) -> tuple[int, int]:
        """
        NF groups of rows and SF beats of the vector.
        """
        return self.result.length.data // folding.writes, -(-self.op.vector // folding.reads)

    def work(self, folding: Folding) -> Work:
        rows, beats = self.tiles(folding)
        outputs = f"groups of rows ({self.result.length.data:,} outputs, PE {folding.writes:,})"
        inputs = f"beats ({self.op.vector:,} inputs, SIMD {folding.reads:,})"
        return (((self.result.positions, "positions"), (rows, outputs), (beats, inputs)),)

    def firing(self, frames: int) -> Firing:
        rows, beats = self.tiles(self.folding)
        vectors, period = (self.result.positions, rows * beats), self.result.positions * rows * beats
        reads = Rows.nest(self.source, frames, period, 0, vectors, (beats, 1))
        writes = Rows.nest(self.result, frames, period, beats - 1, vectors, (rows, beats))
        return Firing(frames, period, [reads], [writes])

    def folded(self, matrix: NDArray[Any]) -> NDArray[Any]:
        """
        A matrix [O, V] as [PE][nf * SF + sf][SIMD]; missing columns are 0.
        """
        pe, simd = self.op.pe, self.op.simd
        rows, beats = self.op.fold
        lanes = in_beats(matrix, simd).reshape(rows, pe, beats, simd)
        return lanes.transpose(1, 0, 2, 3).reshape(pe, -1, simd)

    def counts(self, folding: Folding) -> Cost:
        """
        XORs of a tile's row with weights, and their population count. They are part of it where a row has constant
        weights, or a vector that is held.
        """
        rows, beats = self.tiles(folding)
        free = rows * beats == 1 or (rows > 1 and folding.writes == 1)
        return primitives.popcount(folding.reads) if free else primitives.differences(folding.reads)

    def rows_cost(self, folding: Folding, element: Cost, weight: int, lane: int, border: tuple[SSAValue, int]) -> Cost:
        """
        Processing elements with their tables and what holds the vector: bits of the weight and of the vector's element
        in a lane, and the border or bias with its width.
        """
        rows, beats = self.tiles(folding)
        classes = int(np.prod(tensor_type(border[0]).get_shape()[1:]))
        element = element + primitives.rom(rows * beats, folding.reads * weight, folding.storage)
        tables = primitives.rom(classes * rows, border[1], "lutram")
        cost = scaled(element, folding.writes) + scaled(tables, folding.writes)
        return cost + primitives.replay(folding.reads * lane, beats) if rows > 1 else cost


def whole_words(length: int, limit: int) -> list[int]:
    """
    Parts of whole 48-bit words, or all.
    """
    words = [n for n in range(WORD_BITS, length, WORD_BITS) if n <= limit]
    return [*words, length] if length <= limit else words
