"""
Comparing stages and the emitted program with each other: integers, every layer, every frame.
"""

from __future__ import annotations

import math
import tempfile
from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray
from xdsl.dialects.builtin import ModuleOp
from xdsl.ir import Operation

from blendir.backends.cpu.native import Native
from blendir.backends.design import in_tensor_order, layer_results
from blendir.backends.engines import Engine, require_engine
from blendir.backends.folder import integer_stages, read_report, target_of
from blendir.backends.systemverilog.target import simulation_of
from blendir.backends.target import Program, Trace
from blendir.backends.traces import MOVES, Parts, tensor_trace
from blendir.dialects.blend import BlendOp, tensor_type
from blendir.errors import UserError
from blendir.interpreter import run_module
from blendir.interpreter.run import Outputs, chunks, frames_at_once, listed

Array = NDArray[Any]
T = TypeVar("T")
INTERPRETED = 64
"""The first frames, which the interpreter runs where compiled code runs all."""
NATIVE = "native"


@dataclass(frozen=True)
class Divergence:
    """
    The first place at which two stages differ, and both values; None where a stage lacks the layer.
    """

    stages: tuple[str, str]
    op: str
    layer: str
    image: int
    index: tuple[int, ...]
    values: tuple[int, int] | None

    def __str__(self) -> str:
        first, second = self.stages
        if self.values is None:
            return f"[{second}] has no such layer as [{first}] with {self.layer} ({self.op}), or one of another size"
        names = ("channel", "row", "column") if len(self.index) == 3 else ("element",)
        place = ", ".join(f"{n} {i}" for n, i in zip(names, self.index, strict=False))
        return (
            f"[{second}] differs from [{first}] at {self.layer} ({self.op}), image {self.image}, "
            f"{place}: {self.values[1]} instead of {self.values[0]}"
        )


@dataclass
class Comparison:
    """
    How many numbers of a stage were compared with [fixed] and how many differ.
    """

    stage: str
    layers: int = 0
    numbers: int = 0
    mismatches: int = 0


@dataclass
class Verification:
    """
    The outcome over all frames.
    """

    images: int = 0
    comparisons: dict[str, Comparison] = field(default_factory=dict[str, Comparison])
    first: Divergence | None = None

    @property
    def mismatches(self) -> int:
        """
        Differing numbers over all stages.
        """
        return sum(c.mismatches for c in self.comparisons.values())


def layer_shapes(module: ModuleOp) -> dict[str, tuple[str, tuple[int, ...]]]:
    """
    The operation and the frame shape behind each layer of a module of tensors.
    """
    shapes: dict[str, tuple[str, tuple[int, ...]]] = {}
    for op in module.walk():
        if isinstance(op, BlendOp) and not isinstance(op, MOVES):
            shapes[op.layer_name] = (op.name, tuple(tensor_type(op.results[0]).get_shape()[1:]))
    return shapes


def stream_trace(module: ModuleOp, x: Array) -> tuple[Trace, Outputs]:
    """
    The same at [stream].
    """
    parts = Parts()

    def observe(op: Operation, index: int, value: Array) -> None:
        for process, result, layer in layer_results([op]):
            if result == index:
                parts.add(op, index, layer, in_tensor_order(value, process, index))

    output = run_module(module, x, observe)
    return parts.trace(), output


