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

from blendir.backends.hls.print_cpp import Design
from blendir.backends.hls.project import input_bytes
from blendir.backends.hls.units import output_bits
from blendir.dialects.stream import ProcessOp, ResidualOp, stream_type
from blendir.interpreter import output_type
from blendir.packing import unpack_beats

FLAGS = ("-std=c++14", "-pedantic", "-Wall", "-Wno-unknown-pragmas", "-Werror", "-O3", "-march=native")
Array = NDArray[Any]
CHAINED = 4
"""Frames without a gap, as hardware takes them; unbounded FIFOs hold this many."""


class CsimError(RuntimeError):
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
    A compiled design; `trace` makes it record the result of every process. With `bounded`, FIFOs hold no more than
    the design's, and a deadlock is a CsimError that names the FIFO.
    """

    def __init__(self, module: ModuleOp, folder: Path, trace: Path | None = None, bounded: bool = False):
        self.design = Design(module)
        self.folder = folder = folder.resolve()
        self.trace = trace
        self.bounded = bounded
        self.binary = (trace or folder / "build") / ("csim_bounded" if bounded else "csim")
        flags = () if trace is None else (f'-DBLENDIR_TRACE="{trace}"',)
        build(folder, self.binary, (*flags, "-DBLENDIR_BOUNDED") if bounded else flags, bounded)

    def integers(self, x: Array, batch: int | None = None) -> Array:
        """
        The output integers [N, elements] for frames x [N, ..], run in batches of chained frames: by default four, or
        all with bounded FIFOs.
        """
        batch = batch or (len(x) if self.bounded else CHAINED)
        sink = self.design.sink
        kind = stream_type(sink.input)
        with tempfile.TemporaryDirectory(prefix="blendir-csim-") as folder:
            source, result = Path(folder) / "input.bin", Path(folder) / "output.bin"
            source.write_bytes(input_bytes(self.design.module, self.design.source, x))
            run_command([str(self.binary), str(source), str(result), str(batch)], self.folder, "C-simulation")
            data = np.fromfile(result, np.uint8)
        width = output_bits(kind.format.width)
        return unpack_beats(data.reshape(-1, width // 8), width, 1, True).reshape(len(x), -1)

    def __call__(self, x: Array) -> NDArray[np.float64]:
        """
        The outputs [N, ..] for frames x [N, ..].
        """
        sink = self.design.sink
        kind = stream_type(sink.input)
        shape = output_type(self.design.module).get_shape()[1:]
        x = np.asarray(x)
        if not len(x):
            return np.zeros((0, *shape))
        frames = kind.format.decode(self.integers(x))
        return frames[:, frame_order(sink, 0)].reshape(-1, *shape)

    def traced(self, op: ProcessOp, index: int) -> Array:
        """
        What a process wrote to the stream of its result `index` in the last run: [N * positions, length].
        """
        assert self.trace is not None
        kind = stream_type(op.results[index])
        data = np.fromfile(self.trace / f"{self.design.streams[op.results[index]]}.bin", np.uint8)
        beats = data.reshape(-1, -(-kind.payload // 8))
        values = unpack_beats(beats, kind.format.width, kind.group.data, kind.format.signed)
        return values.reshape(-1, kind.beats * kind.group.data)[:, : kind.length.data]


def frame_order(op: ProcessOp, index: int) -> Array:
    """
    Where element i of a process's tensor lies in a frame of its stream.
    """
    order = op.bit_order if isinstance(op, ResidualOp) and index == 1 else op.order
    value = op.results[index] if op.results and index < len(op.results) else op.operands[0]
    kind = stream_type(value if hasattr(value.type, "length") else op.operands[0])
    channels, pixels = kind.length.data, kind.positions
    if order is not None:
        return np.array(order.get_values() or range(channels * pixels), np.int64)
    return (np.arange(pixels) * channels + np.arange(channels)[:, None]).reshape(-1)
