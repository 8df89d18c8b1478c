"""
When the processes of a scheduled module fire: a cycle-level simulation of the whole graph as max-plus recurrences.

A process fires once per cycle while its inputs last: firing n happens at `n + max over m <= n (ready(m) - m)`. What it
writes lands in a FIFO `latency_of` cycles later (style flp), or once that many further firings have pushed it through
the pipeline (style stp), and can be read `forward_latency` cycles after that. FIFOs are unbounded here.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray
from xdsl.dialects import func
from xdsl.dialects.builtin import ModuleOp
from xdsl.ir import SSAValue

from blendir.dialects import stream
from blendir.dialects.blend import ConstantOp
from blendir.dialects.stream import StreamType, stream_type
from blendir.interpreter import main_function
from blendir.passes.resources import uses_dsp_xnor

Times: TypeAlias = NDArray[np.signedinteger[Any]]
FORWARD_LATENCY = {"srl": 1, "bram": 3}
LATENCY: dict[str, int] = {
    "stream.source": 2,
    "stream.window": 4,
    "stream.binary_mvu": 10,
    "stream.fixed_mvu": 12,
    "stream.plane_mvu": 12,
    "stream.piecewise_linear": 10,
    "stream.residual": 6,
    "stream.multiply": 8,
    "stream.layer_norm": 40,
    "stream.lookup": 5,
    "stream.add": 5,
    "stream.multi_threshold": 5,
    "stream.pool": 5,
}
DEFAULT_LATENCY = 3


@dataclass(frozen=True)
class Firing:
    """
    At which of its `count` cycles a process reads each input beat and writes each result beat.
    """

    count: int
    reads: list[Times]
    writes: list[Times]


@dataclass(frozen=True)
class Run:
    """
    A batch of frames that enter every `interval` cycles: when the last word of each leaves, the most beats that each
    FIFO holds before the last one enters, and when the third one (or the last) is in each process, from its first read
    to after its last write, counted from when it enters.
    """

    frames: int
    interval: int
    leaving: Times
    held: dict[SSAValue, int]
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


def firing(op: stream.ProcessOp, frames: int) -> Firing:
    """
    The firing pattern of a process over a batch.
    """
    match op:
        case stream.WindowOp():
            return window_firing(op, frames)
        case stream.MvuOp():
            return mvu_firing(op, frames)
        case stream.PoolOp():
            return pool_firing(op, frames)
        case stream.ReorderOp():
            kind = stream_type(op.result)
            beats = np.arange(kind.positions * kind.beats * frames)
            frame = kind.positions * kind.beats
            return Firing(len(beats) + frame, [beats], [beats + frame])
        case stream.ConcatOp():
            return concat_firing(op, frames)
        case stream.MultiplyOp():
            return multiply_firing(op, frames)
        case stream.LayerNormOp():
            kind = stream_type(op.input)
            beats = np.arange(kind.positions * kind.beats * frames)
            return Firing(len(beats) + kind.beats, [beats], [beats + kind.beats])
        case stream.TakeOp():
            return take_firing(op, frames)
        case stream.SinkOp():
            kind = stream_type(op.input)
            starts = np.arange(kind.positions * frames)[:, None] * kind.length.data
            beats = np.arange(kind.beats) * kind.group.data
            count = kind.positions * kind.length.data * frames
            return Firing(count, [(starts + beats).reshape(-1)], [np.arange(count)])
        case _:
            kind = stream_type(op.results[0])
            every = np.arange(kind.positions * kind.beats * frames)
            inputs = [v for v in op.operands if isinstance(v.type, StreamType)]
            return Firing(len(every), [every] * len(inputs), [every] * len(op.results))


def window_firing(op: stream.WindowOp, frames: int) -> Firing:
    """
    A slot per pixel, and some to flush the last frame; a slot that emits takes the result's further beats longer.
    """
    source, result = stream_type(op.input), stream_type(op.result)
    (kh, kw), (sh, sw), (ph, pw) = op.geometry
    width, pixels = source.columns.data, source.positions
    row = (np.arange(result.rows.data) * sh - ph + kh - 1) * width
    column = np.arange(result.columns.data) * sw - pw + kw - 1
    slots = (row[:, None] + column).reshape(-1)
    lag = max(0, int(slots[-1]) - (pixels - 1))
    emitting = (np.arange(frames)[:, None] * pixels + slots).reshape(-1)
    cost = np.full(frames * pixels + lag, source.beats)
    cost[emitting] += result.beats - 1
    start = np.concatenate([[0], np.cumsum(cost)])
    reads = start[: frames * pixels, None] + np.arange(source.beats)
    writes = start[emitting, None] + source.beats - 1 + np.arange(result.beats)
    return Firing(int(start[-1]), [reads.reshape(-1)], [writes.reshape(-1)])


def mvu_firing(op: stream.MvuOp, frames: int) -> Firing:
    """
    NF x SF cycles per vector; it is read in the first SF, and each row group is written after SF.
    """
    rows, beats = op.fold
    vectors = np.arange(stream_type(op.results[0]).positions * frames)[:, None] * (rows * beats)
    reads = vectors + np.arange(beats)
    writes = vectors + np.arange(1, rows + 1) * beats - 1
    return Firing(len(vectors) * rows * beats, [reads.reshape(-1)], [writes.reshape(-1)])


def pool_firing(op: stream.PoolOp, frames: int) -> Firing:
    """
    A cycle per beat read; results leave while the last tap arrives.
    """
    result = stream_type(op.result)
    kh, kw, parts = op.window
    shape = (result.rows.data * frames, kh, result.columns.data, kw * parts, result.beats)
    cycles = np.arange(np.prod(shape)).reshape(shape)
    return Firing(cycles.size, [cycles.reshape(-1)], [cycles[:, -1, :, -1].reshape(-1)])


def concat_firing(op: stream.ConcatOp, frames: int) -> Firing:
    """
    A cycle per beat: all of the first operand's position, then all of the second's.
    """
    first, result = stream_type(op.lhs).beats, stream_type(op.result)
    starts = np.arange(result.positions * frames)[:, None] * result.beats
    reads = [(starts + np.arange(*span)).reshape(-1) for span in ((0, first), (first, result.beats))]
    count = result.positions * frames * result.beats
    return Firing(count, reads, [np.arange(count)])


def multiply_firing(op: stream.MultiplyOp, frames: int) -> Firing:
    """
    A cycle per beat; a gate is read with the first position of a frame.
    """
    kind = stream_type(op.lhs)
    every = np.arange(frames * kind.positions * kind.beats)
    return Firing(len(every), [every, every.reshape(-1, op.held, kind.beats)[:, 0].reshape(-1)], [every])


def take_firing(op: stream.TakeOp, frames: int) -> Firing:
    """
    A position is read beat by beat; with its last beat the first one of the result leaves.
    """
    source, result = stream_type(op.input), stream_type(op.result)
    cycles = source.beats + result.beats - 1
    starts = np.arange(source.positions * frames)[:, None] * cycles
    reads = starts + np.arange(source.beats)
    writes = starts + source.beats - 1 + np.arange(result.beats)
    return Firing(len(starts) * cycles, [reads.reshape(-1)], [writes.reshape(-1)])


def latency_of(op: stream.ProcessOp) -> int:
    """
    The assumed upper bound on cycles from a read to the write that depends on it.
    """
    return LATENCY.get(op.name, DEFAULT_LATENCY)


def stops_when_starved(op: stream.ProcessOp) -> bool:
    """
    Whether the pipeline is of style stp and keeps its results while there is no input: where DSPs make the XNORs.
    """
    return uses_dsp_xnor(op)


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
    The processes in order; ValueError where something else is left or streams go in a circle.
    """
    found: list[stream.ProcessOp] = []
    for op in main_function(module).body.block.ops:
        if isinstance(op, stream.ProcessOp):
            found.append(op)
            for writer in (v.owner for v in op.operands):
                if isinstance(writer, stream.ProcessOp) and writer not in found:
                    raise ValueError(f"a cycle: {op.layer_name} reads {writer.layer_name} before it is made")
        elif not isinstance(op, ConstantOp | func.ReturnOp):
            raise ValueError(f"{op.name} is not a process: the module is not at [stream]")
    return found


