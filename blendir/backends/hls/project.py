"""
The folder of a design: sources, test bench, scripts, the IR of every stage and a report.

A folder is written beside its destination and then renamed, so that a failure leaves nothing half done.
"""

from __future__ import annotations

import json
import tempfile
from collections.abc import Mapping
from importlib.resources import files
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from xdsl.dialects.builtin import ModuleOp

from blendir.backends.hls.dataflow import check_dataflow, check_library
from blendir.backends.hls.pragmas import check_source
from blendir.backends.hls.print_cpp import HEADER, Design, bounded_text, source_files
from blendir.backends.hls.report import GENERATOR
from blendir.backends.hls.units import output_bits
from blendir.backends.hls.xnor_project import xnor_files
from blendir.dialects import stream
from blendir.dialects.stream import stream_type
from blendir.interpreter import encode_input, input_type, run_module
from blendir.packing import pack_beats
from blendir.passes.devices import device
from blendir.passes.resources import uses_dsp_xnor
from blendir.passes.stage import Stage

ENTRIES = frozenset(
    (
        "Makefile",
        "build",
        "hls",
        "hls_config.cfg",
        "host",
        "ir",
        "link.cfg",
        "report.html",
        "report.json",
        "rtl",
        "run_hls.tcl",
        "src",
        "tb",
    )
)
PACKAGE = files("blendir.backends.hls")
PROCESSES = (".hpp", "xnor_dsp.h")
REGIONS = ("top.cpp", "top_memory.cpp")


def check_destination(out: Path) -> None:
    """
    Refuses a destination that holds something other than a design of ours, or the current directory.
    """
    if Path.cwd().is_relative_to(out.resolve()):
        raise ValueError(f"{out} is the current directory or holds it, and would be replaced; give another folder")
    if not out.exists():
        return
    if not out.is_dir():
        raise ValueError(f"{out} is not a folder")
    names = {entry.name for entry in out.iterdir()}
    if not names:
        return
    try:
        ours = json.loads((out / "report.json").read_text()).get("generator") == GENERATOR
    except (OSError, ValueError, AttributeError):
        ours = False
    if not ours:
        raise ValueError(f"{out} holds something else (no report.json of blendir); give an empty or new folder")
    if unknown := sorted(names - ENTRIES):
        raise ValueError(f"{out} also holds {', '.join(unknown)}, which blendir did not make; give a new folder")


def beats_of(frames: NDArray[Any], kind: stream.StreamType) -> NDArray[np.uint8]:
    """
    Stream frames [N, positions, length] as bytes [N, beats, bytes per beat].
    """
    group = kind.group.data
    filled = np.zeros((*frames.shape[:2], kind.beats * group), np.int64)
    filled[..., : frames.shape[2]] = frames
    beats = filled.reshape(len(frames), -1, group)
    return pack_beats(beats, kind.format.width)


def input_bytes(module: ModuleOp, source: stream.SourceOp, x: NDArray[Any]) -> bytes:
    """
    Frames [N, ..] of the caller as the words that the design reads.
    """
    encoded = encode_input(x, input_type(module))
    kind = stream_type(source.result)
    if encoded.ndim == 4:
        encoded = encoded.transpose(0, 2, 3, 1)
    return beats_of(encoded.reshape(len(encoded), kind.positions, kind.length.data), kind).tobytes()


def golden_bytes(module: ModuleOp, sink: stream.SinkOp, x: NDArray[Any]) -> bytes:
    """
    What the design must write for frames [N, ..], from the interpreter.
    """
    leaving: list[NDArray[Any]] = []
    producer = sink.input.owner

    def observe(op: Any, index: int, value: NDArray[Any]) -> None:
        if op is producer and op.results[index] is sink.input:
            leaving.append(value)

    run_module(module, x, observe)
    return pack_beats(
        np.concatenate(leaving).reshape(-1, 1), output_bits(stream_type(sink.input).format.width)
    ).tobytes()


