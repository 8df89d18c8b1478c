"""
The times and depths of a scheduled module beat by beat: the recurrences of `hardware/timing.py` and
`hardware/fifos.py` on arrays of all beats of a batch, without rows that are alike.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from xdsl.dialects.builtin import ModuleOp
from xdsl.ir import SSAValue

from blendir.dialects import stream
from blendir.hardware.fifos import MINIMUM_DEPTH, Depths, reader, region, writer
from blendir.hardware.processes import process_of
from blendir.hardware.timing import forward_latency, processes

Times = NDArray[np.int64]


@dataclass
class Pattern:
    """
    The firings in which a process reads and writes each beat, and how many there are.
    """

    count: int
    reads: list[Times]
    writes: list[Times]


def pattern_of(op: stream.ProcessOp, frames: int) -> Pattern:
    """
    The firings of a batch.
    """
    firing = process_of(op).firing(frames)
    return Pattern(firing.count, *([rows.flat for rows in side] for side in (firing.reads, firing.writes)))


def pushed(op: stream.ProcessOp, pattern: Pattern) -> list[Times]:
    """
    The firings that push results through the pipeline.
    """
    process = process_of(op)
    late = process.latency if process.uses_dsp_xnor else 0
    return [np.minimum(writes + late, pattern.count - 1) for writes in pattern.writes]


@dataclass
class Beats:
    """
    When each beat of a batch lands and is read, and the firings of all processes.
    """

    landed: dict[SSAValue, Times]
    read: dict[SSAValue, Times]

    def leaving(self, found: list[stream.ProcessOp], frames: int) -> list[int]:
        """
        When the last word of each frame leaves.
        """
        words = [self.landed[op.result].reshape(frames, -1)[:, -1] for op in found if isinstance(op, stream.SinkOp)]
        return np.max(words, axis=0).tolist()

    def occupancy(self, value: SSAValue, until: int) -> int:
        """
        The most beats in a FIFO while some land before a cycle: each beat is read before, or while, the one so many
        places behind it lands.
        """
        landed, read, places = self.landed[value], self.read[value], 0
        landed = landed[landed < until]
        while (read[: max(0, len(landed) - places)] > landed[places:]).any():
            places += 1
        return places


def simulate_beats(found: list[stream.ProcessOp], frames: int, interval: int) -> Beats:
    """
    Runs a batch whose frames enter every `interval` cycles.
    """
    beats = Beats({}, {})
    for op in found:
        pattern, process = pattern_of(op, frames), process_of(op)
        every = np.arange(pattern.count)
        if not op.inputs:
            when = every * interval // (pattern.count // frames)
        else:
            ready = np.zeros(pattern.count, np.int64)
            for value, reads in zip(op.inputs, pattern.reads, strict=True):
                np.maximum.at(ready, reads, beats.landed[value] + forward_latency(value))
            when = every + np.maximum.accumulate(np.maximum(ready - every, 0))
        beats.read |= {v: when[reads] for v, reads in zip(op.inputs, pattern.reads, strict=True)}
        for value, writes, pushes in zip(op.results, pattern.writes, pushed(op, pattern), strict=True):
            beats.landed[value] = when[pushes] + process.latency - (pushes - writes)
    return beats


def least_depths(module: ModuleOp) -> Depths:
    """
    The least depths, with those before them, at which no order of firings ends in a deadlock.
    """
    found = processes(module)
    depths = {value: MINIMUM_DEPTH for op in found for value in op.outputs}
    for op in found:
        for waiting in op.inputs:
            for late in op.inputs:
                if late is not waiting:
                    depths[waiting] = max(depths[waiting], waiting_beats(found, waiting, late, depths))
    return depths


def waiting_beats(found: list[stream.ProcessOp], waiting: SSAValue, late: SSAValue, depths: Depths) -> int:
    """
    How many beats of `waiting` are written before the next one of `late` can be. `needed` is when each firing is, in
    firings of the reader.
    """
    inside, meeting = region(found, {waiting, late}), reader(late)
    frames = 3 + sum(process_of(op).frames_awaited() for op in inside)
    patterns = {op: pattern_of(op, frames) for op in (*inside, meeting)}
    pushes = {v: p for op in inside for v, p in zip(op.outputs, pushed(op, patterns[op]), strict=True)}
    pulls = {v: p for op, kept in patterns.items() for v, p in zip(op.inputs, kept.reads, strict=True)}
    needed = {op: np.full(patterns[op].count, patterns[meeting].count) for op in inside}
    needed[meeting] = np.arange(patterns[meeting].count)
    while True:
        before = {op: times.copy() for op, times in needed.items()}
        for op in inside:
            for value in op.outputs:
                if value is late or (value is not waiting and reader(value) in needed):
                    np.minimum.at(needed[op], pushes[value], needed[reader(value)][pulls[value]])
            for value in op.inputs:
                if writer(value) in needed:
                    room = depths[value]
                    np.minimum.at(needed[op], pulls[value][:-room], needed[writer(value)][pushes[value]][room:])
            needed[op] = np.minimum.accumulate(needed[op][::-1])[::-1]
        if all(np.array_equal(before[op], times) for op, times in needed.items()):
            break
    written = np.searchsorted(needed[writer(waiting)][pushes[waiting]], pulls[late], side="right")
    return int((written - np.searchsorted(pulls[waiting], pulls[late], side="left")).max())
