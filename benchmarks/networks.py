"""
Compiles every network of the zoo from PyTorch to C++: its compile time and memory, and whether the C++ equals [fixed]
in every layer.

    python benchmarks/networks.py [NAME ...] -o networks.jsonl [--frames 8]

Formats are calibrated on 8 random frames; the comparison uses other random frames. Each network runs in its own
operating-system process. A line of the file is a network; networks that are in the file are not measured again. Prints
the table of docs/networks.md.
"""

from __future__ import annotations

import argparse
import json
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any, TypeAlias

from numpy.typing import NDArray
from xdsl.dialects.builtin import ModuleOp

import blendir
from blendir.backends.hls.csim import Csim
from blendir.interpreter.run import chunks, frames_at_once
from blendir.models.zoo import ZOO, entry
from blendir.tools.counts import count
from blendir.verification import Comparison, compare, layer_shapes, tensor_trace

Array: TypeAlias = NDArray[Any]
Columns: TypeAlias = dict[str, Callable[[dict[str, Any]], str]]
Measure: TypeAlias = Callable[[str, int], dict[str, Any]]

CALIBRATION_FRAMES = 8
COLUMNS: Columns = {
    "network": lambda row: f"`{row['name']}`",
    "BMAC": lambda row: f"{row['bmac']:,}",
    "FPMAC": lambda row: f"{row['fpmac']:,}",
    "kB": lambda row: f"{row['bytes'] / 1000:,.1f}",
    "cycles per frame": lambda row: f"{row['cycles_per_frame']:,}",
    "compile, CPU s": lambda row: f"{row['compile_seconds']:.1f}",
    "GiB": lambda row: f"{row['gib']:.1f}",
    "g++ and C++, CPU s": lambda row: f"{row['cpp_seconds']:.1f}",
    "layers": lambda row: f"{row['layers']}",
    "numbers": lambda row: f"{row['numbers']:,}",
    "unequal": lambda row: f"{row['mismatches']:,}",
}


def measure(name: str, frames: int) -> dict[str, Any]:
    """
    Compiles one network and compares the C++ with [fixed] on random frames.
    """
    network, start = entry(name).load(), time.process_time()
    module = blendir.from_torch(network, entry(name).example())
    calibration, x = entry(name).example(CALIBRATION_FRAMES).numpy(), entry(name).example(frames, seed=1).numpy()
    return {"name": name, **compiled(module, calibration, x, start)}


def compiled(module: ModuleOp, calibration: Array, x: Array, start: float) -> dict[str, Any]:
    """
    Compile time (CPU seconds since `start`) and memory of a module, and whether the C++ equals [fixed] on frames.
    """
    fixed = blendir.lower(module, "fixed", calibration)
    with tempfile.TemporaryDirectory() as folder:
        build = blendir.compile(fixed, Path(folder) / "design")
        seconds = time.process_time() - start
        memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        csim, total = Csim(build.module, build.path, Path(folder)), Comparison("C++")
        for part in chunks(x, frames_at_once(fixed)):
            reference, output = tensor_trace(fixed, part)
            trace, y = csim.trace(part)
            found, first = compare(reference, trace, layer_shapes(fixed), "C++", 0)
            if first is not None:
                print(first, file=sys.stderr)
            total.layers = found.layers
            total.numbers += found.numbers + y.size
            total.mismatches += found.mismatches + int((y != output).sum())
    counts = count(blendir.lower(fixed, "packed"))
    return {
        **asdict(counts),
        "bytes": counts.bytes,
        "cycles_per_frame": build.report["cycles_per_frame"],
        "resources": build.report["resources"],
        "compile_seconds": seconds,
        "gib": memory / 2**20,
        "cpp_seconds": resource.getrusage(resource.RUSAGE_CHILDREN).ru_utime,
        "frames": len(x),
        "layers": total.layers,
        "numbers": total.numbers,
        "mismatches": total.mismatches,
    }


def main(script: str, doc: str | None, known: Sequence[str], measure: Measure, columns: Columns) -> None:
    """
    Measures networks in a process each, and prints their table.
    """
    parser = argparse.ArgumentParser(description=doc, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("names", nargs="*", metavar="NAME", help="networks; default: all")
    parser.add_argument("-o", "--out", type=Path, default=Path(script).with_suffix(".jsonl").name)
    parser.add_argument("--frames", type=int, default=8)
    parser.add_argument("--one", action="store_true", help="measure the only NAME in this process")
    options = parser.parse_args()
    if options.one:
        print(json.dumps(measure(options.names[0], options.frames)))
        return
    names, out = options.names or known, Path(options.out)
    lines = out.read_text().splitlines() if out.exists() else []
    rows = {row["name"]: row for row in map(json.loads, lines)}
    for name in names:
        if name in rows:
            continue
        print(name, file=sys.stderr)
        command = [sys.executable, script, name, "--one", "--frames", str(options.frames)]
        done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=False)
        if done.returncode:
            print(f"{name}: failed with status {done.returncode}", file=sys.stderr)
            continue
        rows[name] = json.loads(done.stdout.splitlines()[-1])
        with out.open("a") as file:
            file.write(json.dumps(rows[name]) + "\n")
    table(columns, (rows[name] for name in names if name in rows))


def table(columns: Columns, rows: Any) -> None:
    """
    Prints the measurements as a Markdown table.
    """
    print("| " + " | ".join(columns) + " |\n|---|" + "--:|" * (len(columns) - 1))
    for row in rows:
        print("| " + " | ".join(text(row) for text in columns.values()) + " |")


if __name__ == "__main__":
    main(__file__, __doc__, list(ZOO), measure, COLUMNS)
