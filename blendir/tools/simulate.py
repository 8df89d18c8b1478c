"""
Frames through the SystemVerilog of a design, and how many cycles they take.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from pathlib import Path

from blendir.compiler import open_design
from blendir.errors import UserError
from blendir.interpreter import run_module
from blendir.tools.inputs import read_frames
from blendir.tools.terminal import progress
from blendir.verification import wrong_outputs

CYCLE_COLUMNS = ("cycles", "simulated", "schedule")


@dataclass(frozen=True)
class Simulated:
    """
    What was counted: cycles until the first frame has left, between the last two (None for a single frame), and of all
    frames, with what the schedule says; numbers of the outputs that are not those of the interpreter; and how many
    cycles were simulated per second.
    """

    frames: int
    first_frame_latency: int
    scheduled_latency: int
    frame_interval: int | None
    scheduled_interval: int
    cycles: int
    mismatches: int
    cycles_per_second: float

    def rows(self) -> list[list[object]]:
        """
        A table of it.
        """
        interval = "-" if self.frame_interval is None else self.frame_interval
        return [
            ["first frame", self.first_frame_latency, self.scheduled_latency],
            ["frame interval", interval, self.scheduled_interval],
            ["all frames", self.cycles, "-"],
            ["per second", round(self.cycles_per_second), "-"],
            ["mismatches", self.mismatches, 0],
        ]


def simulate_design(folder: Path, data: Path, quiet: bool) -> Simulated:
    """
    Simulates the design of a folder on the frames of a file, one or more.
    """
    build = open_design(folder)
    x = read_frames(data, build.module)
    if not len(x):
        raise UserError(f"{data} holds no frames")
    with progress(f"building the simulation of {folder}", quiet):
        rtl = build.simulation
    with progress(f"simulating {folder}", quiet):
        begin = time.perf_counter()
        found = rtl(x)
        seconds = time.perf_counter() - begin
        wrong = wrong_outputs(found, run_module(build.module, x))
    leaving = [max(cycles) for cycles in zip(*rtl.leaving, strict=True)]
    return Simulated(
        frames=len(x),
        first_frame_latency=leaving[0] + 1,
        scheduled_latency=rtl.timing.first_frame_latency,
        frame_interval=leaving[-1] - leaving[-2] if len(x) > 1 else None,
        scheduled_interval=rtl.timing.frame_interval,
        cycles=leaving[-1] + 1,
        mismatches=wrong,
        cycles_per_second=(leaving[-1] + 1) / seconds,
    )
