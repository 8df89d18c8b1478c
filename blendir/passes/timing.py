"""
When the processes of a scheduled module fire: a cycle-level simulation of the whole graph as max-plus recurrences.

A process fires once per cycle while its inputs last: firing n happens at `n + max over m <= n (ready(m) - m)`. FIFOs
are unbounded here, so that the greatest occupancy is the depth at which none of them ever stalls the source's rate.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from xdsl.dialects import func
from xdsl.dialects.builtin import ModuleOp
from xdsl.ir import SSAValue

from blendir.dialects import stream
from blendir.dialects.blend import ConstantOp
from blendir.dialects.stream import StreamType, stream_type
from blendir.interpreter import main_function

Times = NDArray[np.int64]
FIFO_LATENCY = 1
LATENCY: dict[str, int] = {
    "stream.source": 2,
    "stream.window": 4,
    "stream.binary_mvu": 10,
    "stream.fixed_mvu": 12,
    "stream.piecewise_linear": 10,
    "stream.residual": 6,
    "stream.add": 5,
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
class Timing:
    """
    What the simulation found, in cycles; `occupancy` is the greatest number of beats in the FIFO behind a value.
    """

    frame_interval: int
    first_frame_latency: int
    occupancy: dict[SSAValue, int]
    cycles: dict[stream.ProcessOp, int]


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
        case stream.ConcatOp():
            return concat_firing(op, frames)
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
    taps = op.taps.value.data
    starts = np.arange(result.positions * frames)[:, None] * (taps * result.beats)
    writes = starts + (taps - 1) * result.beats + np.arange(result.beats)
    count = result.positions * frames * taps * result.beats
    return Firing(count, [np.arange(count)], [writes.reshape(-1)])


def concat_firing(op: stream.ConcatOp, frames: int) -> Firing:
    """
    A cycle per beat: all of the first operand's position, then all of the second's.
    """
    first, result = stream_type(op.lhs).beats, stream_type(op.result)
    starts = np.arange(result.positions * frames)[:, None] * result.beats
    reads = [(starts + np.arange(*span)).reshape(-1) for span in ((0, first), (first, result.beats))]
    count = result.positions * frames * result.beats
    return Firing(count, reads, [np.arange(count)])


def latency_of(op: stream.ProcessOp) -> int:
    """
    The assumed upper bound on cycles from a read to the write that depends on it.
    """
    return LATENCY.get(op.name, DEFAULT_LATENCY)


def processes(module: ModuleOp) -> list[stream.ProcessOp]:
    """
    The processes in order; ValueError where something else is left.
    """
    found: list[stream.ProcessOp] = []
    for op in main_function(module).body.block.ops:
        if isinstance(op, stream.ProcessOp):
            found.append(op)
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
    fourth and for the FIFOs, a single one for the latency.
    """
    found = processes(module)
    cycles = {op: cycles_per_frame(op) for op in found}
    interval = max(cycles.values())
    alone, _ = departures(found, 1, interval)
    # the fourth frame must leave before the batch ends, where line buffers are flushed faster
    frames = 5 + -(-int(alone[0]) // interval)
    chained, occupancy = departures(found, frames, interval)
    return Timing(int(chained[3] - chained[2]), int(alone[0]) + 1, occupancy, cycles)


def departures(found: list[stream.ProcessOp], frames: int, interval: int) -> tuple[Times, dict[SSAValue, int]]:
    """
    When the last beat of each frame leaves, and the greatest occupancy of each FIFO.
    """
    available: dict[SSAValue, Times] = {}
    occupancy: dict[SSAValue, int] = {}
    leaving = np.zeros(1, np.int64)
    for op in found:
        pattern = firing(op, frames)
        if isinstance(op, stream.SourceOp):
            per_frame = pattern.count // frames
            times = np.arange(pattern.count) * interval // per_frame
        else:
            ready = np.full(pattern.count, np.iinfo(np.int64).min // 2)
            inputs = [v for v in op.operands if v in available]
            for value, reads in zip(inputs, pattern.reads, strict=True):
                ready[reads] = np.maximum(ready[reads], available[value] + FIFO_LATENCY)
            index = np.arange(pattern.count)
            times = index + np.maximum.accumulate(ready - index)
            for value, reads in zip(inputs, pattern.reads, strict=True):
                taken = times[reads]
                arrived = np.searchsorted(available[value], taken, side="right")
                occupancy[value] = int((arrived - np.arange(len(taken))).max())
        for value, writes in zip(op.results, pattern.writes, strict=True):
            available[value] = times[writes] + latency_of(op)
            leaving = available[value]
    per_frame = len(leaving) // frames
    return leaving[per_frame - 1 :: per_frame], occupancy
