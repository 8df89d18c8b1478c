"""
When the processes of a scheduled module fire: a cycle-level simulation of the whole graph as max-plus recurrences.

A process fires once per cycle while its inputs last: firing n happens at `n + max(0, ready(m) - m for m <= n)`. What it
writes lands in a FIFO `latency` cycles later (style flp), or once that many further firings have pushed it through
the pipeline (style stp), and can be read `forward_latency` cycles after that. FIFOs are unbounded here.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from xdsl.dialects import func
from xdsl.dialects.builtin import ModuleOp
from xdsl.ir import SSAValue

from blendir.dialects import stream
from blendir.dialects.blend import ConstantOp
from blendir.errors import UserError
from blendir.hardware.kept import kept
from blendir.hardware.processes import process_of
from blendir.hardware.rows import Marks, Numbers, Rows, classes, latest
from blendir.interpreter import main_function

FORWARD_LATENCY = {"srl": 1, "bram": 3}


@dataclass(frozen=True)
class Run:
    """
    A batch of frames that enter every `interval` cycles: when the last word of each leaves, of any output; the most
    beats that each FIFO holds before the last one enters; and when the third one (or the last) is in each process, from
    its first read to after its last write, counted from when it enters.
    """

    frames: int
    interval: int
    leaving: Numbers
    occupancy: dict[SSAValue, int]
    spans: dict[stream.ProcessOp, tuple[int, int]]


@dataclass(frozen=True)
class Timing:
    """
    What the simulation found, in cycles; `chained` is a batch at the full rate.
    """

    frame_interval: int
    first_frame_latency: int
    cycles: dict[stream.ProcessOp, int]
    chained: Run

    @property
    def spans(self) -> dict[stream.ProcessOp, tuple[int, int]]:
        """
        When a frame of the steady state is in each process.
        """
        return self.chained.spans

    def batch_cycles(self, frames: int) -> int:
        """
        Cycles of a batch that finds the pipeline idle: no frame waits for the one before it.
        """
        return self.first_frame_latency + (frames - 1) * self.frame_interval


def forward_latency(value: SSAValue) -> int:
    """
    Cycles from a beat's landing in a FIFO to its first chance to be read.
    """
    op = value.owner
    assert isinstance(op, stream.ProcessOp)
    storage = "srl" if op.fifo_storage is None else op.fifo_storage.data[op.results.index(value)].data
    return FORWARD_LATENCY[storage]


def processes(module: ModuleOp) -> list[stream.ProcessOp]:
    """
    The processes in order; UserError where something else is left or streams go in a circle.
    """
    found: list[stream.ProcessOp] = []
    for op in main_function(module).body.block.ops:
        if isinstance(op, stream.ProcessOp):
            found.append(op)
            for writer in (v.owner for v in op.operands):
                if isinstance(writer, stream.ProcessOp) and writer not in found:
                    raise UserError(f"a cycle: {op.layer_name} reads {writer.layer_name} before it is made")
        elif not isinstance(op, ConstantOp | func.ReturnOp):
            raise UserError(f"{op.name} is not a process: the module is not at [stream]")
    return found


def cycles_per_frame(op: stream.ProcessOp) -> int:
    """
    Cycles that a process is busy per frame in the steady state.
    """
    process = process_of(op)
    return process.cycles(process.folding)


def simulate(module: ModuleOp) -> Timing:
    """
    Simulates frames entering at the rate of the slowest process: chained ones for the interval from the third to the
    fourth, a single one for the latency.
    """
    return timing_of(processes(module))


@kept("fifo_storage")
def timing_of(found: list[stream.ProcessOp]) -> Timing:
    """
    The same of processes.
    """
    cycles = {op: cycles_per_frame(op) for op in found}
    first, chained = run_full_rate(found, max(cycles.values()))
    return Timing(int(chained.leaving[3] - chained.leaving[2]), int(first.leaving[0]) + 1, cycles, chained)


def run_full_rate(found: list[stream.ProcessOp], interval: int) -> tuple[Run, Run]:
    """
    One frame alone, and so many chained ones that the fourth has left before the last one enters: after that, line
    buffers are flushed faster than frames come.
    """
    alone = run(found, 1, interval)
    chained = run(found, 5 + -(-int(alone.leaving[0]) // interval), interval)
    while (last := int(chained.leaving[3])) > (chained.frames - 1) * interval:
        chained = run(found, 1 - -last // interval, interval)
    return alone, chained


def run(found: list[stream.ProcessOp], frames: int, interval: int) -> Run:
    """
    Runs a batch; the source spreads each frame over its interval. Times of beats are kept until they are read.
    """
    landed: dict[SSAValue, Rows] = {}
    occupancy: dict[SSAValue, int] = {}
    spans: dict[stream.ProcessOp, tuple[int, int]] = {}
    for op in found:
        pattern, inputs = process_of(op).firing(frames), op.inputs
        waits = [
            Marks(reads, landed[v].moved(forward_latency(v)).plus(reads, -1).highest())
            for v, reads in zip(inputs, pattern.reads, strict=True)
        ]

        def when(firings: Rows, waits: list[Marks] = waits, period: int = pattern.period) -> Rows:
            return firings.plus(latest(firings, waits, 0)) if waits else spread(firings, interval, period)

        read = [when(reads) for reads in pattern.reads]
        written = [landings(op, when, writes, pattern.count - 1) for writes in pattern.writes]
        spans[op] = span(read, written, frames, interval)
        for value, times in zip(inputs, read, strict=True):
            occupancy[value] = peak_occupancy(landed.pop(value), times, (frames - 1) * interval)
        landed |= dict(zip(op.results, written, strict=True))
    ends = [words.last.reshape(frames, -1)[:, -1] for words in landed.values()]
    return Run(frames, interval, np.max(ends, axis=0), occupancy, spans)


def spread(firings: Rows, interval: int, period: int) -> Rows:
    """
    When the source fires, `period` times in an interval.
    """
    base, phase = np.divmod(firings.base * interval, period)
    first, kind = classes([firings.kind, phase], len(phase))
    values = (phase[first, None] + firings.shapes[firings.kind[first]] * interval) // period
    return Rows.of(values, base, kind)


def span(reads: list[Rows], writes: list[Rows], frames: int, interval: int) -> tuple[int, int]:
    """
    When the third frame of a batch (or the last) is in a process, counted from when it enters the design; padding
    before its first pixel may have been there earlier.
    """
    frame = min(2, frames - 1)
    begin = min((int(rows.base.reshape(frames, -1)[frame, 0]) for rows in reads), default=frame * interval)
    end = max(int(rows.last.reshape(frames, -1)[frame, -1]) for rows in writes)
    return max(0, begin - frame * interval), end + 1 - frame * interval


def peak_occupancy(landed: Rows, read: Rows, until: int) -> int:
    """
    The most beats in a FIFO while some land, before a cycle: when a beat is read, those that landed before it was.
    """
    return max(0, landed.ranks(read.at_most(until), "left").plus(read.index, -1).top)


def landings(op: stream.ProcessOp, when: Callable[[Rows], Rows], writes: Rows, last: int) -> Rows:
    """
    When the results of the firings `writes` land, given the times of firings, the last of which is `last`.
    """
    process = process_of(op)
    if not process.uses_dsp_xnor:
        return when(writes).moved(process.latency)
    pushed = writes.moved(process.latency)
    pushing = pushed.at_most(last)
    return when(pushing).plus(pushed).plus(pushing, -1)
