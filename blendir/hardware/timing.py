"""
When the processes of a scheduled module fire: a cycle-level simulation of the whole graph as max-plus recurrences.

A process fires once per cycle while its inputs last: firing n happens at `n + max(0, ready(m) - m for m <= n)`. What it
writes lands in a FIFO `latency` cycles later (style flp), or once that many further firings have pushed it through
the pipeline (style stp), and can be read `forward_latency` cycles after that. FIFOs are unbounded here.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from xdsl.dialects import func
from xdsl.dialects.builtin import ModuleOp
from xdsl.ir import SSAValue

from blendir.dialects import stream
from blendir.dialects.blend import ConstantOp
from blendir.errors import UserError
from blendir.hardware.processes import process_of
from blendir.hardware.processes.base import Times
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
    leaving: Times
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
    found = processes(module)
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
    landed: dict[SSAValue, Times] = {}
    occupancy: dict[SSAValue, int] = {}
    spans: dict[stream.ProcessOp, tuple[int, int]] = {}
    for op in found:
        pattern, inputs = process_of(op).firing(frames), op.inputs
        waits = [
            Waits(reads, np.maximum.accumulate(np.maximum(landed[v] + forward_latency(v) - reads, 0)))
            for v, reads in zip(inputs, pattern.reads, strict=True)
        ]
        share = pattern.count // frames

        def when(firings: Times, waits: list[Waits] = waits, share: int = share) -> Times:
            if not waits:
                return firings * interval // share
            return firings + np.max([w.until(firings) for w in waits], axis=0)

        read = [compact(when(reads)) for reads in pattern.reads]
        written = [compact(landings(op, when, writes, pattern.count - 1)) for writes in pattern.writes]
        spans[op] = span(read, written, frames, interval)
        for value, times in zip(inputs, read, strict=True):
            occupancy[value] = peak_occupancy(landed.pop(value), times, (frames - 1) * interval)
        landed |= dict(zip(op.results, written, strict=True))
    ends = [words[len(words) // frames - 1 :: len(words) // frames] for words in landed.values()]
    return Run(frames, interval, np.max(ends, axis=0), occupancy, spans)


def span(reads: list[Times], writes: list[Times], frames: int, interval: int) -> tuple[int, int]:
    """
    When the third frame of a batch (or the last) is in a process, counted from when it enters the design; padding
    before its first pixel may have been there earlier.
    """
    frame = min(2, frames - 1)
    begin = min((int(times.reshape(frames, -1)[frame, 0]) for times in reads), default=frame * interval)
    end = max(int(times.reshape(frames, -1)[frame, -1]) for times in writes)
    return max(0, begin - frame * interval), end + 1 - frame * interval


def peak_occupancy(landed: Times, read: Times, until: int) -> int:
    """
    The most beats in a FIFO while some land, before a cycle: the least number of places such that each beat is read
    before, or while, the one so many places behind it lands.
    """
    landed = landed[: np.searchsorted(landed, until)]
    count = len(landed)

    def enough(places: int) -> bool:
        return bool((read[: count - places] <= landed[places:]).all())

    return bisect_left(range(count), True, key=enough)


def compact(times: Times) -> Times:
    """
    Rising times in 32 bits where they fit: a batch of a large network has 10**8 of them.
    """
    return times.astype(np.int32) if times[-1] <= np.iinfo(np.int32).max else times


@dataclass(frozen=True)
class Waits:
    """
    By how much a process waits for an input, from the first firing that reads it on: at the firings `reads`, `late`.
    """

    reads: Times
    late: Times

    def until(self, firings: Times) -> Times:
        """
        The wait that each firing knows of.
        """
        if firings is self.reads:
            return self.late
        before = np.searchsorted(self.reads, firings, side="right") - 1
        return np.where(before < 0, 0, self.late[before])


def landings(op: stream.ProcessOp, when: Callable[[Times], Times], writes: Times, last: int) -> Times:
    """
    When the results of the firings `writes` land, given the times of firings, the last of which is `last`.
    """
    process = process_of(op)
    latency = process.latency
    if not process.uses_dsp_xnor:
        return when(writes) + latency
    return when(np.minimum(writes + latency, last)) + np.maximum(writes + latency - last, 0)
