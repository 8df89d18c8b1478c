"""
BlendNet-20 on CIFAR-10: the accuracy of PyTorch, of [fixed], of compiled code for CPUs (`blendir.native`) and of the
compiled design, and every number of every layer compared between all of them, the interpreter running every stage.

PATH is CIFAR-10's python archive, or a folder or zip of class folders; everything runs on one thread.
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
from collections.abc import Callable, Iterator
from pathlib import Path
from time import perf_counter
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from rich.console import Console
from rich.markup import escape
from rich.table import Table

import blendir
from blendir.models import blendnet20
from blendir.modules import read_module
from blendir.passes.stage import STAGES
from blendir.tools.data import load_images
from blendir.tools.terminal import progress, run_tool
from blendir.verification import verify

CALIBRATION = 512
SEED = 0
BATCH = 64
Array = NDArray[Any]


def batches(x: Array, text: str) -> Iterator[Array]:
    """
    Pieces of x, with progress on stderr.
    """
    with progress(text, False, len(x)) as advance:
        for start in range(0, len(x), BATCH):
            yield x[start : start + BATCH]
            advance(min(start + BATCH, len(x)))


def timed(what: str, run: Callable[[Array], Array], x: Array, y: Array) -> dict[str, Any]:
    """
    The accuracy of a function from frames to class scores, and its run time.
    """
    right, seconds = 0, 0.0
    for index, part in enumerate(batches(x, what)):
        start = perf_counter()
        scores = run(part)
        seconds += perf_counter() - start
        right += int((scores.argmax(axis=1) == y[index * BATCH : index * BATCH + len(part)]).sum())
    return {"accuracy": right / len(x), "seconds": seconds, "images_per_second": len(x) / seconds}


def in_pytorch(model: torch.nn.Module) -> Callable[[Array], Array]:
    """
    The float model.
    """

    def run(x: Array) -> Array:
        with torch.no_grad():
            return model(torch.from_numpy(x)).numpy()

    return run


def images_of(path: Path, split: str, count: int | None) -> tuple[Array, Array]:
    """
    Images and labels of a split: all, or a seeded choice.
    """
    x, y = load_images(path, split=split)[:2]
    if count is None or count >= len(x):
        return x, y
    chosen = np.sort(np.random.default_rng(SEED).choice(len(x), count, replace=False))
    return x[chosen], y[chosen]


def measure(path: Path, count: int | None, folder: Path) -> dict[str, Any]:
    """
    Everything, on all test images or on `count` of them.
    """
    x, y = images_of(path, "test", count)
    calibration = images_of(path, "train", CALIBRATION)[0]
    model = blendnet20(pretrained=True)
    start = perf_counter()
    build = blendir.compile(model, folder / "design", example=x[:1], calibration=calibration)
    compile_seconds = perf_counter() - start
    stages = {stage: read_module(build.path / "ir" / f"{stage}.mlir") for stage in STAGES}
    start = perf_counter()
    build.csim(x[:1])
    gxx_seconds = perf_counter() - start
    runs: dict[str, Callable[[Array], Array]] = {"PyTorch": in_pytorch(model)}
    for stage in ("fixed", "packed", "stream"):
        runs[f"[{stage}]"] = lambda part, stage=stage: blendir.run(stages[stage], part)
    runs |= {"native": blendir.native(stages["fixed"]), "C++": build.csim}
    results = {name: timed(name, run, x, y) for name, run in runs.items()}
    start = perf_counter()
    with progress("comparing every layer with compiled code", False, len(x)) as advance:
        fast = verify(build.path, x, stages=stages, progress=advance)
    fast_seconds = perf_counter() - start
    start = perf_counter()
    with progress("comparing every layer with the interpreter", False, len(x)) as advance:
        outcome = verify(build.path, x, stages=stages, engine="csim", progress=advance)
    compared = {
        (name if name in results else f"[{name}]"): {
            "layers": c.layers,
            "numbers": c.numbers,
            "mismatches": c.mismatches,
        }
        for name, c in (outcome.comparisons | {"native": fast.comparisons["C++"]}).items()
    }
    return {
        "images": len(x),
        "calibration_images": len(calibration),
        "compile_seconds": compile_seconds,
        "gxx_seconds": gxx_seconds,
        "results": results,
        "compared_with_fixed": compared,
        "verify_seconds": fast_seconds,
        "interpreter_verify_seconds": perf_counter() - start,
        "mismatches": fast.mismatches + outcome.mismatches,
        "first_divergence": str(fast.first or outcome.first or "") or None,
    }


def show(found: dict[str, Any]) -> None:
    """
    The results as tables.
    """
    console = Console()
    table = Table(title=f"BlendNet-20 on {found['images']:,} CIFAR-10 test images, one thread")
    for column in ("", "accuracy", "seconds", "images/s", "layers", "compared", "mismatches"):
        table.add_column(column, justify="left" if not column else "right")
    for name, row in found["results"].items():
        c = found["compared_with_fixed"].get(name)
        counts = [f"{c['layers']}", f"{c['numbers']:,}", f"{c['mismatches']:,}"] if c else ["", "", ""]
        rate = f"{row['images_per_second']:.0f}"
        table.add_row(escape(name), f"{row['accuracy']:.2%}", f"{row['seconds']:.1f}", rate, *counts)
    console.print(table)
    console.print(
        f"compiled in {found['compile_seconds']:.1f} s (formats from {found['calibration_images']} training images), "
        f"g++ {found['gxx_seconds']:.1f} s, every layer of the design compared with compiled code in "
        f"{found['verify_seconds']:.1f} s, every stage with the interpreter in "
        f"{found['interpreter_verify_seconds']:.1f} s"
    )
    console.print(f"mismatches: {found['mismatches']}", escape(found["first_divergence"] or ""))


def benchmark(arguments: argparse.Namespace) -> int:
    """
    Runs and prints; 1 where something differs.
    """
    torch.set_num_threads(1)
    with tempfile.TemporaryDirectory(prefix="blendir-cifar10-") as folder:
        found = measure(arguments.path, arguments.images, Path(folder))
    if arguments.json:
        print(json.dumps(found, indent=2))
    else:
        show(found)
    return 1 if found["mismatches"] else 0


def main() -> None:
    """
    The command line.
    """
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("path", type=Path, metavar="PATH", help="where CIFAR-10 lies")
    parser.add_argument("--images", type=int, metavar="N", help="only N of the test images, a seeded choice")
    parser.add_argument("--json", action="store_true", help="print JSON")
    arguments = parser.parse_args()
    if arguments.images is not None and arguments.images < 1:
        parser.error("--images should be at least 1")
    sys.exit(run_tool("cifar10", lambda: benchmark(arguments)))


if __name__ == "__main__":
    main()
