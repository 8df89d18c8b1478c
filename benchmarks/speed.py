"""
Times of blendir on BlendNet-20, side by side in one run on one thread.

Import, lowering, printing and g++ are one fresh run each, Python's and torch's own start apart. Images per second are
medians of interleaved rounds on random pixels; the C++ reads its frames from a file and writes its results to one.
"""

from __future__ import annotations

import os

os.environ["OMP_NUM_THREADS"] = "1"
os.environ["MKL_NUM_THREADS"] = "1"
os.environ["OPENBLAS_NUM_THREADS"] = "1"

import argparse
import json
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from statistics import median
from time import perf_counter
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray
from rich.console import Console
from rich.markup import escape
from rich.table import Table

ROUNDS = 7
CALIBRATION = 64
EAGER, EAGER_1 = "PyTorch eager, batches of 64", "PyTorch eager, single images"
Array = NDArray[Any]
T = TypeVar("T")


def timed(work: Callable[[], T]) -> tuple[T, float]:
    """
    A result and the seconds it took.
    """
    start = perf_counter()
    result = work()
    return result, perf_counter() - start


def say(text: str) -> None:
    """
    Progress.
    """
    print(text, file=sys.stderr)


def start_up() -> dict[str, float]:
    """
    How long the packages take to load.
    """

    def load_torch() -> None:
        import torch
        import torch.export

        torch.set_num_threads(1)

    def load_blendir() -> None:
        import blendir.compiler
        import blendir.frontend
        import blendir.models
        import blendir.verification  # noqa: F401

    return {"torch": timed(load_torch)[1], "blendir": timed(load_blendir)[1]}


def once(folder: Path, pixels: Array) -> tuple[dict[str, float], dict[str, Any]]:
    """
    The steps from the model to the program, each run for the first time in this process.
    """
    import torch

    import blendir
    from blendir import frontend
    from blendir.models import blendnet20

    model = blendnet20(pretrained=True)
    exporting: list[float] = []
    trace = frontend.trace

    def timed_trace(*arguments: Any) -> Any:
        result, seconds = timed(lambda: trace(*arguments))
        exporting.append(seconds)
        return result

    frontend.trace = timed_trace
    try:
        imported, import_seconds = timed(lambda: blendir.from_torch(model, torch.from_numpy(pixels[:1])))
    finally:
        frontend.trace = trace
    stages: dict[str, Any] = {}
    seconds = {"import": import_seconds, "of which torch.export and its decompositions": sum(exporting)}
    current, frames = imported, pixels[:CALIBRATION]
    for stage in ("folded", "fixed", "packed", "stream"):
        calibration = frames if stage == "fixed" else None
        current, seconds[f"lower to {stage}"] = timed(
            lambda module=current, stage=stage, x=calibration: blendir.lower(module, stage, x)
        )
        stages[stage] = current
    seconds["lower"] = sum(seconds[f"lower to {stage}"] for stage in stages)
    build, seconds["schedule and emit"] = timed(lambda: blendir.compile(current, folder / "design"))
    seconds["import, lower and emit"] = seconds["import"] + seconds["lower"] + seconds["schedule and emit"]
    seconds["g++ of the C-simulation"] = timed(lambda: build.csim(pixels[:1]))[1]
    return seconds, {"model": model, "build": build, **stages}


def runners(made: dict[str, Any], images: int) -> dict[str, tuple[int, Callable[[Array], Any]]]:
    """
    The candidates: the number of images per round, and the function that runs them.
    """
    import torch

    import blendir

    model, build = made["model"], made["build"]

    def eager(size: int) -> Callable[[Array], None]:
        def run(x: Array) -> None:
            with torch.no_grad():
                for start in range(0, len(x), size):
                    model(torch.from_numpy(x[start : start + size]))

        return run

    result: dict[str, tuple[int, Callable[[Array], Any]]] = {
        EAGER: (images, eager(64)),
        EAGER_1: (max(1, images // 4), eager(1)),
    }
    for stage in ("fixed", "packed", "stream"):
        result[f"interpreter at [{stage}]"] = (
            max(1, images // 2),
            lambda x, module=made[stage]: blendir.run(module, x),
        )
    result["C-simulation"] = (images, build.csim)
    return result


def rates(made: dict[str, Any], pixels: Array, rounds: int) -> dict[str, float]:
    """
    Images per second: the median of interleaved rounds, after one that does not count.
    """
    seconds: dict[str, list[float]] = {}
    found = runners(made, len(pixels))
    for number in range(rounds + 1):
        say(f"round {number} of {rounds}" if number else "warming up")
        for name, (count, run) in found.items():
            took = timed(lambda run=run, count=count: run(pixels[:count]))[1] / count
            if number:
                seconds.setdefault(name, []).append(took)
    return {name: 1 / median(took) for name, took in seconds.items()}


def measure(rounds: int, images: int) -> dict[str, Any]:
    """
    All numbers.
    """
    say("loading torch and blendir")
    start = start_up()
    pixels = np.random.default_rng(0).integers(0, 256, (max(images, CALIBRATION), 3, 32, 32), np.uint8)
    with tempfile.TemporaryDirectory(prefix="blendir-speed-") as folder:
        say("importing, lowering, printing, compiling")
        steps, made = once(Path(folder), pixels)
        found = rates(made, pixels[:images], rounds)
    ratios = {name: rate / found[EAGER] for name, rate in found.items()}
    return {
        "start_seconds": start,
        "seconds": steps,
        "images_per_second": found,
        "ratio_to_eager": ratios,
        "rounds": rounds,
        "images_per_round": images,
    }


def show(found: dict[str, Any]) -> None:
    """
    The numbers as tables.
    """
    console = Console()
    steps = Table(title="BlendNet-20: seconds, one thread")
    steps.add_column("step")
    steps.add_column("seconds", justify="right")
    for name, seconds in found["start_seconds"].items():
        steps.add_row(f"start of {name}", f"{seconds:.2f}", style="dim")
    for name, seconds in found["seconds"].items():
        steps.add_row(name, f"{seconds:.2f}", style="dim" if name.startswith(("of which", "lower to")) else None)
    console.print(steps)
    speed = Table(title=f"images per second, median of {found['rounds']} interleaved rounds")
    speed.add_column("")
    speed.add_column("images/s", justify="right")
    speed.add_column("to eager", justify="right")
    for name, rate in found["images_per_second"].items():
        speed.add_row(escape(name), f"{rate:.0f}", f"{found['ratio_to_eager'][name]:.2f}")
    console.print(speed)


def main() -> None:
    """
    The command line.
    """
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=ROUNDS, metavar="N", help="rounds to take the median of")
    parser.add_argument("--images", type=int, default=256, metavar="N", help="images per round")
    parser.add_argument("--json", action="store_true", help="print JSON")
    arguments = parser.parse_args()
    if min(arguments.rounds, arguments.images) < 1:
        parser.error("--rounds and --images should be at least 1")
    found = measure(arguments.rounds, arguments.images)
    if arguments.json:
        print(json.dumps(found, indent=2))
    else:
        show(found)


if __name__ == "__main__":
    main()