def cycles_per_frame(op: stream.ProcessOp) -> int:
    """
    Cycles that a process is busy per frame in the steady state.
    """
    return firing(op, 3).count - firing(op, 2).count


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
    held: dict[SSAValue, int] = {}
    spans: dict[stream.ProcessOp, tuple[int, int]] = {}
    for op in found:
        pattern = firing(op, frames)
        inputs = [v for v in op.operands if v in landed]
        waits = [
            Waits(reads, np.maximum.accumulate(landed[v] + forward_latency(v) - reads))
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
            held[value] = most_held(landed.pop(value), times, (frames - 1) * interval)
        landed |= dict(zip(op.results, written, strict=True))
    (words,) = landed.values()
    return Run(frames, interval, words[len(words) // frames - 1 :: len(words) // frames], held, spans)


def span(reads: list[Times], writes: list[Times], frames: int, interval: int) -> tuple[int, int]:
    """
    When the third frame of a batch (or the last) is in a process, counted from when it enters the design.
    """
    frame = min(2, frames - 1)
    begin = min((int(times.reshape(frames, -1)[frame, 0]) for times in reads), default=frame * interval)
    end = max(int(times.reshape(frames, -1)[frame, -1]) for times in writes)
    return begin - frame * interval, end + 1 - frame * interval


def most_held(landed: Times, read: Times, until: int) -> int:
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
        return np.where(before < 0, np.iinfo(np.int64).min // 2, self.late[before])


def landings(op: stream.ProcessOp, when: Callable[[Times], Times], writes: Times, last: int) -> Times:
    """
    When the results of the firings `writes` land, given the times of firings, the last of which is `last`.
    """
    latency = latency_of(op)
    if not stops_when_starved(op):
        return when(writes) + latency
    return when(np.minimum(writes + latency, last)) + np.maximum(writes + latency - last, 0)
