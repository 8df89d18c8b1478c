"""
A scheduled [stream] module in Verilator: every stream against the interpreter, at any pace of its surroundings.
"""

from __future__ import annotations

import atexit
import shutil
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
from modules import scheduled
from numpy.typing import NDArray
from xdsl.dialects.builtin import ModuleOp
from xdsl.ir import Operation, SSAValue

from blendir.backends.systemverilog.simulation import Pauses, Rtl
from blendir.backends.systemverilog.sv_names import SvDesign
from blendir.backends.systemverilog.target import project_files
from blendir.dialects.stream import ProcessOp
from blendir.hardware.processes import process_of
from blendir.hardware.timing import processes
from blendir.interpreter import run_module
from blendir.interpreter.run import listed

Array = NDArray[Any]
FREE = Pauses()
STALLED = Pauses(0.3, 0.3, 2)
BUSY_SINK = Pauses(0.0, 0.6, 3)
SLOW_SOURCE = Pauses(0.6, 0.0, 4)


@dataclass
class Simulation:
    """
    A module built in a folder. `run` compares every stream with the interpreter.
    """

    module: ModuleOp
    folder: Path
    rtl: Rtl

    def run(self, x: Array, pauses: Pauses = FREE) -> list[int]:
        """
        Runs frames, compares every beat of every stream, and returns when the last word of each frame left, of any
        output.
        """
        want: dict[SSAValue, list[Array]] = {}

        def observe(op: Operation, index: int, value: Array) -> None:
            want.setdefault(op.results[index], []).append(value.reshape(len(value), -1))

        expected = run_module(self.module, x, observe)
        found = self.rtl(x, pauses)
        for op in processes(self.module):
            for index, value in enumerate(op.outputs):
                beats = self.rtl.beats(value, len(x))
                np.testing.assert_array_equal(
                    beats, np.concatenate(want[value]), f"{op.layer_name} ({op.name}) {index}"
                )
        for one, other in zip(listed(found), listed(expected), strict=True):
            np.testing.assert_array_equal(one, other)
        return [max(cycles) for cycles in zip(*self.rtl.leaving, strict=True)]

    def check(self, x: Array, paces: Sequence[Pauses] = (FREE, STALLED, BUSY_SINK, SLOW_SOURCE)) -> None:
        """
        No pace changes a value; at full rate, frames leave at the interval of the schedule, and one alone is not later
        than its latency.
        """
        for pauses in paces:
            self.run(x, pauses)
        self.check_latencies(len(x))
        timing = self.rtl.timing
        frames = np.concatenate([x] * -(-8 // len(x)))
        leaving = self.run(frames)
        # Nothing comes after the last frame that the ends of it would wait for.
        assert leaving[-2] - leaving[-4] == 2 * timing.frame_interval, (leaving, timing.frame_interval)
        alone = self.run(x[:1], Pauses(interval=max(timing.cycles.values())))
        assert alone[0] < timing.first_frame_latency, (alone, timing.first_frame_latency)

    def check_latencies(self, frames: int) -> None:
        """
        In the last run, no result of a process landed later after what it depends on than is assumed.
        """
        for op in processes(self.module):
            found, assumed = self.latency(op, frames), process_of(op).latency
            assert found is None or found <= assumed, f"{op.layer_name} ({op.name}): {found} of {assumed} cycles"

    def latency(self, op: ProcessOp, frames: int) -> int | None:
        """
        The fewest cycles, in the last run, from the reads of a firing to the write of the same one, negative where it
        does not wait for them; None where no firing does both.
        """
        firing, found = process_of(op).firing(frames), list[int]()
        inputs = [(reads.flat, self.rtl.times(v)[1]) for v, reads in zip(op.inputs, firing.reads, strict=True)]
        read = np.full(firing.count, -1)
        for firings, cycles in inputs:
            count = min(len(firings), len(cycles))
            np.maximum.at(read, firings[:count], cycles[:count])
        for value, writes in zip(op.outputs, firing.writes, strict=False):
            cycles = self.rtl.times(value)[0][: len(writes.flat)]
            begun = read[writes.flat[: len(cycles)]]
            found += (cycles - begun)[begun >= 0].tolist()
        return min(found, default=None)


@cache
def runtime() -> Path:
    """
    A folder for what all builds of this process share.
    """
    folder = tempfile.mkdtemp(prefix="blendir-verilated-")
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    return Path(folder)


def simulation(module: ModuleOp, folder: Path) -> Simulation:
    """
    Prints and builds a [stream] module, which is scheduled where it is not yet.
    """
    if any(op.fifo_depths is None for op in processes(module) if op.outputs):
        module = scheduled(module)
    for name, text in project_files(SvDesign(module)).items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    record = folder / "streams"
    record.mkdir(exist_ok=True)
    return Simulation(module, folder, Rtl(module, folder, record, runtime()))
