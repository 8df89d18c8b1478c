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
from blendir.hardware.processes.base import Firing, Folding, Function, Process, Times, Work, groups
from blendir.hardware.processes.unit import Table, Unit


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

    def pixels(self, source: StreamType) -> Times:
        """
        The slot of each pixel.
        """
        rows, columns = np.arange(source.rows.data), np.arange(source.columns.data)
        return ((self.top + rows[:, None]) * self.columns + self.left + columns).reshape(-1)

    def done(self, result: StreamType) -> Times:
        """
        The slot in which each window is complete.
        """
        rows, columns = np.arange(result.rows.data), np.arange(result.columns.data)
        return self.first + (rows[:, None] * self.down + columns * self.right).reshape(-1)


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
        source, result, slots = self.source, self.result, Slots.of(self.op)
        done = slots.done(result)
        lag = max(0, int(done[-1]) - (slots.count - 1))
        frame = np.arange(frames)[:, None] * slots.count
        emitting = (frame + done).reshape(-1)
        cost = np.full(frames * slots.count + lag, source.beats)
        cost[emitting] += result.beats - 1
        start = np.concatenate([[0], np.cumsum(cost)])
        reads = start[(frame + slots.pixels(source)).reshape(-1), None] + np.arange(source.beats)
        writes = start[emitting, None] + source.beats - 1 + np.arange(result.beats)
        return Firing(int(start[-1]), [reads.reshape(-1)], [writes.reshape(-1)])

    def frames_awaited(self) -> int:
        slots = Slots.of(self.op)
        flushed = int(slots.done(self.result)[-1]) // slots.count
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
