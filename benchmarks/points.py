"""
Design points of a network at 340 MHz on xcvu9p: rate, latency and cost of each, and a comparison of the C++ (with FIFOs
of exactly the emitted depths) with the interpreter.

    python benchmarks/points.py --calibrate TRAIN --data TEST [--images 1000] [--model NAME] [--json]

TRAIN and TEST are frames [N, ..]: .npy files, or .npz files with an array x. Cycles are simulated, resources estimated,
and the clock is assumed. Times are CPU seconds on one thread: `compile` from [fixed] on (lowering, schedule, printing),
g++, and the C++ on all images as one batch.
"""

from __future__ import annotations

import argparse
import json
import resource
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

import blendir
from blendir.backends.hls.csim import Csim
from blendir.tools.inputs import load_model
from blendir.tools.terminal import progress, say

CALIBRATION = 512
CLOCK_MHZ = 340.0
POINTS: tuple[dict[str, Any], ...] = (
    {"fps": 3846},
    {"fps": 18446},
    {"fps": 18446, "dsp": 120, "lut": 25000},
    {"fps": 83008},
    {"fps": 332031},
    {"fps": 332031, "xnor": "dsp"},
)
COLUMNS = (
    *("cycles", "first frame", "DSP", "LUT", "FF", "BRAM18", "FIFO bits"),
    *("compile, s", "g++, s", "C++, s", "mismatches"),
)


def frames_of(path: Path, count: int) -> NDArray[Any]:
    """
    The first frames of a file.
    """
    found: Any = np.load(path, allow_pickle=False)
    frames = found["x"] if path.suffix == ".npz" else found
    if len(frames) < count:
        raise SystemExit(f"{path} has {len(frames)} frames, but {count} are needed")
    return frames[:count]


def cpu_seconds() -> float:
    """
    Of this process and those that it waited for.
    """
    return sum(sum(resource.getrusage(who)[:2]) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))


def measure(module: Any, goals: dict[str, Any], x: NDArray[Any], expected: NDArray[Any]) -> dict[str, Any]:
    """
    A point: its report, times in seconds, and how many outputs of the C++ with bounded FIFOs differ.
    """
    with tempfile.TemporaryDirectory() as folder:
        seconds = [cpu_seconds()]
        build = blendir.compile(module, Path(folder) / "design", clock_mhz=CLOCK_MHZ, **goals)
        seconds.append(cpu_seconds())
        csim = Csim(build.module, build.path, bounded=True)
        seconds.append(cpu_seconds())
        mismatches = int((csim(x) != expected).sum())
        seconds.append(cpu_seconds())
    report = build.report
    return {
        "goals": goals,
        "scheduled_cycles": max(row["cycles"] for row in report["layers"]),
        "cycles": report["frame_interval_cycles"],
        "first_frame": report["first_frame_latency_cycles"],
        **report["resources"],
        "fifo_bits": sum(row["width"] * row["depth"] for row in report["fifos"]),
        **dict(zip(("compile_s", "gcc_s", "csim_s"), np.diff(seconds).tolist(), strict=True)),
        "images": len(x),
        "mismatches": mismatches,
    }


def wording(goals: dict[str, Any]) -> str:
    """
    Options of the command line.
    """
    return " ".join(f"--{name} {value}" for name, value in goals.items())


def main() -> None:
    """
    Prints the table.
    """
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", default="blendnet20")
    parser.add_argument("--calibrate", type=Path, required=True, metavar="TRAIN")
    parser.add_argument("--data", type=Path, required=True, metavar="TEST")
    parser.add_argument("--images", type=int, default=1000)
    parser.add_argument("--json", action="store_true")
    chosen = parser.parse_args()
    x = frames_of(chosen.data, chosen.images)
    module = blendir.lower(
        load_model(chosen.model, None, None).import_module(), "fixed", frames_of(chosen.calibrate, CALIBRATION)
    )
    expected = blendir.run(module, x)
    rows: list[dict[str, Any]] = []
    for goals in POINTS:
        with progress(wording(goals), chosen.json):
            rows.append(measure(module, goals, x, expected))
        say(json.dumps(rows[-1]))
        assert rows[-1]["cycles"] == rows[-1]["scheduled_cycles"]
    if chosen.json:
        print(json.dumps(rows, indent=2))
        return
    print(f"| goal | {' | '.join(COLUMNS)} |\n|---|{'--:|' * len(COLUMNS)}")
    for row in rows:
        numbers = [row[k] for k in ("cycles", "first_frame", "dsp", "lut", "ff", "bram18", "fifo_bits")]
        cells = [f"{n:,}" for n in numbers] + [f"{row[k]:.1f}" for k in ("compile_s", "gcc_s", "csim_s")]
        print(f"| `{wording(row['goals'])}` | {' | '.join(cells)} | {row['mismatches']} |")


if __name__ == "__main__":
    main()