def check_sources(sources: Mapping[str, str]) -> None:
    """
    Every rule, on everything that is about to be written: of pragmas, of processes, of dataflow regions.
    """
    problems = [
        p for name, text in sources.items() if name.endswith((".cpp", ".h", ".hpp")) for p in check_source(text, name)
    ]
    problems += [p for name, text in sources.items() if name.endswith(PROCESSES) for p in check_library(text, name)]
    problems += [p for name in REGIONS for p in check_dataflow(sources[name], name)]
    if problems:
        raise AssertionError("the generated C++ breaks a rule: " + "; ".join(problems))


def library_files() -> dict[str, str]:
    """
    The header library.
    """
    folder = PACKAGE / "include" / "blendir"
    return {f"blendir/{entry.name}": entry.read_text() for entry in sorted(folder.iterdir(), key=lambda e: e.name)}


def project_files(
    design: Design, stages: Mapping[Stage, ModuleOp], vectors: NDArray[Any], target: str, clock_mhz: float
) -> dict[str, str | bytes]:
    """
    Every file of a design by its path.
    """
    chosen = device(target)
    sources = source_files(design)
    rtl: dict[str, str] = {}
    if any(map(uses_dsp_xnor, design.processes)):
        more, rtl = xnor_files(design)
        sources |= more
    sources["top_memory.cpp"] = boundary_template(design, "top_memory.cpp")
    check_sources(sources | library_files())
    boxes = sorted(name for name in rtl if name.endswith(".json"))
    values = {"part": chosen.part, "period": f"{1000 / clock_mhz:.3f}"}
    result: dict[str, str | bytes] = {f"src/{name}": text for name, text in (sources | library_files()).items()}
    result |= {f"rtl/{name}": text for name, text in rtl.items()}
    result |= {
        "Makefile": template("Makefile"),
        "run_hls.tcl": template("run_hls.tcl").format(
            **values, blackboxes="".join(f"add_files -blackbox rtl/{b}\n" for b in boxes)
        ),
        "hls_config.cfg": template("hls_config.cfg").format(
            **values, blackboxes="".join(f"syn.blackbox.file=rtl/{b}\n" for b in boxes)
        ),
        "tb/tb.cpp": HEADER + boundary_template(design, "tb.cpp"),
        "tb/bounded.cpp": bounded_text(design),
        "link.cfg": template("link.cfg"),
        "host/host.cpp": boundary_template(design, "host/host.cpp"),
        "host/pack.py": boundary_template(design, "host/pack.py.in"),
        "tb/input.bin": input_bytes(design.module, design.source, vectors),
        "tb/golden.bin": golden_bytes(design.module, design.sink, vectors),
    }
    result |= {f"ir/{name}.mlir": str(module) + "\n" for name, module in stages.items()}
    return result


def template(name: str) -> str:
    """
    A file that ships with the backend.
    """
    return (PACKAGE / "templates" / name).read_text()


def boundary_template(design: Design, name: str) -> str:
    """
    A file that ships with the backend, with the sizes of this design's input and output words.
    """
    source, sink = design.units[design.source].config, design.units[design.sink].config
    word, groups = source["NI"] // 8, -(-source["P"] // 64)
    sizes = {
        "INPUT_BITS": source["NI"],
        "OUTPUT_BITS": sink["NO"],
        "INPUT_BYTES": source["P"] * word,
        "FRAME_BYTES": groups * 64 * word,
        "RESULT_BYTES": sink["P"] * sink["V"] * sink["NO"] // 8,
    }
    text = template(name)
    for key, value in sizes.items():
        text = text.replace(key, str(value))
    return text


def write_project(out: Path, contents: Mapping[str, str | bytes]) -> None:
    """
    Writes a folder beside its destination and renames it into place; what was there stays if that fails.
    """
    check_destination(out)
    out = out.resolve()
    out.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=f".{out.name}-", dir=out.parent) as folder:
        fresh = Path(folder) / "new"
        for name, content in contents.items():
            path = fresh / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content.encode() if isinstance(content, str) else content)
        old = Path(folder) / "old"
        if out.exists():
            out.rename(old)
        try:
            fresh.rename(out)
        except OSError:
            if old.exists():
                old.rename(out)
            raise
