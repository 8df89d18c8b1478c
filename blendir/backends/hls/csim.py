"""
Building a design with g++ and running it.
"""

from __future__ import annotations

import subprocess
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from xdsl.dialects.builtin import ModuleOp

from blendir.backends.design import in_tensor_order, layer_results
from blendir.backends.hls.cpp_names import CppDesign
from blendir.backends.target import ProgramError, Trace
from blendir.dialects.stream import ProcessOp, stream_type
from blendir.hardware.processes.sink import output_bits
from blendir.interpreter import output_types
from blendir.interpreter.run import Outputs, alone
from blendir.packing import unpack_beats

WARNINGS = ("-pedantic", "-Wall", "-Wno-unknown-pragmas", "-Werror")
FLAGS = ("-std=c++14", *WARNINGS, "-O2", "-ftree-vectorize", "-fvect-cost-model=dynamic", "-march=native")
"""As in the Makefile. With -O3 g++ unrolls the short loops that it vectorizes here, which is slower."""
Array = NDArray[Any]
CHAINED = 4
"""Frames without a gap, as hardware takes them; unbounded FIFOs hold this many."""


class CsimError(ProgramError):
    """
    g++ is missing, does not compile the design, or the C-simulation stops.
    """


def run_command(command: list[str], folder: Path, what: str) -> None:
    """
    Runs a command; raises CsimError with the first lines it complains with.
    """
    try:
        done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    except FileNotFoundError as error:
        raise CsimError(f"{what}: {command[0]} is not installed") from error
    if done.returncode:
        lines = (done.stderr or done.stdout).strip().splitlines()
        lines = [line for line in lines if "error" in line] or lines
        raise CsimError(f"{what} failed with status {done.returncode}: {' | '.join(lines[:3])}")


def build(folder: Path, binary: Path, flags: tuple[str, ...], bounded: bool) -> None:
    """
    Compiles the test bench and the design of a project folder.
    """
    sources = [
        "tb/tb.cpp",
        "tb/bounded.cpp" if bounded else "src/top.cpp",
        *(str(p.relative_to(folder)) for p in sorted(folder.glob("rtl/*.cpp"))),
    ]
    binary.parent.mkdir(parents=True, exist_ok=True)
    command = ["g++", *FLAGS, *flags, "-Isrc", "-Irtl", *sources, "-o", str(binary)]
    run_command(command, folder, "compiling the design")


class Csim:
    """
    A compiled design; with a folder `record` it keeps the result of every process there. With `bounded`, FIFOs hold no
    more than the design's, and a deadlock is a CsimError that names the FIFO.
    """

    def __init__(self, module: ModuleOp, folder: Path, record: Path | None = None, bounded: bool = False):
        self.design = CppDesign(module)
        self.folder = folder = folder.resolve()
        self.record = record
        self.bounded = bounded
        self.binary = (record or folder / "build") / ("csim_bounded" if bounded else "csim")
        flags = () if record is None else (f'-DBLENDIR_TRACE="{record}"',)
        build(folder, self.binary, (*flags, "-DBLENDIR_BOUNDED") if bounded else flags, bounded)

    def integers(self, x: Array, batch: int | None = None) -> list[Array]:
        """
        The integers [N, elements] of each output for frames x [N, ..], run in batches of chained frames: by default
        four, or all with bounded FIFOs.
        """
        batch = batch or (len(x) if self.bounded else CHAINED)
        with tempfile.TemporaryDirectory(prefix="blendir-csim-") as folder:
            source, result = Path(folder) / "input.bin", Path(folder) / "output.bin"
            source.write_bytes(self.design.input_bytes(x))
            run_command([str(self.binary), str(source), str(result), str(batch)], self.folder, "C-simulation")
            data = np.fromfile(result, np.uint8)
        found: list[Array] = []
        for kind in (stream_type(sink.input) for sink in self.design.sinks):
            width = output_bits(kind.format.width)
            size = len(x) * kind.positions * kind.length.data * width // 8
            part, data = data[:size], data[size:]
            found.append(unpack_beats(part.reshape(-1, width // 8), width, 1, True).reshape(len(x), -1))
        return found

    def __call__(self, x: Array) -> Outputs:
        """
        What comes out for frames x [N, ..].
        """
        shapes = [kind.get_shape()[1:] for kind in output_types(self.design.module)]
        x = np.asarray(x)
        if not len(x):
            return alone([np.zeros((0, *shape)) for shape in shapes])
        outputs: list[NDArray[np.float64]] = []
        for sink, shape, integers in zip(self.design.sinks, shapes, self.integers(x), strict=True):
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
            frames = self.traced(op, index).reshape(len(x), -1)
            trace[layer] = in_tensor_order(frames, op, index)
        return trace, y

    def traced(self, op: ProcessOp, index: int) -> Array:
        """
        What a process wrote to the stream of its result `index` in the last run: [N * positions, length].
        """
        assert self.record is not None
        kind = stream_type(op.results[index])
        data = np.fromfile(self.record / f"{self.design.streams[op.results[index]]}.bin", np.uint8)
        beats = data.reshape(-1, -(-kind.payload // 8))
        values = unpack_beats(beats, kind.format.width, kind.group.data, kind.format.signed)
        return values.reshape(-1, kind.beats * kind.group.data)[:, : kind.length.data]