def compare(
    reference: Trace, other: Trace, shapes: Mapping[str, tuple[str, tuple[int, ...]]], stage: str, image: int
) -> tuple[Comparison, Divergence | None]:
    """
    Compares the layers of the reference with another trace; a layer that the other lacks counts as a mismatch, one
    that it has beside them does not. Where a trace holds more elements than its shape says, these are words unpacked
    along the channels.
    """
    result = Comparison(stage)
    first: Divergence | None = None
    for layer, expected in reference.items():
        op, shape = shapes[layer]
        actual = other.get(layer)
        if actual is not None and actual.shape[1] > expected.shape[1] and not actual[:, expected.shape[1] :].any():
            actual = actual[:, : expected.shape[1]]
        result.layers += 1
        result.numbers += expected.size
        if actual is None or actual.shape != expected.shape:
            result.mismatches += expected.size
            first = first or Divergence(("fixed", stage), op, layer, image, (0,), None)
            continue
        if np.array_equal(expected, actual):
            continue
        wrong = np.argwhere(expected.astype(np.int64) != actual.astype(np.int64))
        result.mismatches += len(wrong)
        if len(wrong) and first is None:
            frame, element = (int(v) for v in wrong[0])
            inner = shape[1:]
            unpacked = (expected.shape[1] // math.prod(inner), *inner)
            place = tuple(int(v) for v in np.unravel_index(element, unpacked))
            values = int(expected[frame, element]), int(actual[frame, element])
            first = Divergence(("fixed", stage), op, layer, image + frame, place, values)
    return result, first


def wrong_outputs(got: Outputs, want: Outputs) -> int:
    """
    How many numbers of all outputs differ.
    """
    return sum(int((a != b).sum()) for a, b in zip(listed(got), listed(want), strict=True))


def verify(
    folder: str | Path,
    x: Array,
    *,
    stages: Mapping[str, ModuleOp] | None = None,
    engine: Engine = "native",
    rtl: bool = False,
    progress: Callable[[int], None] = lambda done: None,
) -> Verification:
    """
    Runs frames x [N, ..] through [fixed], the later stages and the program of a design folder, and compares every
    layer.

    stages: those of the folder, where they are read already. engine: with "native", the interpreter runs the first
    frames, and compiled code, which is compared with it there, all of them; with "interpreter" or "csim" the
    interpreter runs all, with "interpreter" without the program. rtl: also the SystemVerilog of a [stream] design.
    `progress` is told the number of frames done.
    Raises ValueError where blendir did not make the folder or cannot build it here.
    """
    require_engine(engine)
    folder = Path(folder)
    target = target_of(read_report(folder))
    if rtl and target.stage != "stream":
        raise UserError(f"{folder} has no processes, of which SystemVerilog could be printed")
    stages = integer_stages(folder) if stages is None else stages
    outcome = Verification()
    shapes = layer_shapes(stages["fixed"])
    with tempfile.TemporaryDirectory(prefix="blendir-verify-") as record:
        net, programs = built(stages, folder, Path(record), engine, rtl)
        parts = list(chunks(np.asarray(x), frames_at_once(stages["fixed"])))
        recorded = {language: ahead(program.trace, parts) for language, program in programs.items()}
        for part in parts:
            interpreted = net is None or outcome.images < INTERPRETED
            reference, output = tensor_trace(stages["fixed"], part) if net is None or interpreted else net.trace(part)
            for stage, (trace, y) in others(stages, net, recorded, part, interpreted):
                found, first = compare(reference, trace, shapes, stage, outcome.images)
                found.mismatches += wrong_outputs(y, output)
                total = outcome.comparisons.setdefault(stage, Comparison(stage, found.layers))
                total.numbers += found.numbers
                total.mismatches += found.mismatches
                outcome.first = outcome.first or first
            outcome.images += len(part)
            progress(outcome.images)
    return outcome


def built(
    stages: Mapping[str, ModuleOp], folder: Path, record: Path, engine: Engine, rtl: bool
) -> tuple[Native | None, dict[str, Program]]:
    """
    Compiled code, and programs by the name of their language, that an engine needs; the two are built side by side.
    """
    target = target_of(read_report(folder))
    if engine != "interpreter":
        target.require_tools()
    with ThreadPoolExecutor(1) as pool:
        program = pool.submit(target.program, stages[target.stage], folder, record) if engine != "interpreter" else None
        net = Native(stages["fixed"]) if engine == "native" else None
        programs = {} if program is None else {target.language: program.result()}
    if rtl:
        (record / "rtl").mkdir()
        programs["SystemVerilog"] = simulation_of(stages["stream"], folder, record / "rtl")
    return net, programs


def ahead(work: Callable[[Array], T], parts: Iterable[Array]) -> Iterator[T]:
    """
    What a function makes of each part; a thread is at the next one while the caller uses what it made of the last.
    """
    waiting: Future[T] | None = None
    with ThreadPoolExecutor(1) as pool:
        for part in parts:
            last, waiting = waiting, pool.submit(work, part)
            if last is not None:
                yield last.result()
        if waiting is not None:
            yield waiting.result()


def others(
    stages: Mapping[str, ModuleOp],
    net: Native | None,
    recorded: Mapping[str, Iterator[tuple[Trace, Outputs]]],
    x: Array,
    interpreted: bool,
) -> Iterator[tuple[str, tuple[Trace, Outputs]]]:
    """
    The traces of everything that is compared with [fixed].
    """
    if interpreted:
        for stage, trace in (("packed", tensor_trace), ("stream", stream_trace)):
            if stage in stages:
                yield stage, trace(stages[stage], x)
        if net is not None:
            yield NATIVE, net.trace(x)
    for language, traces in recorded.items():
        yield language, next(traces)
