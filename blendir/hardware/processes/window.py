"""
The line buffer, which is also the width converter.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from blendir.dialects import stream
from blendir.dialects.blend import constant_value
from blendir.dialects.stream import PAYLOAD_BITS, StreamType, stream_type
from blendir.hardware import primitives
from blendir.hardware.primitives import Cost
from blendir.hardware.processes.base import Firing, Folding, Function, Process, Work, groups
from blendir.hardware.processes.unit import Table, Unit
from blendir.hardware.rows import Rows, classes, row_count


@dataclass(frozen=True)
class Slots:
    """
    The slots of a frame, [rows, columns]: one for each pixel, the first of them at (`top`, `left`), and idle ones
    around the pixels where padding needs them. The window of output (y, x) is complete in slot
    `first + y * down + x * right`.
    """

    rows: int
    columns: int
    top: int
    left: int
    first: int
    down: int
    right: int

    @staticmethod
    def of(op: stream.WindowOp) -> Slots:
        """
        As many slots as it takes for every window to be complete in one of its own, in order.
        """
        vertical, horizontal = op.axes
        source, result = stream_type(op.input), stream_type(op.result)
        ends = [axis.extent - 1 - axis.before for axis in op.axes]  # of the first window
        top, left = (max(0, -end) for end in ends)
        across = (result.columns.data - 1) * horizontal.stride
        columns = max(left + source.columns.data, across // vertical.stride + 1 if result.rows.data > 1 else 1)
        rows = max(top + source.rows.data, (result.rows.data - 1) * vertical.stride + across // columns + 1)
        first = (top + ends[0]) * columns + left + ends[1]
        return Slots(rows, columns, top, left, first, vertical.stride * columns, horizontal.stride)

    @property
    def count(self) -> int:
        """
        The slots of a frame.
        """
        return self.rows * self.columns

    def last(self, result: StreamType) -> int:
        """
        The slot in which the last window is complete.
        """
        return self.first + (result.rows.data - 1) * self.down + (result.columns.data - 1) * self.right


class SlotRows:
    """
    When the slots of a batch begin, row by row: a slot takes as many cycles as a pixel has beats, and where a window is
    complete the window's further beats.
    """

    def __init__(self, slots: Slots, source: StreamType, result: StreamType, frames: int):
        self.slots, self.source, self.result = slots, source, result
        top, left = divmod(slots.first, slots.columns)
        across = left + np.arange(result.columns.data) * slots.right
        self.wraps, self.column = np.divmod(across, slots.columns)  # of the windows of a row
        frame = np.arange(frames)[:, None] * slots.rows
        self.pixels = (frame + slots.top + np.arange(source.rows.data)).reshape(-1)
        self.windows = (frame + top + np.arange(result.rows.data) * (slots.down // slots.columns)).reshape(-1)
        reach = int(self.wraps[-1])
        begun = np.zeros((reach + 1, max(frames * slots.rows, self.windows[-1] + reach + 1)), np.int64)
        for wrap, row in enumerate(begun):
            row[self.windows + wrap] = 1
        first, self.kind = classes(list(begun), begun.shape[1])
        complete = np.zeros((slots.columns, len(first)), np.int64)
        np.add.at(complete, self.column, begun[self.wraps][:, first])
        cycles = source.beats + complete.T * (result.beats - 1)
        self.shapes = np.cumsum(cycles, axis=1) - cycles
        rows = cycles.sum(axis=1)[self.kind]
        self.base = np.cumsum(rows) - rows

    def reads(self) -> Rows:
        """
        The cycles in which pixels are read.
        """
        left, beats = self.slots.left, np.arange(self.source.beats)
        pixels = self.shapes[:, left : left + self.source.columns.data]
        values = (pixels[:, :, None] + beats).reshape(len(pixels), -1)
        rows = Rows.of(values, self.base[self.pixels], self.kind[self.pixels])
        return rows.cut(row_count(self.source) // self.source.rows.data)

    def writes(self) -> Rows:
        """
        The cycles in which windows are written.
        """
        ahead = [self.windows + wrap for wrap in range(int(self.wraps[-1]) + 1)]
        first, kind = classes([self.kind[rows] for rows in ahead], len(self.windows))
        row = self.windows[first, None] + self.wraps
        values = self.base[row] - self.base[self.windows[first], None] + self.shapes[self.kind[row], self.column]
        values = values[:, :, None] + self.source.beats - 1 + np.arange(self.result.beats)
        rows = Rows.of(values.reshape(len(first), -1), self.base[self.windows], kind)
        return rows.cut(row_count(self.result) // self.result.rows.data)


class Window(Process[stream.WindowOp]):
    """
    A slot per pixel, and some to flush the last frame. A slot that emits takes the result's further beats longer. Idle
    slots are as long as those of pixels.
    """

    latency = 4
    functions = (Function("window", 1, 1),)
    converted = False
    choices = ()
    paper_groups = None

    def foldings(self, xnor: str) -> list[Folding]:
        widest = min(self.result.length.data, PAYLOAD_BITS // self.result.format.width)
        return [Folding(reads, writes) for reads in groups(self.source) for writes in range(1, widest + 1)]

    def work(self, folding: Folding) -> Work:
        read = self.source.length.data // folding.reads
        written = -(-self.result.length.data // folding.writes)
        return (
            ((Slots.of(self.op).count, "positions"), (read, "beats read")),
            ((self.result.positions, "windows"), (written - 1, "more beats written")),
        )

    def firing(self, frames: int) -> Firing:
        rows = SlotRows(Slots.of(self.op), self.source, self.result, frames)
        return Firing(frames, self.cycles(self.folding), [rows.reads()], [rows.writes()])

    def frames_awaited(self) -> int:
        slots = Slots.of(self.op)
        flushed = slots.last(self.result) // slots.count
        return max(flushed, int(self.combines or any(axis.extent > 1 for axis in self.op.axes)))

    def cost(self, folding: Folding) -> Cost:
        source, length = self.source, self.result.length.data
        rows, columns = self.op.axes
        pixel = source.length.data * source.format.width
        beats, padded = -(-length // folding.writes), any(self.op.padding.get_values())
        cost = Cost({"ff": pixel}) + primitives.window(length * source.format.width, beats, padded)
        cost["ff"] += rows.kernel * (columns.extent - columns.kernel) * pixel
        line = rows.dilation * Slots.of(self.op).columns
        if rows.kernel == 1 or line == 1:
            return cost
        return cost + primitives.ram(line, (rows.kernel - 1) * pixel)

    def unit(self) -> Unit:
        source, result = self.source, self.result
        rows, columns = self.op.axes
        channels, width = source.length.data, source.format.width
        config = {
            "E": width, "C": channels, "H": source.rows.data, "W": source.columns.data, "KH": rows.kernel,
            "KW": columns.kernel, "SH": rows.stride, "SW": columns.stride, "PH": rows.before, "PW": columns.before,
            "DH": rows.dilation, "DW": columns.dilation, "OH": result.rows.data, "OW": result.columns.data,
            "GI": source.group.data, "GO": result.group.data,
        }  # fmt: skip
        pad = constant_value(self.op.pad) if self.op.pad is not None else np.zeros(channels)
        return Unit("window", config, (Table("pad", False, width, pad.astype(np.int64) & ((1 << width) - 1)),))
